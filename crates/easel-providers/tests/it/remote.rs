//! The HTTP dialects against a fake service on a real socket: what goes out, what comes back, and what each failure
//! is taken for.

use std::{
    sync::{Arc, Mutex},
    thread::{self, ThreadId},
    time::Duration,
};

use bytes::Bytes;
use easel_core::{
    error::{Charged, ErrorClass, KeyVerdict, ProviderError, Retry},
    media::{Body, Draft, Drafts, Picture, PictureFormat},
    ports::{
        ApiKey, CallContext, GenerateRequest, Generated, Operation, Output, Provider, PublishMedia,
        Reference, Unfit,
    },
};
use easel_http::{HttpClients, NetworkSection};
use easel_providers::{ProviderSection, Tools, build, config::fingerprint, models};
use easel_testkit::{
    pictures,
    provider::{Answer, ChatShape, FakeProvider},
};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::suite::call_context;

pub(crate) struct Bench {
    pub(crate) peer: FakeProvider,
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) cx: CallContext,
    _dir: tempfile::TempDir,
}

impl Bench {
    pub(crate) async fn new(kind: &str, changes: Value) -> Self {
        Self::with_budget(kind, changes, 64 << 20).await
    }

    pub(crate) async fn with_budget(kind: &str, changes: Value, budget: u64) -> Self {
        let tools = Tools::new(HttpClients::new(NetworkSection::default()));
        Self::with_tools(kind, changes, budget, tools).await
    }

    /// With an address for references.
    pub(crate) async fn published(kind: &str, changes: Value, publish: Arc<dyn PublishMedia>) -> Self {
        let tools =
            Tools { publish: Some(publish), ..Tools::new(HttpClients::new(NetworkSection::default())) };
        Self::with_tools(kind, changes, 64 << 20, tools).await
    }

    async fn with_tools(kind: &str, changes: Value, budget: u64, tools: Tools) -> Self {
        let peer = FakeProvider::start().await;
        let mut section =
            json!({ "kind": kind, "base_url": peer.origin(), "model": "gpt-image-2", "api_keys": "k1" });
        for (key, value) in changes.as_object().unwrap() {
            section[key] = value.clone();
        }
        let section: ProviderSection = serde_json::from_value(section).unwrap();
        assert_eq!(section.validate("fake"), []);
        let provider = build("fake", &section, &tools).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let cx = call_context(&section, budget, dir.path());
        Self { peer, provider, cx, _dir: dir }
    }

    pub(crate) async fn images() -> Self {
        Self::new("openai_images", json!({})).await
    }

    pub(crate) async fn chat() -> Self {
        Self::new("openai_chat", json!({})).await
    }

    pub(crate) async fn ask(&self, request: &GenerateRequest) -> Result<Generated, ProviderError> {
        self.provider.generate(request, &self.cx).await
    }

    pub(crate) async fn draws(&self) -> Vec<Bytes> {
        bytes(&self.ask(&words("一只猫")).await.unwrap())
    }

    pub(crate) async fn fails(&self) -> ProviderError {
        self.ask(&words("一只猫")).await.unwrap_err()
    }
}

pub(crate) fn words(prompt: &str) -> GenerateRequest {
    GenerateRequest {
        operation: Operation::Generate,
        prompt: prompt.into(),
        title: None,
        references: [].into(),
        output: Output::default(),
        count: 1,
    }
}

pub(crate) fn edit(pictures: &[(PictureFormat, Bytes)]) -> GenerateRequest {
    let reference = |(format, bytes): &(PictureFormat, Bytes)| Reference {
        picture: Picture { format: *format, width: 1, height: 1, body: Body::from_bytes(bytes.clone()) },
    };
    GenerateRequest {
        operation: Operation::Edit,
        references: pictures.iter().map(reference).collect(),
        ..words("换成雨夜")
    }
}

pub(crate) fn bytes(generated: &Generated) -> Vec<Bytes> {
    generated.pictures.iter().map(|made| made.picture.body.read().unwrap()).collect()
}

