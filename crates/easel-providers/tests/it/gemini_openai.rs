//! Gemini behind Google's OpenAI-compatible route.

use easel_core::{
    error::{ErrorClass, KeyVerdict},
    ports::{GenerateRequest, Output},
};
use easel_testkit::provider::Answer;
use serde_json::json;

use crate::{
    openai_images,
    suite::{Bench, Case, Wire, case},
};

/// How the service answers, for the suite.
pub(crate) fn wire() -> Wire {
    use ErrorClass::{Auth, BadRequest, NotFound, Overload, Quota, Rate};
    let mut wire = Wire::new("gemini_openai", "gemini-3-pro-image", openai_images::success);
    wire.base = "/v1beta/openai";
    let google = |status: u16, code: &str, message: &str| {
        Answer::json(status, &json!([{ "error": { "code": status, "message": message, "status": code } }]))
    };
    wire.failures = vec![
        case("wrong key", Answer::sample(400, "gemini_openai/error_array.json"), Auth),
        case("no permission", google(403, "PERMISSION_DENIED", "The caller does not have permission."), Auth),
        case("too many requests", google(429, "RESOURCE_EXHAUSTED", "Resource has been exhausted."), Rate),
        case(
            "argument",
            google(400, "INVALID_ARGUMENT", "Request contains an invalid argument."),
            BadRequest,
        ),
        case(
            "no such model",
            google(404, "NOT_FOUND", "models/x is not found for API version v1."),
            NotFound,
        ),
        case("overloaded", google(503, "UNAVAILABLE", "The model is overloaded."), Overload),
        case("failed", google(500, "INTERNAL", "An internal error has occurred."), Overload),
        case("pay first", Answer::payment_required(), Quota),
    ];
    wire.echoes = echoes;
    wire
}

fn echoes(text: &str) -> Vec<Case> {
    let body = |status: u16| json!([{ "error": { "code": status, "message": text, "status": "ODD" } }]);
    let answer = |status| Answer::json(status, &body(status));
    vec![
        case("argument", answer(400), ErrorClass::BadRequest),
        case("failed", answer(500), ErrorClass::Overload),
        case("busy", answer(429), ErrorClass::Rate),
    ]
}

#[tokio::test]
async fn only_what_the_route_knows_is_sent() {
    let bench = Bench::new(&wire()).await;
    let request = bench.sends(&bench.words("猫")).await;
    assert_eq!(request.path(), "/v1beta/openai/images/generations");
    assert_eq!(request.json.unwrap(), json!({ "model": "gemini-3-pro-image", "prompt": "猫" }));
    let wide = Output { ratio: Some((16, 9)), ..Output::default() };
    let request = bench.sends(&GenerateRequest { output: wide, ..bench.words("猫") }).await;
    assert_eq!(request.size().as_deref(), Some("1280x720"));
    let capabilities = bench.provider.capabilities();
    assert_eq!((capabilities.edit, capabilities.max_tier), (false, Some(4)), "the route has no edits");
    bench.peer.answer(Answer::sample(400, "gemini_openai/error_array.json"));
    assert_eq!(bench.fails().await.key, KeyVerdict::Disable);
}
