//! Tells in a microsecond or two that a frame is chatter.
//!
//! Most of what a bot hears is not for it. This walks the bytes of a frame once, without allocating and without a JSON
//! tree, and answers "chatter" only when it is certain. Whatever it does not fully understand (escaped keys, doubled
//! members, values of unusual types) it hands to the full parse, so a command can't hide behind an odd spelling.

use super::{Identity, cq, message::names_picture};

/// What to do with a frame.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Triage<'a> {
    /// Nobody needs it.
    Chatter,
    /// Chatter that holds pictures, which somebody may quote later.
    Picture(PictureFrame<'a>),
    /// Perhaps for us, or not an ordinary group message: parse it.
    Parse,
}

/// A group message with pictures that is not for us, by slices of its frame.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PictureFrame<'a> {
    /// Message id.
    pub(crate) id: i64,
    /// Group id.
    pub(crate) group: i64,
    /// Sender id.
    pub(crate) user: i64,
    /// The JSON of the picture segments, or the whole CQ string (still in quotes).
    pub(crate) pictures: Pictures<'a>,
}

/// Where the pictures of a frame stand.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Pictures<'a> {
    /// Picture segments, the rest empty. A message with more is parsed.
    Segments([&'a str; MAX_PICTURES]),
    /// The JSON string of a message in string format.
    Cq(&'a str),
}

/// Pictures of one message that are remembered without a parse.
pub(crate) const MAX_PICTURES: usize = 9;

/// Judges one frame. `starts_command` is [`easel_core::ports::Inbox::starts_command`].
pub(crate) fn triage<'a>(frame: &'a str, me: &Identity, starts_command: &dyn Fn(&str) -> bool) -> Triage<'a> {
    judge(frame, me, starts_command).unwrap_or(Triage::Parse)
}

/// The members of an event that matter; spans of JSON.
#[derive(Default)]
struct Members<'a> {
    post_type: Option<&'a str>,
    notice_type: Option<&'a str>,
    sub_type: Option<&'a str>,
    message_type: Option<&'a str>,
    self_id: Option<&'a str>,
    user_id: Option<&'a str>,
    group_id: Option<&'a str>,
    message_id: Option<&'a str>,
    message: Option<&'a str>,
}

/// `None` when anything is unusual.
fn judge<'a>(frame: &'a str, me: &Identity, starts_command: &dyn Fn(&str) -> bool) -> Option<Triage<'a>> {
    let members = top_level(frame)?;
    match unquote(members.post_type?)? {
        "message" | "message_sent" => {}
        "notice" => {
            return Some(match unquote(members.notice_type?)? {
                "bot_offline" | "group_ban" | "group_recall" | "friend_recall" => Triage::Parse,
                // Of all who come and go only the account itself matters.
                "group_decrease" | "group_increase" => {
                    let who = bare(members.user_id?)?;
                    let own = members.self_id.and_then(bare) == Some(who)
                        || me.is(who)
                        || members.sub_type == Some("\"kick_me\"");
                    if own { Triage::Parse } else { Triage::Chatter }
                }
                _ => Triage::Chatter,
            });
        }
        "request" => return Some(Triage::Chatter),
        _ => return None,
    }
    if unquote(members.message_type?)? != "group" {
        return None;
    }
    let user = bare(members.user_id?)?;
    let own = members.self_id.and_then(bare) == Some(user) || me.is(user);
    let message = members.message?;
    let mut words = Words::default();
    let pictures = if message.starts_with('[') {
        let mut found = [""; MAX_PICTURES];
        let mut count = 0;
        let mentioned = walk_segments(message, &mut words, &mut |segment: Found<'a>| match segment {
            Found::At(who) => me.is(who) || members.self_id.and_then(bare) == Some(who),
            Found::Picture(json) => {
                if let Some(slot) = found.get_mut(count) {
                    *slot = json;
                }
                count += 1;
                false
            }
        })?;
        if count > MAX_PICTURES {
            return Some(Triage::Parse);
        }
        if mentioned && !own {
            return Some(Triage::Parse);
        }
        (count > 0).then_some(Pictures::Segments(found))
    } else {
        let text = unquote(message)?;
        let mut holds_picture = false;
        for piece in cq::pieces(text) {
            words.apart |= matches!(piece, cq::Piece::Code(..));
            match piece {
                cq::Piece::Text(text) => words.push(&cq::unescape(text)),
                cq::Piece::Code("at", params) => {
                    let who = cq::param(params, "qq")?;
                    if !own && (me.is(&who) || members.self_id.and_then(bare) == Some(who.as_ref())) {
                        return Some(Triage::Parse);
                    }
                }
                cq::Piece::Code("image" | "mface", _) => holds_picture = true,
                cq::Piece::Code("file", params) => {
                    let name = NAMES.iter().find_map(|key| cq::param(params, key));
                    holds_picture |= name.is_some_and(|name| names_picture(&name));
                }
                cq::Piece::Code(..) => {}
            }
        }
        holds_picture.then_some(Pictures::Cq(message))
    };
    if !own && starts_command(words.as_str()) {
        return Some(Triage::Parse);
    }
    let Some(pictures) = pictures else { return Some(Triage::Chatter) };
    Some(Triage::Picture(PictureFrame {
        id: bare(members.message_id?)?.parse().ok()?,
        group: bare(members.group_id?)?.parse().ok()?,
        user: user.parse().ok()?,
        pictures,
    }))
}

