//! The judgement as tables: what was found → level and text of each finding.

use easel_core::{i18n::Locale, ports::Shapes};
use easel_providers::Kind;

use super::*;
use crate::cli::{
    check::{Level, services::Origin},
    speech::Speech,
};

const TRAITS: Traits<'_> = Traits {
    name: "main",
    origin: Origin::Section,
    kind: Kind::OpenAiImages,
    model: "gpt-image-2",
    needs: Needs { draw: true, edit: true },
    generates: true,
    edits: true,
    clips: false,
    streaming: Streaming::No,
    full_url: false,
    max_tier: None,
    shapes: &Shapes::Any,
    profile: "",
    profile_streams: false,
    has_extra: false,
    extra_streams: false,
};

fn today() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 11, 20).unwrap()
}

fn failed(class: ErrorClass) -> Tried {
    Tried::Failed(Failed { class, status: 404, detail: String::new(), missing: None })
}

/// Not found, and the service says what is not there.
fn lacks(missing: Missing) -> Tried {
    let class = ErrorClass::NotFound;
    Tried::Failed(Failed { class, status: 404, detail: String::new(), missing: Some(missing) })
}

fn made() -> Tried {
    made_as(Stream::Unasked)
}

fn made_as(stream: Stream) -> Tried {
    Tried::Made { size: ASKED, seconds: 3, corrected: 0, stream }
}

fn names(findings: &[Finding]) -> Vec<(Level, &str)> {
    findings
        .iter()
        .map(|finding| {
            let name = finding.text.key.trim_start_matches("check-probe-").trim_start_matches("check-");
            (finding.level, name)
        })
        .collect()
}

/// Takes the steps as a probe would, each ending as told, and judges.
#[track_caller]
fn check(traits: Traits<'_>, ends: &[(Step, Tried)], expected: &[(Level, &str)]) {
    let mut found = Paid::default();
    for step in STEPS.into_iter().filter(|step| ends.iter().any(|(told, _)| told == step)) {
        assert!(is_due(step, &traits, &found), "{step:?} is not due");
        found.add(step, ends.iter().find(|(told, _)| *told == step).unwrap().1.clone());
    }
    for step in STEPS.into_iter().filter(|step| found.of(*step).is_none()) {
        assert!(!is_due(step, &traits, &found), "{step:?} is due");
    }
    assert_eq!(names(&paid(&traits, &Free::default(), &found)), expected);
}

