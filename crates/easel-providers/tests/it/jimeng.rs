//! Jimeng and Doubao in both forms.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use chrono::NaiveDate;
use easel_core::{
    error::{ErrorClass, KeyVerdict},
    media::{Body, PictureFormat},
    ports::{GenerateRequest, Output, PublishMedia, Published, StoreError},
};
use easel_http::{HttpClients, NetworkSection};
use easel_providers::{ProviderSection, Tools, balance, build, questions::Questions};
use easel_testkit::{
    pictures,
    provider::{Answer, FakeProvider, ProviderRequest},
    samples,
};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::{
    replay::{
        self,
        Ends::{As, With},
    },
    suite::{Bench, Case, Shown, Wire, case, shown},
};

const COOKIE: &str = "38900000001:sessionid=0123abcd0123abcd; sid_guard=9f9f,8e8e; uid=42";
const APIKEY: &str = "aggregator-apikey-1";

/// How the aggregator answers, for the suite.
pub(crate) fn aggregator() -> Wire {
    use ErrorClass::{Auth, BadRequest, ModerationInput, NotFound, Overload, Quota, Rate};
    let sample = |name: &str| Answer::sample(200, &format!("jimeng/aggregator_{name}.json"));
    let told = |code: u16, text: &str| Answer::json(200, &json!({ "code": code, "message": text }));
    let mut wire = Wire::new("jimeng", "Seedream 4.0", success);
    wire.base = "/api/jimeng";
    wire.section = json!({ "extra": { "form": "aggregator", "apikey": APIKEY } });
    wire.inline = false;
    wire.empty = vec![
        vec![Answer::json(200, &json!({ "code": 200, "image_url": [] }))],
        vec![Answer::json(200, &json!({ "code": 200, "message": "success" }))],
    ];
    wire.moderated_input = vec![
        case("rules", told(400, "内容由于合规问题已被阻止生成"), ModerationInput),
        case("sensitive", told(500, "提示词含敏感词"), ModerationInput),
    ];
    wire.moderated_output = Vec::new();
    wire.failures = vec![
        case("generation", sample("error"), Overload),
        case("cookie", sample("error_text_field"), Auth),
        case("cookie closed", told(401, "invalid cookie"), Auth),
        case("points", told(402, "no points"), Quota),
        case("busy", told(429, "too fast"), Rate),
        case("parameter", told(400, "bad ratio"), BadRequest),
        case("route", told(404, "no such api"), NotFound),
        case("unknown code", told(7, "odd"), Overload),
        case("code as text", Answer::json(200, &json!({ "code": "401", "text": "login" })), Auth),
    ];
    wire.echoes = |text| {
        vec![
            case("message", Answer::json(200, &json!({ "code": 500, "message": text })), Overload),
            case("text", Answer::json(200, &json!({ "code": 400, "text": text })), BadRequest),
            case("status", Answer::json(429, &json!({ "code": 429, "message": text })), Rate),
            case("plain text", Answer::raw(500, "text/plain", text.to_owned()), Overload),
        ]
    };
    wire.is_create = |request| request.path() == "/api/jimeng" || request.path().ends_with("/api/jimeng");
    wire
}

fn success(_: &FakeProvider, results: &[Shown]) -> Vec<Answer> {
    let links: Vec<_> = results
        .iter()
        .map(|shown| match shown {
            Shown::Link(link) => link.clone(),
            Shown::Inline(_) => panic!("the aggregator has links only"),
        })
        .collect();
    vec![Answer::json(200, &json!({ "code": 200, "message": "success", "image_url": links }))]
}

/// How the free API answers, for the suite.
pub(crate) fn free_api() -> Wire {
    use ErrorClass::{Auth, BadRequest, ModerationInput, NotFound, Overload, Quota, Rate};
    let sample = |name: &str| Answer::sample(200, &format!("jimeng/free_api_error_{name}.json"));
    let told = |code: i64| Answer::json(200, &json!({ "code": code, "message": "x", "data": null }));
    let mut wire = Wire::new("jimeng", "jimeng-3.0", crate::openai_images::success);
    wire.section = json!({ "extra": { "form": "free_api" } });
    wire.moderated_input = vec![case("rules", sample("content_filtered"), ModerationInput)];
    wire.moderated_output = Vec::new();
    wire.failures = vec![
        case("failed", sample("failed"), Overload),
        case("session over", sample("token_expired"), Auth),
        case("generation", sample("generation_failed"), Overload),
        case("points", sample("no_points"), Quota),
        case("parameter", told(-1001), BadRequest),
        case("unknown code", told(-3000), Overload),
    ];
    wire.lacks = &[(Rate, "its server has no code for it"), (NotFound, "it takes any name for a model")];
    wire.echoes = |text| -> Vec<Case> {
        let told = |code: i64| Answer::json(200, &json!({ "code": code, "message": text, "data": null }));
        vec![
            case("failed", told(-2001), Overload),
            case("parameter", told(-1001), BadRequest),
            case("session", told(-2002), Auth),
        ]
    };
    wire
}

