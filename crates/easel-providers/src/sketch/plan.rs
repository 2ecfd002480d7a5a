//! Reading a prompt: from words to a list of wishes that the scene can draw.
//!
//! Pure and total: any text gives a plan, a text without known words gives an empty one. Draws nothing.

use super::keywords::{self, Action, Hour, Hue, Place, Style, Subject, TABLE, Tag, Wear, Weather};

/// At most this many subjects are drawn; more would only cover each other.
const MAX_SUBJECTS: usize = 4;
/// Characters of the prompt that are read; nobody names a subject after the first pages.
const MAX_READ: usize = 4000;

/// Characters and words of asking, which say nothing of what is asked for.
const FILLERS: &str = "请請画畫绘繪帮幫给給我你您他她它来來去想要做生成设設计計一二两兩三几幾个個张張幅只隻条條位名件份\
    把将將让讓用很非常特别別超太最更比较較的地得了着著吧呢吗嗎啊呀是有在和与與及并且这這那哪些种種再又也都就";
const LATIN_FILLERS: &str = "a an the please draw paint make create generate give show me my i you your want need can could \
    would to of for with some picture image photo very really so and or in on at it is this that";

/// One thing to draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Figure {
    pub(super) subject: Subject,
    /// The colour word right before it.
    pub(super) coat: Option<Hue>,
    pub(super) many: bool,
    /// It is an astronaut too: 宇航员柯基, "corgi astronaut".
    pub(super) suit: bool,
}

/// What a prompt asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    /// In the order of the prompt, without repeats.
    pub(super) figures: Vec<Figure>,
    pub(super) place: Option<Place>,
    pub(super) hour: Option<Hour>,
    pub(super) weather: Vec<Weather>,
    /// Colours that belong to no subject: they dye the whole scene.
    pub(super) hues: Vec<Hue>,
    pub(super) action: Action,
    pub(super) style: Style,
    pub(super) glasses: bool,
    /// The colour of a hat: the word right before it, else red.
    pub(super) hat: Option<Hue>,
    /// The prompt says to add something.
    pub(super) adds: bool,
    /// Text that the prompt puts in quotes, for a signboard; at most twelve characters.
    pub(super) sign: Option<String>,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            figures: Vec::new(),
            place: None,
            hour: None,
            weather: Vec::new(),
            hues: Vec::new(),
            action: Action::Stand,
            style: Style::Storybook,
            glasses: false,
            hat: None,
            adds: false,
            sign: None,
        }
    }
}

/// A word of the table, ready for comparison.
struct Word {
    letters: Vec<char>,
    latin: bool,
    tag: Tag,
}

fn words() -> Vec<Word> {
    TABLE
        .iter()
        .flat_map(|(spellings, tag)| spellings.split_whitespace().map(move |spelling| (spelling, *tag)))
        .map(|(spelling, tag)| Word {
            letters: spelling.chars().map(|c| if c == '_' { ' ' } else { c }).collect(),
            latin: spelling.is_ascii(),
            tag,
        })
        .collect()
}

