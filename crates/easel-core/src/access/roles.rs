//! Roles, and which commands need which.

use crate::command::{SelfieRef, Verb};

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

    /// The least role that a verb needs. Admins of a group rule over their own group only: that a command of theirs
    /// reaches no further is up to its handler.
    pub fn needed_for(verb: Verb) -> Self {
        match verb {
            Verb::Draw
            | Verb::Edit
            | Verb::Preset
            | Verb::Selfie
            | Verb::SelfieRef(SelfieRef::Help | SelfieRef::Show | SelfieRef::Unknown)
            | Verb::Video
            | Verb::Batch(_)
            | Verb::Resend
            | Verb::Presets(_)
            | Verb::Jobs
            | Verb::Cancel
            | Verb::Help(_) => Self::Member,
            Verb::SelfieRef(SelfieRef::Set | SelfieRef::Add | SelfieRef::Delete)
            | Verb::Whitelist
            | Verb::Blacklist
            | Verb::RateLimit
            | Verb::Language => Self::GroupAdmin,
            // They tell about the whole installation: gateways, keys, other chats.
            Verb::Providers | Verb::Status => Self::Owner,
        }
    }

    /// Whether this role may give the command.
    pub fn may(self, verb: Verb) -> bool {
        self >= Self::needed_for(verb)
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
    use crate::command::HelpTopic;

    #[track_caller]
    fn check(verb: Verb, member: bool, admin: bool) {
        assert_eq!((Role::Member.may(verb), Role::GroupAdmin.may(verb)), (member, admin), "{verb:?}");
        assert!(Role::Owner.may(verb));
    }

    #[test]
    fn who_may_what() {
        check(Verb::Draw, true, true);
        check(Verb::Cancel, true, true);
        check(Verb::Help(HelpTopic::All), true, true);
        check(Verb::SelfieRef(SelfieRef::Show), true, true);
        check(Verb::SelfieRef(SelfieRef::Set), false, true);
        check(Verb::Whitelist, false, true);
        check(Verb::Language, false, true);
        check(Verb::Providers, false, false);
        check(Verb::Status, false, false);
    }

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