#[tokio::test]
async fn samples_mean_what_is_known_of_them() {
    use ErrorClass::{Auth, ModerationInput, Overload, Quota};
    let rows = [
        ("aggregator_ok", 200, With(0)),
        ("aggregator_ok_string", 200, With(0)),
        ("aggregator_error", 200, As(Overload)),
        ("aggregator_error_text_field", 200, As(Auth)),
    ];
    replay::folder(&aggregator(), "jimeng", &rows, &["free_api_"]).await;
    let rows = [
        ("free_api_ok", 200, With(0)),
        ("free_api_ok_b64", 200, With(0)),
        ("free_api_error_content_filtered", 200, As(ModerationInput)),
        ("free_api_error_failed", 200, As(Overload)),
        ("free_api_error_generation_failed", 200, As(Overload)),
        ("free_api_error_no_points", 200, As(Quota)),
        ("free_api_error_token_expired", 200, As(Auth)),
    ];
    // The last two are answers of other routes.
    let others = ["aggregator_", "free_api_points", "free_api_token_check"];
    replay::folder(&free_api(), "jimeng", &rows, &others).await;
}

/// The parameters of a request.
fn query(request: &ProviderRequest) -> Vec<(String, String)> {
    url::form_urlencoded::parse(request.http.query.as_bytes()).into_owned().collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut pairs: Vec<_> =
        expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    pairs.sort();
    pairs
}

#[track_caller]
fn asked(request: &ProviderRequest, expected: &[(&str, &str)]) {
    let mut found = query(request);
    found.sort();
    assert_eq!(found, pairs(expected));
}

fn with_cookie(extra: &Value) -> Wire {
    Wire { model: "", section: json!({ "api_keys": [COOKIE], "extra": extra }), ..aggregator() }
}

fn draws(bench: &Bench) {
    let link = bench.peer.host_picture(pictures::png(64, 64, 1));
    bench.succeeds(&[Shown::Link(link)]);
}

#[tokio::test]
async fn the_aggregator_is_told_everything_in_the_query() {
    let (conversation, cookie) = COOKIE.split_once(':').unwrap();
    let keys = [("conversation_id", conversation), ("Cookie", cookie)];
    // Nothing that nobody asked for; the form is the aggregator where none is named.
    let bench = Bench::new(&with_cookie(&json!({}))).await;
    draws(&bench);
    bench.ask(&bench.words("猫 & 狗")).await.unwrap();
    let sent = &bench.creates()[0];
    assert_eq!((sent.http.method.as_str(), sent.path(), sent.http.body.len()), ("GET", "/api/jimeng", 0));
    assert_eq!(sent.headers().get("authorization"), None);
    asked(sent, &[&keys[..], &[("description", "猫 & 狗")]].concat());
    // The owner's defaults, and the person's wish over them.
    let defaults = json!({ "apikey": APIKEY, "default_style": "真实", "default_ratio": "1:1",
        "default_model": "Seedream 4.0" });
    let bench = Bench::new(&with_cookie(&defaults)).await;
    let fixed = [("description", "猫"), ("apikey", APIKEY), ("type", "真实"), ("model", "Seedream 4.0")];
    for (output, ratio) in [
        (Output::default(), "1:1"),
        (Output { ratio: Some((16, 9)), ..Output::default() }, "16:9"),
        (Output { size: Some((1000, 740)), ..Output::default() }, "4:3"),
    ] {
        draws(&bench);
        bench.ask(&GenerateRequest { output, ..bench.words("猫") }).await.unwrap();
        asked(bench.creates().last().unwrap(), &[&keys[..], &fixed, &[("ratio", ratio)]].concat());
    }
}

#[derive(Default)]
struct Web(Arc<Mutex<Vec<String>>>);

/// Ends a picture's publication.
struct Ended(Arc<Mutex<Vec<String>>>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.lock().unwrap().push("ended".to_owned());
    }
}

#[async_trait]
impl PublishMedia for Web {
    async fn publish(&self, body: &Body, _: &str) -> Result<Published, StoreError> {
        self.0.lock().unwrap().push(format!("{} bytes", body.len()));
        let keep = Box::new(Ended(Arc::clone(&self.0)));
        Ok(Published { url: "https://easel.example/p/unguessable.png".to_owned(), keep })
    }
}

