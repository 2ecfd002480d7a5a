//! What the person is told when a job fails: one sentence (a message key) and a short code per reason.

use std::time::Duration;

use super::{ledger::StoredRequest, schedule::QueueFull};
use crate::{
    chain::{ChainFailure, Skip},
    command::{MAX_COUNT, SIDES, unmet},
    error::{Charged, ErrorClass, Missing, UserError},
    ports::{Shapes, StoreError},
};

/// The sentence for a provider's failure class; a clip that is lost, or was not made, is no picture.
pub fn class_sentence(class: ErrorClass, clip: bool) -> UserError {
    match class {
        ErrorClass::ResultLost if clip => UserError::new("error-clip-lost", "E-LOST"),
        ErrorClass::Empty if clip => UserError::new("error-clip-empty", "E-EMPTY"),
        ErrorClass::Auth => UserError::new("error-auth", "E-AUTH"),
        ErrorClass::Quota => UserError::new("error-quota", "E-QUOTA"),
        ErrorClass::Rate => UserError::new("error-rate", "E-RATE"),
        ErrorClass::Overload => UserError::new("error-overload", "E-OVERLOAD"),
        ErrorClass::Unanswered => UserError::new("error-unanswered", "E-UNANSWERED"),
        ErrorClass::ResultLost => UserError::new("error-result-lost", "E-LOST"),
        ErrorClass::ModerationInput => UserError::new("error-moderation-input", "E-MODERATION"),
        ErrorClass::ModerationOutput => UserError::new("error-moderation-output", "E-MODERATION-OUT"),
        ErrorClass::BadRequest => UserError::new("error-bad-request", "E-REQUEST"),
        ErrorClass::NotFound => UserError::new("error-not-found", "E-MODEL"),
        ErrorClass::Empty => UserError::new("error-empty", "E-EMPTY"),
        ErrorClass::TooLarge => UserError::new("error-too-large", "E-LARGE"),
    }
}

/// The sentence for a chain that ended without a picture, and whether money may be gone. `None` when the job was
/// cancelled: whoever cancelled is told by that command.
pub fn chain_sentence(
    failure: &ChainFailure,
    deadline: Duration,
    clip: bool,
) -> (Option<UserError>, Charged) {
    match failure {
        ChainFailure::Provider(error) => {
            let sentence = match (error.class, error.missing) {
                // A web page, or a route that nobody knows: no model helps there.
                (ErrorClass::NotFound, Some(Missing::Address)) => {
                    UserError::new("error-wrong-address", "E-MODEL")
                }
                (class, _) => class_sentence(class, clip),
            };
            let sentence = if error.said.is_empty() || error.class != ErrorClass::Empty {
                sentence
            } else {
                UserError::new("error-moderation-said", "E-EMPTY").with("said", whole_sentence(&error.said))
            };
            (Some(sentence), error.charged)
        }
        ChainFailure::Skipped(reasons) => (Some(skip_sentence(reasons)), Charged::No),
        ChainFailure::Deadline { charged } => (Some(deadline_sentence(deadline)), *charged),
        ChainFailure::Busy { charged } => (Some(UserError::new("error-provider-busy", "E-BUSY")), *charged),
        ChainFailure::Silenced => (Some(UserError::new("error-silenced", "E-SILENCED")), Charged::No),
        // Left to the next run: nobody is told anything.
        ChainFailure::Later => (None, Charged::Maybe),
        ChainFailure::TaskUnknown(_) => {
            (Some(UserError::new("error-task-unknown", "E-TASK-UNKNOWN")), Charged::Maybe)
        }
        ChainFailure::TaskLate => (Some(UserError::new("error-task-late", "E-TASK-LATE")), Charged::Maybe),
        ChainFailure::KeyGone { fingerprint } => (
            Some(UserError::new("error-task-key-gone", "E-TASK-KEY").with("key", fingerprint.clone())),
            Charged::Maybe,
        ),
        ChainFailure::ProviderChanged => {
            (Some(UserError::new("error-no-provider", "E-NO-PROVIDER")), Charged::Maybe)
        }
        ChainFailure::Cancelled { charged } => (None, *charged),
        ChainFailure::Store { error, charged } => (Some(store_sentence(error)), *charged),
    }
}

