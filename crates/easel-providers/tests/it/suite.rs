//! What every wire must do, whatever it looks like: one test per property, each over all registered wires.
//!
//! A wire is registered in [`wires`] with a description ([`Wire`]) that stands in its own file of tests. The fake
//! answers with real pictures over real sockets.

mod bench;
mod questions;
pub(crate) mod wire;

use std::{collections::HashSet, time::Duration};

use bytes::Bytes;
use easel_core::{
    error::{Charged, ErrorClass, ProviderError, Retry},
    ids::JobId,
    media::PictureFormat,
    ports::{GenerateRequest, Output, Unfit},
};
use easel_providers::Kind;
use easel_testkit::{
    pictures,
    provider::{Answer, FakeProvider},
};
use tokio::{task::JoinSet, time::Instant};

pub(crate) use bench::{Bench, KEY, call_context, shown};
pub(crate) use wire::{Case, Shown, Wire, case, openai_echoes, openai_failures};

/// All wires that have to pass.
fn wires() -> Vec<Wire> {
    vec![
        crate::ark::wire(),
        crate::ark_video::wire(),
        crate::chat_video::wire(),
        crate::comfyui::wire(),
        crate::dashscope::tasks(),
        crate::dashscope::wire(),
        crate::gemini_native::wire(),
        crate::gemini_openai::wire(),
        crate::gitee::wire(),
        crate::gitee_async::wire(),
        crate::grok::wire(),
        crate::grok_video::wire(),
        crate::jimeng::aggregator(),
        crate::jimeng::free_api(),
        crate::localai::wire(),
        crate::modelscope::wire(),
        crate::openai_chat::wire(),
        crate::openai_images::wire(),
        crate::openai_video::wire(),
        crate::openrouter_images::wire(),
        crate::openrouter_video::wire(),
        crate::sd_cpp::wire(),
        crate::sdwebui::wire(),
        crate::siliconflow::wire(),
        crate::siliconflow_video::wire(),
    ]
}

/// A prompt full of words that mean something in an error.
const HOSTILE: &str = "insufficient_quota content_policy_violation \"invalid_api_key\" 敏感词\nIncorrect API key provided, \
    余额不足, model_not_found, violates our content policy, safety system, unknown parameter: 'size' 一只很私密的猫";

/// Runs a check for all wires at once, so that one wire's pauses don't add to another's.
async fn each<F: Future<Output = ()> + Send + 'static>(check: impl Fn(Wire) -> F) {
    let mut running = JoinSet::new();
    for wire in wires() {
        running.spawn(check(wire));
    }
    while let Some(done) = running.join_next().await {
        done.unwrap();
    }
}

/// A result of the wire's kind; another `seed` is another one.
fn result(wire: &Wire, seed: u64) -> Bytes {
    if wire.clips { clip(seed) } else { pictures::png(64, 64, seed) }
}

/// The beginning of an MP4 file, as far as anybody looks, and noise behind it.
pub(crate) fn clip(seed: u64) -> Bytes {
    let mut bytes = b"\0\0\0\x20ftypisom\0\0\x02\0isomiso2avc1mp41".to_vec();
    bytes.extend_from_slice(&pictures::png_of_length(20_000, seed));
    bytes.into()
}

/// A result in each way that the wire has.
fn ways(bench: &Bench, result: &Bytes) -> Vec<Shown> {
    let name = if bench.wire.clips { ".mp4" } else { ".png" };
    let link = || Shown::Link(bench.peer.host(name, hosted(result)));
    let inline = bench.wire.inline.then(|| Shown::Inline(result.clone()));
    inline.into_iter().chain(bench.wire.links.then(link)).collect()
}

fn hosted(bytes: &Bytes) -> Answer {
    Answer::raw(200, "application/octet-stream", bytes.clone())
}

