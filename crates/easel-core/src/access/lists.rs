//! The lists: which groups and which people may use easel at all.

use std::collections::HashSet;

use super::config::{AccessSection, DirectChats, FilterMode, ListEntry, Refusal};

/// Who asks, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Who<'a> {
    /// The platform's name, as entries of the lists spell it.
    pub platform: &'a str,
    /// The person's id on the platform.
    pub user: &'a str,
    /// The group's id; `None` in a direct chat, which a temporary session is too.
    pub group: Option<&'a str>,
}

/// What the lists say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Go on.
    Allowed,
    /// No.
    Refused {
        /// Why.
        reason: Reason,
        /// Whether a sentence may say so (at most once per chat and hour), or nothing.
        speak: bool,
    },
}

/// Why the lists refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The group is not on the whitelist.
    GroupNotListed,
    /// The group is on the blacklist.
    GroupBlocked,
    /// The person is not on the whitelist.
    UserNotListed,
    /// The person is on the blacklist.
    UserBlocked,
    /// Direct chats are not open to this person.
    DirectClosed,
}

impl Reason {
    /// Key of the sentence in `locales/`.
    pub fn text(self) -> &'static str {
        match self {
            Self::GroupNotListed => "refused-group",
            Self::GroupBlocked => "refused-group-blocked",
            Self::UserNotListed => "refused-user",
            Self::UserBlocked => "refused-user-blocked",
            Self::DirectClosed => "refused-direct",
        }
    }
}

/// The lists of one configuration, ready to be asked.
#[derive(Clone, Debug)]
pub struct Rules {
    owners: IdSet,
    groups: Filter,
    users: Filter,
    direct: DirectChats,
}

#[derive(Clone, Debug)]
struct Filter {
    mode: FilterMode,
    list: IdSet,
    refusal: Refusal,
}

/// Ids as `platform:id` or bare.
#[derive(Clone, Debug)]
struct IdSet(HashSet<String>);

impl Rules {
    /// The rules of a configuration. `owners` is `[bot] admins`.
    pub fn new(section: &AccessSection, owners: &[String]) -> Self {
        let owners: Vec<ListEntry> = owners.iter().map(|owner| ListEntry::from(owner.as_str())).collect();
        Self {
            owners: IdSet::new(&owners),
            groups: Filter {
                mode: section.group_filter_mode,
                list: IdSet::new(&section.group_filter_list),
                refusal: section.group_refusal,
            },
            users: Filter {
                mode: section.user_filter_mode,
                list: IdSet::new(&section.user_filter_list),
                refusal: section.user_refusal,
            },
            direct: section.direct_chats(),
        }
    }

    /// Whether the person is an owner, everywhere. A bare id would make an unknown person of another platform an owner,
    /// so only complete entries count.
    pub fn is_owner(&self, platform: &str, user: &str) -> bool {
        self.owners.contains_exactly(platform, user)
    }

    /// What the lists say. Owners pass; admins of a group do not.
    pub fn decide(&self, who: Who<'_>) -> Verdict {
        if self.is_owner(who.platform, who.user) {
            return Verdict::Allowed;
        }
        if let Some(group) = who.group
            && let Err(verdict) =
                self.groups.judge(who.platform, group, Reason::GroupNotListed, Reason::GroupBlocked)
        {
            return verdict;
        }
        if let Err(verdict) =
            self.users.judge(who.platform, who.user, Reason::UserNotListed, Reason::UserBlocked)
        {
            return verdict;
        }
        if who.group.is_none() && !self.direct_open(who) {
            return Verdict::Refused {
                reason: Reason::DirectClosed,
                speak: self.users.refusal != Refusal::Silent,
            };
        }
        Verdict::Allowed
    }

    fn direct_open(&self, who: Who<'_>) -> bool {
        match self.direct {
            DirectChats::Everyone => true,
            // A blacklist names people who must not; it can't name those who may.
            DirectChats::Users => {
                self.users.mode != FilterMode::Blacklist && self.users.list.contains(who.platform, who.user)
            }
            DirectChats::Admins => false,
        }
    }
}

impl Filter {
    fn judge(&self, platform: &str, id: &str, not_listed: Reason, blocked: Reason) -> Result<(), Verdict> {
        let (passes, reason) = match self.mode {
            FilterMode::None => return Ok(()),
            FilterMode::Whitelist => (self.list.contains(platform, id), not_listed),
            FilterMode::Blacklist => (!self.list.contains(platform, id), blocked),
        };
        let speak = match self.refusal {
            Refusal::Auto => self.mode == FilterMode::Whitelist,
            Refusal::Silent => false,
            Refusal::Text => true,
        };
        if passes { Ok(()) } else { Err(Verdict::Refused { reason, speak }) }
    }
}

