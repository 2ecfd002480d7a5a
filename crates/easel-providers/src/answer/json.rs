//! An incremental JSON reader: any split of the text gives the same skeleton, and base64 never gets into it.
//!
//! Lenient where peers are sloppy (raw line breaks in strings, rubbish after the value), strict where leniency would
//! guess.

use memchr::memchr2;
use serde_json::{Map, Value};

use super::{AnswerError, slots::Slots, text::TextScanner};

/// Deeper answers are attacks.
const MAX_DEPTH: usize = 64;
/// Bytes of text with escaped slashes that are put together at a time.
const SLASHED: usize = 16 * 1024;
/// Longest number or word.
const MAX_SCALAR: usize = 64;
/// Longest key that is kept whole.
const MAX_KEY: usize = 256;
// What a skeleton really takes, in bytes of its allowance. What grows doubles its room, and while it moves both the old and
// the new one are held: three times its length at most.
/// How often what grows may lie in memory.
pub(super) const GROWTH: usize = 3;
/// What an allocation takes beside what was asked for: the next size that the allocator has.
const ALLOCATION: usize = 16;
/// A value in its list.
const NODE: usize = GROWTH * size_of::<Value>();
/// The room that a list takes with its first value.
const LIST: usize = 4 * size_of::<Value>() + ALLOCATION;
/// An entry of an object: key, value, the hash of the key, and its place in the table.
const ENTRY: usize = size_of::<(String, Value)>() + 2 * size_of::<usize>();
/// The room that an object takes with its first entry, in its list and in its table.
const OBJECT: usize = 4 * ENTRY + 2 * ALLOCATION;
/// What an entry takes beside its value, without the letters of its key.
const KEY: usize = GROWTH * ENTRY - NODE + ALLOCATION;

/// What a value takes of the skeleton's allowance.
pub(super) fn weight(value: &Value) -> usize {
    NODE + match value {
        Value::String(text) => ALLOCATION + text.len(),
        Value::Array(list) => LIST + list.iter().map(weight).sum::<usize>(),
        Value::Object(map) => {
            OBJECT + map.iter().map(|(key, value)| KEY + key.len() + weight(value)).sum::<usize>()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

/// What a value that begins with this byte takes, before anything in it is known.
const fn begun(byte: u8) -> usize {
    NODE + match byte {
        b'{' => OBJECT,
        b'[' => LIST,
        b'"' => ALLOCATION,
        _ => 0,
    }
}

/// A text that continues over several events of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Continued {
    /// The choice that it belongs to.
    pub(super) choice: usize,
    /// Which text.
    pub(super) field: Field,
}

/// The texts that streams send in pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    /// `delta.content`, also as parts.
    Content,
    /// `delta.reasoning_content`.
    Reasoning,
    /// `delta.tool_calls[].function.arguments` of the call with this index.
    Arguments(usize),
}

/// Choices beyond this are ignored.
const MAX_CHOICES: usize = 16;
/// The arguments of calls beyond this run into those of the last one.
pub(super) const MAX_CALLS: usize = 16;

/// The finished texts of one choice.
#[derive(Debug, Default)]
pub(super) struct Texts {
    pub(super) content: String,
    pub(super) reasoning: String,
    /// By call.
    pub(super) arguments: Vec<String>,
}

/// The continued texts of one choice.
#[derive(Debug, Default)]
struct Scanners {
    content: Option<TextScanner>,
    reasoning: Option<TextScanner>,
    /// By call.
    arguments: Vec<Option<TextScanner>>,
}

/// The continued texts of one stream.
#[derive(Debug, Default)]
pub(super) struct Streams {
    /// By choice.
    texts: Vec<Scanners>,
    /// What they took of the skeleton's allowance.
    pub(super) taken: usize,
}

impl Streams {
    fn get(&mut self, which: Continued) -> &mut TextScanner {
        let choice = nth(&mut self.texts, which.choice.min(MAX_CHOICES - 1));
        match which.field {
            Field::Content => &mut choice.content,
            Field::Reasoning => &mut choice.reasoning,
            Field::Arguments(call) => nth(&mut choice.arguments, call.min(MAX_CALLS - 1)),
        }
        .get_or_insert_with(|| TextScanner::new(true))
    }

    /// The finished texts by choice.
    pub(super) fn finish(self, cut: bool, slots: &mut Slots) -> Result<Vec<Texts>, AnswerError> {
        let mut end =
            |text: Option<TextScanner>| text.map_or(Ok(String::new()), |text| text.finish(cut, slots));
        let mut all = |Scanners { content, reasoning, arguments }: Scanners| {
            Ok(Texts {
                content: end(content)?,
                reasoning: end(reasoning)?,
                arguments: arguments.into_iter().map(&mut end).collect::<Result<_, _>>()?,
            })
        };
        self.texts.into_iter().map(&mut all).collect()
    }
}

/// The entry at `at` of a list that grows to hold it.
fn nth<T: Default>(list: &mut Vec<T>, at: usize) -> &mut T {
    if list.len() <= at {
        list.resize_with(at + 1, T::default);
    }
    #[expect(clippy::indexing_slicing, reason = "the list was grown right above")]
    &mut list[at]
}

/// What the parser writes into.
pub(super) struct Env<'a> {
    /// Takes the base64.
    pub(super) slots: &'a mut Slots,
    /// Bytes that the skeleton may still grow by.
    pub(super) room: &'a mut usize,
    /// The continued texts, when the value is an event of a stream.
    pub(super) streams: Option<&'a mut Streams>,
}

