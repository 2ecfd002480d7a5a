//! Output wishes: the words of a prompt that speak about the picture's size, shape and number.
//!
//! A wish is a word of its own and leaves the prompt; everything else stays as it was typed and where it was typed.

use std::ops::{Range, RangeInclusive};

use super::width::{fold, is_space, number, strip, trim};

/// What the person wishes for the picture's form. A wish that contradicts another is resolved by whoever builds the
/// request; pixels are the most precise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct OutputWish {
    /// Width to height.
    pub ratio: Option<Ratio>,
    /// Width and height in pixels, each 256 to 4096.
    pub size: Option<(u32, u32)>,
    /// How large, without a shape.
    pub tier: Option<Tier>,
}

/// Width to height, as typed: not reduced. Both at least 1, neither more than ten times the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ratio {
    /// The width's share.
    pub width: u16,
    /// The height's share.
    pub height: u16,
}

/// How large a picture is, by the usual names: a square of this tier is 1024, 2048 or 4096 pixels wide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// 1K.
    K1,
    /// 2K.
    K2,
    /// 4K.
    K4,
}

impl Tier {
    /// Side of a square of this tier, in pixels.
    pub fn side(self) -> u32 {
        match self {
            Self::K1 => 1024,
            Self::K2 => 2048,
            Self::K4 => 4096,
        }
    }
}

impl OutputWish {
    /// Whether nothing is wished.
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// Reads a configured default such as `16:9`, `2048x1152`, `2K` or `16:9 2K`. `None` when any word of it is no
    /// wish; an empty text wishes nothing.
    pub fn parse(text: &str) -> Option<Self> {
        let mut wish = Self::default();
        for word in text.split(is_space).filter(|word| !word.is_empty()) {
            if let Some(ratio) = ratio(word) {
                wish.ratio = Some(ratio);
            } else if let Some(size) = size(word) {
                wish.size = Some(size);
            } else {
                wish.tier = Some(tier(word)?);
            }
        }
        Some(wish)
    }
}

/// The words behind which any ratio is a wish; the last one as Midjourney has it.
const KEYWORDS: [&str; 3] = ["比例", "ratio", "--ar"];

/// Pictures of one command at most.
pub const MAX_COUNT: u8 = 9;
/// Pixels of a side that may be wished.
pub const SIDES: RangeInclusive<u32> = 256..=4096;
/// Two numbers from here on are a size and not, say, a grid of tiles.
const LEAST_SIDE_MEANT: u32 = 100;

/// What looks like a wish in a prompt, and is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unmet {
    /// More pictures than [`MAX_COUNT`], at the prompt's end (`x10`).
    pub count: bool,
    /// Pixels beyond [`SIDES`] (`9999x9999`).
    pub size: bool,
}

/// What somebody wished in `prompt`, which is rid of its wishes, without getting it. It stays in the prompt, because it may
/// be meant for the model; but the person should hear of it.
pub fn unmet(prompt: &str) -> Unmet {
    let words = words(prompt);
    let word = |range: &Range<usize>| prompt.get(range.clone()).unwrap_or_default();
    let too_many = |word: &str| {
        let counted = strip_count(word).and_then(|rest| number(rest, 4));
        counted.is_some_and(|(wished, rest)| rest.is_empty() && wished > MAX_COUNT.into())
    };
    let is_size = |word: &str| {
        let sides = pixels(word, 5);
        sides.is_some_and(|(width, height)| width.min(height) >= LEAST_SIDE_MEANT && size(word).is_none())
    };
    Unmet {
        count: words.last().is_some_and(|last| too_many(word(last))),
        size: words.iter().any(|range| is_size(word(range))),
    }
}

/// Ratios that are wishes without such a word.
const RATIOS: [(u16, u16); 9] = [(1, 1), (4, 3), (3, 4), (3, 2), (2, 3), (16, 9), (9, 16), (21, 9), (9, 21)];