#[test]
fn what_is_drawn_is_judged() {
    use ErrorClass::{Auth, BadRequest, Empty, NotFound};
    use Level::{Bad, Good, Remark};
    use Step::{Draw, DrawElsewhere, DrawUnstreamed, Edit, EditElsewhere};
    let good = [(Good, "draws"), (Good, "stream-none"), (Good, "size"), (Good, "edits")];
    check(TRAITS, &[(Draw, made()), (Edit, made())], &good);
    check(TRAITS, &[(Draw, failed(Auth))], &[(Bad, "failed")]);
    // The classic: the check of the chat route says yes, pictures are 404.
    let classic = [(Draw, failed(NotFound)), (DrawElsewhere, made())];
    check(TRAITS, &classic, &[(Bad, "twin-draws")]);
    let words = [(Draw, failed(NotFound)), (DrawElsewhere, failed(Empty))];
    check(TRAITS, &words, &[(Bad, "twin-answers")]);
    let neither = [(Draw, failed(NotFound)), (DrawElsewhere, failed(NotFound))];
    check(TRAITS, &neither, &[(Bad, "failed")]);
    // A model that doesn't chat is a wrong parameter of the chat: nothing that would draw.
    let refused = [(Draw, failed(NotFound)), (DrawElsewhere, failed(BadRequest))];
    check(TRAITS, &refused, &[(Bad, "failed")]);
    // What no other way of asking would mend is not asked in another way.
    for (missing, name) in
        [(Missing::Model, "failed"), (Missing::Right, "no-right"), (Missing::Service, "not-offered")]
    {
        check(TRAITS, &[(Draw, lacks(missing))], &[(Bad, name)]);
    }
    let nowhere = [(Draw, lacks(Missing::Address)), (DrawElsewhere, failed(NotFound))];
    check(TRAITS, &nowhere, &[(Bad, "no-route")]);
    // Edits alone are missing.
    let without = [(Draw, made()), (Edit, failed(NotFound)), (EditElsewhere, failed(NotFound))];
    check(TRAITS, &without, &[(Good, "draws"), (Good, "stream-none"), (Good, "size"), (Bad, "no-edits")]);
    let through_chat = [(Draw, made()), (Edit, failed(NotFound)), (EditElsewhere, made())];
    check(
        TRAITS,
        &through_chat,
        &[(Good, "draws"), (Good, "stream-none"), (Good, "size"), (Bad, "twin-edits")],
    );
    let unneeded = Traits { needs: Needs { draw: true, edit: false }, ..TRAITS };
    check(
        unneeded,
        &without,
        &[(Good, "draws"), (Good, "stream-none"), (Good, "size"), (Remark, "no-edits")],
    );
    // Kinds without a twin, and addresses that are used as they stand, say it plainly.
    check(Traits { kind: Kind::Grok, ..TRAITS }, &[(Draw, failed(NotFound))], &[(Bad, "failed")]);
    check(Traits { full_url: true, ..TRAITS }, &[(Draw, failed(NotFound))], &[(Bad, "failed")]);
    // Streaming.
    let streams = Traits { streaming: Streaming::Configured, edits: false, ..TRAITS };
    check(
        streams,
        &[(Draw, failed(BadRequest)), (DrawUnstreamed, made())],
        &[(Bad, "stream-off"), (Good, "edit-skipped")],
    );
    check(
        streams,
        &[(Draw, made_as(Stream::Came))],
        &[(Good, "draws"), (Good, "streams"), (Good, "size"), (Good, "edit-skipped")],
    );
    // A service that only edits: nothing says that it draws.
    let edits = Traits { generates: false, kind: Kind::SiliconFlow, ..TRAITS };
    check(edits, &[(Edit, made())], &[(Good, "edits")]);
    check(edits, &[(Edit, lacks(Missing::Model))], &[(Bad, "failed")]);
    check(edits, &[(Edit, failed(NotFound))], &[(Bad, "failed")]);
    // Its model, or the account's right to it, is what an edit may lack as well.
    let drawn = [(Good, "draws"), (Good, "stream-none"), (Good, "size")];
    for (missing, name) in [(Missing::Model, "failed"), (Missing::Right, "no-right")] {
        let ends = [(Draw, made()), (Edit, lacks(missing))];
        check(TRAITS, &ends, &[&drawn[..], &[(Bad, name)]].concat());
    }
    let shrunk = Tried::Made { size: (512, 512), seconds: 1, corrected: 1, stream: Stream::Unasked };
    check(
        TRAITS,
        &[(Draw, shrunk), (Edit, made())],
        &[(Good, "draws"), (Good, "stream-none"), (Good, "corrected"), (Good, "size-other"), (Good, "edits")],
    );
}

#[test]
fn a_stream_is_judged_from_the_picture_that_is_drawn_anyway() {
    use ErrorClass::{Auth, BadRequest, NotFound, Overload, Unanswered};
    use Level::{Bad, Good};
    use Step::{Draw, DrawElsewhere, DrawUnstreamed, Edit};
    let possible = Traits { streaming: Streaming::Possible, ..TRAITS };
    for (stream, name) in [
        (Stream::Came, "stream-possible"),
        (Stream::Whole, "stream-whole"),
        (Stream::Refused, "stream-refused"),
    ] {
        check(
            possible,
            &[(Draw, made_as(stream)), (Edit, made())],
            &[(Good, "draws"), (Good, name), (Good, "size"), (Good, "edits")],
        );
    }
    // Where only the stream fails, what people ask for works.
    for class in [BadRequest, Overload, Unanswered] {
        check(
            possible,
            &[(Draw, failed(class)), (DrawUnstreamed, made()), (Edit, made())],
            &[(Good, "draws"), (Good, "stream-fails"), (Good, "size"), (Good, "edits")],
        );
    }
    check(possible, &[(Draw, failed(Overload)), (DrawUnstreamed, failed(Overload))], &[(Bad, "failed")]);
    // A key, a route: nothing that streaming has to do with.
    check(possible, &[(Draw, failed(Auth))], &[(Bad, "failed")]);
    check(possible, &[(Draw, failed(NotFound)), (DrawElsewhere, made())], &[(Bad, "twin-draws")]);
}