#[test]
fn every_wire_is_registered_and_described() {
    use ErrorClass::{Auth, BadRequest, NotFound, Overload, Quota, Rate};
    let wires = wires();
    let names: HashSet<_> = wires.iter().map(|wire| wire.kind).collect();
    for kind in Kind::ALL.iter().filter(|kind| kind.is_remote()) {
        assert!(names.contains(kind.name()), "{} does not pass through the suite", kind.name());
    }
    for wire in wires {
        assert!(wire.inline || wire.links, "{}: results have no way", wire.kind);
        assert!(!wire.empty.is_empty(), "{}", wire.kind);
        let unjudged = wire.lacks.iter().any(|(class, _)| *class == ErrorClass::ModerationInput);
        assert!(
            wire.moderated_input.is_empty() == unjudged,
            "{}: refusals are described, or excused",
            wire.kind
        );
        for class in [Auth, Quota, Rate, Overload, BadRequest, NotFound] {
            let known = wire.failures.iter().any(|case| case.class == class);
            let excused = wire.lacks.iter().any(|(lacking, why)| *lacking == class && !why.is_empty());
            assert!(known != excused, "{}: {class:?} is described once, or excused once", wire.kind);
        }
    }
}

#[tokio::test]
async fn a_success_gives_its_results_once_and_in_order() {
    each(|wire| async move {
        let bench = Bench::new(&wire).await;
        let one = result(&wire, 1);
        for way in ways(&bench, &one) {
            bench.succeeds(std::slice::from_ref(&way));
            let before = (bench.creates().len(), bench.peer.downloads().len());
            let made = bench.ask(&bench.words("一只猫")).await;
            let made = made.unwrap_or_else(|error| panic!("{}, {way:?}: {error}", wire.kind));
            assert_eq!(made, std::slice::from_ref(&one), "{}", wire.kind);
            assert_eq!(bench.creates().len() - before.0, 1, "{}: one request is paid", wire.kind);
            let fetched = bench.peer.downloads().len() - before.1;
            assert_eq!(fetched, usize::from(matches!(way, Shown::Link(_))), "{}", wire.kind);
        }
        let count = bench.provider.capabilities().max_count.min(3);
        let several: Vec<_> = (0..u64::from(count)).map(|nth| result(&wire, 10 + nth)).collect();
        let shown: Vec<_> = several.iter().filter_map(|result| ways(&bench, result).pop()).collect();
        bench.succeeds(&shown);
        let request = GenerateRequest { count, ..bench.words("一只猫") };
        assert_eq!(bench.ask(&request).await.unwrap(), several, "{}", wire.kind);
    })
    .await;
}

#[tokio::test]
async fn the_prompt_and_all_references_arrive() {
    each(|wire| async move {
        let bench = Bench::new(&wire).await;
        let capabilities = bench.provider.capabilities();
        let one = result(&wire, 1);
        bench.succeeds(&ways(&bench, &one)[..1]);
        bench.ask(&bench.words("a very particular cat")).await.unwrap();
        let (query, body) = bench::said(&bench.creates()[0]);
        assert!(
            [&query, &body].iter().any(|said| said.contains("a very particular cat")),
            "{}: {body}",
            wire.kind
        );
        assert!(!body.contains(KEY), "{}: the key is in the body", wire.kind);
        if !capabilities.edit {
            return;
        }
        let given = [
            (PictureFormat::Png, pictures::png(64, 64, 5)),
            (PictureFormat::Jpeg, pictures::jpeg(64, 64, 6)),
            (PictureFormat::Webp, pictures::webp(64, 64, 7)),
        ];
        let given = &given[..capabilities.max_references.min(3)];
        bench.succeeds(&ways(&bench, &one)[..1]);
        bench.ask(&Bench::edit(given)).await.unwrap();
        let all = bench.peer.requests();
        for (format, picture) in given {
            if *format == PictureFormat::Webp && !wire.webp {
                assert!(all.iter().all(|request| !bench::said(request).1.contains("webp")), "{}", wire.kind);
                continue;
            }
            let carried = all.iter().any(|request| bench.carries(request, picture));
            assert!(carried, "{}: the {format:?} reference is missing", wire.kind);
        }
    })
    .await;
}