#[tokio::test]
async fn pictures_come_as_base64_urls_and_streams() {
    let bench = Bench::images().await;
    let (one, two) = (pictures::png(64, 48, 1), pictures::jpeg(40, 30, 2));
    bench.peer.answer(Answer::b64([one.clone(), two.clone()]));
    let made = bench.ask(&GenerateRequest { count: 2, ..words("猫") }).await.unwrap();
    assert_eq!(bytes(&made), [one.clone(), two.clone()]);
    let first = &made.pictures[0].picture;
    assert_eq!((first.format, first.width, first.height), (PictureFormat::Png, 64, 48));
    assert_eq!(made.pictures[1].picture.format, PictureFormat::Jpeg);
    assert_eq!(bench.peer.requests()[0].n(), Some(2));

    bench.peer.answer(Answer::url([one.clone()]));
    let made = bench.ask(&words("猫")).await.unwrap();
    assert_eq!(bytes(&made), std::slice::from_ref(&one));
    assert_eq!(made.pictures[0].revised_prompt.as_deref(), Some("a revised prompt"));

    for body in ["b64_json", "url"] {
        let webp = pictures::webp(50, 50, 3);
        let value = if body == "url" { format!("data:image/webp;base64,{}", b64(&webp)) } else { b64(&webp) };
        bench.peer.answer(Answer::json(200, &json!({ "data": [{ body: value }] })).chunked(7));
        assert_eq!(bench.draws().await, [webp]);
    }
    let streaming =
        Bench::new("openai_images", json!({ "extra": { "stream": true, "partial_images": 1 } })).await;
    streaming.peer.answer(Answer::b64([one.clone()]));
    assert_eq!(streaming.draws().await, [one]);
    assert!(streaming.peer.requests()[0].stream());
}

fn b64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[tokio::test]
async fn a_plain_request_sends_no_defaults() {
    let bench = Bench::images().await;
    bench.draws().await;
    let request = &bench.peer.requests()[0];
    assert_eq!(request.path(), "/v1/images/generations");
    assert_eq!(request.http.bearer(), Some("k1"));
    assert_eq!(request.http.json().unwrap(), json!({ "model": "gpt-image-2", "prompt": "一只猫" }));
    let chat = Bench::chat().await;
    chat.draws().await;
    let request = &chat.peer.requests()[0];
    assert_eq!(request.path(), "/v1/chat/completions");
    assert_eq!(
        request.http.json().unwrap(),
        json!({ "model": "gpt-image-2", "messages": [{ "role": "user", "content": "一只猫" }], "modalities": ["image", "text"] })
    );
}

#[tokio::test]
async fn wishes_and_extra_fields_go_out() {
    let wide = GenerateRequest {
        output: Output { ratio: Some((16, 9)), tier: Some(2), size: None },
        ..words("猫")
    };
    let bench =
        Bench::new("openai_images", json!({ "extra": { "quality": "high", "size": "1024x1024" } })).await;
    bench.ask(&wide).await.unwrap();
    bench.draws().await;
    let sent = bench.peer.requests();
    assert_eq!(
        (sent[0].size().as_deref(), sent[0].field("quality").as_deref()),
        (Some("2048x1152"), Some("high"))
    );
    assert_eq!(sent[1].size().as_deref(), Some("1024x1024"));
    let chat = Bench::chat().await;
    chat.ask(&wide).await.unwrap();
    let config = chat.peer.requests()[0].http.json().unwrap()["image_config"].clone();
    assert_eq!(config, json!({ "aspect_ratio": "16:9", "image_size": "2K" }));
}

#[tokio::test]
async fn edits_carry_their_pictures() {
    let (png, jpeg) = (pictures::png(30, 30, 1), pictures::jpeg(30, 30, 2));
    let request = edit(&[(PictureFormat::Png, png.clone()), (PictureFormat::Jpeg, jpeg.clone())]);
    for (kind, path) in [("openai_images", "/v1/images/edits"), ("openai_chat", "/v1/chat/completions")] {
        let bench = Bench::new(kind, json!({})).await;
        bench.ask(&request).await.unwrap();
        let sent = &bench.peer.requests()[0];
        assert_eq!((sent.path(), sent.prompt().as_deref()), (path, Some("换成雨夜")));
        let given: Vec<_> = sent.pictures().into_iter().map(|picture| picture.bytes).collect();
        assert_eq!(given, [png.clone(), jpeg.clone()]);
    }
}