#[test]
fn streams_are_tried_where_they_are_known() {
    for (kind, model, expected) in [
        (Kind::OpenAiImages, "gpt-image-2", Streaming::Possible),
        (Kind::OpenAiImages, "openai/GPT-Image-1.5", Streaming::Possible),
        (Kind::OpenAiImages, "dall-e-3", Streaming::No),
        (Kind::OpenAiImages, "flux-1-dev", Streaming::No),
        (Kind::OpenAiChat, "any", Streaming::Possible),
        (Kind::GeminiNative, "", Streaming::Possible),
        (Kind::Ark, "doubao-seedream-4", Streaming::No),
    ] {
        assert_eq!(streaming(kind, model), expected, "{kind:?} {model}");
    }
}

#[test]
fn what_a_pair_cannot_say_is_told_as_variables() {
    let from_there = Traits { name: "openai", origin: Origin::Environment("OPENAI"), ..TRAITS };
    assert_eq!(
        from_there.variables(&[("kind", "openai_chat")]),
        "EASEL__PROVIDERS__OPENAI__BASE_URL=\"$OPENAI_BASE_URL\" EASEL__PROVIDERS__OPENAI__API_KEYS=\"$OPENAI_API_KEY\" \
         EASEL__PROVIDERS__OPENAI__MODEL=\"gpt-image-2\" EASEL__PROVIDERS__OPENAI__KIND=\"openai_chat\" \
         EASEL__DRAW__PROVIDER=\"openai\""
    );
    assert_eq!(TRAITS.variables(&[("kind", "openai_chat")]), "");
    // What edits only as the twin keeps drawing as it does.
    says(
        &from_there.with_twin("check-probe-twin-edits"),
        "EASEL__PROVIDERS__OPENAI__KIND=\"openai_images\" EASEL__PROVIDERS__OPENAI__BASE_URL=\"$OPENAI_BASE_URL\" \
         EASEL__PROVIDERS__OPENAI__API_KEYS=\"$OPENAI_API_KEY\" EASEL__PROVIDERS__OPENAI__MODEL=\"gpt-image-2\" \
         EASEL__PROVIDERS__OPENAI_EDIT__BASE_URL=\"$OPENAI_BASE_URL\" \
         EASEL__PROVIDERS__OPENAI_EDIT__API_KEYS=\"$OPENAI_API_KEY\" \
         EASEL__PROVIDERS__OPENAI_EDIT__MODEL=\"gpt-image-2\" EASEL__PROVIDERS__OPENAI_EDIT__KIND=\"openai_chat\" \
         EASEL__DRAW__PROVIDER=\"openai\" EASEL__EDIT__PROVIDER=\"openai_edit\"",
    );
}

#[track_caller]
fn says(text: &ProblemText, expected: &str) {
    let mend = ProblemText { key: format!("{}-mend", text.key), ..text.clone() };
    let told = Speech::new(Locale::EnUs).say(&mend);
    assert!(told.contains(expected), "{expected:?} is not in: {told}");
}

#[test]
fn what_is_proposed_is_a_configuration_that_starts() {
    let drawn = |traits: Traits<'_>| traits.as_twin("check-probe-twin-draws");
    says(&drawn(TRAITS), "[providers.main]: kind = \"openai_chat\"");
    assert!(!Speech::new(Locale::EnUs).say(&drawn(TRAITS)).contains("take"));
    let profiled = Traits { profile: "gate", ..TRAITS };
    says(&drawn(profiled), "take profile = \"gate\" out there");
    says(&drawn(Traits { has_extra: true, ..TRAITS }), "take extra out there");
    says(&drawn(Traits { has_extra: true, ..profiled }), "take profile = \"gate\" and extra out there");
    let words = Traits { has_extra: true, ..profiled }.as_twin("check-probe-twin-answers");
    says(&words, "Take profile = \"gate\" and extra out there");
    // Editing as the twin does not make drawing as the twin work.
    let edited = profiled.with_twin("check-probe-twin-edits");
    says(&edited, "Leave [providers.main] as it is");
    says(&edited, "[providers.main_edit] with kind = \"openai_chat\" and without profile");
    says(&edited, "in [edit]: provider = \"main_edit\"");
}

#[test]
fn streams_are_switched_where_they_are_wished() {
    let off = |profile_streams, extra_streams| {
        let traits = Traits { profile: "gate", profile_streams, extra_streams, ..TRAITS };
        traits.of_stream("check-probe-stream-off")
    };
    says(&off(false, true), "Take stream (and partial_images) out of [providers.main] extra");
    says(&off(true, false), "[profiles.gate]: streaming = false");
    says(&off(true, true), "streaming = false — and take stream");
    let possible = |has_extra| {
        let text = Traits { has_extra, ..TRAITS }.of_stream("check-probe-stream-possible");
        Speech::new(Locale::EnUs).say(&text)
    };
    assert!(possible(false).ends_with("[providers.main]: extra = { stream = true }"), "{}", possible(false));
    assert!(possible(true).contains("extra = { …, stream = true }"), "{}", possible(true));
}

