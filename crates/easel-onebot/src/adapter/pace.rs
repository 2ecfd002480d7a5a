//! Spreads pictures over time, because bursts get accounts restricted.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use easel_core::ids::Chat;
use tokio::time::Instant;

/// Chats that are remembered; those whose turn is over are forgotten first.
const MAX_CHATS: usize = 4096;

/// When each chat may get its next picture.
#[derive(Debug, Default)]
pub(super) struct Pace {
    next: Mutex<HashMap<Chat, Instant>>,
}

impl Pace {
    /// Waits for the chat's turn, `interval` (and up to a quarter more) after the one before. Turns are in the order
    /// of these calls.
    pub(super) async fn turn(&self, chat: &Chat, interval: Duration) {
        if interval.is_zero() {
            return;
        }
        let now = Instant::now();
        let turn = self.reserve(chat, interval.mul_f64(rand::random_range(1.0..=1.25)), now);
        // A timer ends with the next millisecond, also one that is due.
        if turn > now {
            tokio::time::sleep_until(turn).await;
        }
    }

    fn reserve(&self, chat: &Chat, interval: Duration, now: Instant) -> Instant {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        if next.len() >= MAX_CHATS {
            next.retain(|_, turn| *turn > now);
        }
        let turn = next.get(chat).copied().unwrap_or(now).max(now);
        if next.len() < MAX_CHATS || next.contains_key(chat) {
            next.insert(chat.clone(), turn + interval);
        }
        turn
    }
}

#[cfg(test)]
mod tests {
    use easel_core::ids::{AccountId, ChatId, ChatKind, Platform};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_chat_waits_and_others_do_not() {
        let chat = |id: &str| Chat {
            platform: Platform::new("onebot"),
            account: AccountId::new("1"),
            kind: ChatKind::Group,
            id: ChatId::new(id),
            parent: None,
        };
        let pace = Pace::default();
        let start = Instant::now();
        pace.turn(&chat("1"), Duration::from_secs(1)).await;
        pace.turn(&chat("2"), Duration::from_secs(1)).await;
        assert_eq!(start.elapsed(), Duration::ZERO, "not even for the end of a millisecond");
        pace.turn(&chat("1"), Duration::from_secs(1)).await;
        assert!((1.0..=1.3).contains(&start.elapsed().as_secs_f64()));
        pace.turn(&chat("1"), Duration::ZERO).await;
        for id in 0..(MAX_CHATS + 10) {
            pace.reserve(&chat(&id.to_string()), Duration::from_secs(1), Instant::now());
        }
        assert!(pace.next.lock().unwrap().len() <= MAX_CHATS);
    }
}