/// What a service said, as a sentence of its own: with a mark at its end, since none follows the quotation.
fn whole_sentence(said: &str) -> String {
    let said = said.trim();
    match said.chars().last() {
        Some('。' | '！' | '？' | '…' | '.' | '!' | '?') | None => said.to_owned(),
        Some(last) if last.is_ascii() => format!("{said}."),
        Some(_) => format!("{said}。"),
    }
}

/// The sentence for silence after `calls` calls that may have been charged: whoever may pay more than once hears it.
pub fn unanswered_again(sentence: UserError, calls: u64) -> UserError {
    if sentence.key == "error-unanswered" && calls > 1 {
        UserError::new("error-unanswered-again", sentence.code).with("calls", calls)
    } else {
        sentence
    }
}

/// Sentences that say themselves that something may have been charged, and what is said instead where nothing can have
/// been, because the engine is free.
const TELL_OF_CHARGES: &[(&str, &str)] = &[
    ("error-unanswered", "error-unanswered-free"),
    ("error-unanswered-again", "error-unanswered-free"),
    ("error-result-lost", "error-result-lost-free"),
    ("error-clip-lost", "error-clip-lost-free"),
    ("error-interrupted", "error-interrupted-free"),
    ("error-task-unknown", "error-task-unknown-free"),
    ("error-task-late", "error-task-late-free"),
];

/// The same sentence without a word about charges.
pub fn uncharged(sentence: UserError) -> UserError {
    match TELL_OF_CHARGES.iter().find(|(key, _)| *key == sentence.key) {
        Some((_, key)) => UserError { key, ..sentence },
        None => sentence,
    }
}

/// What has to be said beside a sentence when something may have been charged and it does not say so.
pub fn charge_note(sentence: &UserError, charged: Charged) -> Option<UserError> {
    let is_silent = charged == Charged::Maybe && TELL_OF_CHARGES.iter().all(|(key, _)| *key != sentence.key);
    is_silent.then(|| UserError::new("note-maybe-charged", ""))
}

/// What is said beside a result about wishes that could not be understood as such.
pub fn wish_notes(request: &StoredRequest) -> Vec<UserError> {
    if request.is_clip() {
        return Vec::new();
    }
    let unmet = unmet(&request.prompt);
    let count = (unmet.count && request.count <= 1)
        .then(|| UserError::new("note-count-unmet", "").with("max", u64::from(MAX_COUNT)));
    let size = (unmet.size && request.size.is_none()).then(|| {
        UserError::new("note-size-unmet", "")
            .with("least", u64::from(*SIDES.start()))
            .with("most", u64::from(*SIDES.end()))
    });
    [count, size].into_iter().flatten().collect()
}

/// The sentence for a job that took longer than it may.
pub fn deadline_sentence(deadline: Duration) -> UserError {
    UserError::new("error-deadline", "E-DEADLINE").with("minutes", deadline.as_secs().div_ceil(60))
}