impl Plan {
    /// Reads a prompt.
    pub(super) fn read(prompt: &str) -> Self {
        let text: Vec<char> = prompt.chars().take(MAX_READ).flat_map(char::to_lowercase).map(fold).collect();
        let words = words();
        let mut plan = Self { sign: quoted(prompt), ..Self::default() };
        let mut loose: Option<(usize, Hue)> = None;
        let mut many = false;
        let mut at = 0;
        // Where the last subject ended.
        let mut named = None;
        while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
            let begins_word = at == 0 || !text.get(at - 1).is_some_and(char::is_ascii_alphanumeric);
            let found = words
                .iter()
                .filter_map(|word| match_length(word, rest, begins_word).map(|length| (length, word.tag)))
                .max_by_key(|(length, _)| *length);
            let Some((length, tag)) = found else {
                at += 1;
                continue;
            };
            match tag {
                Tag::Hue(hue) => {
                    if let Some((_, earlier)) = loose.replace((at + length, hue)) {
                        plan.dye(earlier);
                    }
                }
                Tag::Subject(subject) => {
                    let coat = plan.coat(loose.take(), &text, at);
                    let close = named.is_some_and(|end| adjoins(text.get(end..at)));
                    plan.name(Figure { subject, coat, many, suit: false }, close);
                    many = false;
                    named = Some(at + length);
                }
                Tag::Wear(Wear::Glasses) => plan.glasses = true,
                Tag::Wear(Wear::Hat) => {
                    plan.hat = Some(plan.coat(loose.take(), &text, at).unwrap_or(Hue::Red));
                }
                Tag::Place(place) => plan.place = plan.place.or(Some(place)),
                Tag::Hour(hour) => plan.hour = plan.hour.or(Some(hour)),
                Tag::Weather(weather) => {
                    if !plan.weather.contains(&weather) {
                        plan.weather.push(weather);
                    }
                }
                Tag::Action(action) if plan.action == Action::Stand => plan.action = action,
                // "A figure in a display cabinet" is both, and the second says more.
                Tag::Style(style) if narrows(plan.style, style) => {
                    plan.style = style;
                }
                Tag::Add => plan.adds = true,
                Tag::Many => many = true,
                Tag::Action(_) | Tag::Style(_) | Tag::Ignore => {}
            }
            at += length;
        }
        if let Some((_, hue)) = loose {
            plan.dye(hue);
        }
        plan
    }

    /// The colour of what is named at `at`, if the colour word before it belongs to it; else it dyes the scene.
    fn coat(&mut self, loose: Option<(usize, Hue)>, text: &[char], at: usize) -> Option<Hue> {
        let (end, hue) = loose?;
        if joined(text.get(end..at)) {
            return Some(hue);
        }
        self.dye(hue);
        None
    }

    fn dye(&mut self, hue: Hue) {
        if !self.hues.contains(&hue) {
            self.hues.push(hue);
        }
    }

    /// Takes up a subject; `close` when it follows the one before without a word between.
    fn name(&mut self, figure: Figure, close: bool) {
        if let Some(last) = self.figures.last_mut().filter(|_| close) {
            let animal = |subject: Subject| subject <= Subject::Wolf;
            if figure.subject == Subject::Astronaut && animal(last.subject) {
                last.suit = true;
                return;
            }
            if last.subject == Subject::Astronaut && animal(figure.subject) {
                *last = Figure { suit: true, ..figure };
                return;
            }
        }
        let known = self.figures.iter().any(|known| known.subject == figure.subject);
        if !known && self.figures.len() < MAX_SUBJECTS {
            self.figures.push(figure);
        }
    }

    /// Nothing that could be drawn was named.
    pub(super) fn is_blank(&self) -> bool {
        self.figures.is_empty() && self.place.is_none() && self.hour.is_none() && self.weather.is_empty()
    }

    pub(super) fn has(&self, weather: Weather) -> bool {
        self.weather.contains(&weather)
    }

    /// The named light, or what the rest suggests.
    pub(super) fn hour(&self) -> Hour {
        let dark = [Weather::Stars, Weather::Moon, Weather::Aurora, Weather::Fireworks, Weather::Meteor];
        match self.hour {
            Some(hour) => hour,
            None if self.style == Style::Neon || dark.iter().any(|w| self.has(*w)) => Hour::Night,
            None => Hour::Day,
        }
    }

    /// The named place, or where the first subject is at home.
    pub(super) fn place(&self) -> Place {
        if let Some(place) = self.place {
            return place;
        }
        let first = self.figures.first().map(|figure| figure.subject);
        match first {
            Some(_) if self.figures.iter().any(|figure| figure.suit) => Place::Space,
            Some(Subject::Fish | Subject::Turtle) => Place::Underwater,
            Some(Subject::Whale | Subject::Boat | Subject::Lighthouse) => Place::Seaside,
            Some(Subject::Astronaut | Subject::Rocket) => Place::Space,
            Some(Subject::Penguin | Subject::Snowman | Subject::Santa) => Place::Snowfield,
            Some(Subject::Robot | Subject::Car | Subject::Train) => Place::City,
            Some(Subject::Castle | Subject::Temple | Subject::Dragon) => Place::Mountains,
            Some(Subject::Owl | Subject::Bamboo | Subject::Mushroom | Subject::Deer) => Place::Forest,
            Some(
                Subject::Cake
                | Subject::Noodles
                | Subject::Dish
                | Subject::Cup
                | Subject::Apple
                | Subject::Book
                | Subject::Gift
                | Subject::Guitar,
            ) => Place::Room,
            None if self.style == Style::Ink => Place::Mountains,
            None if self.style == Style::Neon || self.has(Weather::Fireworks) => Place::City,
            _ => Place::Meadow,
        }
    }

    pub(super) fn overcast(&self) -> bool {
        [Weather::Rain, Weather::Fog, Weather::Storm, Weather::Cloudy].iter().any(|w| self.has(*w))
    }

    pub(super) fn snowy(&self) -> bool {
        self.has(Weather::Snow)
    }

    pub(super) fn autumn(&self) -> bool {
        self.has(Weather::Leaves)
    }

    pub(super) fn spring(&self) -> bool {
        self.has(Weather::Petals)
    }
}

/// The form of a character that words are written in; the common letters skip the search.
fn fold(character: char) -> char {
    if character.is_ascii() { character } else { keywords::simplified(character) }
}

/// How many characters of `rest` the word covers, if it stands there.
fn match_length(word: &Word, rest: &[char], begins_word: bool) -> Option<usize> {
    if !rest.starts_with(&word.letters) {
        return None;
    }
    let length = word.letters.len();
    if !word.latin {
        return Some(length);
    }
    let letter = |at: usize| rest.get(at).is_some_and(char::is_ascii_alphanumeric);
    match (begins_word, letter(length)) {
        (true, false) => Some(length),
        (true, true) if rest.get(length) == Some(&'s') && !letter(length + 1) => Some(length + 1),
        _ => None,
    }
}

