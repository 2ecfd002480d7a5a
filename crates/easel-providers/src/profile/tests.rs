//! Profiles over a real socket: what the fake gateway gets, and how its refusals are understood.

use std::{sync::Arc, time::Duration};

use easel_core::{
    error::{KeyVerdict, ProviderError},
    ids::JobId,
    media::{Body, BytesBudget, Picture, PictureFormat, Spool},
    ports::{ApiKey, CallContext, GenerateRequest, Generated, NoTaskLog, Provider, Reference, Shapes},
};
use easel_http::{HttpClients, NetworkSection};
use easel_testkit::{
    pictures,
    provider::{Answer, FakeProvider, ProviderRequest},
};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{
    config::ProviderSection,
    registry::{self, Tools},
};

struct Gateway {
    service: FakeProvider,
    provider: Arc<dyn Provider>,
    dir: tempfile::TempDir,
}

async fn gateway(kind: &str, profile: Value) -> Gateway {
    gateway_of("some-model", kind, profile).await
}

async fn gateway_of(model: &str, kind: &str, profile: Value) -> Gateway {
    let service = FakeProvider::start().await;
    let profile: ProfileSection = serde_json::from_value(profile).unwrap();
    assert_eq!(profile.validate("gate"), []);
    let section: ProviderSection = serde_json::from_value(json!({
        "kind": kind, "base_url": service.base_url(), "api_keys": ["sk-test-0123456789"],
        "model": model, "profile": "gate"
    }))
    .unwrap();
    let clients = HttpClients::new(NetworkSection::default());
    let profiles = Arc::new(BTreeMap::from([("gate".to_owned(), profile)]));
    let tools = Tools { profiles, ..Tools::new(clients) };
    let provider = registry::build("main", &section, &tools).unwrap();
    Gateway { service, provider, dir: tempfile::tempdir().unwrap() }
}

impl Gateway {
    async fn ask(&self, references: usize, output: Output) -> Result<Generated, ProviderError> {
        let picture = Picture {
            format: PictureFormat::Png,
            width: 64,
            height: 64,
            body: Body::from_bytes(pictures::png(64, 64, 1)),
        };
        let request = GenerateRequest {
            operation: if references == 0 { Operation::Generate } else { Operation::Edit },
            prompt: "a cat".into(),
            title: None,
            references: (0..references).map(|_| Reference { picture: picture.clone() }).collect(),
            output,
            count: 1,
        };
        let cx = CallContext {
            job: JobId::generate(),
            key: Some(ApiKey {
                secret: "sk-test-0123456789".to_owned().into(),
                fingerprint: "00ff00ff".into(),
                account: None,
            }),
            deadline: tokio::time::Instant::now() + Duration::from_secs(60),
            cancel: CancellationToken::new(),
            spool: Spool::new(BytesBudget::new(1 << 26), self.dir.path()).unwrap(),
            tasks: Arc::new(NoTaskLog),
            intent: None,
            clip_limits: easel_core::ports::ClipLimits::default(),
        };
        self.provider.generate(&request, &cx).await
    }

    /// What the gateway got for a drawing of this shape.
    async fn got(&self, references: usize, output: Output) -> ProviderRequest {
        self.ask(references, output).await.unwrap();
        self.service.requests().pop().unwrap()
    }
}

fn header<'a>(request: &'a ProviderRequest, name: &str) -> Option<&'a str> {
    request.headers().get(name)
}

const OPEN: Output = Output { size: None, ratio: None, tier: None };
const WIDE: Output = Output { ratio: Some((16, 9)), ..OPEN };

#[tokio::test]
async fn addresses_headers_and_keys_are_the_profiles() {
    let profile = json!({
        "paths": { "generate": "draw/now", "edit": "/v9/edit" },
        "auth_header": "X-Api-Key", "headers": { "X-Plan": "pro" }
    });
    let gate = gateway("openai_images", profile).await;
    gate.service.when_path("/draw/now", Answer::b64([pictures::png(64, 64, 1)]));
    gate.service.when_path("/v9/edit", Answer::b64([pictures::png(64, 64, 1)]));
    let drawn = gate.got(0, OPEN).await;
    assert_eq!(drawn.path(), "/v1/draw/now");
    assert_eq!(header(&drawn, "x-api-key"), Some("sk-test-0123456789"));
    assert_eq!((header(&drawn, "authorization"), header(&drawn, "x-plan")), (None, Some("pro")));
    assert_eq!(gate.got(1, OPEN).await.path(), "/v9/edit", "from the host's root");
}