#[tokio::test]
async fn pictures_are_sent_from_memory_and_from_files_alike_and_any_number_of_times() {
    // Longer than any piece, by a number of bytes that three doesn't divide.
    let bytes = pictures::png_of_length((3 << 20) + 1, 5);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("kept.png");
    std::fs::write(&path, &bytes).unwrap();
    for kind in ["openai_images", "openai_chat"] {
        let bench = Bench::with_budget(kind, json!({}), 1 << 20).await;
        let spooled = {
            let mut sink = bench.cx.spool.sink(0);
            sink.write(&bytes).unwrap();
            sink.finish().unwrap()
        };
        assert!(spooled.in_file().is_some(), "the budget is smaller than the picture");
        let bodies = [Body::from_bytes(bytes.clone()), Body::from_file(&path).unwrap(), spooled];
        let reference =
            |body| Reference { picture: Picture { format: PictureFormat::Png, width: 64, height: 64, body } };
        let request = GenerateRequest {
            operation: Operation::Edit,
            references: bodies.map(reference).into(),
            ..words("换成雨夜")
        };
        let free = bench.cx.spool.budget().free();
        // A refusal first: the same request is made again from the same bodies.
        bench.peer.answer(Answer::rate_limited());
        assert_eq!(bench.ask(&request).await.unwrap_err().class, ErrorClass::Rate);
        bench.ask(&request).await.unwrap();
        for sent in bench.peer.requests() {
            let given = sent.pictures();
            assert_eq!(given.len(), 3);
            assert!(given.iter().all(|picture| picture.bytes == bytes), "{kind}");
            assert!(sent.headers().get("content-length").is_some(), "{kind}: the length is told beforehand");
        }
        assert_eq!(bench.cx.spool.budget().free(), free);
    }
}

#[tokio::test]
async fn a_gateway_that_knows_only_plain_image_is_learned() {
    let bench = Bench::images().await;
    let request = edit(&[(PictureFormat::Png, pictures::png(30, 30, 1))]);
    bench.peer.answer(Answer::json(
        422,
        &json!({ "detail": [{ "loc": ["body", "image"], "msg": "Field required" }] }),
    ));
    assert_eq!(bench.ask(&request).await.unwrap_err().retry, Retry::Corrected);
    bench.ask(&request).await.unwrap();
    let names: Vec<_> = bench.peer.requests().iter().map(|sent| sent.pictures()[0].name.clone()).collect();
    assert_eq!(names, ["image[]", "image"]);
}

#[tokio::test]
async fn refused_parameters_are_dropped_and_remembered() {
    let bench = Bench::new(
        "openai_images",
        json!({ "extra": { "response_format": "b64_json", "quality": "xhigh" } }),
    )
    .await;
    bench.peer.answers([
        Answer::unknown_parameter("response_format"),
        Answer::sample(400, "openai/error_unsupported_quality.json"),
    ]);
    assert_eq!(bench.fails().await.retry, Retry::Corrected);
    assert_eq!(bench.fails().await.retry, Retry::Corrected);
    bench.draws().await;
    let last = bench.peer.requests().pop().unwrap();
    assert_eq!(last.http.json().unwrap(), json!({ "model": "gpt-image-2", "prompt": "一只猫" }));
    // A refusal that names nothing of ours teaches nothing.
    bench.peer.answer(Answer::unknown_parameter("seed"));
    let error = bench.fails().await;
    assert_eq!((error.class, error.retry), (ErrorClass::BadRequest, Retry::NextProvider));
}

#[tokio::test]
async fn a_refused_size_steps_down() {
    let bench = Bench::images().await;
    let wide = |tier| GenerateRequest {
        output: Output { ratio: Some((16, 9)), tier: Some(tier), ..Output::default() },
        ..words("猫")
    };
    bench.peer.answers([Answer::invalid_size(), Answer::invalid_size()]);
    for retry in [Retry::Corrected, Retry::NextProvider] {
        assert_eq!(bench.ask(&wide(4)).await.unwrap_err().retry, retry, "one step per job");
    }
    // The next person is not sold a square: others are asked, and nothing is sent.
    assert_eq!(bench.provider.refuses(&wide(4)), Some(Unfit::SizesRefused));
    // No classic size is smaller than this; the one of its shape stands in, and without a size it would be a square.
    let other = Bench::images().await;
    other.peer.answer(Answer::invalid_size());
    assert_eq!(other.ask(&wide(1)).await.unwrap_err().retry, Retry::Corrected);
    other.ask(&wide(1)).await.unwrap();
    let sizes = |bench: &Bench| -> Vec<_> {
        bench.peer.requests().iter().map(easel_testkit::provider::ProviderRequest::size).collect()
    };
    assert_eq!(sizes(&bench), [Some("3840x2160".to_owned()), Some("1536x1024".to_owned())]);
    assert_eq!(sizes(&other), ["1280x720", "1536x1024"].map(|size| Some(size.to_owned())));
}

#[track_caller]
fn is(error: &ProviderError, class: ErrorClass, retry: Retry, charged: Charged) {
    assert_eq!((error.class, error.retry, error.charged), (class, retry, charged), "{error}");
    assert!(!format!("{error:?}").contains("一只猫"), "the prompt is in the error: {error:?}");
}