fn top_level(frame: &str) -> Option<Members<'_>> {
    let mut scan = Scan { text: frame, at: 0 };
    let mut members = Members::default();
    scan.object(|key, value| {
        let slot = match key {
            "post_type" => &mut members.post_type,
            "notice_type" => &mut members.notice_type,
            "sub_type" => &mut members.sub_type,
            "message_type" => &mut members.message_type,
            "self_id" => &mut members.self_id,
            "user_id" => &mut members.user_id,
            "group_id" => &mut members.group_id,
            "message_id" => &mut members.message_id,
            "message" => &mut members.message,
            // The answer to a call; it may hold anything.
            "echo" | "retcode" => return None,
            _ => return Some(()),
        };
        // A doubled member has no defined meaning: let the full parse decide.
        slot.replace(value).is_none().then_some(())
    })?;
    scan.end().then_some(members)
}

/// What is reported about the segments of a message.
enum Found<'a> {
    /// A mention and whom it names.
    At(&'a str),
    /// The whole JSON of a picture segment.
    Picture(&'a str),
}

/// Walks an array message, collecting its words. Returns whether `found` said yes to any segment.
fn walk_segments<'a>(
    message: &'a str,
    words: &mut Words,
    found: &mut dyn FnMut(Found<'a>) -> bool,
) -> Option<bool> {
    let mut scan = Scan { text: message, at: 0 };
    let mut any = false;
    scan.array(|element| {
        let (mut kind, mut data) = (None, None);
        Scan { text: element, at: 0 }.object(|key, value| {
            let slot = match key {
                "type" => &mut kind,
                "data" => &mut data,
                _ => return Some(()),
            };
            slot.replace(value).is_none().then_some(())
        })?;
        match unquote(kind?)? {
            "text" => words.push_json(member(data?, "text")?)?,
            kind => {
                words.apart = true;
                match kind {
                    "at" => any |= found(Found::At(bare(member(data?, "qq")?)?)),
                    "image" | "mface" => any |= found(Found::Picture(element)),
                    "file" if data.is_some_and(file_is_picture) => any |= found(Found::Picture(element)),
                    _ => {}
                }
            }
        }
        Some(())
    })?;
    Some(any)
}

/// Where a file segment has its name, in the order of the full parse.
const NAMES: [&str; 3] = ["file_name", "name", "file"];

/// Whether the data of a file segment names a picture. Escapes don't matter: only the ending is looked at.
fn file_is_picture(data: &str) -> bool {
    let name = NAMES.iter().find_map(|key| member(data, key));
    name.and_then(|name| name.strip_suffix('"')).is_some_and(names_picture)
}

/// A member of a JSON object; `None` when it is absent or the object is unusual.
fn member<'a>(object: &'a str, wanted: &str) -> Option<&'a str> {
    let mut value = None;
    Scan { text: object, at: 0 }.object(|key, found| {
        if key == wanted { value.replace(found).is_none().then_some(()) } else { Some(()) }
    })?;
    value
}

/// The inside of a JSON string without escapes.
fn unquote(json: &str) -> Option<&str> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    memchr::memchr(b'\\', inner.as_bytes()).is_none().then_some(inner)
}

/// The text of a number, or of a string without escapes.
fn bare(json: &str) -> Option<&str> {
    match json.as_bytes().first()? {
        b'"' => unquote(json),
        b'-' | b'0'..=b'9' => Some(json),
        _ => None,
    }
}

/// The first words of a message, without leading blanks: enough to recognise a verb.
struct Words {
    bytes: [u8; WORDS],
    len: usize,
    full: bool,
    /// Something that is no text came after the last word.
    apart: bool,
}

/// Longer than any prefix and verb.
const WORDS: usize = 256;

impl Default for Words {
    fn default() -> Self {
        Self { bytes: [0; WORDS], len: 0, full: false, apart: false }
    }
}

impl Words {
    /// Takes text as the full parse does: with a space where something between two words was left out.
    fn push(&mut self, text: &str) {
        if self.apart && super::would_glue(self.bytes.get(..self.len).unwrap_or_default(), text) {
            self.put(" ");
        }
        self.apart &= text.is_empty();
        self.put(text);
    }

    fn put(&mut self, text: &str) {
        let text = if self.len == 0 { super::trim_start(text) } else { text };
        let room = WORDS - self.len;
        let take = text.floor_char_boundary(room.min(text.len()));
        self.full |= take < text.len();
        let Some(taken) = text.as_bytes().get(..take) else { return };
        if let Some(slot) = self.bytes.get_mut(self.len..self.len + take) {
            slot.copy_from_slice(taken);
            self.len += take;
        }
    }

