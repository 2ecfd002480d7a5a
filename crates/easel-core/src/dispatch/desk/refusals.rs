//! How the desk refuses: in a sentence, but never the same again and again.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use super::Desk;
use crate::{
    access::{RetryAfter, Role, Telling},
    dispatch::{Answer, Runtime},
    error::UserError,
    ids::{Platform, UserId},
    message::Message,
    reply::{Reaction, Target},
};

impl Desk {
    /// Refuses a command: says why, or marks the request where that was said a moment ago. What is new about it is said
    /// where there are no marks. `about` = the command or feature that it is about; nothing when it holds for all of them.
    /// `wait` = how long the person has to wait, where that is known.
    pub(super) fn refuse(
        &self,
        runtime: &Runtime,
        message: &Message,
        (about, refusal): (&str, &UserError),
        wait: Option<RetryAfter>,
    ) -> Option<Answer> {
        let person = format!("{}\n{}", message.chat, message.sender.id);
        let now = self.clock.now().0;
        match self.with_access(|access| access.told.tell(&person, (about, refusal), wait, now)) {
            Telling::Sentence => self.say(runtime, message, refusal),
            Telling::Mark { news } => {
                let said = || if news { self.say(runtime, message, refusal) } else { None };
                self.mark(message).or_else(said)
            }
            Telling::Silence => None,
        }
    }

    /// Marks a request as refused, where the platform has marks.
    fn mark(&self, message: &Message) -> Option<Answer> {
        let adapter = self.adapters.get(&message.chat.platform)?.clone();
        let capabilities = adapter.capabilities(&message.chat.account);
        let can = if message.chat.kind.is_direct() {
            capabilities.direct_reactions
        } else {
            capabilities.group_reactions
        };
        let target = Target { chat: message.chat.clone(), quote: Some(message.id.clone()) };
        can.then(|| -> Answer {
            Box::pin(async move {
                // A mark is a courtesy: one that can't be set is missed by nobody.
                adapter.react(&target, Reaction::Failed).await.ok();
            })
        })
    }

    /// Begins the pause after something of `feature` that is no job.
    ///
    /// # Errors
    /// How long an earlier pause still lasts.
    pub(super) fn pause(&self, message: &Message, feature: &str, role: Role) -> Result<(), RetryAfter> {
        if role.passes_limits() {
            return Ok(());
        }
        let (platform, user) = (message.chat.platform.as_str(), message.sender.id.as_str());
        let now = self.clock.now().0;
        self.with_access(|access| {
            access.debounce.check(platform, user, feature, now)?;
            access.debounce.accepted(platform, user, feature, now);
            Ok(())
        })
    }
}

/// The people whose results are being sent again: one at a time each.
#[derive(Clone, Debug, Default)]
pub(super) struct Resends(Arc<Mutex<HashSet<(Platform, UserId)>>>);

/// One of them, until it is dropped.
#[derive(Debug)]
pub(super) struct Resending {
    all: Resends,
    who: (Platform, UserId),
}

impl Resends {
    /// Begins one; `None` while this person has another.
    pub(super) fn begin(&self, message: &Message) -> Option<Resending> {
        let who = (message.chat.platform.clone(), message.sender.id.clone());
        let new = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(who.clone());
        new.then(|| Resending { all: self.clone(), who })
    }
}

impl Drop for Resending {
    fn drop(&mut self) {
        self.all.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.who);
    }
}