/// What a prompt splits into.
pub(super) struct Split {
    /// The prompt without its wishes, trimmed.
    pub(super) prompt: String,
    /// The wishes about form.
    pub(super) output: OutputWish,
    /// 2 to 9 when a count was wished.
    pub(super) count: Option<u8>,
}

/// Takes the wishes out of `text`. Of two wishes of one kind the last counts, the earlier stays in the prompt: who
/// writes `把 16:9 的画面改成 9:16` needs both numbers. `counts` = whether `x2` may be a wish.
pub(super) fn split(text: &str, counts: bool) -> Split {
    let words = words(text);
    let mut output = OutputWish::default();
    let mut count = None;
    let mut taken: Vec<Range<usize>> = Vec::new();

    let word = |range: &Range<usize>| text.get(range.clone()).unwrap_or_default();
    for (index, range) in words.iter().enumerate().rev() {
        let here = word(range);
        if output.ratio.is_none() {
            let named = words.get(index + 1).and_then(|next| after_keyword(text, range, next));
            if let Some((ratio, end)) = named.or_else(|| glued_keyword(here).map(|ratio| (ratio, range.end)))
            {
                output.ratio = Some(ratio);
                taken.push(range.start..end);
                continue;
            }
            // With the keyword before it, the ratio is taken together with the keyword, one round later.
            let keyword_before = index.checked_sub(1).and_then(|before| words.get(before));
            let named = keyword_before.and_then(|before| after_keyword(text, before, range));
            if let (Some(ratio), None) = (common_ratio(here), named) {
                output.ratio = Some(ratio);
                taken.push(range.clone());
                continue;
            }
        }
        if let (None, Some(size)) = (output.size, size(here)) {
            output.size = Some(size);
            taken.push(range.clone());
        }
    }

    let mut left: Vec<&Range<usize>> = words
        .iter()
        .filter(|range| !taken.iter().any(|gone| gone.start <= range.start && range.end <= gone.end))
        .collect();
    while let Some(last) = left.last().copied() {
        if let (true, None, Some(wished)) = (counts, count, times(word(last))) {
            count = Some(wished);
        } else if let (None, Some(wished)) = (output.tier, tier(word(last))) {
            output.tier = Some(wished);
        } else {
            break;
        }
        taken.push(last.clone());
        left.pop();
    }
    if let (None, Some(first)) = (output.tier, left.first())
        && let Some(wished) = tier(word(first))
    {
        output.tier = Some(wished);
        taken.push((*first).clone());
    }
    taken.sort_unstable_by_key(|range| range.start);
    Split { prompt: without(text, &taken), output, count }
}

/// The words of `text`: runs between spaces and sentence punctuation. Quotation marks do not end a word, so that what
/// somebody wants written in the picture stays untouched; a decimal point does not either.
fn words(text: &str) -> Vec<Range<usize>> {
    let mut words = Vec::new();
    let mut start = None;
    let mut before = ' ';
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let after = chars.peek().map_or(' ', |(_, next)| *next);
        let digits = fold(before).is_ascii_digit() && fold(after).is_ascii_digit();
        let decimal_point = fold(c) == '.' && digits;
        if is_space(c) || (ends_word(c) && !decimal_point) {
            if let Some(start) = start.take() {
                words.push(start..at);
            }
        } else if start.is_none() {
            start = Some(at);
        }
        before = c;
    }
    words.extend(start.map(|start| start..text.len()));
    words
}

/// Whether a mark stands between words. Colon, slash, hyphen and quotation marks belong to the word they touch.
pub(super) fn ends_word(c: char) -> bool {
    matches!(fold(c), ',' | '.' | '!' | '?' | ';' | '(' | ')' | '[' | ']' | '{' | '}' | '~')
        || matches!(
            c,
            '。' | '、' | '，' | '…' | '·' | '—' | '【' | '】' | '《' | '》' | '〈' | '〉' | '〔' | '〕'
        )
}