#[derive(Debug)]
enum Frame {
    Object(Map<String, Value>, String),
    Array(Vec<Value>),
}

#[derive(Debug)]
enum Target {
    Key(Vec<u8>),
    Own(Box<TextScanner>),
    Continued(Continued),
}

#[derive(Debug)]
enum State {
    Value,
    ValueOrEnd,
    KeyOrEnd,
    Key,
    Colon,
    CommaOrEnd,
    Text(Target),
    Escape(Target),
    Unicode(Target, u32, u8),
    Scalar(String),
    Done,
    Bad,
}

/// The reader of one JSON value.
#[derive(Debug)]
pub(super) struct Parser {
    stack: Vec<Frame>,
    state: State,
    high: Option<u32>,
    root: Option<Value>,
}

impl Parser {
    pub(super) fn new() -> Self {
        Self { stack: Vec::new(), state: State::Value, high: None, root: None }
    }

    /// Whether the value is complete.
    pub(super) fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// Takes the next piece. Text that is no JSON is not an error here: see [`Self::finish`].
    pub(super) fn push(&mut self, piece: &[u8], env: &mut Env<'_>) -> Result<(), AnswerError> {
        let mut rest = piece;
        while let Some((&byte, after)) = rest.split_first() {
            if matches!(self.state, State::Done | State::Bad) {
                break;
            }
            rest = match std::mem::replace(&mut self.state, State::Bad) {
                State::Text(target) => self.push_text(target, rest, env)?,
                state => {
                    // A scalar ends at the byte after it, which is then read again.
                    if self.push_byte(state, byte, env)? { after } else { rest }
                }
            };
        }
        Ok(())
    }

    /// The value as far as it came, and whether it is whole.
    pub(super) fn finish(mut self, env: &mut Env<'_>) -> Result<Finished, AnswerError> {
        match std::mem::replace(&mut self.state, State::Bad) {
            State::Done => return Ok(Finished { value: self.root.unwrap_or_default(), end: End::Whole }),
            State::Bad => return Ok(Finished { value: self.close_all(), end: End::Malformed }),
            State::Scalar(word) if self.stack.is_empty() => {
                return Ok(match serde_json::from_str(&word) {
                    Ok(value) => Finished { value, end: End::Whole },
                    Err(_) => Finished { value: Value::Null, end: End::Malformed },
                });
            }
            State::Text(Target::Own(scanner))
            | State::Escape(Target::Own(scanner))
            | State::Unicode(Target::Own(scanner), ..) => {
                let text = scanner.finish(true, env.slots)?;
                self.put(Value::String(text), env)?;
            }
            _ => {}
        }
        Ok(Finished { value: self.close_all(), end: End::Cut })
    }