impl IdSet {
    fn new(entries: &[ListEntry]) -> Self {
        Self(entries.iter().flat_map(ListEntry::ids).collect())
    }

    fn contains(&self, platform: &str, id: &str) -> bool {
        self.0.contains(id) || self.contains_exactly(platform, id)
    }

    fn contains_exactly(&self, platform: &str, id: &str) -> bool {
        !self.0.is_empty() && self.0.contains(&format!("{platform}:{id}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWNER: &str = "10001";

    /// `place` = `group:user` or just `user` for a direct chat.
    #[track_caller]
    fn check(section: &AccessSection, place: &str, expected: &str) {
        let rules = Rules::new(section, &["onebot:10001".to_owned()]);
        let (group, user) = match place.split_once(':') {
            Some((group, user)) => (Some(group), user),
            None => (None, place),
        };
        let said = match rules.decide(Who { platform: "onebot", user, group }) {
            Verdict::Allowed => "allowed".to_owned(),
            Verdict::Refused { reason, speak } => {
                format!("{reason:?}{}", if speak { " aloud" } else { "" })
            }
        };
        assert_eq!(said, expected, "{place}");
    }

    fn section(group: FilterMode, user: FilterMode) -> AccessSection {
        AccessSection {
            group_filter_mode: group,
            group_filter_list: vec!["onebot:1".into(), "2".into(), "discord:3".into(), ListEntry::Number(4)],
            user_filter_mode: user,
            user_filter_list: vec!["onebot:100".into(), "200，201".into()],
            ..AccessSection::default()
        }
    }

    #[test]
    fn without_filters_everybody_passes() {
        let open = section(FilterMode::None, FilterMode::None);
        for place in ["1:5", "9:5", "5", OWNER] {
            check(&open, place, "allowed");
        }
    }

    #[test]
    fn group_whitelist() {
        let rules = section(FilterMode::Whitelist, FilterMode::None);
        for place in ["1:5", "2:5", "4:5", "9:10001", "10001", "100", "201"] {
            check(&rules, place, "allowed");
        }
        check(&rules, "9:5", "GroupNotListed aloud");
        check(&rules, "3:5", "GroupNotListed aloud");
        check(&rules, "5", "DirectClosed aloud");
    }

    #[test]
    fn group_blacklist() {
        let rules = section(FilterMode::Blacklist, FilterMode::None);
        for place in ["3:5", "9:5", "1:10001", "5"] {
            check(&rules, place, "allowed");
        }
        check(&rules, "1:5", "GroupBlocked");
        check(&rules, "2:5", "GroupBlocked");
    }

    #[test]
    fn user_lists() {
        let whitelist = section(FilterMode::None, FilterMode::Whitelist);
        check(&whitelist, "9:100", "allowed");
        check(&whitelist, "200", "allowed");
        check(&whitelist, "9:5", "UserNotListed aloud");
        check(&whitelist, "5", "UserNotListed aloud");
        let blacklist = section(FilterMode::None, FilterMode::Blacklist);
        check(&blacklist, "9:5", "allowed");
        check(&blacklist, "5", "allowed");
        check(&blacklist, "9:100", "UserBlocked");
        check(&blacklist, "100", "UserBlocked");
        let both = section(FilterMode::Whitelist, FilterMode::Blacklist);
        check(&both, "1:5", "allowed");
        check(&both, "1:100", "UserBlocked");
        check(&both, "5", "DirectClosed aloud");
        check(&both, OWNER, "allowed");
    }

    #[test]
    fn refusals_are_as_loud_as_configured() {
        let mut rules = section(FilterMode::Blacklist, FilterMode::Whitelist);
        rules.group_refusal = Refusal::Text;
        rules.user_refusal = Refusal::Silent;
        check(&rules, "1:5", "GroupBlocked aloud");
        check(&rules, "9:5", "UserNotListed");
        rules.group_filter_mode = FilterMode::Whitelist;
        rules.group_refusal = Refusal::Silent;
        check(&rules, "9:5", "GroupNotListed");
        rules.user_filter_mode = FilterMode::None;
        check(&rules, "5", "DirectClosed");
    }

    #[test]
    fn direct_chats_as_configured() {
        let mut rules = section(FilterMode::Whitelist, FilterMode::None);
        rules.direct_chats = Some(DirectChats::Everyone);
        check(&rules, "5", "allowed");
        rules.direct_chats = Some(DirectChats::Admins);
        check(&rules, "100", "DirectClosed aloud");
        check(&rules, OWNER, "allowed");
    }

    #[test]
    fn an_owner_is_named_with_the_platform() {
        let rules = Rules::new(&AccessSection::default(), &["onebot:1".to_owned(), "2".to_owned()]);
        assert!(rules.is_owner("onebot", "1"));
        assert!(!rules.is_owner("discord", "1"));
        assert!(!rules.is_owner("onebot", "2"));
    }
}