/// `text` behind the word for a ratio.
fn behind_keyword(text: &str) -> Option<&str> {
    KEYWORDS.into_iter().find_map(|keyword| strip(text, keyword))
}

/// `比例` (or `比例:`), spaces, any ratio: the ratio and where it ends.
fn after_keyword(text: &str, keyword: &Range<usize>, value: &Range<usize>) -> Option<(Ratio, usize)> {
    let rest = behind_keyword(text.get(keyword.clone())?)?;
    let bare = rest.is_empty() || rest.chars().map(fold).eq([':']);
    let between = text.get(keyword.end..value.start)?;
    if !bare || !between.chars().all(is_space) {
        return None;
    }
    Some((ratio(text.get(value.clone())?)?, value.end))
}

/// `比例3:4`, `比例：3:4`.
fn glued_keyword(word: &str) -> Option<Ratio> {
    let rest = behind_keyword(word)?;
    ratio(strip(rest, ":").unwrap_or(rest))
}

fn common_ratio(word: &str) -> Option<Ratio> {
    ratio(word).filter(|ratio| RATIOS.contains(&(ratio.width, ratio.height)))
}

fn ratio(word: &str) -> Option<Ratio> {
    let (width, rest) = number(word, 4)?;
    let (height, rest) = number(strip(rest, ":")?, 4)?;
    let sane = width > 0 && height > 0 && width <= height * 10 && height <= width * 10;
    (rest.is_empty() && sane)
        .then_some(Ratio { width: u16::try_from(width).ok()?, height: u16::try_from(height).ok()? })
}

fn size(word: &str) -> Option<(u32, u32)> {
    pixels(word, 4).filter(|(width, height)| SIDES.contains(width) && SIDES.contains(height))
}

/// Width and height, of at most `digits` digits each. Chinese writes the multiplication as `*` as often as `x`.
fn pixels(word: &str, digits: usize) -> Option<(u32, u32)> {
    let (width, rest) = number(word, digits)?;
    let rest = strip_count(rest).or_else(|| strip(rest, "*"))?;
    let (height, rest) = number(rest, digits)?;
    rest.is_empty().then_some((width, height))
}

fn tier(word: &str) -> Option<Tier> {
    let (number, rest) = number(word, 1)?;
    if !rest.chars().map(fold).eq(['k']) {
        return None;
    }
    match number {
        1 => Some(Tier::K1),
        2 => Some(Tier::K2),
        4 => Some(Tier::K4),
        _ => None,
    }
}

fn times(word: &str) -> Option<u8> {
    let (number, rest) = number(strip_count(word)?, 1)?;
    (rest.is_empty() && (2..=MAX_COUNT.into()).contains(&number)).then(|| u8::try_from(number).ok())?
}

fn strip_count(text: &str) -> Option<&str> {
    strip(text, "x").or_else(|| strip(text, "×"))
}

/// `text` without the `taken` ranges (ascending), trimmed, and without commas before a wish at its end. Where a range stood between two spaces, one of them goes
/// with it, and rather the one that is no line break.
fn without(text: &str, taken: &[Range<usize>]) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut at = 0;
    for range in taken {
        kept.push_str(text.get(at..range.start).unwrap_or_default());
        at = range.end;
        let after = text.get(at..).unwrap_or_default().chars().next();
        if let (Some(left), Some(right)) = (kept.chars().next_back(), after)
            && is_space(left)
            && is_space(right)
        {
            if right == '\n' {
                kept.pop();
            } else {
                at += right.len_utf8();
            }
        }
    }
    let behind = text.get(at..).unwrap_or_default();
    kept.push_str(behind);
    let is_comma = |c: char| matches!(fold(c), ',' | ';' | '、') || is_space(c);
    if !taken.is_empty() && behind.chars().all(is_comma) {
        // What set the wish apart.
        kept.truncate(kept.trim_end_matches(is_comma).len());
    }
    trim(&kept).to_owned()
}
