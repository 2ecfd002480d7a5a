//! Messages that became jobs, so that an event that is delivered again does not become another one.

use std::collections::{HashSet, VecDeque};

use crate::ids::{Chat, MessageId};

/// How many messages are remembered.
const SEEN: usize = 8192;

/// The last messages that became jobs.
#[derive(Debug, Default)]
pub(super) struct Seen {
    known: HashSet<(Chat, MessageId)>,
    /// The same, oldest first.
    order: VecDeque<(Chat, MessageId)>,
}

impl Seen {
    /// Whether this message has not become a job yet; remembers it, and forgets the oldest one beyond the bound.
    pub(super) fn is_first(&mut self, chat: &Chat, message: &MessageId) -> bool {
        let key = (chat.clone(), message.clone());
        if !self.known.insert(key.clone()) {
            return false;
        }
        self.order.push_back(key);
        if self.order.len() > SEEN
            && let Some(old) = self.order.pop_front()
        {
            self.known.remove(&old);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test_group;

    #[test]
    fn the_last_messages_are_known_by_chat_and_id() {
        let mut seen = Seen::default();
        let mut is_first = |chat: &str, id: &str| seen.is_first(&test_group(chat), &id.into());
        assert!(is_first("a", "1") && is_first("b", "1"));
        assert!(!is_first("a", "1") && !is_first("b", "1"));
        for id in 0..SEEN - 2 {
            assert!(is_first("c", &id.to_string()));
        }
        assert!(!is_first("a", "1"), "as many as fit");
        assert!(is_first("c", "one more") && is_first("a", "1"), "the oldest is forgotten");
        assert!(!is_first("c", "one more"));
        assert_eq!((seen.known.len(), seen.order.len()), (SEEN, SEEN));
    }
}