/// Whether a manner takes the place of an earlier one: "a figure in a display cabinet" is both, as is 黑白素描, and the
/// second says more.
const fn narrows(earlier: Style, style: Style) -> bool {
    match earlier {
        Style::Storybook => true,
        Style::Figurine => matches!(style, Style::Statue | Style::Cabinet),
        Style::Mono => matches!(style, Style::Pencil | Style::Ink | Style::Anime | Style::Pixel),
        _ => false,
    }
}

/// Whether two subjects stand side by side: 柯基宇航员, "corgi astronaut", "astronaut, a cat" not.
fn adjoins(between: Option<&[char]>) -> bool {
    between.is_some_and(|gap| gap.len() <= 1 && gap.iter().all(|c| " 的".contains(*c)))
}

/// Whether a colour word and a subject belong together: 红色的汽车, "a red sports car", but not "red, a car".
fn joined(between: Option<&[char]>) -> bool {
    between.is_some_and(|gap| gap.len() <= 8 && !gap.iter().any(|c| ",.;，。；、和与".contains(*c)))
}

/// The letter that stands for a text: the first that is not a part of asking (请画一个很大的…, "please draw a …").
/// `None` for a text of such words alone. Large where the script has that.
pub(super) fn telling_letter(text: &str) -> Option<char> {
    let text: Vec<char> = text.chars().take(MAX_READ).collect();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let word: String =
            rest.iter().take_while(|c| c.is_ascii_alphanumeric()).map(char::to_ascii_lowercase).collect();
        let [first, ..] = rest else { break };
        at += match word.len() {
            0 if !first.is_alphanumeric() || super::text::lacks(*first) => 1,
            0 if FILLERS.contains(*first) => 1,
            length if LATIN_FILLERS.split(' ').any(|filler| filler == word) => length,
            _ => return first.to_uppercase().next(),
        };
    }
    None
}

/// The first text in quotes, when it is short enough for a signboard.
fn quoted(prompt: &str) -> Option<String> {
    let pairs = [('“', '”'), ('「', '」'), ('『', '』'), ('"', '"'), ('《', '》')];
    let (open, close) = pairs.into_iter().find(|(open, _)| prompt.contains(*open))?;
    let (_, after) = prompt.split_once(open)?;
    let (inside, _) = after.split_once(close)?;
    let inside: String = inside.chars().filter(|c| !super::text::lacks(*c)).collect();
    let inside = inside.trim();
    (1..=12).contains(&inside.chars().count()).then(|| inside.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn subjects(prompt: &str, expected: &[Subject]) {
        let found: Vec<Subject> = Plan::read(prompt).figures.iter().map(|f| f.subject).collect();
        assert_eq!(found, expected, "{prompt}");
    }

    #[test]
    fn the_longest_word_wins() {
        subjects("一只在草地上奔跑的柯基", &[Subject::Corgi]);
        subjects("熊猫和猫头鹰", &[Subject::Panda, Subject::Owl]);
        subjects("马路上的白马", &[Subject::Horse]);
        subjects("马上画一张上海的海报", &[]);
        subjects("Two CATS chase a dog", &[Subject::Cat, Subject::Dog]);
        subjects("牛肉面", &[Subject::Noodles]);
        subjects("鱼香肉丝和烤鸭", &[Subject::Dish]);
        subjects("鼠标、马桶和恐龙", &[]);
        subjects("圣诞老人和雪人", &[Subject::Santa, Subject::Snowman]);
        subjects("雪山下的木屋", &[Subject::Cabin]);
        subjects("corgi astronaut on the moon", &[Subject::Corgi]);
        subjects(
            "貓咪與龍，櫻花樹下的小鳥和馬",
            &[Subject::Cat, Subject::Dragon, Subject::Blossom, Subject::Bird],
        );
        subjects("牛肉麵", &[Subject::Noodles]);
        subjects("宇航员柯基", &[Subject::Corgi]);
        subjects("宇航员和柯基", &[Subject::Astronaut, Subject::Corgi]);
        subjects("catalogue of concatenated dogma", &[]);
    }

    #[test]
    fn wishes_are_sorted_out() {
        let plan = Plan::read("红色的汽车，蓝色，雨夜街头，赛博朋克");
        assert_eq!(
            plan.figures,
            [Figure { subject: Subject::Car, coat: Some(Hue::Red), many: false, suit: false }]
        );
        assert_eq!(plan.hues, [Hue::Blue]);
        assert_eq!((plan.place(), plan.hour()), (Place::Street, Hour::Night));
        assert!(plan.has(Weather::Rain));
        assert_eq!(plan.style, Style::Neon);
        assert_eq!(Plan::read("写着“欢迎光临”的牌子").sign.as_deref(), Some("欢迎光临"));
        assert!(Plan::read("把背景换得更好一点").is_blank());
    }

    #[test]
    fn a_telling_letter_is_no_word_of_asking() {
        for (text, letter) in [
            ("请画一个活动海报", Some('活')),
            ("很长的描述", Some('长')),
            ("Please draw me a gorgeous thing", Some('G')),
            ("emoji 🎨", Some('E')),
            ("🎨“2026年”", Some('2')),
            ("请给我画一张吧", None),
            ("", None),
        ] {
            assert_eq!(telling_letter(text), letter, "{text}");
        }
    }
}