#[tokio::test]
async fn failures_are_classified() {
    use ErrorClass::{
        Auth, BadRequest, Empty, ModerationInput, ModerationOutput, NotFound, Overload, Quota, Rate,
        ResultLost, TooLarge,
    };
    let bench = Bench::images().await;
    for (answer, class, retry, charged) in [
        (Answer::rate_limited(), Rate, Retry::NextKey, Charged::No),
        (Answer::quota_exhausted(), Quota, Retry::NextKey, Charged::No),
        (Answer::billing_hard_limit(), Quota, Retry::NextKey, Charged::No),
        (Answer::unauthorized(), Auth, Retry::NextKey, Charged::No),
        (Answer::payment_required(), Quota, Retry::NextKey, Charged::No),
        (Answer::forbidden(), Auth, Retry::NextKey, Charged::No),
        (Answer::account_blocked(), Overload, Retry::NextProvider, Charged::No),
        (Answer::server_error(), Overload, Retry::SameKey, Charged::No),
        (Answer::overloaded(), Overload, Retry::SameKey, Charged::No),
        (Answer::bad_gateway_html(), Overload, Retry::SameKey, Charged::No),
        (Answer::moderation_input(), ModerationInput, Retry::Never, Charged::No),
        (Answer::moderation_output(), ModerationOutput, Retry::Never, Charged::Maybe),
        (Answer::content_policy(), ModerationInput, Retry::Never, Charged::No),
        (Answer::status(418), BadRequest, Retry::NextProvider, Charged::No),
        (Answer::model_not_found(), NotFound, Retry::NextProvider, Charged::No),
        (Answer::no_channel(), NotFound, Retry::NextProvider, Charged::No),
        (Answer::route_missing(), NotFound, Retry::NextProvider, Charged::No),
        (Answer::too_large(), TooLarge, Retry::NextProvider, Charged::No),
        (Answer::html(), NotFound, Retry::NextProvider, Charged::No),
        (Answer::empty_data(), Empty, Retry::SameKey, Charged::Maybe),
        (Answer::no_data(), Empty, Retry::SameKey, Charged::Maybe),
        (Answer::placeholder(), Empty, Retry::SameKey, Charged::Maybe),
        (Answer::broken_base64(), ResultLost, Retry::Never, Charged::Maybe),
        (Answer::not_a_picture(), ResultLost, Retry::Never, Charged::Maybe),
        (Answer::sample(200, "openai/generations_svg_ok.json"), ResultLost, Retry::Never, Charged::Maybe),
        (Answer::b64([pictures::png_of_length(200_000, 1)]).cut(), ResultLost, Retry::Never, Charged::Maybe),
        (
            Answer::b64([pictures::png_of_length(200_000, 1)]).cut_chunked(),
            ResultLost,
            Retry::Never,
            Charged::Maybe,
        ),
        (Answer::stream_error(), Overload, Retry::SameKey, Charged::Maybe),
    ] {
        let shown = format!("{answer:?}");
        bench.peer.answer(answer);
        let error = bench.fails().await;
        assert_eq!(error.class, class, "{}", shown.chars().take(300).collect::<String>());
        is(&error, class, retry, charged);
    }
}

#[tokio::test]
async fn what_support_asks_for_is_kept_and_keys_are_not() {
    let bench = Bench::new("openai_images", json!({ "api_keys": "sk-abcdefghijklmnop1234567890" })).await;
    let body = json!({ "error": { "code": "invalid_api_key", "message": "Incorrect API key provided: sk-abcdefghijklmnop1234567890" } });
    bench.peer.answer(Answer::json(401, &body).header("x-request-id", "req-7"));
    let error = bench.fails().await;
    assert_eq!(
        (error.key, error.request_id.as_deref(), error.status),
        (KeyVerdict::Disable, Some("req-7"), Some(401))
    );
    let shown = format!("{error:?} {error}");
    assert!(!shown.contains("abcdefghijklmnop"), "{shown}");
    bench.peer.answer(Answer::rate_limited_for(7));
    let error = bench.fails().await;
    assert_eq!(error.retry_after, Some(Duration::from_secs(7)));
    assert_eq!(error.key, KeyVerdict::Cool(Duration::from_secs(7)));
}

/// Everything that may come to be logged, stored or told of an error.
fn shown(error: &ProviderError) -> String {
    let mut all = format!("{error} {error:?} {error:#?}");
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        all = format!("{all} {error} {error:?}");
        source = error.source();
    }
    all
}

