//! What an account remembers of the messages it saw: pictures that may be quoted, its own messages, and ids against
//! double delivery. Everything here is bounded by count or bytes.

use std::{
    collections::{HashSet, VecDeque},
    hash::Hash,
};

use easel_core::{
    ids::{Chat, ChatKind, UnixMillis},
    message::{PictureLocator, PictureOrigin, PictureRef},
};
use serde_json::value::RawValue;

use crate::inbound::{PictureFrame, Pictures, picture_refs, wire};

/// Messages that a ring keeps.
const MAX_MESSAGES: usize = 4096;
/// Bytes that a ring keeps, its own bookkeeping included.
const MAX_BYTES: usize = 4 * 1024 * 1024;
/// Pictures' links are of no use after this long.
const LINK_LIFE_MS: u64 = 2 * 60 * 60 * 1000;
/// One message must not push out all others.
const MAX_ENTRY_BYTES: usize = 16 * 1024;

/// The latest picture messages of one account: references only, still in the wire's spelling. Reading happens when
/// somebody asks, which is rare; writing happens for every picture in every group.
#[derive(Debug, Default)]
pub(crate) struct Ring {
    entries: VecDeque<Entry>,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    id: i64,
    /// The group, or the person of a direct chat.
    chat: i64,
    direct: bool,
    user: i64,
    seen: UnixMillis,
    /// A `message` value that holds the pictures.
    json: Box<str>,
}

impl Entry {
    fn cost(&self) -> usize {
        size_of::<Self>() + self.json.len()
    }

    fn pictures(&self, origin: PictureOrigin, now: UnixMillis) -> Vec<PictureRef> {
        let Ok(raw) = serde_json::from_str::<&RawValue>(&self.json) else { return Vec::new() };
        let mut pictures = picture_refs(&wire::segments(Some(raw)), &self.id.to_string(), origin);
        if now.since(self.seen) > LINK_LIFE_MS {
            pictures.retain_mut(|picture| match &mut picture.locator {
                PictureLocator::Platform { url, file, message } => {
                    *url = None;
                    file.is_some() || message.is_some()
                }
                _ => true,
            });
        }
        pictures
    }
}

/// A remembered message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Remembered {
    /// Who wrote it.
    pub(crate) user: String,
    /// Its pictures; never empty.
    pub(crate) pictures: Vec<PictureRef>,
}

impl Ring {
    /// Remembers a message that the triage found.
    pub(crate) fn push_frame(&mut self, frame: &PictureFrame<'_>, now: UnixMillis) {
        let json: Box<str> = match &frame.pictures {
            Pictures::Segments(segments) => {
                let length = segments.iter().map(|segment| segment.len() + 1).sum::<usize>() + 1;
                let mut json = String::with_capacity(length);
                for segment in segments.iter().filter(|segment| !segment.is_empty()) {
                    json.push(if json.is_empty() { '[' } else { ',' });
                    json.push_str(segment);
                }
                json.push(']');
                json.into_boxed_str()
            }
            Pictures::Cq(json) => (*json).into(),
        };
        self.push(Entry {
            id: frame.id,
            chat: frame.group,
            direct: false,
            user: frame.user,
            seen: now,
            json,
        });
    }

    /// Remembers a parsed message. Ids that are no numbers are not remembered.
    pub(crate) fn push_message(
        &mut self,
        chat: &Chat,
        user: &str,
        id: &str,
        message: &RawValue,
        now: UnixMillis,
    ) {
        if let (Ok(id), Ok(place), Ok(user)) = (id.parse(), chat.id.as_str().parse(), user.parse()) {
            let direct = chat.kind != ChatKind::Group;
            self.push(Entry { id, chat: place, direct, user, seen: now, json: message.get().into() });
        }
    }

    fn push(&mut self, entry: Entry) {
        if entry.json.len() > MAX_ENTRY_BYTES {
            return;
        }
        self.bytes += entry.cost();
        self.entries.push_back(entry);
        while self.entries.len() > MAX_MESSAGES || self.bytes > MAX_BYTES {
            match self.entries.pop_front() {
                Some(old) => self.bytes -= old.cost(),
                None => break,
            }
        }
    }