    fn close_all(&mut self) -> Value {
        let mut value = self.root.take();
        while let Some(frame) = self.stack.pop() {
            value = Some(match frame {
                Frame::Object(mut map, key) => {
                    if let Some(inner) = value {
                        map.insert(key, inner);
                    }
                    Value::Object(map)
                }
                Frame::Array(mut list) => {
                    list.extend(value);
                    Value::Array(list)
                }
            });
        }
        value.unwrap_or_default()
    }

    fn push_text<'a>(
        &mut self,
        mut target: Target,
        piece: &'a [u8],
        env: &mut Env<'_>,
    ) -> Result<&'a [u8], AnswerError> {
        let end = memchr2(b'"', b'\\', piece).unwrap_or(piece.len());
        let (run, after) = piece.split_at(end);
        if !run.is_empty() {
            self.lone_surrogate(&mut target, env)?;
            emit(&mut target, run, env)?;
        }
        let Some((&byte, after)) = after.split_first() else {
            self.state = State::Text(target);
            return Ok(&[]);
        };
        if byte == b'\\' {
            if after.first() == Some(&b'/') {
                return self.push_slashed(target, after, env);
            }
            self.state = State::Escape(target);
            return Ok(after);
        }
        self.lone_surrogate(&mut target, env)?;
        match target {
            Target::Key(key) => {
                let name = String::from_utf8_lossy(&key).into_owned();
                if let Some(Frame::Object(_, current)) = self.stack.last_mut() {
                    *current = name;
                }
                self.state = State::Colon;
            }
            Target::Own(scanner) => {
                let text = scanner.finish(false, env.slots)?;
                self.put(Value::String(text), env)?;
            }
            Target::Continued(_) => self.put(Value::Null, env)?,
        }
        Ok(after)
    }

    /// Text whose slashes are escaped, as PHP writes it; `piece` begins with the first of them. It is put together before
    /// it is passed on, because base64 is decoded in long runs.
    fn push_slashed<'a>(
        &mut self,
        mut target: Target,
        mut piece: &'a [u8],
        env: &mut Env<'_>,
    ) -> Result<&'a [u8], AnswerError> {
        let mut joined = Vec::with_capacity(SLASHED);
        loop {
            let end = memchr2(b'"', b'\\', piece).unwrap_or(piece.len()).min(SLASHED - joined.len());
            let (run, after) = piece.split_at(end);
            joined.extend_from_slice(run);
            piece = after;
            match after {
                [b'\\', slash @ ..] if joined.len() < SLASHED && slash.first() == Some(&b'/') => {
                    piece = slash;
                }
                _ => break,
            }
        }
        self.lone_surrogate(&mut target, env)?;
        emit(&mut target, &joined, env)?;
        self.state = State::Text(target);
        Ok(piece)
    }

    /// Says whether the byte was used up.
    fn push_byte(&mut self, state: State, byte: u8, env: &mut Env<'_>) -> Result<bool, AnswerError> {
        let space = matches!(byte, b' ' | b'\n' | b'\r' | b'\t');
        self.state = match state {
            State::Value
            | State::ValueOrEnd
            | State::KeyOrEnd
            | State::Key
            | State::Colon
            | State::CommaOrEnd
                if space =>
            {
                state
            }
            State::ValueOrEnd if byte == b']' => return self.pop(env).map(|()| true),
            State::Value | State::ValueOrEnd => return self.begin_value(byte, env).map(|()| true),
            State::KeyOrEnd if byte == b'}' => return self.pop(env).map(|()| true),
            State::KeyOrEnd | State::Key if byte == b'"' => State::Text(Target::Key(Vec::new())),
            State::Colon if byte == b':' => State::Value,
            State::CommaOrEnd => match (byte, self.stack.last()) {
                (b',', Some(Frame::Object(..))) => State::Key,
                (b',', Some(Frame::Array(_))) => State::Value,
                (b'}', Some(Frame::Object(..))) | (b']', Some(Frame::Array(_))) => {
                    return self.pop(env).map(|()| true);
                }
                _ => State::Bad,
            },
            State::Scalar(mut word) => {
                if byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.') {
                    if word.len() >= MAX_SCALAR {
                        return Ok(true);
                    }
                    word.push(char::from(byte));
                    State::Scalar(word)
                } else {
                    if let Ok(value) = serde_json::from_str(&word) {
                        self.put(value, env)?;
                    } else if word == "NaN" || word.ends_with("Infinity") {
                        self.put(Value::Null, env)?;
                    }
                    return Ok(false);
                }
            }
            State::Escape(target) => return self.push_escape(target, byte, env).map(|()| true),
            State::Unicode(target, code, digits) => match char::from(byte).to_digit(16) {
                Some(digit) if digits == 3 => {
                    return self.push_unit(target, code << 4 | digit, env).map(|()| true);
                }
                Some(digit) => State::Unicode(target, code << 4 | digit, digits + 1),
                None => State::Bad,
            },
            _ => State::Bad,
        };
        Ok(true)
    }

    fn begin_value(&mut self, byte: u8, env: &mut Env<'_>) -> Result<(), AnswerError> {
        *env.room = env.room.checked_sub(begun(byte)).ok_or(AnswerError::TooMuch("too many values"))?;
        self.state = match byte {
            b'{' => {
                self.stack.push(Frame::Object(Map::new(), String::new()));
                State::KeyOrEnd
            }
            b'[' => {
                self.stack.push(Frame::Array(Vec::new()));
                State::ValueOrEnd
            }
            b'"' => State::Text(self.target(env.streams.is_some())),
            b'-' | b'0'..=b'9' | b'a'..=b'z' | b'N' | b'I' => State::Scalar(char::from(byte).to_string()),
            _ => State::Bad,
        };
        if self.stack.len() > MAX_DEPTH { Err(AnswerError::TooMuch("nested too deeply")) } else { Ok(()) }
    }

    /// Where the string that begins now belongs.
    fn target(&self, streaming: bool) -> Target {
        let key = self.stack.iter().rev().find_map(|frame| match frame {
            Frame::Object(_, key) => Some(key.as_str()),
            Frame::Array(_) => None,
        });
        if streaming && let Some(continued) = self.continued() {
            return Target::Continued(continued);
        }
        let prose = matches!(
            key,
            None | Some(
                "content"
                    | "text"
                    | "reasoning_content"
                    | "reasoning"
                    | "arguments"
                    | "message"
                    | "output_text"
            )
        );
        Target::Own(Box::new(TextScanner::new(prose)))
    }

    fn continued(&self) -> Option<Continued> {
        let [Frame::Object(_, root), Frame::Array(choices), Frame::Object(choice, delta), rest @ ..] =
            self.stack.as_slice()
        else {
            return None;
        };
        if root != "choices" || delta != "delta" {
            return None;
        }
        let field = match rest {
            [Frame::Object(_, field)] if field == "content" => Field::Content,
            [Frame::Object(_, field)] if field == "reasoning_content" || field == "reasoning" => {
                Field::Reasoning
            }
            [
                Frame::Object(_, key),
                Frame::Array(calls),
                Frame::Object(call, function),
                Frame::Object(_, arguments),
            ] if key == "tool_calls" && function == "function" && arguments == "arguments" => {
                Field::Arguments(index_of(call).unwrap_or(calls.len()))
            }
            [Frame::Object(_, field), Frame::Array(_), Frame::Object(_, part)]
                if field == "content" && part == "text" =>
            {
                Field::Content
            }
            _ => return None,
        };
        Some(Continued { choice: index_of(choice).unwrap_or(choices.len()), field })
    }

    fn put(&mut self, value: Value, env: &mut Env<'_>) -> Result<(), AnswerError> {
        self.state = match self.stack.last_mut() {
            None => {
                self.root = Some(value);
                State::Done
            }
            Some(Frame::Object(map, key)) => {
                let taken = KEY + key.len();
                *env.room = env.room.checked_sub(taken).ok_or(AnswerError::TooMuch("too many keys"))?;
                map.insert(std::mem::take(key), value);
                State::CommaOrEnd
            }
            Some(Frame::Array(list)) => {
                list.push(value);
                State::CommaOrEnd
            }
        };
        Ok(())
    }

    fn pop(&mut self, env: &mut Env<'_>) -> Result<(), AnswerError> {
        match self.stack.pop() {
            Some(Frame::Object(map, _)) => self.put(Value::Object(map), env),
            Some(Frame::Array(list)) => self.put(Value::Array(list), env),
            None => Ok(()),
        }
    }

    fn push_escape(&mut self, mut target: Target, byte: u8, env: &mut Env<'_>) -> Result<(), AnswerError> {
        if byte == b'u' {
            self.state = State::Unicode(target, 0, 0);
            return Ok(());
        }
        self.lone_surrogate(&mut target, env)?;
        let meant: &[u8] = match byte {
            b'n' => b"\n",
            b'r' => b"\r",
            b't' => b"\t",
            b'b' => b"\x08",
            b'f' => b"\x0c",
            // An unknown escape means the character itself, as in JavaScript.
            ref other => std::slice::from_ref(other),
        };
        emit(&mut target, meant, env)?;
        self.state = State::Text(target);
        Ok(())
    }

    fn push_unit(&mut self, mut target: Target, unit: u32, env: &mut Env<'_>) -> Result<(), AnswerError> {
        let code = match (self.high.take(), unit) {
            (Some(high), 0xdc00..=0xdfff) => 0x10000 + ((high - 0xd800) << 10) + (unit - 0xdc00),
            (before, _) => {
                if before.is_some() {
                    emit(&mut target, "\u{fffd}".as_bytes(), env)?;
                }
                unit
            }
        };
        if (0xd800..=0xdbff).contains(&code) {
            self.high = Some(code);
        } else {
            let letter = char::from_u32(code).unwrap_or('\u{fffd}');
            emit(&mut target, letter.encode_utf8(&mut [0; 4]).as_bytes(), env)?;
        }
        self.state = State::Text(target);
        Ok(())
    }

    fn lone_surrogate(&mut self, target: &mut Target, env: &mut Env<'_>) -> Result<(), AnswerError> {
        if self.high.take().is_some() { emit(target, "\u{fffd}".as_bytes(), env) } else { Ok(()) }
    }
}

/// Which one of its kind an object of a stream says that it belongs to.
fn index_of(object: &Map<String, Value>) -> Option<usize> {
    object.get("index").and_then(Value::as_u64).and_then(|index| usize::try_from(index).ok())
}

fn emit(target: &mut Target, run: &[u8], env: &mut Env<'_>) -> Result<(), AnswerError> {
    match target {
        Target::Key(key) => {
            let room = MAX_KEY.saturating_sub(key.len());
            key.extend_from_slice(run.get(..room).unwrap_or(run));
            Ok(())
        }
        Target::Own(scanner) => scanner.push(run, env.slots, env.room),
        Target::Continued(which) => match env.streams.as_deref_mut() {
            Some(streams) => {
                let before = *env.room;
                streams.get(*which).push(run, env.slots, env.room)?;
                streams.taken += before.saturating_sub(*env.room);
                Ok(())
            }
            None => Ok(()),
        },
    }
}

/// How a value ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Whole.
    Whole,
    /// The text ended in the middle.
    Cut,
    /// It is no JSON.
    Malformed,
}

/// A value and how it ended.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) value: Value,
    pub(super) end: End,
}