#[tokio::test]
async fn errors_that_echo_the_request_tell_neither_key_nor_prompt_nor_address() {
    const KEY: &str = "sk-live.with+odd/letters=0123456789";
    const PROMPT: &str = "一只很私密的猫 in Öl";
    let echoes = |text: &str| -> Vec<Answer> {
        let inside = json!({ "error": { "message": text, "code": "bad" }, "echo": { "prompt": text, "headers": { "authorization": format!("Bearer {KEY}") } } });
        let detail = json!({ "detail": [{ "loc": ["body", "prompt"], "msg": text, "input": text }] });
        vec![
            Answer::json(400, &inside),
            Answer::json(401, &inside),
            Answer::json(429, &inside),
            Answer::json(500, &json!({ "error": text })),
            Answer::json(422, &detail),
            Answer::json(400, &json!({ "message": text, "code": text })),
            Answer::json(200, &json!({ "error": { "message": text } })),
            Answer::raw(502, "text/html", format!("<html><body>{text}</body></html>")),
            Answer::raw(400, "text/plain", text.to_owned()),
            Answer::raw(400, "application/json", format!("{{\"error\":\"{}\"}}", ascii(text))),
            Answer::text(&format!("I can't draw {text}")),
        ]
    };
    for kind in ["openai_images", "openai_chat"] {
        // The owner may have hidden a secret in the address as well.
        let peer = FakeProvider::start().await;
        let address = format!("{}/tenant-addresspass/v1", peer.origin());
        let settings = json!({ "api_keys": KEY, "base_url": address });
        let bench = Bench { peer, ..Bench::new(kind, settings).await };
        for answer in echoes(&format!("cannot draw {PROMPT} with {KEY} at {address}/x?key={KEY}")) {
            let described = format!("{answer:?}");
            bench.peer.answer(answer);
            let mut error = bench.ask(&words(PROMPT)).await.unwrap_err();
            // The model's own words go to the person whose prompt it is, and to nobody else.
            let said = std::mem::take(&mut error.said);
            assert!(!said.contains("odd/letters") && !said.contains("addresspass"), "{said}");
            let shown = shown(&error);
            assert!(shown.contains("***"), "{described}: the echo was looked at: {shown}");
            for secret in [KEY, "odd/letters", PROMPT, &ascii(PROMPT), "addresspass"] {
                assert!(!shown.contains(secret), "{kind}: {secret} of {described} is in {shown}");
            }
        }
    }
    // A dead link's page may echo the headers that it was asked with.
    let bench = Bench::new("openai_images", json!({ "api_keys": KEY })).await;
    bench.peer.answer(Answer::json(200, &json!({ "data": [{ "url": format!("/{KEY}.png") }] })));
    let shown = shown(&bench.ask(&words(PROMPT)).await.unwrap_err());
    assert!(!shown.contains(KEY) && !shown.contains("odd/letters"), "{shown}");
}

/// JSON as services write it that escape everything beyond ASCII.
fn ascii(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_ascii() { c.to_string() } else { format!("\\u{:04x}", u32::from(c)) })
        .collect()
}

#[tokio::test]
async fn sent_and_not_sent_are_told_apart() {
    let mut bench = Bench::images().await;
    bench.peer.answer(Answer::reset());
    is(&bench.fails().await, ErrorClass::Unanswered, Retry::SameKey, Charged::Maybe);

    bench.peer.answer(Answer::hangs());
    bench.cx.deadline = Instant::now() + Duration::from_millis(300);
    is(&bench.fails().await, ErrorClass::Unanswered, Retry::SameKey, Charged::Maybe);

    let nobody = Bench::new("openai_images", json!({ "base_url": "http://127.0.0.1:1" })).await;
    is(&nobody.fails().await, ErrorClass::Overload, Retry::SameKey, Charged::No);
    assert!(nobody.peer.requests().is_empty());

    let mut key = Bench::images().await;
    key.cx.key =
        Some(ApiKey { secret: SecretString::from("a\nb"), fingerprint: fingerprint("a"), account: None });
    let error = key.fails().await;
    assert_eq!((error.class, error.key), (ErrorClass::Auth, KeyVerdict::Disable));
}

#[tokio::test]
async fn cancelling_ends_the_call() {
    let bench = Bench::images().await;
    bench.peer.answer(Answer::hangs());
    let request = words("一只猫");
    let (error, ()) = tokio::join!(bench.ask(&request), async {
        bench.peer.next_request().await;
        bench.cx.cancel.cancel();
    });
    assert_eq!(error.unwrap_err().class, ErrorClass::Unanswered);
    bench.peer.next_hang_up().await;
}