#[tokio::test]
async fn the_aggregator_fetches_one_reference_from_a_public_address() {
    let mut bench = Bench::new(&with_cookie(&json!({}))).await;
    let section = json!({ "kind": "jimeng", "base_url": bench.address, "api_keys": [COOKIE] });
    let section: ProviderSection = serde_json::from_value(section).unwrap();
    let mut tools = Tools::new(HttpClients::new(NetworkSection::default()));
    let alone = build("fake", &section, &tools).unwrap().capabilities();
    assert_eq!((alone.edit, alone.needs_public_url, alone.max_references), (false, true, 0));
    let web = Web::default();
    let log = Arc::clone(&web.0);
    tools.publish = Some(Arc::new(web));
    bench.provider = build("fake", &section, &tools).unwrap();
    let public = bench.provider.capabilities();
    assert_eq!((public.edit, public.needs_public_url, public.max_references), (true, false, 1));
    let picture = pictures::png(64, 64, 3);
    let length = picture.len();
    draws(&bench);
    bench.ask(&Bench::edit(&[(PictureFormat::Png, picture)])).await.unwrap();
    let sent = query(&bench.creates()[0]);
    let url = sent.iter().find(|(name, _)| name == "url").map(|(_, value)| value.as_str());
    assert_eq!(url, Some("https://easel.example/p/unguessable.png"));
    assert_eq!(*log.lock().unwrap(), [format!("{length} bytes"), "ended".to_owned()]);
}

#[test]
fn cookies_are_never_split_and_come_from_both_places() {
    let section = |extra: Value| -> ProviderSection {
        let all = json!({ "kind": "jimeng", "base_url": "https://x.example/draw", "extra": extra,
            "api_keys": [COOKIE, { "key": "7:b=1,c=2;d", "account": "mine" }] });
        serde_json::from_value(all).unwrap()
    };
    let keys = |section: &ProviderSection| -> Vec<String> {
        section.keys().iter().map(|key| key.secret.expose_secret().to_owned()).collect()
    };
    let older = section(json!({ "cookie_list": ["9:e=1;f=2", COOKIE, ""], "apikey": APIKEY }));
    assert_eq!(keys(&older), [COOKIE, "7:b=1,c=2;d", "9:e=1;f=2"]);
    assert_eq!(older.validate("a"), []);
    let debug = format!("{older:?}");
    for secret in [APIKEY, "e=1", "0123abcd"] {
        assert!(!debug.contains(secret), "{debug}");
    }
    // Session ids of the free API have no such marks.
    let free: ProviderSection = serde_json::from_value(
        json!({ "kind": "jimeng", "base_url": "http://127.0.0.1:8000", "api_keys": "s1,s2", "extra": { "form": "free_api" } }),
    )
    .unwrap();
    assert_eq!(keys(&free), ["s1", "s2"]);
    assert_eq!(free.address().unwrap().to_string(), "http://127.0.0.1:8000/v1");
    assert_eq!(older.address().unwrap().to_string(), "https://x.example/draw");
    let odd = section(json!({ "form": "web" })).validate("a");
    assert!(odd.len() == 1 && odd[0].0.ends_with(".extra.form") && odd[0].1.contains("free_api"), "{odd:?}");
}

#[tokio::test]
async fn nothing_of_a_cookie_or_apikey_is_ever_shown() {
    // Everything that a service can send back of what it was sent.
    let echo = "GET /api/jimeng?Cookie=sessionid%3D0123abcd0123abcd%3B+sid_guard%3D9f9f%2C8e8e%3B+uid%3D42&apikey=aggregator-apikey-1 \
        conversation 38900000001, sid_guard=9f9f,8e8e, bare 0123abcd0123abcd and aggregator-apikey-1";
    let wire =
        Wire { section: json!({ "api_keys": [COOKIE], "extra": { "apikey": APIKEY } }), ..aggregator() };
    let bench = Bench::new(&wire).await;
    let told = |code: u16| Answer::json(200, &json!({ "code": code, "message": echo, "debug": echo }));
    for answer in [
        told(500),
        told(401),
        told(429),
        Answer::raw(502, "text/html", format!("<html><title>{echo}</title></html>")),
        Answer::raw(400, "text/plain", echo.to_owned()),
        Answer::raw(200, "application/json", format!("\"{echo}\"")),
        Answer::json(
            200,
            &json!({ "code": 200, "image_url": [format!("{}/img/none.png?c=0123abcd0123abcd", bench.peer.origin())] }),
        ),
        Answer::reset(),
        Answer::status(302).header("location", &format!("https://elsewhere.example/?{echo}")),
    ] {
        let name = format!("{answer:?}");
        bench.peer.answer(answer);
        let error = bench.fails().await;
        let all = format!("{} {:?}", shown(&error), error.said);
        for secret in ["0123abcd0123abcd", "38900000001", "9f9f", "aggregator-apikey-1"] {
            assert!(!all.contains(secret), "{name}: {secret} is in {all}");
        }
    }
    // The picture is somebody else's, who gets nothing of it.
    let downloads = bench.peer.downloads();
    assert!(!downloads.is_empty());
}

