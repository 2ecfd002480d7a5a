//! Roles, and what they may do.

/// What somebody is in one chat. Later roles may do everything that earlier ones may.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Anybody.
    #[default]
    Member,
    /// Owner or admin of the group, by the platform's own word.
    GroupAdmin,
    /// Named in `[bot] admins`: an owner of this easel, everywhere.
    Owner,
}

impl Role {
    /// The role of somebody who is an owner or not and, by the platform's word, admin of the chat's group or not.
    pub fn of(owner: bool, group_admin: bool) -> Self {
        match (owner, group_admin) {
            (true, _) => Self::Owner,
            (false, true) => Self::GroupAdmin,
            (false, false) => Self::Member,
        }
    }

    /// Whether lists, debounce and limits do not apply.
    pub fn passes_limits(self) -> bool {
        self == Self::Owner
    }
}

/// Whether somebody may cancel a job: their own anywhere, as an admin any of the same chat, as an owner any.
pub fn may_cancel(role: Role, own: bool, same_chat: bool) -> bool {
    own || role == Role::Owner || (role == Role::GroupAdmin && same_chat)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_of_people() {
        assert_eq!(Role::of(true, false), Role::Owner);
        assert_eq!(Role::of(true, true), Role::Owner);
        assert_eq!(Role::of(false, true), Role::GroupAdmin);
        assert_eq!(Role::of(false, false), Role::Member);
        assert!(Role::Owner.passes_limits() && !Role::GroupAdmin.passes_limits());
    }

    #[test]
    fn who_may_cancel() {
        assert!(may_cancel(Role::Member, true, false));
        assert!(!may_cancel(Role::Member, false, true));
        assert!(may_cancel(Role::GroupAdmin, false, true));
        assert!(!may_cancel(Role::GroupAdmin, false, false));
        assert!(may_cancel(Role::Owner, false, false));
    }
}
