//! What every status, header and body means.

use easel_core::media::{BytesBudget, Spool};
use easel_http::header::HeaderValue;
use easel_testkit::samples;
use serde_json::json;

use super::*;
use crate::answer::{AnswerReader, candidates::choose};

fn read(body: &str) -> Answer {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::new(BytesBudget::new(1 << 20), dir.path()).unwrap();
    let mut reader = AnswerReader::new(spool, 0, 1 << 20);
    reader.push(body.as_bytes()).unwrap();
    reader.finish(false).unwrap()
}

fn judged_with(status: u16, headers: &[(&'static str, &str)], body: &str, prompt: &str) -> Option<Failure> {
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| {
            (easel_http::header::HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
        })
        .collect();
    let redactor = Redactor::new([]);
    let advice = RetryAdvice::from_headers(&headers, chrono::Utc::now());
    let answer = read(body);
    let facts = Facts { status, headers: &headers, advice, answer: &answer, prompt, redactor: &redactor };
    failure(&facts)
}

fn judged(status: u16, body: &str) -> Option<Failure> {
    judged_with(status, &[], body, "一只猫")
}

const REST: KeyVerdict = KeyVerdict::Cool(FORBIDDEN_REST);
const PAUSE: KeyVerdict = KeyVerdict::Cool(RATE_REST);
const FINE: KeyVerdict = KeyVerdict::Fine;

/// Every failure sample with the status that it is sent with.
const SAMPLES: &[(&str, u16, ErrorClass, KeyVerdict)] = &[
    ("openai/error_azure_resource_blocked", 403, ErrorClass::Overload, FINE),
    ("openai/error_billing_hard_limit", 400, ErrorClass::Quota, KeyVerdict::OutOfQuota),
    ("openai/error_content_policy_violation", 400, ErrorClass::ModerationInput, FINE),
    ("openai/error_credit_balance_exhausted", 429, ErrorClass::Quota, KeyVerdict::OutOfQuota),
    ("openai/error_insufficient_quota", 429, ErrorClass::Quota, KeyVerdict::OutOfQuota),
    ("openai/error_invalid_api_key", 401, ErrorClass::Auth, KeyVerdict::Disable),
    ("openai/error_invalid_size", 400, ErrorClass::BadRequest, FINE),
    ("openai/error_model_retired", 404, ErrorClass::NotFound, FINE),
    ("openai/error_moderation_blocked_input", 400, ErrorClass::ModerationInput, FINE),
    ("openai/error_moderation_blocked_output", 400, ErrorClass::ModerationOutput, FINE),
    ("openai/error_org_unverified", 403, ErrorClass::Quota, REST),
    ("openai/error_rate_limit", 429, ErrorClass::Rate, PAUSE),
    ("openai/error_server", 500, ErrorClass::Overload, FINE),
    ("openai/error_server_overloaded", 503, ErrorClass::Overload, FINE),
    ("openai/error_unknown_parameter", 400, ErrorClass::BadRequest, FINE),
    ("openai/error_unsupported_quality", 400, ErrorClass::BadRequest, FINE),
    ("openai/error_unsupported_region", 403, ErrorClass::NotFound, FINE),
    ("chat_gateways/error_no_channel", 503, ErrorClass::NotFound, FINE),
    ("chat_gateways/error_quota", 403, ErrorClass::Quota, KeyVerdict::OutOfQuota),
    ("chat_gateways/error_route_missing", 404, ErrorClass::NotFound, FINE),
    ("chat_gateways/error_sensitive_words", 400, ErrorClass::ModerationInput, FINE),
    ("chat_gateways/error_sensitive_words", 500, ErrorClass::ModerationInput, FINE),
];

/// The streams among the samples, and what they come to.
const STREAMS: &[(&str, Option<ErrorClass>)] = &[
    ("openai/stream_edit_events", None),
    ("openai/stream_generation_events", None),
    ("openai/stream_error_event", Some(ErrorClass::Overload)),
    ("chat_gateways/stream_reasoning_content", None),
    ("chat_gateways/stream_split_data_url", None),
    ("chat_gateways/flow2api_stream_error", Some(ErrorClass::ModerationInput)),
];

#[test]
fn every_failure_sample_has_its_class() {
    for (name, status, class, key) in SAMPLES {
        let failure = judged(*status, &samples::text(&format!("{name}.json"))).expect(name);
        assert_eq!((failure.class, failure.key), (*class, *key), "{name}: {failure:?}");
    }
    for (name, class) in STREAMS {
        let failure = judged(200, &samples::event_stream(&format!("{name}.json")));
        assert_eq!(failure.map(|failure| failure.class), *class, "{name}");
    }
}

#[test]
fn no_sample_is_forgotten_and_successes_are_no_failures() {
    for folder in ["openai", "chat_gateways"] {
        for (file, content) in samples::all(folder) {
            let name = format!("{folder}/{}", file.trim_end_matches(".json"));
            let known = SAMPLES.iter().any(|(known, ..)| *known == name)
                || STREAMS.iter().any(|(known, _)| *known == name);
            if file.contains("error") || content.is_array() {
                assert!(known, "{name} has no row");
            } else if !file.contains("request") {
                assert_eq!(judged(200, &content.to_string()), None, "{name}");
            }
        }
    }
}

#[track_caller]
fn check(status: u16, body: impl Into<String>, class: ErrorClass) -> Failure {
    let body = body.into();
    let failure = judged(status, &body).unwrap_or_else(|| panic!("no failure: {body}"));
    assert_eq!(failure.class, class, "{body}: {failure:?}");
    failure
}

#[test]
fn openrouter_is_understood() {
    let error = |error: Value| json!({ "error": error, "user_id": "u" }).to_string();
    check(401, error(json!({ "code": 401, "message": "Missing Authentication header" })), ErrorClass::Auth);
    check(402, error(json!({ "code": 402, "message": "Insufficient credits" })), ErrorClass::Quota);
    check(
        403,
        error(
            json!({ "code": 403, "message": "Input was flagged", "metadata": { "reasons": ["violence"] } }),
        ),
        ErrorClass::ModerationInput,
    );
    check(
        403,
        error(json!({ "code": 403, "message": "Blocked", "metadata": { "patterns": ["x"] } })),
        ErrorClass::ModerationInput,
    );
    check(
        400,
        error(
            json!({ "code": 400, "message": "no", "metadata": { "error_type": "content_policy_violation" } }),
        ),
        ErrorClass::ModerationInput,
    );
    check(
        404,
        error(
            json!({ "message": "The free variant has ended.", "error_type": "not_found", "http_status": 404 }),
        ),
        ErrorClass::NotFound,
    );
    let busy =
        error(json!({ "message": "at capacity", "error_type": "rate_limit_exceeded", "http_status": 429,
        "availability": { "code": "capacity_exhausted", "retryable": true, "retry_after": 40 } }));
    let busy = check(429, busy, ErrorClass::Rate);
    assert_eq!(busy.key, KeyVerdict::Cool(Duration::from_secs(40)));
    // Successes that are none.
    let choice = json!({ "choices": [{ "message": { "content": "" }, "finish_reason": "error",
        "error": { "code": 502, "message": "Provider disconnected", "metadata": { "error_type": "provider_unavailable" } } }] });
    check(200, choice.to_string(), ErrorClass::Overload);
    check(200, error(json!({ "code": 429, "message": "Rate limit exceeded" })), ErrorClass::Rate);
    check(
        200,
        json!({ "choices": [{ "message": { "content": "" }, "finish_reason": "content_filter" }] })
            .to_string(),
        ErrorClass::ModerationOutput,
    );
}

#[test]
fn statuses_alone_are_enough() {
    for (status, class) in [
        (302, ErrorClass::NotFound),
        (400, ErrorClass::BadRequest),
        (401, ErrorClass::Auth),
        (402, ErrorClass::Quota),
        (403, ErrorClass::Auth),
        (404, ErrorClass::NotFound),
        (408, ErrorClass::Unanswered),
        (413, ErrorClass::TooLarge),
        (422, ErrorClass::BadRequest),
        (429, ErrorClass::Rate),
        (500, ErrorClass::Overload),
        (502, ErrorClass::Overload),
        (504, ErrorClass::Unanswered),
        (522, ErrorClass::Unanswered),
        (529, ErrorClass::Overload),
    ] {
        for body in
            ["", "<html><title>Oops</title></html>", "null", "[]", "\"\"", "no", "{}", "{\"error\":null}"]
        {
            check(status, body, class);
        }
    }
    assert_eq!(check(403, "", ErrorClass::Auth).key, REST);
    assert_eq!(
        check(502, "<html><title>502 Bad Gateway</title>", ErrorClass::Overload).message,
        "502 Bad Gateway"
    );
}

#[test]
fn other_bodies_are_understood() {
    check(
        422,
        json!({ "detail": [{ "loc": ["body", "image"], "msg": "Field required", "type": "missing" }] })
            .to_string(),
        ErrorClass::BadRequest,
    );
    let missing = judged(
        422,
        &json!({ "detail": [{ "loc": ["body", "image"], "msg": "Field required" }] }).to_string(),
    );
    assert_eq!(missing.unwrap().param.as_deref(), Some("image"));
    check(400, json!({ "error": "Incorrect API key provided: sk-…" }).to_string(), ErrorClass::Auth);
    check(
        400,
        json!({ "code": "Client specified an invalid argument", "error": "Incorrect API key." }).to_string(),
        ErrorClass::Auth,
    );
    check(200, json!({ "code": 1001, "message": "余额不足" }).to_string(), ErrorClass::Quota);
    check(400, json!([{ "error": { "code": 400, "status": "INVALID_ARGUMENT", "message": "API key not valid.", "details": [{ "reason": "API_KEY_INVALID" }] } }]).to_string(), ErrorClass::Auth);
    check(
        500,
        json!({ "error": { "code": "ContentSecurityDetectionError", "message": "检测失败" } }).to_string(),
        ErrorClass::Overload,
    );
    assert_eq!(judged(200, &json!({ "code": 0, "message": "success" }).to_string()), None);
    assert_eq!(judged(200, &json!({ "error": null, "data": [] }).to_string()), None);
}

#[test]
fn only_a_refusal_that_speaks_of_the_model_is_about_it() {
    const MODEL: &str = "gemini-3-pro-image";
    #[track_caller]
    fn check(status: u16, body: &str, lacks: bool) {
        let failure = judged(status, body).unwrap();
        assert_eq!(failure.class, ErrorClass::NotFound, "{body}");
        assert_eq!(failure.lacks(MODEL), lacks, "{body}: {failure:?}");
    }
    let sample = |name: &str| samples::text(&format!("{name}.json"));
    for (name, status, lacks) in [
        ("openai/error_model_retired", 404, true),
        ("openai/error_unsupported_region", 403, false),
        ("chat_gateways/error_no_channel", 503, true),
        ("chat_gateways/error_route_missing", 404, false),
        ("gemini_native/error_not_found", 404, false), // It names another model than the one asked for.
        ("openrouter/error_free_variant_ended", 404, true),
        ("siliconflow/error_not_found", 404, false),
        ("volcengine_ark/error_model_not_found", 404, true),
        ("volcengine_ark/error_model_not_open", 404, true),
        ("a1111/error_api_disabled", 404, false),
    ] {
        check(status, &sample(name), lacks);
    }
    let error = |message: &str| json!({ "error": { "message": message } }).to_string();
    for (status, message, lacks) in [
        (404, "The model 'x' does not exist or you do not have access to it.", true),
        (404, "models/gemini-3-pro-image is not found for API version v1beta", true),
        (404, "No such model: x", true),
        (404, "gemini-3-pro-image: gone", true),
        (404, "Gemini-3-Pro-Image has been shut down", true),
        (404, "No endpoints found matching your data policy.", true),
        (404, "No provider for x", true),
        (404, "模型不存在，请检查", true),
        (404, "该模型已停用", true),
        (404, "Not Found", false),
        (404, "", false),
        (404, "404 page not found", false),
        (404, "Invalid URL (POST /v1/models/gemini-3-pro-image:generateContent)", false),
        (404, "no route for https://gw.example/v1beta/models/gemini-3-pro-image:generateContent", false),
        (404, "Organisation not found", false),
        (404, "The image was not found. Supermodels are nice.", false),
        (405, "Method Not Allowed", false),
        (302, "", false),
    ] {
        check(status, &error(message), lacks);
    }
    check(404, r#"{"detail":"Not Found"}"#, false);
    check(404, r#"{"status":404,"error":"Not Found","path":"/v1/models/gemini-3-pro-image"}"#, false);
    check(404, "<html><title>gemini-3-pro-image: model not found</title></html>", false);
    // What is missing for one key alone is not missing.
    let mut failure = judged(404, &sample("openai/error_model_retired")).unwrap();
    failure.retry = Retry::NextKey;
    assert!(!failure.lacks(MODEL));
}

#[test]
fn an_error_says_what_is_missing() {
    #[track_caller]
    fn check(status: u16, body: &str, expected: Option<Missing>) {
        let (headers, answer) = (HeaderMap::new(), read(body));
        let redactor = Redactor::new([]);
        let advice = RetryAdvice::from_headers(&headers, chrono::Utc::now());
        let facts =
            Facts { status, headers: &headers, advice, answer: &answer, prompt: "猫", redactor: &redactor };
        let error = failure(&facts).unwrap().into_error("p", &facts);
        assert_eq!((error.class, error.missing), (ErrorClass::NotFound, expected), "{body}");
    }
    for (name, status, missing) in [
        ("openai/error_model_retired", 404, Missing::Model),
        ("openai/error_unsupported_region", 403, Missing::Service),
        ("chat_gateways/error_route_missing", 404, Missing::Address),
        ("volcengine_ark/error_model_not_found", 404, Missing::Model),
        ("volcengine_ark/error_model_not_open", 404, Missing::Right),
    ] {
        check(status, &samples::text(&format!("{name}.json")), Some(missing));
    }
    let disabled = r#"{"error":{"code":"InvalidEndpointOrModel.ModelIDAccessDisabled","message":"x"}}"#;
    check(404, disabled, Some(Missing::Right));
    check(404, r#"{"error":"此模型未开通"}"#, Some(Missing::Right));
    check(404, r#"{"error":"Organisation not found"}"#, None);
}

#[test]
fn an_owner_learns_that_the_address_is_wrong() {
    #[track_caller]
    fn check(status: u16, body: &str, expected: &str) {
        let (headers, answer) = (HeaderMap::new(), read(body));
        let redactor = Redactor::new([]);
        let advice = RetryAdvice::from_headers(&headers, chrono::Utc::now());
        let facts =
            Facts { status, headers: &headers, advice, answer: &answer, prompt: "猫", redactor: &redactor };
        assert_eq!(failure(&facts).unwrap().into_error("p", &facts).detail, expected);
    }
    check(404, r#"{"detail":"Not Found"}"#, &format!("{NO_ADDRESS}: Not Found"));
    check(404, "<title>404</title><html>", &format!("{NO_ADDRESS}: 404"));
    check(302, "", NO_ADDRESS);
    let no_model = r#"{"error":{"message":"No such model","code":"model_not_found"}}"#;
    check(404, no_model, "model_not_found: No such model");
    check(404, r#"{"error":"Organisation not found"}"#, "Organisation not found");
    check(500, r#"{"detail":"Not Found"}"#, "Not Found");
}

#[test]
fn a_suspended_resource_opens_the_circuit() {
    let failure = judged(403, &samples::text("openai/error_azure_resource_blocked.json")).unwrap();
    assert!(failure.suspended);
    assert_eq!(failure.retry, Retry::NextProvider);
}

#[test]
fn servers_say_when_to_come_back() {
    let body = samples::text("openai/error_rate_limit.json");
    let failure = judged_with(429, &[("retry-after", "12")], &body, "").unwrap();
    assert_eq!(failure.retry_after, Some(Duration::from_secs(12)));
    assert_eq!(failure.key, KeyVerdict::Cool(Duration::from_secs(12)));
    let failure = judged_with(503, &[("x-should-retry", "false")], "{}", "").unwrap();
    assert_eq!(failure.retry, Retry::NextProvider);
}

#[test]
fn a_prompt_that_is_echoed_decides_nothing() {
    let hostile = "Your request was rejected by the safety system. invalid api key, insufficient balance 余额不足 \
                   violates our content policy\nresource has been temporarily blocked \"quoted\"";
    let echo = |text: &str| json!({ "error": { "message": text } }).to_string();
    let start: String = hostile.chars().take(60).collect();
    for (status, class) in
        [(400, ErrorClass::BadRequest), (403, ErrorClass::Auth), (500, ErrorClass::Overload)]
    {
        for echoed in [
            format!("Invalid prompt: {hostile}"),
            format!("{hostile} is not allowed"),
            format!("bad input '{start}...'"),
        ] {
            let failure = judged_with(status, &[], &echo(&echoed), hostile).unwrap();
            assert_eq!((failure.class, failure.suspended), (class, false), "{failure:?}");
            assert!(!failure.message.contains("safety system"), "{failure:?}");
        }
        // In a body that is no JSON, too.
        let failure = judged_with(status, &[], &format!("cannot draw {hostile}"), hostile).unwrap();
        assert_eq!((failure.class, failure.suspended), (class, false), "{failure:?}");
    }
}

#[test]
fn successes_without_a_picture_are_told_apart() {
    let class = |body: &str| {
        let answer = read(body);
        let choice = choose(&answer);
        assert!(choice.found.is_empty(), "{choice:?}");
        no_picture(&answer, &choice.said, choice.unusable, "").class
    };
    let sample = |name: &str| class(&samples::text(name));
    assert_eq!(sample("openai/generations_empty_data.json"), ErrorClass::Empty);
    assert_eq!(sample("openai/generations_svg_ok.json"), ErrorClass::ResultLost);
    // The samples' picture has one pixel: a placeholder.
    assert_eq!(sample("openai/generations_ok.json"), ErrorClass::Empty);
    assert_eq!(sample("chat_gateways/content_placeholder_ellipsis.json"), ErrorClass::Empty);
    assert_eq!(sample("chat_gateways/content_video_link.json"), ErrorClass::ResultLost);
    assert_eq!(sample("chat_gateways/content_refusal.json"), ErrorClass::ModerationInput);
    assert_eq!(class("<!doctype html><title>New API</title>"), ErrorClass::NotFound);
    assert_eq!(class(""), ErrorClass::Empty);
    assert_eq!(class("{\"data\":[{\"b64_json\":\"iVBOR"), ErrorClass::ResultLost);
}

#[test]
fn a_key_is_closed_for_good_only_when_the_service_says_so() {
    const CLOSED: KeyVerdict = KeyVerdict::Disable;
    const SPENT: KeyVerdict = KeyVerdict::OutOfQuota;
    let error =
        |message: &str, code: &str| json!({ "error": { "message": message, "code": code } }).to_string();
    for (status, message, code, class, key) in [
        (401, "无效的令牌", "", ErrorClass::Auth, CLOSED),
        (401, "该令牌已过期", "", ErrorClass::Auth, CLOSED),
        (
            401,
            "该令牌额度已用尽 !token.UnlimitedQuota && token.RemainQuota = 0",
            "",
            ErrorClass::Quota,
            SPENT,
        ),
        (401, "Invalid API key: insufficient balance", "invalid_api_key", ErrorClass::Quota, SPENT),
        (401, "", "insufficient_user_quota", ErrorClass::Quota, SPENT),
        (403, "该令牌额度已用尽", "", ErrorClass::Quota, SPENT),
        (403, "该令牌无权访问模型 gpt-image-2", "", ErrorClass::Auth, REST),
        (403, "Invalid API key for this model", "", ErrorClass::Auth, REST),
        (403, "no", "invalid_api_key", ErrorClass::Auth, CLOSED),
        (400, "该令牌不支持此参数", "", ErrorClass::BadRequest, FINE),
        (400, "API key not valid.", "", ErrorClass::Auth, REST),
        (400, "API key not valid.", "API_KEY_INVALID", ErrorClass::Auth, CLOSED),
    ] {
        let failure = check(status, error(message, code), class);
        assert_eq!(failure.key, key, "{status} {message}: {failure:?}");
    }
}

#[test]
fn a_blank_error_is_no_error() {
    for error in [
        json!(null),
        json!(false),
        json!(""),
        json!({}),
        json!([]),
        json!([{}]),
        json!({ "message": "", "code": null }),
        json!({ "message": " ", "type": "", "param": null, "code": 0 }),
    ] {
        let body = json!({ "error": error, "data": [{ "url": "https://a.example/1.png" }] }).to_string();
        assert_eq!(judged(200, &body), None, "{body}");
        let body = json!({ "choices": [{ "message": { "content": "x" }, "error": error }] }).to_string();
        assert_eq!(judged(200, &body), None, "{body}");
        check(500, json!({ "error": error }).to_string(), ErrorClass::Overload);
    }
    for error in [json!(true), json!("no"), json!({ "message": "no" }), json!({ "code": "server_error" })] {
        check(200, json!({ "error": error, "data": [] }).to_string(), ErrorClass::Overload);
    }
}

#[test]
fn a_prompt_that_a_model_repeats_is_no_refusal() {
    #[track_caller]
    fn check(said: &str, prompt: &str, class: ErrorClass) {
        let body = json!({ "choices": [{ "message": { "content": said } }] }).to_string();
        let answer = read(&body);
        let choice = choose(&answer);
        assert_eq!(no_picture(&answer, &choice.said, choice.unusable, prompt).class, class, "{said}");
    }
    let prompt = "A poster that  says: I can't help\n画一张违规停车的罚单 https://a.example/x";
    check("Here you are: A poster that says: I can't help 画一张违规停车的罚单", prompt, ErrorClass::Empty);
    check(&format!("Sure! {prompt}"), prompt, ErrorClass::Empty);
    check("drawing \"a POSTER that says: i can't help 画一张违规...\"", prompt, ErrorClass::Empty);
    check("抱歉，无法生成：画一张违规停车的罚单", prompt, ErrorClass::ModerationInput);
    check("I can't help with that.", "一只猫", ErrorClass::ModerationInput);
}

#[test]
fn a_prompt_stays_out_of_the_log() {
    fn ascii(json: &str, upper: bool) -> String {
        let mut units = [0; 2];
        let escape = |unit: &u16| if upper { format!("\\u{unit:04X}") } else { format!("\\u{unit:04x}") };
        let letters = json.chars().map(|letter| {
            if letter.is_ascii() {
                letter.to_string()
            } else {
                letter.encode_utf16(&mut units).iter().map(escape).collect()
            }
        });
        letters.collect()
    }
    // What the owner's log gets of an answer.
    fn logged(body: &str, prompt: &str) -> (String, String) {
        let (headers, answer) = (HeaderMap::new(), read(body));
        let key = secrecy::SecretString::from("sk-proj-0123456789");
        let redactor = Redactor::new([&key]);
        let advice = RetryAdvice::from_headers(&headers, chrono::Utc::now());
        let facts =
            Facts { status: 400, headers: &headers, advice, answer: &answer, prompt, redactor: &redactor };
        let error = failure(&facts).unwrap().into_error("p", &facts);
        assert!(error.body_head.len() <= 1024);
        (error.body_head, error.detail)
    }
    let long = "雪山下的木屋傍晚炊烟".repeat(30);
    for (prompt, secrets) in [
        ("a shop with a neon sign: OPEN, and my friend Alice at the door", &["Alice", "neon"][..]),
        ("password: hunter2 is written on Bob's wall\nand \"token\": abc next to Carol", &["Bob", "Carol"]),
        (
            "画我的朋友小明，\n他说：\"你好\"，然后离开了这里再也没有回来",
            &["小明", "5c0f", "5C0F", "离开", "79bb", "79BB"],
        ),
        ("一只猫", &["猫", "732b", "732B"]),
        (&long, &["雪", "96ea", "96EA", "6728", "6728"]),
    ] {
        let json = serde_json::to_string(prompt).unwrap();
        let json = json.strip_prefix('"').and_then(|json| json.strip_suffix('"')).unwrap();
        let again = serde_json::to_string(json).unwrap();
        for echo in [
            json.to_owned(),
            ascii(json, false),
            ascii(json, true),
            ascii(again.trim_matches('"'), true),
            json.replace('/', "\\/"),
        ] {
            for body in [
                format!("{{\"error\":{{\"message\":\"bad prompt: {echo}\"}},\"request\":\"r-1\"}}"),
                format!(
                    "{{\"error\":{{\"message\":\"bad\"}},\"pad\":\"{}\",\"prompt\":\"{echo}\"}}",
                    "-".repeat(900)
                ),
                format!(
                    "{{\"error\":{{\"message\":\"bad\"}},\"pad\":\"{}\",\"prompt\":\"{echo}\"}}",
                    "- ".repeat(1900)
                ),
                format!("oops: {echo}"),
            ] {
                let (head, detail) = logged(&body, prompt);
                for secret in secrets {
                    assert!(!head.contains(secret) && !detail.contains(secret), "{secret}: {head}\n{detail}");
                }
            }
        }
        let body =
            format!("{{\"error\":{{\"message\":\"bad prompt: {}\"}},\"id\":\"r-1\"}}", ascii(json, true));
        assert_eq!(logged(&body, prompt).0, "{\"error\":{\"message\":\"bad prompt: …\"},\"id\":\"r-1\"}");
    }
    // The words of a person don't help a key out.
    let (head, detail) = logged("{\"error\":{\"message\":\"bad key sk-proj-0123456789\"}}", "sk-proj-");
    assert!(!head.contains("0123") && !detail.contains("0123"), "{head}\n{detail}");
}
