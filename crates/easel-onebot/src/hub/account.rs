//! One account: the ways to reach it, whether it is logged in, and what is remembered of its chats.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use easel_core::ids::{AccountId, UnixMillis};
use tokio::sync::Notify;
use tracing::{info, warn};

use super::{
    link::{Link, Login},
    standing::{Left, Question, Standing},
};
use crate::{
    inbound::PictureFrame,
    outbound::{MUTED, NOT_A_MEMBER},
    peer_clock::{PeerClock, Skew},
    recent::{Ring, Seen},
};

/// Redelivered messages are dropped for this long.
const DUPLICATE_LIFE_MS: u64 = 10 * 60 * 1000;
/// Message ids per account that are remembered against double delivery.
const DUPLICATES: usize = 8192;
/// Own messages per account that are remembered, to recognise a quote of them.
const OWN_MESSAGES: usize = 1024;
/// Messages per account that are remembered as taken back.
const TAKEN_BACK: usize = 1024;

/// One account and what is known about it.
pub(crate) struct Account {
    /// Its number.
    pub(crate) id: AccountId,
    memory: Mutex<Memory>,
    /// Newest first, HTTP APIs last. An old connection may live on beside a newer one and is used again when that ends.
    links: Mutex<Vec<Arc<Link>>>,
    /// Whether it is logged in to QQ anywhere, as far as its implementations told.
    online: AtomicBool,
    /// The hub's bell for those who wait for an account.
    came: Arc<Notify>,
    /// Whether it is one of the owner's: a socket was bound to it, or the implementation named it when asked. What an
    /// event's header says is not enough.
    own: AtomicBool,
}

pub(super) struct Memory {
    pub(super) ring: Ring,
    pub(super) delivered: Seen<String>,
    pub(super) own: Seen<String>,
    /// Messages that were taken back: neither quoted nor marked, because implementations refuse or drop that.
    taken_back: Seen<String>,
    pub(super) clock: PeerClock,
    standing: Standing,
}

impl Account {
    pub(super) fn new(id: AccountId, came: Arc<Notify>) -> Self {
        Self {
            id,
            came,
            memory: Mutex::new(Memory {
                ring: Ring::default(),
                delivered: Seen::new(DUPLICATES, DUPLICATE_LIFE_MS),
                own: Seen::new(OWN_MESSAGES, DUPLICATE_LIFE_MS * 24),
                taken_back: Seen::new(TAKEN_BACK, DUPLICATE_LIFE_MS * 24),
                clock: PeerClock::default(),
                standing: Standing::default(),
            }),
            links: Mutex::default(),
            online: AtomicBool::new(true),
            own: AtomicBool::new(false),
        }
    }

    /// Takes note that it is one of the owner's.
    pub(crate) fn set_own(&self) {
        self.own.store(true, Ordering::Relaxed);
    }

    /// Whether it is known to be one of the owner's.
    pub(super) fn is_own(&self) -> bool {
        self.own.load(Ordering::Relaxed)
    }

    /// The way to make calls; `None` while there is none. Where several implementations hold the account, or one in
    /// several ways, the newest of those that are logged in and can be reached.
    pub(crate) fn link(&self) -> Option<Arc<Link>> {
        let links = self.links();
        let up = links.iter().filter(|link| link.is_up());
        up.min_by_key(|link| (!link.is_logged_in(), !link.is_reached())).cloned()
    }

    /// The newest connection wins: an old one may be half open for minutes. An HTTP API has no connection that could be,
    /// and stands in where no socket is. An account that was logged out is not back because its implementation is; see
    /// [`Self::ask_whether_back`].
    pub(crate) fn set_link(&self, link: Arc<Link>) {
        let mut links = self.links();
        links.retain(|known| known.is_up() && !Arc::ptr_eq(known, &link));
        if !self.is_online() {
            link.set_logged_in(false);
        }
        if link.is_socket() {
            links.insert(0, link);
        } else {
            links.push(link);
        }
        drop(links);
        self.memory().standing.doubt();
        self.came.notify_waiters();
    }

    /// Whether calls can go this way.
    pub(crate) fn has_link(&self, link: &Arc<Link>) -> bool {
        self.links().iter().any(|known| Arc::ptr_eq(known, link))
    }

    /// Whether there is more than one.
    pub(crate) fn has_several_links(&self) -> bool {
        self.links().len() > 1
    }

    /// Forgets a link; an older one that is still up takes its place.
    pub(crate) fn clear_link(&self, old: &Arc<Link>) {
        let mut links = self.links();
        links.retain(|link| !Arc::ptr_eq(link, old));
        let online = links.iter().any(|link| link.is_up() && link.is_logged_in());
        let is_over = links.iter().all(|link| !link.is_up());
        drop(links);
        // Without any, what was known last is all that is known.
        if !is_over {
            self.note_online(online);
        }
    }

    fn links(&self) -> MutexGuard<'_, Vec<Arc<Link>>> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it is logged in to QQ.
    pub(crate) fn is_online(&self) -> bool {
        self.online.load(Ordering::Acquire)
    }

    /// While it counts as logged out behind a new link, asks over it, every so often, whether it is back. An
    /// implementation that can't tell is believed to be of use; one that does not answer is asked again.
    pub(crate) async fn ask_whether_back(&self, link: &Arc<Link>, every: Duration) {
        while !link.is_logged_in() {
            let told = link.ask_login().await;
            if !link.is_up() {
                return;
            }
            match told {
                Login::Out | Login::Unanswered => tokio::time::sleep(every).await,
                Login::In | Login::Untold => return self.set_online(link, true),
            }
        }
    }