    /// Takes a JSON string, undoing its escapes.
    fn push_json(&mut self, json: &str) -> Option<()> {
        let mut rest = json.strip_prefix('"')?.strip_suffix('"')?;
        while !self.full {
            let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) else {
                self.push(rest);
                return Some(());
            };
            self.push(rest.get(..at)?);
            let (decoded, used) = escape(rest.get(at..)?)?;
            let mut utf8 = [0; 4];
            self.push(decoded.encode_utf8(&mut utf8));
            rest = rest.get(at + used..)?;
        }
        Some(())
    }

    fn as_str(&self) -> &str {
        self.bytes.get(..self.len).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or("")
    }
}

/// Decodes the escape that `text` begins with; the character and the bytes it took.
fn escape(text: &str) -> Option<(char, usize)> {
    let unit = |at: usize| u32::from_str_radix(text.get(at..at + 4)?, 16).ok();
    Some(match text.as_bytes().get(1)? {
        b'u' => match unit(2)? {
            high @ 0xd800..=0xdbff => {
                if text.get(6..8)? != "\\u" {
                    return None;
                }
                let low = unit(8)?;
                if !(0xdc00..=0xdfff).contains(&low) {
                    return None;
                }
                (char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00))?, 12)
            }
            other => (char::from_u32(other)?, 6),
        },
        b'n' => ('\n', 2),
        b'r' => ('\r', 2),
        b't' => ('\t', 2),
        b'b' => ('\u{8}', 2),
        b'f' => ('\u{c}', 2),
        b'"' => ('"', 2),
        b'\\' => ('\\', 2),
        b'/' => ('/', 2),
        _ => return None,
    })
}

/// A walk over JSON text. Every step returns `None` at the first surprise.
struct Scan<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scan<'a> {
    fn peek(&mut self) -> Option<u8> {
        loop {
            match *self.text.as_bytes().get(self.at)? {
                b' ' | b'\n' | b'\r' | b'\t' => self.at += 1,
                byte => return Some(byte),
            }
        }
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        if self.peek()? != byte {
            return None;
        }
        self.at += 1;
        Some(())
    }

    /// Whether only white space is left.
    fn end(&mut self) -> bool {
        self.peek().is_none()
    }

    /// Calls `each` with every member's key and value of the object that begins here.
    fn object(&mut self, mut each: impl FnMut(&'a str, &'a str) -> Option<()>) -> Option<()> {
        self.expect(b'{')?;
        if self.peek()? == b'}' {
            self.at += 1;
            return Some(());
        }
        loop {
            if self.peek()? != b'"' {
                return None;
            }
            let key = unquote(self.value()?)?;
            self.expect(b':')?;
            let value = self.value()?;
            each(key, value)?;
            match self.peek()? {
                b',' => self.at += 1,
                b'}' => {
                    self.at += 1;
                    return Some(());
                }
                _ => return None,
            }
        }
    }

    /// Calls `each` with every element of the array that begins here.
    fn array(&mut self, mut each: impl FnMut(&'a str) -> Option<()>) -> Option<()> {
        self.expect(b'[')?;
        if self.peek()? == b']' {
            self.at += 1;
            return Some(());
        }
        loop {
            each(self.value()?)?;
            match self.peek()? {
                b',' => self.at += 1,
                b']' => {
                    self.at += 1;
                    return Some(());
                }
                _ => return None,
            }
        }
    }

    /// Steps over one value and returns its text.
    fn value(&mut self) -> Option<&'a str> {
        let first = self.peek()?;
        let start = self.at;
        match first {
            b'"' => self.string()?,
            b'{' | b'[' => {
                let mut depth = 0_u32;
                loop {
                    match *self.text.as_bytes().get(self.at)? {
                        b'"' => {
                            self.string()?;
                            continue;
                        }
                        b'{' | b'[' => depth += 1,
                        b'}' | b']' => {
                            depth -= 1;
                            if depth == 0 {
                                self.at += 1;
                                break;
                            }
                        }
                        _ => {}
                    }
                    self.at += 1;
                }
            }
            _ => {
                let tail = self.text.as_bytes().get(start..)?;
                let len = tail
                    .iter()
                    .position(|byte| matches!(byte, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t'))
                    .unwrap_or(tail.len());
                if len == 0 {
                    return None;
                }
                self.at += len;
            }
        }
        self.text.get(start..self.at)
    }

    /// Steps over a string, from quote to quote.
    fn string(&mut self) -> Option<()> {
        let bytes = self.text.as_bytes();
        let mut at = self.at + 1;
        // Keys and most values are shorter than a vector search takes to set up.
        for byte in bytes.get(at..)?.iter().take(SHORT) {
            match byte {
                b'"' => {
                    self.at = at + 1;
                    return Some(());
                }
                b'\\' => break,
                _ => at += 1,
            }
        }
        loop {
            at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
            if *bytes.get(at)? == b'"' {
                self.at = at + 1;
                return Some(());
            }
            // The escaped character, whatever it is.
            at += 2;
        }
    }
}

/// Bytes of a string that are looked at one by one.
const SHORT: usize = 16;

#[cfg(test)]
mod tests;