    /// Forgets a message that was taken back.
    pub(crate) fn forget(&mut self, id: &str) {
        let Ok(id) = id.parse::<i64>() else { return };
        self.entries.retain(|entry| {
            let stays = entry.id != id;
            if !stays {
                self.bytes -= entry.cost();
            }
            stays
        });
    }

    /// The message with that id in that chat.
    pub(crate) fn find(&self, chat: &Chat, id: &str, now: UnixMillis) -> Option<Remembered> {
        let id: i64 = id.parse().ok()?;
        let place: i64 = chat.id.as_str().parse().ok()?;
        let direct = chat.kind != ChatKind::Group;
        let entry = self
            .entries
            .iter()
            .rev()
            .find(|entry| entry.id == id && entry.chat == place && entry.direct == direct)?;
        let pictures = entry.pictures(PictureOrigin::Quote, now);
        (!pictures.is_empty()).then(|| Remembered { user: entry.user.to_string(), pictures })
    }

    /// Who wrote the message with that id.
    pub(crate) fn author(&self, id: &str) -> Option<String> {
        let id: i64 = id.parse().ok()?;
        self.entries.iter().rev().find(|entry| entry.id == id).map(|entry| entry.user.to_string())
    }

    /// The pictures of the member's latest picture message in that chat, unless it is older than `within_ms`.
    pub(crate) fn latest(&self, chat: &Chat, user: &str, within_ms: u64, now: UnixMillis) -> Vec<PictureRef> {
        let (Ok(place), Ok(user)) = (chat.id.as_str().parse::<i64>(), user.parse::<i64>()) else {
            return Vec::new();
        };
        let direct = chat.kind != ChatKind::Group;
        self.entries
            .iter()
            .rev()
            .take_while(|entry| now.since(entry.seen) <= within_ms)
            .filter(|entry| entry.chat == place && entry.user == user && entry.direct == direct)
            .map(|entry| entry.pictures(PictureOrigin::Recent, now))
            // What looked like pictures at a glance may be none: an older message holds the member's latest then.
            .find(|pictures| !pictures.is_empty())
            .unwrap_or_default()
    }
}

/// Remembers keys for a while, the newest `room` of them.
#[derive(Debug)]
pub(crate) struct Seen<K> {
    keys: HashSet<K>,
    order: VecDeque<(UnixMillis, K)>,
    room: usize,
    life_ms: u64,
}

impl<K: Hash + Eq + Clone> Seen<K> {
    /// Keeps at most `room` keys for `life_ms` each.
    pub(crate) fn new(room: usize, life_ms: u64) -> Self {
        Self { keys: HashSet::new(), order: VecDeque::new(), room, life_ms }
    }

    /// Takes note of a key; false when it was known already.
    pub(crate) fn insert(&mut self, key: K, now: UnixMillis) -> bool {
        while let Some((since, old)) = self.order.front()
            && (now.since(*since) > self.life_ms || self.order.len() >= self.room)
        {
            self.keys.remove(old);
            self.order.pop_front();
        }
        if !self.keys.insert(key.clone()) {
            return false;
        }
        self.order.push_back((now, key));
        true
    }

    /// Whether the key is known.
    pub(crate) fn contains<Q>(&self, key: &Q) -> bool
    where
        K: std::borrow::Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.keys.contains(key)
    }
}

#[cfg(test)]
mod tests {
    use easel_core::ids::{AccountId, ChatId, Platform};

    use super::*;

    fn group(id: &str) -> Chat {
        Chat {
            platform: Platform::new("onebot"),
            account: AccountId::new("1"),
            kind: ChatKind::Group,
            id: ChatId::new(id),
            parent: None,
        }
    }