/// What a wire lets people wish for, it says to its service. What it has no words for, it does not let them wish for.
#[tokio::test]
async fn every_wish_that_is_taken_is_said() {
    let open = Output::default();
    let shape = |width, height| Output { ratio: Some((width, height)), ..open };
    let wishes = [
        Output { tier: Some(2), ..open },
        Output { tier: Some(4), ..open },
        shape(9, 16),
        shape(9, 21),
        Output { size: Some((3840, 2160)), ..open },
    ];
    each(|wire| async move {
        let bench = Bench::new(&wire).await;
        let can = bench.provider.capabilities();
        let one = result(&wire, 1);
        let mut said = Vec::new();
        for output in std::iter::once(open).chain(wishes) {
            let request = GenerateRequest { output, ..bench.words("猫") };
            let given = request.references.iter().map(|given| (given.picture.width, given.picture.height));
            let shape = output.size.or(output.ratio);
            let taken = output.wished_tier() <= can.max_tier.or(Some(4))
                && shape.is_none_or(|shape| can.shapes.meet(shape, given));
            if taken {
                bench.succeeds(&ways(&bench, &one)[..1]);
                bench.ask(&request).await.unwrap();
                said.push((output, bench::said(bench.creates().last().unwrap())));
            }
        }
        let (_, plain) = &said[0];
        for (wish, words) in &said[1..] {
            assert_ne!(words, plain, "{}: nothing is said of {wish:?}", wire.kind);
        }
    })
    .await;
}

/// A wish is neither dropped nor paid for in another size: whoever wishes the same next is sent on, before anything is
/// sent. An owner's default is no wish: without it everybody is drawn for as before.
#[tokio::test]
async fn a_wish_whose_sizes_were_refused_is_left_to_others_and_a_default_is_left_out() {
    let output = Output { ratio: Some((16, 9)), tier: Some(2), size: None };
    let wires =
        [crate::ark::wire(), crate::dashscope::wire(), crate::gitee::wire(), crate::openai_images::wire()];
    for wire in wires {
        let mut bench = Bench::new(&wire).await;
        let wish = GenerateRequest { output, ..bench.words("猫") };
        bench.peer.answers([Answer::invalid_size(), Answer::invalid_size()]);
        for retry in [Retry::Corrected, Retry::NextProvider] {
            assert_eq!(bench.provider.refuses(&wish), None, "{}: something is left to be asked", wire.kind);
            let error = bench.refuses(&wish).await;
            assert_eq!((error.class, error.retry), (ErrorClass::BadRequest, retry), "{}", wire.kind);
        }
        assert_eq!(bench.provider.refuses(&wish), Some(Unfit::SizesRefused), "{}", wire.kind);
        assert_eq!(bench.provider.refuses(&bench.words("猫")), None, "{}: nothing was wished", wire.kind);
        let other = GenerateRequest { output: Output { ratio: Some((1, 1)), ..output }, ..wish.clone() };
        assert_eq!(bench.provider.refuses(&other), None, "{}: that was not refused", wire.kind);
        // The next job wishes nothing, and asks for what the owner's default is.
        bench.cx.job = JobId::generate();
        let one = result(&wire, 1);
        bench.succeeds(&ways(&bench, &one)[..1]);
        assert_eq!(bench.ask(&wish).await.unwrap().len(), 1, "{}", wire.kind);
        let sized: Vec<_> = bench
            .creates()
            .iter()
            .map(|sent| sent.http.json().unwrap().to_string().contains("\"size\":"))
            .collect();
        assert_eq!(sized, [true, true, false], "{}", wire.kind);
    }
}