#[tokio::test]
async fn only_the_download_is_repeated() {
    let bench = Bench::images().await;
    bench.peer.answer(Answer::dead_url(404));
    let error = bench.fails().await;
    is(&error, ErrorClass::ResultLost, Retry::Never, Charged::Maybe);
    assert_eq!(error.status, Some(404));
    assert_eq!((bench.peer.requests().len(), bench.peer.downloads().len()), (1, 3));
    // A place that is not public is refused without a connection, however often it is named.
    bench.peer.answer(Answer::json(200, &json!({ "data": [{ "url": "http://192.168.7.7/x.png" }] })));
    is(&bench.fails().await, ErrorClass::ResultLost, Retry::Never, Charged::Maybe);
}

#[tokio::test]
async fn every_chat_shape_is_read_streamed_or_not() {
    for stream in [false, true] {
        let bench = Bench::new(
            "openai_chat",
            if stream { json!({ "extra": { "stream": true } }) } else { json!({}) },
        )
        .await;
        for shape in ChatShape::ALL {
            let picture = pictures::png(70, 50, 4);
            bench.peer.answer(Answer::chat(shape, picture.clone()));
            let made = bench.ask(&words("猫")).await;
            if shape.has_picture() {
                let made = made.unwrap_or_else(|error| panic!("{shape:?}, stream {stream}: {error}"));
                let last = made.pictures.last().unwrap().picture.body.read().unwrap();
                assert_eq!(last, picture, "{shape:?}, stream {stream}");
            } else {
                let error = made.unwrap_err();
                let expected = match shape {
                    ChatShape::VideoLink => ErrorClass::ResultLost,
                    ChatShape::Refusal => ErrorClass::ModerationInput,
                    _ => ErrorClass::Empty,
                };
                assert_eq!(error.class, expected, "{shape:?}, stream {stream}: {error}");
                assert_eq!(error.said.is_empty(), shape != ChatShape::Refusal, "{shape:?}: {:?}", error.said);
            }
        }
    }
}

#[tokio::test]
async fn chat_failures_inside_a_success_are_seen() {
    let bench = Bench::chat().await;
    bench.peer.answer(Answer::event_stream("chat_gateways/flow2api_stream_error.json"));
    assert_eq!(bench.fails().await.class, ErrorClass::ModerationInput);
    bench.peer.answer(Answer::text("I'm sorry, I can't create that image."));
    let error = bench.fails().await;
    assert_eq!(
        (error.class, error.said.as_str()),
        (ErrorClass::ModerationInput, "I'm sorry, I can't create that image.")
    );
    bench.peer.answer(Answer::text("Sure, what style do you want?"));
    assert_eq!(bench.fails().await.class, ErrorClass::Empty);
    bench.peer.answer(Answer::json(400, &json!({ "error": { "message": "Unknown field: modalities" } })));
    assert_eq!(bench.fails().await.retry, Retry::Corrected);
    bench.draws().await;
    assert_eq!(bench.peer.requests().pop().unwrap().field("modalities"), None);
}

#[tokio::test]
async fn a_large_answer_is_spooled_when_memory_is_short() {
    let bench = Bench::with_budget("openai_images", json!({}), 1 << 20).await;
    let picture = pictures::png_of_length(30 << 20, 5);
    bench.peer.answer(Answer::b64([picture.clone()]));
    let made = bench.ask(&words("猫")).await.unwrap();
    assert!(made.pictures[0].picture.body.in_file().is_some());
    assert!(bytes(&made)[0] == picture);
    bench.peer.answer(Answer::url([picture.clone()]));
    let made = bench.ask(&words("猫")).await.unwrap();
    assert!(made.pictures[0].picture.body.in_file().is_some());
    assert_eq!(bench.cx.spool.budget().free(), 1 << 20);
}

/// Drafts that note which threads gave them up, which a sink does when it turns to its file.
#[derive(Clone, Debug, Default)]
struct GivenUp(Arc<Mutex<Vec<ThreadId>>>);

impl Drafts for GivenUp {
    fn begin(&self) -> Option<Arc<dyn Draft>> {
        Some(Arc::new(Watched(self.clone())))
    }
}

#[derive(Debug)]
struct Watched(GivenUp);

impl Draft for Watched {
    fn push(&self, _: Bytes) {}
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.0.0.lock().unwrap().push(thread::current().id());
    }
}