/// The sentence when nobody could be asked: the reason that the person or the owner can do most about.
fn skip_sentence(reasons: &[(String, Skip)]) -> UserError {
    let any = |test: fn(&Skip) -> bool| reasons.iter().any(|(_, skip)| test(skip));
    let most = reasons
        .iter()
        .filter_map(|(_, skip)| if let Skip::TooManyReferences { max } = skip { Some(*max) } else { None })
        .max();
    let tier = reasons
        .iter()
        .filter_map(|(_, skip)| if let Skip::TooLarge { tier } = skip { Some(*tier) } else { None })
        .max();
    let shapes: Vec<_> = reasons
        .iter()
        .filter_map(|(_, skip)| if let Skip::WrongShape { shapes } = skip { Some(shapes) } else { None })
        .collect();
    let keys = reasons
        .iter()
        .find_map(|(_, skip)| if let Skip::NoUsableKey { why } = skip { Some(*why) } else { None });
    if reasons.is_empty() {
        UserError::new("error-no-provider", "E-NO-PROVIDER")
    } else if any(|skip| *skip == Skip::CircuitOpen) {
        UserError::new("error-overload", "E-OVERLOAD")
    } else if let Some(most) = most {
        UserError::new("error-too-many-pictures", "E-PICTURES").with("max", most as u64)
    } else if let Some(why) = keys {
        class_sentence(why, false)
    } else if any(|skip| *skip == Skip::NotFound) {
        UserError::new("error-not-found-lately", "E-MODEL")
    } else if let Some(tier) = tier {
        UserError::new("error-too-large-wish", "E-SIZE").with("tier", u64::from(tier))
    } else if any(|skip| *skip == Skip::SizesRefused) {
        class_sentence(ErrorClass::BadRequest, false)
    } else if !shapes.is_empty() {
        match shapes.into_iter().find_map(told) {
            Some(sizes) => UserError::new("error-wrong-shape", "E-SHAPE").with("sizes", sizes),
            None => UserError::new("error-shape-kept", "E-SHAPE"),
        }
    } else if any(|skip| *skip == Skip::NoCollage) {
        UserError::new("error-no-collage", "E-COLLAGE")
    } else if any(|skip| *skip == Skip::NoPublicUrl) {
        UserError::new("error-no-public-url", "E-PUBLIC-URL")
    } else if any(|skip| *skip == Skip::WordsOnly) {
        UserError::new("error-clip-words-only", "E-PICTURES")
    } else if any(|skip| *skip == Skip::NoPicture) {
        UserError::new("error-clip-needs-picture", "E-NEEDS-PICTURE")
    } else if any(|skip| *skip == Skip::NoClip) {
        UserError::new("error-no-clip", "E-NO-CLIP")
    } else if any(|skip| *skip == Skip::NoEdit) {
        UserError::new("error-cannot-edit", "E-NO-EDIT")
    } else if let Some((provider, _)) = reasons.iter().find(|(_, skip)| *skip == Skip::EditsOnly) {
        // Whether it was named or stands in a chain: a picture is what helps.
        UserError::new("error-edits-only", "E-NO-DRAW").with("provider", provider.clone())
    } else {
        UserError::new("error-no-provider", "E-NO-PROVIDER")
    }
}

/// The shapes that a provider can be asked for, as people write them; `None` where there are none.
fn told(shapes: &Shapes) -> Option<String> {
    let all = |list: &[(u32, u32)], between: char| {
        let each: Vec<_> = list.iter().map(|(width, height)| format!("{width}{between}{height}")).collect();
        each.join(" / ")
    };
    match shapes {
        Shapes::Sizes(list) => Some(all(list, 'x')),
        Shapes::Ratios(list) => Some(all(list, ':')),
        Shapes::UpTo(most) => Some(format!("1:{most} – {most}:1")),
        Shapes::Any | Shapes::Kept => None,
    }
}

/// The sentence for a broken machine; the owner finds the story in the log.
pub fn store_sentence(error: &StoreError) -> UserError {
    tracing::error!(%error, code = "E-STORE", "the store failed");
    UserError::new("error-storage", "E-STORE")
}