/// The largest tier, and the shapes of 4:3 and 9:21, with the model of the suite.
#[tokio::test]
async fn what_can_be_wished_for_is_known_of_every_wire() {
    let mut found = Vec::new();
    for wire in wires() {
        let can = Bench::new(&wire).await.provider.capabilities();
        let shapes = [(4, 3), (9, 21)].map(|shape| can.shapes.meet(shape, []));
        found.push((wire.kind, wire.model, can.max_tier, shapes));
    }
    let expected = [
        ("ark", "doubao-seedream-4-0-250828", Some(4), [true, true]),
        ("ark_video", "doubao-seedance-1-5-pro-251215", Some(2), [true, false]),
        ("chat_video", "grok-imagine-0.9", Some(1), [true, true]),
        ("comfyui", "", Some(1), [false, false]),
        ("dashscope", "wan2.2-t2i-flash", Some(1), [true, true]),
        ("dashscope", "qwen-image-3.0", Some(2), [true, true]),
        ("gemini_native", "gemini-3-pro-image", Some(4), [true, false]),
        ("gemini_openai", "gemini-3-pro-image", Some(4), [true, true]),
        ("gitee", "z-image-turbo", Some(2), [true, false]),
        ("gitee_async", "Qwen-Image-Edit-2511", Some(2), [true, true]),
        ("grok", "grok-imagine-image-2.0", Some(2), [true, true]),
        ("grok_video", "grok-imagine-video", Some(2), [true, false]),
        ("jimeng", "Seedream 4.0", Some(1), [true, false]),
        // Its builds end at different sizes.
        ("jimeng", "jimeng-3.0", None, [true, true]),
        ("localai", "flux.1-kontext-dev", Some(2), [true, true]),
        ("modelscope", "Qwen/Qwen-Image", Some(1), [true, true]),
        ("openai_chat", "google/gemini-3-pro-image", Some(4), [true, false]),
        ("openai_images", "gpt-image-2", Some(4), [true, true]),
        ("openai_video", "sora-2", Some(1), [false, false]),
        ("openrouter_images", "openai/gpt-image-2", Some(4), [true, true]),
        ("openrouter_video", "google/veo-3.1", Some(2), [true, true]),
        ("sd_cpp", "sd-cpp-local", Some(2), [true, true]),
        ("sdwebui", "", Some(2), [true, true]),
        ("siliconflow", "Kwai-Kolors/Kolors", Some(1), [false, true]),
        ("siliconflow_video", "Wan-AI/Wan2.2-T2V-A14B", Some(1), [false, false]),
    ];
    assert_eq!(found, expected);
}

/// Runs cases, each of which must end in its class after one paid request.
async fn fail(bench: &Bench, cases: Vec<Case>) {
    for Case { name, answers, class } in cases {
        let kind = bench.wire.kind;
        let (before, steps) = (bench.peer.requests().len(), answers.len());
        bench.peer.answers(answers);
        let error = bench.fails().await;
        assert_eq!(error.class, class, "{kind}, {name}: {error:?}");
        assert_eq!(bench.peer.requests().len() - before, steps, "{kind}, {name}: each answer is read once");
        assert!(!shown(&error).contains("一只猫"), "{kind}, {name}: the prompt is in {error:?}");
        let told = !error.detail.is_empty() || error.status.is_some();
        assert!(told, "{kind}, {name}: nothing is known of it");
    }
}

#[tokio::test]
async fn each_known_failure_has_its_class() {
    each(|wire| async move {
        let bench = Bench::new(&wire).await;
        fail(&bench, wire.failures).await;
    })
    .await;
}