#[test]
fn known_sizes_are_told() {
    let told = |traits: Traits<'_>| Speech::new(Locale::EnUs).say(&traits.of_sizes());
    assert!(told(TRAITS).contains("no bounds"));
    assert!(told(Traits { max_tier: Some(4), ..TRAITS }).contains("up to 4K"));
    for (shapes, max_tier, expected) in [
        (
            Shapes::Sizes([(1024, 1024), (768, 1024)].to_vec().into()),
            Some(1),
            "only 1024×1024, 768×1024; the nearest one is asked for.",
        ),
        (Shapes::Kept, Some(1), "no shape can be wished for"),
        (Shapes::Kept, None, "no shape can be wished for"),
        (Shapes::Ratios([(1, 1), (16, 9)].to_vec().into()), None, "of the shapes 1:1, 16:9."),
        (Shapes::Ratios([(1, 1), (16, 9)].to_vec().into()), Some(2), "of the shapes 1:1, 16:9, up to 2K."),
        (Shapes::UpTo(4), Some(4), "any shape between 1:4 and 4:1, up to 4K."),
    ] {
        let text = told(Traits { shapes: &shapes, max_tier, ..TRAITS });
        assert!(text.contains(expected), "{text}");
    }
}

/// A list with a good model in it says nothing about what else may be missing.
#[test]
fn another_model_is_proposed_only_where_the_model_is_missing() {
    #[track_caller]
    fn check(model: &str, missing: Option<Missing>, expected: &str) {
        let models = ["gpt-5", "gpt-image-2"].map(str::to_owned).to_vec();
        let free = Free { models: Some(models), ..Free::default() };
        let failed = Failed { class: ErrorClass::NotFound, status: 404, detail: String::new(), missing };
        let text = failure(&Traits { model, ..TRAITS }, &free, "draw", &failed);
        assert_eq!(text.key, expected, "{model} {missing:?}");
    }
    check("dall-e-3", Some(Missing::Model), "check-probe-model-gone");
    check("dall-e-3", None, "check-probe-model-gone");
    check("dall-e-3", Some(Missing::Address), "check-probe-no-route");
    check("dall-e-3", Some(Missing::Right), "check-probe-no-right");
    check("dall-e-3", Some(Missing::Service), "check-probe-not-offered");
    check("gpt-5", None, "check-probe-failed");
    check("gpt-5", Some(Missing::Model), "check-probe-model-gone");
}

fn key(state: KeyState) -> KeyFact {
    KeyFact { fingerprint: "00000001".to_owned(), account: String::new(), state, balance: None }
}

fn refused(class: ErrorClass) -> KeyState {
    KeyState::Failed(Failed { class, status: 401, detail: String::new(), missing: None })
}

#[track_caller]
fn check_free(traits: Traits<'_>, known: &Free, expected: &[(Level, &str)]) {
    assert_eq!(names(&free(&traits, known, today())), expected);
}

#[test]
fn what_is_free_is_judged() {
    use Level::{Bad, Good, Remark};
    let listed = |models: &[&str]| Some(models.iter().map(|model| (*model).to_owned()).collect::<Vec<_>>());
    let with = |keys: Vec<KeyFact>, models| Free { keys, models, ..Free::default() };
    check_free(
        TRAITS,
        &with(vec![key(KeyState::Good)], listed(&["GPT-image-2"])),
        &[(Good, "reached"), (Good, "key-good"), (Good, "model-listed"), (Good, "sizes")],
    );
    let one_of_two = vec![key(refused(ErrorClass::Auth)), key(KeyState::Unproven)];
    check_free(
        TRAITS,
        &with(one_of_two, None),
        &[
            (Good, "reached"),
            (Remark, "key-refused"),
            (Good, "key-unproven"),
            (Good, "no-list"),
            (Good, "sizes"),
        ],
    );
    check_free(
        TRAITS,
        &with(vec![key(refused(ErrorClass::Auth))], None),
        &[(Good, "reached"), (Bad, "key-refused"), (Good, "no-list"), (Good, "sizes")],
    );
    check_free(
        TRAITS,
        &with(vec![key(refused(ErrorClass::Quota))], listed(&["gpt-5"])),
        &[(Good, "reached"), (Bad, "key-empty"), (Remark, "model-missing-alone"), (Good, "sizes")],
    );
    check_free(
        Traits { model: "gpt-image-1", ..TRAITS },
        &with(Vec::new(), listed(&["gpt-image-2"])),
        &[(Good, "reached"), (Remark, "model-missing"), (Remark, "model-retired"), (Good, "sizes")],
    );
    let gone = Free { unreached: Some("nobody".to_owned()), ..Free::default() };
    check_free(TRAITS, &gone, &[(Bad, "provider-unreached")]);
    let clips = Traits { clips: true, generates: false, edits: false, model: "", ..TRAITS };
    check_free(clips, &Free::default(), &[(Good, "reached"), (Good, "clips")]);
    let shut = Free { without_key: Some(refused(ErrorClass::Auth)), ..Free::default() };
    check_free(
        Traits { model: "", ..TRAITS },
        &shut,
        &[(Good, "reached"), (Bad, "refused-without"), (Good, "sizes")],
    );
}