    /// The implementation behind a link told whether it is logged in. Another one may hold the account at the same time:
    /// whoever changes from one to the other leaves the old one running, and QQ logs that out.
    pub(crate) fn set_online(&self, by: &Arc<Link>, online: bool) {
        // What chatter tells all the time.
        if online && self.is_online() && by.is_logged_in() {
            return;
        }
        let links = self.links();
        if links.iter().any(|known| Arc::ptr_eq(known, by)) {
            by.set_logged_in(online);
        } else {
            // Events alone come this way; the calls of the same implementation go another.
            links.iter().for_each(|link| link.set_logged_in(online));
        }
        let others = links.iter().any(|link| link.is_up() && link.is_logged_in());
        drop(links);
        self.note_online(online || others);
    }

    /// Takes note of it; says so when it changes.
    fn note_online(&self, online: bool) {
        if self.online.swap(online, Ordering::AcqRel) != online {
            if online {
                self.came.notify_waiters();
                info!(account = %self.id, "the account is logged in to QQ again");
            } else {
                warn!(
                    account = %self.id,
                    "the account was logged out of QQ; log in again in the OneBot implementation"
                );
            }
        }
    }

    /// Whether the group muted it.
    pub(crate) fn is_muted(&self, group: &str, now: UnixMillis) -> bool {
        group.parse().is_ok_and(|group| self.memory().standing.is_muted(group, now))
    }

    /// How much longer the group mutes it; see [`Standing::muted_for`].
    pub(crate) fn muted_for(&self, group: &str, now: UnixMillis) -> Option<Duration> {
        self.memory().standing.muted_for(group.parse().ok()?, now)
    }

    /// Whether the group muted it and that may be over unheard; see [`Standing::is_doubted`].
    pub(crate) fn doubts_mute(&self, group: &str) -> bool {
        group.parse().is_ok_and(|group| self.memory().standing.is_doubted(group))
    }

    /// The platform told that a group does not mute it.
    pub(crate) fn is_not_muted(&self, group: i64) {
        self.memory().standing.not_muted(group);
    }

    /// Takes note that a group muted it; 0 seconds lifts it.
    pub(crate) fn set_muted(&self, group: i64, seconds: i64, now: UnixMillis) {
        self.memory().standing.mute(group, seconds, now);
    }

    /// Takes note that a notice told that it came into a group, or is out of it.
    pub(crate) fn set_member(&self, group: i64, is_member: bool) {
        let mut memory = self.memory();
        if is_member {
            memory.standing.joined(group);
        } else {
            memory.standing.left(group, Left::Told);
        }
    }

    /// The list of its groups lacks one.
    pub(crate) fn is_missing(&self, group: i64) {
        self.memory().standing.left(group, Left::Presumed);
    }

    /// A send to a group was refused for good.
    pub(crate) fn learn_refused(&self, group: &str, reason: &str, now: UnixMillis) {
        let Ok(group) = group.parse() else { return };
        let mut memory = self.memory();
        if reason.starts_with(MUTED) {
            memory.standing.refused_as_muted(group, now);
        } else if reason.starts_with(NOT_A_MEMBER) {
            memory.standing.left(group, Left::Presumed);
        }
    }

    /// Whether it is known to be in the group no more.
    pub(crate) fn has_left(&self, group: &str) -> Option<Left> {
        self.memory().standing.has_left(group.parse().ok()?)
    }

    /// Something shows that it is in the group.
    pub(crate) fn is_back(&self, group: &str) {
        if let Ok(group) = group.parse() {
            self.set_member(group, true);
        }
    }

    /// Whether nothing that it says in the group would be seen there: it is muted, or no member any more.
    pub(crate) fn is_shut_out(&self, group: &str, now: UnixMillis) -> bool {
        group.parse().is_ok_and(|group| self.memory().standing.is_shut_out(group, now))
    }

    /// The question whether it may speak in a group; see [`Standing::question`].
    pub(crate) fn question(&self, group: i64, now: UnixMillis) -> Question {
        self.memory().standing.question(group, now)
    }

    /// Remembers chatter with pictures.
    pub(crate) fn remember_frame(&self, frame: &PictureFrame<'_>, now: UnixMillis) {
        self.memory().ring.push_frame(frame, now);
    }

    /// Remembers that a message is its own.
    pub(crate) fn remember_own(&self, id: &str, now: UnixMillis) {
        self.memory().own.insert(id.to_owned(), now);
    }

    /// A message was taken back: it is not quoted any more, and its pictures are nobody's.
    pub(super) fn take_back(&self, id: &str, now: UnixMillis) {
        let mut memory = self.memory();
        memory.taken_back.insert(id.to_owned(), now);
        memory.ring.forget(id);
    }

    /// Whether a message was taken back.
    pub(crate) fn was_taken_back(&self, id: &str) -> bool {
        self.memory().taken_back.contains(id)
    }

    /// The implementation told the time (0 = it did not).
    pub(crate) fn hear_time(&self, time: UnixMillis, now: UnixMillis) {
        if time.0 > 0 {
            let warning = self.memory().clock.beat(time, now);
            self.warn_of(warning);
        }
    }

    pub(super) fn warn_of(&self, warning: Option<Skew>) {
        if let Some(skew) = warning {
            warn!(
                account = %self.id, seconds = skew.seconds(), evidence = skew.evidence(),
                "the clock of this machine and the times of OneBot events differ; commands are judged by the events' \
                 times as far as possible. Set the clock of this machine, or of the one where the implementation \
                 runs (timedatectl set-ntp true)"
            );
        }
    }

    /// Reads the ring.
    pub(crate) fn with_ring<T>(&self, read: impl FnOnce(&Ring) -> T) -> T {
        read(&self.memory().ring)
    }

    pub(super) fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