    fn frame(id: i64, user: i64, segment: &str) -> PictureFrame<'_> {
        let mut segments = [""; crate::inbound::MAX_PICTURES];
        segments[0] = segment;
        PictureFrame { id, group: 7, user, pictures: Pictures::Segments(segments) }
    }

    const SEGMENT: &str = r#"{"type":"image","data":{"file":"a.png","url":"https://x/?a=1&b=2"}}"#;

    #[test]
    fn pictures_are_found_by_id_and_by_member() {
        let mut ring = Ring::default();
        ring.push_frame(&frame(1, 20, SEGMENT), UnixMillis(1000));
        ring.push_frame(&frame(-2, 21, SEGMENT), UnixMillis(2000));
        let found = ring.find(&group("7"), "-2", UnixMillis(3000)).unwrap();
        assert_eq!(found.user, "21");
        assert_eq!(found.pictures.len(), 1);
        assert_eq!(ring.find(&group("8"), "-2", UnixMillis(3000)), None, "another chat");
        assert_eq!(ring.author("1").as_deref(), Some("20"));
        assert_eq!(ring.latest(&group("7"), "20", 120_000, UnixMillis(100_000)).len(), 1);
        assert!(ring.latest(&group("7"), "20", 120_000, UnixMillis(121_001)).is_empty(), "too old");
        assert!(ring.latest(&group("7"), "22", 120_000, UnixMillis(3000)).is_empty(), "another member");
    }

    #[test]
    fn what_was_taken_back_is_forgotten() {
        let mut ring = Ring::default();
        for id in 1..=3 {
            ring.push_frame(&frame(id, 20, SEGMENT), UnixMillis(1000));
        }
        ring.forget("3");
        ring.forget("9");
        ring.forget("x");
        assert_eq!(ring.find(&group("7"), "3", UnixMillis(1000)), None);
        assert_eq!(ring.author("3"), None);
        assert_eq!(ring.latest(&group("7"), "20", 120_000, UnixMillis(1000)).len(), 1, "the one before it");
        assert_eq!(ring.bytes, ring.entries.iter().map(Entry::cost).sum::<usize>());
    }

    #[test]
    fn links_are_dropped_after_two_hours() {
        let mut ring = Ring::default();
        ring.push_frame(&frame(1, 20, SEGMENT), UnixMillis(0));
        let late = ring.find(&group("7"), "1", UnixMillis(LINK_LIFE_MS + 1)).unwrap();
        assert!(matches!(
            &late.pictures[0].locator,
            PictureLocator::Platform { url: None, file: Some(file), message: Some(_) } if file == "a.png"
        ));
    }

    #[test]
    fn messages_in_string_format_are_remembered() {
        let mut ring = Ring::default();
        let json = r#""看[CQ:image,file=a.png,url=https://x/?a=1&amp;b=2]""#;
        ring.push_frame(
            &PictureFrame { id: 1, group: 7, user: 2, pictures: Pictures::Cq(json) },
            UnixMillis(0),
        );
        let found = ring.find(&group("7"), "1", UnixMillis(0)).unwrap();
        assert!(matches!(
            &found.pictures[0].locator,
            PictureLocator::Platform { url: Some(url), .. } if url == "https://x/?a=1&b=2"
        ));
    }

    #[test]
    fn the_ring_is_bounded_by_count_and_bytes() {
        let mut ring = Ring::default();
        for id in 0..5000 {
            ring.push_frame(&frame(id, 20, SEGMENT), UnixMillis(0));
        }
        assert_eq!(ring.entries.len(), MAX_MESSAGES);
        let long = format!("{{\"type\":\"image\",\"data\":{{\"file\":\"{}\"}}}}", "x".repeat(8000));
        for id in 0..5000 {
            ring.push_frame(&frame(id, 20, &long), UnixMillis(0));
        }
        assert!(ring.bytes <= MAX_BYTES);
        assert_eq!(ring.bytes, ring.entries.iter().map(Entry::cost).sum::<usize>());
        let huge = format!("{{\"type\":\"image\",\"data\":{{\"file\":\"{}\"}}}}", "x".repeat(20_000));
        let before = ring.entries.len();
        ring.push_frame(&frame(9, 20, &huge), UnixMillis(0));
        assert_eq!(ring.entries.len(), before);
    }

    #[test]
    fn keys_are_forgotten_by_age_and_by_count() {
        let mut seen = Seen::new(3, 1000);
        assert!(seen.insert(1, UnixMillis(0)));
        assert!(!seen.insert(1, UnixMillis(1000)));
        assert!(seen.insert(1, UnixMillis(1001)), "forgotten by age");
        for key in 2..=4 {
            assert!(seen.insert(key, UnixMillis(1001)));
        }
        assert!(!seen.contains(&1) && seen.contains(&4), "forgotten by count");
        assert!(seen.insert(1, UnixMillis(1001)));
    }
}