/// The sentence for a full queue.
pub fn queue_sentence(full: QueueFull) -> UserError {
    match full {
        QueueFull::Overall => UserError::new("error-queue-full", "E-QUEUE"),
        QueueFull::Chat { max } => UserError::new("error-chat-busy", "E-QUEUE-CHAT").with("max", max as u64),
        QueueFull::User { max } => UserError::new("error-user-busy", "E-QUEUE-USER").with("max", max as u64),
        QueueFull::Clip => UserError::new("error-clip-busy", "E-CLIP-BUSY"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::i18n::{Args, Locale, Texts};

    #[test]
    fn who_only_edits_is_named_with_what_to_do() {
        let sentence = skip_sentence(&[("own".to_owned(), Skip::EditsOnly)]);
        assert_eq!((sentence.key, sentence.code), ("error-edits-only", "E-NO-DRAW"));
        let texts = Texts::new();
        for (locale, parts) in [
            (Locale::ZhCn, ["“own”", "附上图片", "不加 @own"]),
            (Locale::EnUs, ["“own”", "Send a picture", "without @own"]),
        ] {
            let args = Args::new().with("provider", "own").with("code", "E-NO-DRAW");
            let text = texts.get(locale, sentence.key, &args);
            assert!(parts.iter().all(|part| text.contains(part)), "{text}");
        }
        assert_eq!(skip_sentence(&[("a".to_owned(), Skip::SizesRefused)]).code, "E-REQUEST");
        // What more can be done about comes first.
        let resting = ("b".to_owned(), Skip::CircuitOpen);
        assert_eq!(skip_sentence(&[("own".to_owned(), Skip::EditsOnly), resting]).code, "E-OVERLOAD");
    }

    #[test]
    fn a_quotation_ends_with_one_mark() {
        #[track_caller]
        fn check(said: &str, chinese: &str) {
            let mut error = crate::error::ProviderError::new("a", ErrorClass::Empty, "");
            error.said = said.to_owned();
            let failure = ChainFailure::Provider(Box::new(error));
            let (sentence, _) = chain_sentence(&failure, Duration::ZERO, false);
            let [(_, crate::error::Arg::Text(said))] = &sentence.unwrap().args[..] else {
                panic!("what it said")
            };
            let args = Args::new().with("said", said.clone()).with("code", "E-EMPTY");
            let text = Texts::new().get(Locale::ZhCn, "error-moderation-said", &args);
            assert!(text.contains(&format!("它说：“{chinese}”换个说法")), "{text}");
        }
        check("抱歉，我不能画这个。", "抱歉，我不能画这个。");
        check("抱歉，我不能画这个", "抱歉，我不能画这个。");
        check("真的要画吗？", "真的要画吗？");
        check("I can't draw that.", "I can't draw that.");
        check("I can't draw that", "I can't draw that.");
    }

    #[test]
    fn a_wrong_address_is_not_called_a_missing_model() {
        #[track_caller]
        fn check(missing: Option<Missing>, key: &str) {
            let mut error = crate::error::ProviderError::new("a", ErrorClass::NotFound, "");
            error.missing = missing;
            let failure = ChainFailure::Provider(Box::new(error));
            let (sentence, _) = chain_sentence(&failure, Duration::ZERO, false);
            assert_eq!(
                sentence,
                Some(UserError::new(
                    if key == "address" { "error-wrong-address" } else { "error-not-found" },
                    "E-MODEL"
                ))
            );
        }
        check(Some(Missing::Address), "address");
        check(Some(Missing::Model), "model");
        check(None, "model");
        // Whether it was the model or the address is not remembered while it is left out.
        let skipped = skip_sentence(&[("a".to_owned(), Skip::NotFound)]);
        assert_eq!(skipped, UserError::new("error-not-found-lately", "E-MODEL"));
    }

    #[test]
    fn a_shape_that_nobody_draws_is_answered_with_those_that_there_are() {
        #[track_caller]
        fn check(shapes: &[Shapes], expected: &str) {
            let skipped = |shapes: &Shapes| ("a".to_owned(), Skip::WrongShape { shapes: shapes.clone() });
            let reasons: Vec<_> = shapes.iter().map(skipped).collect();
            let sentence = UserError::new("error-wrong-shape", "E-SHAPE").with("sizes", expected.to_owned());
            assert_eq!(skip_sentence(&reasons), sentence);
        }
        let sizes = Shapes::Sizes(vec![(1024, 1024), (1536, 1024)].into());
        check(std::slice::from_ref(&sizes), "1024x1024 / 1536x1024");
        check(&[Shapes::Kept, sizes], "1024x1024 / 1536x1024");
        check(&[Shapes::Ratios(vec![(1, 1), (16, 9)].into())], "1:1 / 16:9");
        check(&[Shapes::UpTo(3)], "1:3 – 3:1");
        let kept = skip_sentence(&[("a".to_owned(), Skip::WrongShape { shapes: Shapes::Kept })]);
        assert_eq!(kept, UserError::new("error-shape-kept", "E-SHAPE"));
    }

    #[test]
    fn what_may_have_been_charged_is_said_once_in_every_language() {
        let texts = Texts::new();
        for (locale, word) in [(Locale::ZhCn, "可能已经扣费"), (Locale::EnUs, "may have been charged")]
        {
            let says = |key: &str| texts.get(locale, key, &Args::new()).contains(word);
            for (key, free) in TELL_OF_CHARGES {
                assert!(says(key) && !says(free), "{key}");
            }
            assert!(says("note-maybe-charged"));
        }
        let key = |key, charged| charge_note(&UserError::new(key, "E-X"), charged).map(|note| note.key);
        assert_eq!(key("error-quota", Charged::Maybe), Some("note-maybe-charged"));
        assert_eq!(key("error-quota", Charged::No), None);
        assert_eq!(key("error-unanswered", Charged::Maybe), None);
    }
}