#[tokio::test]
async fn the_free_api_takes_sides_and_gives_what_was_wished_of_four() {
    let four: Vec<_> = (0..4).map(|seed| pictures::png(64, 64, seed)).collect();
    let bench = Bench::new(&free_api()).await;
    for (output, count, expected) in [
        (Output::default(), 1, json!({ "model": "jimeng-3.0", "prompt": "猫" })),
        (
            Output { ratio: Some((16, 9)), ..Output::default() },
            3,
            json!({ "model": "jimeng-3.0", "prompt": "猫", "width": 1280, "height": 720 }),
        ),
    ] {
        bench.peer.answer(Answer::url(four.clone()));
        let before = bench.peer.downloads().len();
        let made = bench.ask(&GenerateRequest { output, count, ..bench.words("猫") }).await.unwrap();
        assert_eq!(made, four[..usize::from(count)]);
        assert_eq!(
            bench.peer.downloads().len() - before,
            usize::from(count),
            "only what is wished is fetched"
        );
        let sent = bench.creates().pop().unwrap();
        assert_eq!((sent.path(), sent.http.json().unwrap()), ("/v1/images/generations", expected));
    }
    assert!(!bench.provider.capabilities().edit);
    let extra = json!({ "form": "free_api", "default_ratio": "3:4", "sample_strength": 0.5, "default_model": "jimeng-4.0" });
    let bench = Bench::new(&Wire { model: "", section: json!({ "extra": extra }), ..free_api() }).await;
    bench.peer.answer(Answer::url(four.clone()));
    bench.ask(&bench.words("猫")).await.unwrap();
    let expected = json!({ "model": "jimeng-4.0", "prompt": "猫", "width": 768, "height": 1024, "sample_strength": 0.5 });
    assert_eq!(bench.creates()[0].http.json().unwrap(), expected);
}

#[tokio::test]
async fn a_session_that_is_over_or_empty_gives_way_to_the_next() {
    let bench = Bench::new(&free_api()).await;
    for (sample, key) in [("token_expired", KeyVerdict::Disable), ("no_points", KeyVerdict::OutOfQuota)] {
        bench.peer.answer(Answer::sample(200, &format!("jimeng/free_api_error_{sample}.json")));
        assert_eq!(bench.fails().await.key, key, "{sample}");
    }
}

#[tokio::test]
async fn the_points_of_an_account_are_told_and_its_session_is_not() {
    const SESSION: &str = "0123456789abcdef0123456789abcdef";
    let points = |session: &str| {
        let points = json!({ "giftCredit": 60, "purchaseCredit": 2.5, "vipCredit": 0, "totalCredit": 62.5 });
        json!([{ "token": session, "points": points }])
    };
    let expired = samples::json("jimeng/free_api_error_token_expired.json");
    let odd = json!([{ "token": SESSION, "points": null }]);
    for (form, base, answer, expected) in [
        ("free_api", "", points(SESSION), Some(62.5)),
        ("free_api", "/v1", points(SESSION), Some(62.5)),
        ("free_api", "", expired, None),
        ("free_api", "", odd, None),
        ("aggregator", "/api/jimeng", points(SESSION), None),
    ] {
        let peer = FakeProvider::start().await;
        peer.when_path("/token/points", Answer::json(200, &answer));
        let section = json!({ "kind": "jimeng", "base_url": format!("{}{base}", peer.origin()),
            "api_keys": [SESSION], "extra": { "form": form } });
        let section: ProviderSection = serde_json::from_value(section).unwrap();
        let tools = Tools::new(HttpClients::new(NetworkSection::default()));
        let questions = Questions::new("p", &section, &tools, Duration::from_secs(30)).unwrap();
        let today = NaiveDate::from_ymd_opt(2026, 11, 21).unwrap();
        let told = balance::ask(&questions, &section.keys()[0], today).await;
        assert_eq!(told.map(|told| told.left), expected.map(Some), "{form} {answer}");
        assert!(!format!("{told:?} {questions:?}").contains(SESSION));
        let requests = peer.requests();
        let asked: Vec<_> = requests.iter().map(|asked| (&*asked.http.method, asked.path())).collect();
        let question = [("POST", "/token/points")];
        assert_eq!(asked, if form == "aggregator" { &[][..] } else { &question });
        for asked in &requests {
            let bearer = format!("Bearer {SESSION}");
            assert_eq!(asked.headers().get("authorization"), Some(&*bearer));
            assert!(!asked.http.query.contains(SESSION));
        }
    }
}