#[tokio::test]
async fn a_prefix_of_the_key_may_be_any() {
    let gate = gateway("openai_images", json!({ "auth_prefix": "Token " })).await;
    assert_eq!(header(&gate.got(0, OPEN).await, "authorization"), Some("Token sk-test-0123456789"));
}

#[tokio::test]
async fn sizes_are_spelled_as_the_profile_says() {
    let square = Output { ratio: Some((1, 1)), tier: Some(2), ..OPEN };
    for (profile, wish, field, expected) in [
        (json!({}), WIDE, "size", json!("1280x720")),
        (json!({ "size_style": "W*H" }), WIDE, "size", json!("1280*720")),
        (json!({ "size_style": "ratio", "size_field": "aspect_ratio" }), WIDE, "aspect_ratio", json!("16:9")),
        (json!({ "size_style": "tier" }), square, "size", json!("2K")),
        (json!({ "size_style": "tier" }), OPEN, "size", Value::Null),
        (
            json!({ "size_names": { "1024x1024": "square_hd", "1344x768": "landscape" }, "size_field": "image_size" }),
            WIDE,
            "image_size",
            json!("landscape"),
        ),
    ] {
        let gate = gateway("openai_images", profile.clone()).await;
        let body = gate.got(0, wish).await.json.unwrap();
        assert_eq!(body[field], expected, "{profile}");
        assert_eq!(body.get("size").is_some(), field == "size" && !expected.is_null(), "{profile}");
    }
}

/// Elsewhere gpt-image-1 and dall-e-3 end at 1K.
#[tokio::test]
async fn a_gateways_own_sizes_reach_beyond_the_models_family() {
    let large = Output { tier: Some(2), ..OPEN };
    for (profile, tier, sent) in [
        (json!({ "size_names": { "1024x1024": "square", "2048x2048": "square_xl" } }), Some(2), "square_xl"),
        (json!({ "size_style": "tier" }), None, "2K"),
        (json!({}), Some(1), "1024x1024"),
    ] {
        for model in ["gpt-image-1", "dall-e-3"] {
            let gate = gateway_of(model, "openai_images", profile.clone()).await;
            assert_eq!(gate.provider.capabilities().max_tier, tier, "{model} {profile}");
            assert_eq!(gate.got(0, large).await.json.unwrap()["size"], sent, "{model} {profile}");
        }
    }
}

/// What the profile has no word for is not asked of the gateway.
#[tokio::test]
async fn shapes_and_tiers_are_those_that_can_be_spelled() {
    let names = json!({ "size_names": { "1024x1024": "square", "768x1024": "portrait" } });
    let listed = Shapes::Sizes(vec![(1024, 1024), (768, 1024)].into());
    for (kind, profile, shapes, tier) in [
        ("openai_images", json!({}), Shapes::UpTo(3), None),
        ("openai_images", names, listed, Some(1)),
        ("openai_images", json!({ "size_style": "ratio" }), Shapes::Any, Some(1)),
        ("openai_images", json!({ "size_style": "tier" }), Shapes::Kept, None),
        ("openai_images", json!({ "drop": ["size"] }), Shapes::Kept, Some(1)),
    ] {
        let capabilities = gateway(kind, profile.clone()).await.provider.capabilities();
        assert_eq!((capabilities.shapes, capabilities.max_tier), (shapes, tier), "{kind} {profile}");
    }
}

/// A chat carries the wish beside the field: in `image_config`, or in words.
#[tokio::test]
async fn a_chat_with_a_size_field_takes_what_chats_take() {
    let usual = gateway("openai_chat", json!({ "based_on": "openai_chat" })).await.provider.capabilities();
    let large = Output { tier: Some(2), ..WIDE };
    for (style, size) in [("ratio", "16:9"), ("tier", "2K"), ("WxH", "2048x1152")] {
        for dropped in [false, true] {
            let drop = if dropped { json!(["image_config"]) } else { json!([]) };
            let profile =
                json!({ "based_on": "openai_chat", "size_field": "size", "size_style": style, "drop": drop });
            let gate = gateway("openai_chat", profile).await;
            let capabilities = gate.provider.capabilities();
            assert_eq!(
                (&capabilities.shapes, capabilities.max_tier),
                (&usual.shapes, usual.max_tier),
                "{style}"
            );
            let body = gate.got(0, large).await.json.unwrap();
            assert_eq!(body["size"], size);
            let config = json!({ "aspect_ratio": "16:9", "image_size": "2K" });
            let words = body["messages"][0]["content"].as_str().unwrap();
            assert_eq!(body.get("image_config"), (!dropped).then_some(&config), "{style}");
            assert_eq!(words.contains("16:9, resolution: 2K"), dropped, "{style}: {words}");
        }
    }
}