#[tokio::test]
async fn what_is_spooled_is_written_beside_the_runtime() {
    let mut bench = Bench::with_budget("openai_images", json!({}), 1 << 20).await;
    let given_up = GivenUp::default();
    bench.cx.spool = bench.cx.spool.clone().with_drafts(Some(Arc::new(given_up.clone())));
    let picture = pictures::png_of_length(4 << 20, 5);
    for answer in [Answer::b64([picture.clone()]), Answer::url([picture.clone()])] {
        bench.peer.answer(answer);
        assert!(bytes(&bench.ask(&words("猫")).await.unwrap())[0] == picture);
        let threads = std::mem::take(&mut *given_up.0.lock().unwrap());
        assert!(matches!(threads[..], [thread] if thread != thread::current().id()), "{threads:?}");
    }
}

#[tokio::test]
async fn an_endless_answer_is_given_up() {
    let bench = Bench::images().await;
    let body = format!("{{\"data\":[{{\"b64_json\":\"{}", "A".repeat(1 << 20));
    bench.peer.answer(Answer::raw(200, "application/json", body).endless());
    is(&bench.fails().await, ErrorClass::ResultLost, Retry::Never, Charged::Maybe);
}

#[tokio::test]
async fn a_full_url_is_used_as_it_is() {
    let peer = FakeProvider::start().await;
    let address = format!("{}/v1/images/generations?v=2", peer.origin());
    let bench = Bench::new("openai_images", json!({ "base_url": address, "full_url": true })).await;
    bench.ask(&words("猫")).await.unwrap();
    assert!(peer.requests()[0].path().starts_with("/v1/images/generations"));
}

#[tokio::test]
async fn basic_authentication_replaces_the_key() {
    let bench = Bench::new("openai_images", json!({ "basic_auth": "me:pw", "api_keys": [] })).await;
    bench.draws().await;
    assert_eq!(bench.peer.requests()[0].headers().get("authorization"), Some("Basic bWU6cHc="));
    assert!(!bench.provider.capabilities().needs_key);
}

#[tokio::test]
async fn the_model_list_names_a_model() {
    let peer = FakeProvider::start().await;
    peer.set_models(&["gpt-5", "gpt-image-2.5-flare"]);
    let clients = HttpClients::new(NetworkSection::default());
    let base = easel_http::BaseUrl::parse(&peer.origin(), false).unwrap();
    let ids = models::list(&clients, "", &base, None).await.unwrap();
    assert_eq!(models::first_image_capable(ids.iter().map(String::as_str)), Some("gpt-image-2.5-flare"));
    let error =
        models::list(&clients, "", &easel_http::BaseUrl::parse(&peer.origin(), true).unwrap(), None).await;
    assert!(error.is_err());
}

#[tokio::test]
async fn only_the_wished_pictures_are_fetched() {
    let bench = Bench::images().await;
    let many: Vec<_> = (0..40).map(|nth| pictures::png(20, 20, nth)).collect();
    for count in [1, 3] {
        bench.peer.answer(Answer::url(many.clone()));
        let before = bench.peer.downloads().len();
        let made = bench.ask(&GenerateRequest { count, ..words("猫") }).await.unwrap();
        assert_eq!(bytes(&made), many[..usize::from(count)]);
        assert_eq!(bench.peer.downloads().len() - before, usize::from(count));
    }
}

#[tokio::test]
async fn a_connection_stays_for_the_next_result_alone() {
    let bench = Bench::images().await;
    let all = [1, 2, 3].map(|seed| pictures::png(40, 40, seed));
    bench.peer.answer(Answer::url(all.clone()));
    let made = bench.ask(&GenerateRequest { count: 3, ..words("猫") }).await.unwrap();
    assert_eq!(bytes(&made), all);
    let downloads = bench.peer.downloads();
    let closes: Vec<_> = downloads.iter().map(|request| request.headers().get("connection")).collect();
    assert_eq!(closes, [None, None, Some("close")]);
}