#[tokio::test]
async fn refusals_by_content_are_told_and_never_repeated() {
    each(|wire| async move {
        let bench = Bench::new(&wire).await;
        for Case { name, answers, class } in wire.moderated_input.into_iter().chain(wire.moderated_output) {
            assert!(matches!(class, ErrorClass::ModerationInput | ErrorClass::ModerationOutput), "{name}");
            bench.peer.answers(answers);
            let error = bench.fails().await;
            assert_eq!((error.class, error.retry), (class, Retry::Never), "{}, {name}: {error:?}", wire.kind);
            if class == ErrorClass::ModerationOutput {
                assert_eq!(error.charged, Charged::Maybe, "{}, {name}", wire.kind);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_bare_status_is_understood() {
    use ErrorClass::{Auth, BadRequest, NotFound, Overload, Quota, Rate, TooLarge, Unanswered};
    each(|wire| async move {
        let bench = Bench::new(&wire).await;
        let page = |status| Answer::raw(status, "text/html", format!("<html><title>{status}</title></html>"));
        for (status, class) in [
            (400, BadRequest),
            (401, Auth),
            (402, Quota),
            (403, Auth),
            (404, NotFound),
            (405, NotFound),
            (408, Unanswered),
            (413, TooLarge),
            (422, BadRequest),
            (429, Rate),
            (500, Overload),
            (502, Overload),
            (503, Overload),
            (504, Unanswered),
            (524, Unanswered),
            (529, Overload),
        ] {
            bench.peer.answer(page(status));
            let error = bench.fails().await;
            assert_eq!((error.class, error.status), (class, Some(status)), "{}: {error:?}", wire.kind);
        }
        assert_eq!(bench.creates().len(), 16, "{}: nothing is repeated here", wire.kind);
    })
    .await;
}

#[tokio::test]
async fn an_empty_success_is_empty() {
    each(|wire| async move {
        let bench = Bench::new(&wire).await;
        let placeholder = Shown::Inline(pictures::one_pixel_png());
        let mut all = wire.empty.clone();
        if wire.inline && !wire.clips {
            all.push((wire.success)(&bench.peer, &[placeholder]));
        }
        for answers in all {
            bench.queue(answers);
            let error = bench.fails().await;
            // A task that ended without a result is not ordered a second time, a clip from nobody.
            let retry = match (wire.tasks, wire.clips) {
                (true, true) => Retry::Never,
                (true, false) => Retry::NextProvider,
                (false, _) => Retry::SameKey,
            };
            let expected = (ErrorClass::Empty, retry, Charged::Maybe);
            assert_eq!((error.class, error.retry, error.charged), expected, "{}: {error:?}", wire.kind);
        }
    })
    .await;
}

#[track_caller]
fn is_lost(bench: &Bench, what: &str, error: &ProviderError) {
    let expected = (ErrorClass::ResultLost, Retry::Never, Charged::Maybe);
    assert_eq!((error.class, error.retry, error.charged), expected, "{}, {what}: {error:?}", bench.wire.kind);
}

#[tokio::test]
async fn a_result_of_the_wrong_type_is_lost() {
    each(|wire| async move {
        let bench = Bench::new(&wire).await;
        let other = if wire.clips { pictures::png(64, 64, 1) } else { clip(1) };
        for (what, bytes) in [("html", pictures::html()), ("svg", pictures::svg()), ("other", other)] {
            for way in ways(&bench, &bytes) {
                bench.succeeds(&[way]);
                is_lost(&bench, what, &bench.fails().await);
            }
        }
        assert_eq!(bench.creates().len(), 3 * ways(&bench, &pictures::svg()).len(), "{}", wire.kind);
    })
    .await;
}

#[tokio::test]
async fn a_web_page_instead_of_an_api_speaks_against_the_address() {
    each(|wire| async move {
        let bench = Bench::new(&wire).await;
        bench.peer.answer(Answer::html());
        assert_eq!(bench.fails().await.class, ErrorClass::NotFound, "{}", wire.kind);
    })
    .await;
}

#[tokio::test]
async fn an_expired_link_is_fetched_again_and_never_drawn_again() {
    let mut running = JoinSet::new();
    for wire in wires().into_iter().filter(|wire| wire.links) {
        for status in [403, 404, 410] {
            let wire = wire.clone();
            running.spawn(async move {
                let bench = Bench::new(&wire).await;
                let name = if wire.clips { ".mp4" } else { ".png" };
                let link = bench.peer.host(name, Answer::raw(status, "application/xml", "<Error/>"));
                bench.succeeds(&[Shown::Link(link)]);
                let error = bench.fails().await;
                is_lost(&bench, "expired", &error);
                assert_eq!(error.status, Some(status), "{}", wire.kind);
                let counts = (bench.creates().len(), bench.peer.downloads().len());
                // A task is asked once for a fresh link.
                let downloads = if wire.tasks { 6 } else { 3 };
                assert_eq!(counts, (1, downloads), "{}: only the download is repeated", wire.kind);
            });
        }
    }
    while let Some(done) = running.join_next().await {
        done.unwrap();
    }
}

#[tokio::test]
async fn a_success_that_breaks_off_is_lost() {
    each(|wire| async move {
        let bench = Bench::new(&wire).await;
        let large = if wire.clips { clip(1) } else { pictures::png_of_length(200_000, 1) };
        let cuts: [fn(Answer) -> Answer; 2] = [Answer::cut, Answer::cut_chunked];
        for cut in cuts {
            if wire.inline {
                let mut answers = (wire.success)(&bench.peer, &[Shown::Inline(large.clone())]);
                let last = answers.pop().unwrap();
                bench.peer.answers(answers.into_iter().chain([cut(last)]));
                is_lost(&bench, "answer", &bench.fails().await);
            }
            if wire.links {
                let link = bench.peer.host(".png", cut(hosted(&large)));
                bench.succeeds(&[Shown::Link(link)]);
                is_lost(&bench, "download", &bench.fails().await);
            }
        }
        let expected = 2 * (usize::from(wire.inline) + usize::from(wire.links));
        assert_eq!(bench.creates().len(), expected, "{}", wire.kind);
    })
    .await;
}

#[tokio::test]
async fn a_request_that_was_sent_and_not_answered_may_be_paid() {
    each(|wire| async move {
        let mut bench = Bench::new(&wire).await;
        let expected = (ErrorClass::Unanswered, Charged::Maybe);
        bench.peer.answer(Answer::reset());
        let error = bench.fails().await;
        assert_eq!((error.class, error.charged), expected, "{}: {error:?}", wire.kind);
        bench.peer.answer(Answer::hangs());
        bench.cx.deadline = Instant::now() + Duration::from_millis(300);
        let error = bench.fails().await;
        assert_eq!((error.class, error.charged), expected, "{}: {error:?}", wire.kind);
        assert_eq!(bench.creates().len(), 2, "{}: a call is sent once", wire.kind);
    })
    .await;
}

#[tokio::test]
async fn a_slow_answer_is_awaited() {
    each(|wire| async move {
        let bench = Bench::new(&wire).await;
        let one = result(&wire, 1);
        let mut answers = (wire.success)(&bench.peer, &ways(&bench, &one)[..1]).into_iter();
        bench.peer.answer(answers.next().unwrap().held());
        bench.peer.answers(answers);
        let request = bench.words("一只猫");
        let (made, ()) = tokio::join!(bench.ask(&request), async {
            bench.peer.next_request().await;
            bench.peer.release();
        });
        assert_eq!(made.unwrap(), [one], "{}", wire.kind);
    })
    .await;
}

#[tokio::test]
async fn cancelling_hangs_up() {
    each(|wire| async move {
        let bench = Bench::new(&wire).await;
        bench.peer.answer(Answer::hangs());
        let request = bench.words("一只猫");
        let (made, ()) = tokio::join!(bench.ask(&request), async {
            bench.peer.next_request().await;
            bench.cx.cancel.cancel();
        });
        assert_eq!(made.unwrap_err().charged, Charged::Maybe, "{}", wire.kind);
        bench.peer.next_hang_up().await;
    })
    .await;
}

#[tokio::test]
async fn what_was_never_sent_is_not_paid() {
    each(|wire| async move {
        let peer = FakeProvider::start().await;
        let bench = Bench::at(&wire, peer, &format!("http://127.0.0.1:1{}", wire.base));
        let error = bench.fails().await;
        let expected = (ErrorClass::Overload, Retry::SameKey, Charged::No);
        assert_eq!((error.class, error.retry, error.charged), expected, "{}: {error:?}", wire.kind);
    })
    .await;
}

#[tokio::test]
async fn an_error_that_echoes_a_hostile_prompt_is_not_swayed_and_tells_nothing() {
    each(|wire| async move {
        // The owner may have hidden a secret in the address as well.
        let peer = FakeProvider::start().await;
        let base = format!("{}/tenant-addresspass{}", peer.origin(), wire.base);
        let bench = Bench::at(&wire, peer, &base);
        let text = format!("Cannot draw {HOSTILE} with {KEY} at {}/x?key={KEY} today", bench.address);
        let cases = (wire.echoes)(&text);
        assert!(!cases.is_empty(), "{}: no error text is described", wire.kind);
        for Case { name, answers, class } in cases {
            bench.peer.answers(answers);
            let error = bench.refuses(&bench.words(HOSTILE)).await;
            assert_eq!(error.class, class, "{}, {name}: the prompt sways the class: {error:?}", wire.kind);
            assert!(!error.suspended, "{}, {name}", wire.kind);
            let (said, all) = (error.said.clone(), shown(&error));
            for secret in ["odd/letters", "addresspass"] {
                assert!(!said.contains(secret), "{}, {name}: {secret} is in {said}", wire.kind);
            }
            for secret in ["odd/letters", "addresspass", "私密", "\\u79c1", "insufficient_quota", "敏感词"]
            {
                assert!(!all.contains(secret), "{}, {name}: {secret} is in {all}", wire.kind);
            }
        }
    })
    .await;
}