#[tokio::test]
async fn references_go_as_the_profile_says_or_not_at_all() {
    let gate =
        gateway("openai_images", json!({ "references": "json_data_url", "image_field": "image_urls" })).await;
    let body = gate.got(1, OPEN).await.json.unwrap();
    assert!(body["image_urls"].as_str().unwrap().starts_with("data:image/png;base64,"), "{body}");
    let body = gate.got(2, OPEN).await.json.unwrap();
    assert_eq!(body["image_urls"].as_array().map(Vec::len), Some(2));
    let gate = gateway("openai_images", json!({ "image_field": "picture", "max_references": 2 })).await;
    let form = gate.got(2, OPEN).await;
    let parts = form.form.unwrap();
    assert_eq!(parts.iter().filter(|part| part.name == "picture" && part.file_name.is_some()).count(), 2);
    assert_eq!(gate.provider.capabilities().max_references, 2);
    let gate = gateway("openai_images", json!({ "references": "none", "max_count": 3 })).await;
    let capabilities = gate.provider.capabilities();
    assert_eq!((capabilities.edit, capabilities.max_references, capabilities.max_count), (false, 0, 3));
}

#[tokio::test]
async fn chats_are_changed_too() {
    let profile = json!({
        "based_on": "openai_chat", "paths": { "chat": "ask" }, "streaming": true,
        "drop": ["modalities"], "size_field": "size"
    });
    let gate = gateway("openai_chat", profile).await;
    gate.service.when_path("/ask", Answer::b64([pictures::png(64, 64, 1)]));
    let asked = gate.got(0, Output { tier: Some(1), ..WIDE }).await;
    let body = asked.json.clone().unwrap();
    assert_eq!((asked.path(), &body["stream"], &body["size"]), ("/v1/ask", &json!(true), &json!("1280x720")));
    let words = body["messages"][0]["content"].as_str().unwrap();
    assert!(body.get("modalities").is_none() && words.contains("Markdown image"), "{body}");
}

#[tokio::test]
async fn words_of_refusals_mean_what_the_profile_says() {
    let words = json!({ "error_words": {
        "moderation": ["图片违规"], "quota": ["点数不足"], "auth": ["token invalid"], "rate": ["排队人数"],
        "not_found": ["no channel"]
    }});
    for (status, message, class, key) in [
        (500, "生成失败：图片违规", ErrorClass::ModerationInput, KeyVerdict::Fine),
        (500, "点数不足，请充值", ErrorClass::Quota, KeyVerdict::OutOfQuota),
        (401, "Token INVALID here", ErrorClass::Auth, KeyVerdict::Disable),
        (500, "排队人数过多", ErrorClass::Rate, KeyVerdict::Cool(Duration::from_secs(60))),
        (503, "No channel for some-model", ErrorClass::NotFound, KeyVerdict::Fine),
        (500, "something else", ErrorClass::Overload, KeyVerdict::Fine),
    ] {
        let gate = gateway("openai_images", words.clone()).await;
        gate.service.always(Answer::json(status, &json!({ "error": { "message": message } })));
        let error = gate.ask(0, OPEN).await.unwrap_err();
        assert_eq!((error.class, error.key), (class, key), "{message}");
    }
}

#[tokio::test]
async fn the_prompt_can_not_speak_the_profiles_words() {
    let gate = gateway("openai_images", json!({ "error_words": { "auth": ["a cat"] } })).await;
    gate.service.always(Answer::json(500, &json!({ "error": { "message": "could not draw: a cat" } })));
    assert_eq!(gate.ask(0, OPEN).await.unwrap_err().class, ErrorClass::Overload);
}

#[test]
fn all_problems_of_a_profile_come_at_once() {
    let profile: ProfileSection = serde_json::from_value(json!({
        "auth_header": "X Key", "headers": { "bad header": "x" }, "size_names": { "large": "L" },
        "paths": { "generate": "a b", "chat": "c" }, "max_count": 0, "drop": ["prompt"],
        "error_words": { "quota": ["x"] }
    }))
    .unwrap();
    let places: Vec<_> = profile.validate("gate").into_iter().map(|(place, _)| place).collect();
    let expected = [
        "auth_header",
        "headers.bad header",
        "size_names.large",
        "paths.generate",
        "paths.chat",
        "max_count",
        "drop",
        "error_words.quota",
    ];
    assert_eq!(places, expected.map(|key| format!("profiles.gate.{key}")));
}