#[test]
fn balances_are_told_with_their_keys() {
    for (left, expected) in [
        (Some(2.5), (Level::Good, "balance")),
        (Some(0.0), (Level::Remark, "balance-empty")),
        (None, (Level::Good, "balance-open")),
    ] {
        let mut fact = key(KeyState::Good);
        fact.balance = Some(Balance { left, used: Some(1.0), unit: "USD" });
        let found = of_key(&TRAITS, &fact, true);
        assert_eq!(names(&found), [(Level::Good, "key-good"), expected]);
    }
    for (number, text) in [(74.5, "74.50"), (100.0, "100"), (0.125, "0.12")] {
        assert_eq!(amount(number), text);
    }
}

#[test]
fn findings_are_put_together_as_the_language_does() {
    let said = |status, detail: &str| {
        let failed = Failed { class: ErrorClass::Auth, status, detail: detail.to_owned(), missing: None };
        let fact = KeyFact { account: "work".to_owned(), ..key(KeyState::Failed(failed)) };
        let found = of_key(&TRAITS, &fact, true);
        [Locale::ZhCn, Locale::EnUs].map(|locale| Speech::new(locale).say(&found[0].text))
    };
    assert_eq!(
        said(401, "no such key"),
        [
            "密钥 00000001（work）被拒（HTTP 401）：no such key",
            "The key 00000001 (work) is refused (HTTP 401): no such key"
        ]
    );
    let good = of_key(&TRAITS, &key(KeyState::Good), true);
    let good = [Locale::ZhCn, Locale::EnUs].map(|locale| Speech::new(locale).say(&good[0].text));
    assert_eq!(good, ["密钥 00000001 可用。", "The key 00000001 works."]);
    assert_eq!(said(0, ""), ["密钥 00000001（work）被拒。", "The key 00000001 (work) is refused."]);
    let missing =
        Failed { class: ErrorClass::NotFound, status: 404, detail: "gone".to_owned(), missing: None };
    let found = Paid(vec![(Step::Draw, Tried::Failed(missing)), (Step::DrawElsewhere, made())]);
    let [finding] = &paid(&TRAITS, &Free::default(), &found)[..] else { panic!("one finding") };
    let chinese = Speech::new(Locale::ZhCn).say(&finding.text);
    assert_eq!(chinese, "这家没有 openai_images 的画图接口（HTTP 404），但用 openai_chat 可以画。");
    assert!(!chinese.contains([':', '(', ',']), "{chinese}");
}

#[test]
fn the_model_to_write_is_one_that_is_offered() {
    #[track_caller]
    fn check(model: &str, models: Option<&[&str]>, expected: Option<&str>) {
        let models = models.map(|models| models.iter().map(|model| (*model).to_owned()).collect());
        let free = Free { models, ..Free::default() };
        assert_eq!(suggestion(&Traits { model, ..TRAITS }, &free).as_deref(), expected, "{model}");
    }
    check("gpt-image-1", None, Some("gpt-image-2"));
    check("gpt-image-1", Some(&["gpt-5", "gpt-image-2"]), Some("gpt-image-2"));
    check("google/gemini-3-pro-image-preview", None, Some("google/gemini-3-pro-image"));
    check("gpt-imge-2", Some(&["gpt-5", "gpt-image-2"]), Some("gpt-image-2"));
    check("unknown", Some(&["gpt-5", "seedream-4"]), Some("seedream-4"));
    check("unknown", Some(&["gpt-5"]), None);
    check("unknown", None, None);
}