#[tokio::test]
async fn a_chat_answer_full_of_links_is_fetched_from_its_end() {
    let bench = Bench::chat().await;
    let picture = pictures::png(20, 20, 1);
    bench.peer.answer(Answer::chat(ChatShape::MarkdownUrl, picture.clone()));
    assert_eq!(bench.draws().await, std::slice::from_ref(&picture));
    let fetched = bench.peer.downloads();
    assert_eq!(fetched.len(), 1);
    let good = format!("![x]({}{})", bench.peer.origin(), fetched[0].path());
    let host = bench.peer.origin();
    let others: Vec<_> = (0..3000).map(|nth| format!("![x]({host}/img/other{nth}.png)\n")).collect();
    let others = others.concat();
    bench.peer.answer(Answer::text(&format!("{others}{good}")));
    assert_eq!(bench.draws().await, std::slice::from_ref(&picture));
    assert_eq!(bench.peer.downloads().len(), 2);

    // A few links that lead nowhere are passed over, and no more than a few.
    let blocked = |count: u8| -> String {
        let links: Vec<_> = (0..count).map(|nth| format!("\n![x](http://192.168.77.{nth}/a.png)")).collect();
        links.concat()
    };
    bench.peer.answer(Answer::text(&format!("{good}{}", blocked(2))));
    assert_eq!(bench.draws().await, [picture]);
    bench.peer.answer(Answer::text(&format!("{good}{}", blocked(60))));
    is(&bench.fails().await, ErrorClass::ResultLost, Retry::Never, Charged::Maybe);
    assert_eq!(bench.peer.downloads().len(), 3);
}

#[tokio::test]
async fn an_impossible_size_is_not_held_against_others() {
    let mut bench = Bench::images().await;
    let wish = |ratio| GenerateRequest {
        output: Output { ratio: Some(ratio), tier: Some(4), ..Output::default() },
        ..words("猫")
    };
    bench.peer.answers([Answer::invalid_size(), Answer::invalid_size()]);
    for impossible in [(21, 9), (9, 21)] {
        bench.cx.job = easel_core::ids::JobId::generate();
        assert_eq!(bench.ask(&wish(impossible)).await.unwrap_err().retry, Retry::Corrected);
    }
    for (ratio, size) in [((16, 9), "3840x2160"), ((21, 9), "1536x1024"), ((9, 21), "1024x1536")] {
        bench.ask(&wish(ratio)).await.unwrap();
        assert_eq!(bench.peer.requests().pop().unwrap().size().as_deref(), Some(size));
    }
}

#[tokio::test]
async fn a_paid_picture_next_to_a_blank_error_is_kept() {
    let bench = Bench::images().await;
    let picture = pictures::png(20, 20, 1);
    for error in [json!({}), json!({ "message": "", "code": null }), json!(null)] {
        let body = json!({ "error": error, "data": [{ "b64_json": b64(&picture) }] });
        bench.peer.answer(Answer::json(200, &body));
        assert_eq!(bench.draws().await, std::slice::from_ref(&picture));
    }
}

#[tokio::test]
async fn a_reference_that_cannot_be_read_is_this_machines_fault() {
    for kind in ["openai_images", "openai_chat"] {
        let bench = Bench::new(kind, json!({})).await;
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), pictures::png(64, 48, 1)).unwrap();
        let body = Body::from_file(file.path()).unwrap();
        let picture = Picture { format: PictureFormat::Png, width: 64, height: 48, body };
        let request = GenerateRequest {
            operation: Operation::Edit,
            references: [Reference { picture }].into(),
            ..words("换成雨夜")
        };
        std::fs::write(file.path(), b"").unwrap();
        let error = bench.ask(&request).await.unwrap_err();
        assert_eq!(
            (error.charged, error.retry, error.key, error.suspended),
            (Charged::No, Retry::Never, KeyVerdict::Fine, false),
            "{error:?}"
        );
        let local = error.local.expect("the machine's own error").to_string();
        assert!(local.starts_with("a reference picture could not be read: "), "{local}");
        assert!(bench.peer.requests().is_empty(), "nothing came whole");
    }
}

#[tokio::test]
async fn what_an_answer_took_of_the_budget_comes_back_however_it_ends() {
    let answers = || {
        [
            Answer::b64([pictures::png(64, 48, 1)]),
            Answer::json(400, &json!({ "error": { "message": "no" } })),
            Answer::json(200, &json!({ "data": [] })),
            Answer::json(500, &json!({ "pad": "x".repeat(300 * 1024) })),
            Answer::json(200, &json!({ "pad": "x".repeat(3 << 20) })),
        ]
    };
    // With less room than a connection holds, the answer is read all the same.
    for budget in [64 << 20, 64 << 10] {
        let bench = Bench::with_budget("openai_images", json!({}), budget).await;
        let free = bench.cx.spool.budget().free();
        for (nth, answer) in answers().into_iter().enumerate() {
            bench.peer.answer(answer);
            let drawn = bench.ask(&words("一只猫")).await;
            assert_eq!(drawn.is_ok(), nth == 0, "{drawn:?}");
            drop(drawn);
            assert_eq!(bench.cx.spool.budget().free(), free, "answer {nth}");
        }
    }
}
