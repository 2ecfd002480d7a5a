//! `easel check --probe` against services that behave in every way that owners meet.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use easel_testkit::{
    pictures,
    provider::{Answer, ChatShape, FakeProvider},
};
use serde_json::{Value, json};

use crate::world::{run, said};

const KEY: &str = "sk-main-0123456789";

/// A service, and a folder whose configuration names it and is completed by `further` lines in its section.
async fn probed(kind: &str, model: &str, further: &str) -> (FakeProvider, tempfile::TempDir) {
    let provider = FakeProvider::start().await;
    provider.always(Answer::b64([pictures::png(1024, 1024, 1)]));
    let dir = tempfile::tempdir().unwrap();
    let text = format!(
        "[bot]\ndata_dir = \"data\"\nlocale = \"en-US\"\n[network]\nallow_hosts = [\"127.0.0.1\"]\n[providers.main]\nkind = \"{kind}\"\nbase_url = \"{}\"\napi_keys = [\"{KEY}\"]\nmodel = \"{model}\"\n{further}\n[draw]\nprovider = \"main\"\n",
        provider.base_url()
    );
    fs::write(dir.path().join("easel.toml"), text).unwrap();
    (provider, dir)
}

/// Runs the check with these arguments; the exit code and everything that was said.
fn check(dir: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = run(dir, &[&["check", "--config", "easel.toml"], arguments].concat());
    (output.status.code(), said(&output))
}

#[track_caller]
fn says(told: &str, words: &[&str]) {
    for words in words {
        assert!(told.contains(words), "{words:?} is not in:\n{told}");
    }
}

/// The requests that cost money.
fn paid(provider: &FakeProvider) -> Vec<String> {
    let paid = |path: &str| path.contains("/images/") || path.ends_with("/completions");
    provider.requests().iter().map(|request| request.path().to_owned()).filter(|path| paid(path)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn all_is_good_and_nothing_is_charged_unasked() {
    let (provider, dir) = probed("openai_images", "gpt-image-2", "prices = { generate = 0.25 }").await;
    // The test has no terminal, so nobody can be asked.
    let (code, told) = check(dir.path(), &["--probe"]);
    assert_eq!(code, Some(0), "{told}");
    says(
        &told,
        &["answers", "works", "gpt-image-2 is offered", "up to 2 small pictures, about 0.50", "--yes"],
    );
    assert!(paid(&provider).is_empty() && !told.contains("Drawing works"), "{told}");
    let (code, told) = check(dir.path(), &["--probe", "main", "--yes"]);
    assert_eq!(code, Some(0), "{told}");
    says(&told, &["Drawing works", "1024×1024 as asked", "Editing works", "failed: 0"]);
    assert!(!told.contains(KEY) && !dir.path().join("data").exists(), "{told}");
    assert_eq!(paid(&provider), ["/v1/images/generations", "/v1/images/edits"]);
    let (code, told) = check(dir.path(), &["--probe", "mein"]);
    assert_eq!(code, Some(2), "{told}");
    says(&told, &["[providers.mein]", "main"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_is_free_and_named_by_its_fingerprint() {
    let (provider, dir) = probed("openai_images", "gpt-image-2", "").await;
    provider.when_key(KEY, Answer::unauthorized());
    let (code, told) = check(dir.path(), &["--probe", "--yes"]);
    assert_eq!(code, Some(1), "{told}");
    says(&told, &["is refused (HTTP 401)", "[providers.main] api_keys"]);
    assert!(paid(&provider).is_empty() && !told.contains(KEY), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_of_gemini_is_a_400() {
    let (provider, dir) = probed("gemini_native", "gemini-3-pro-image", "").await;
    provider.when_path("models", Answer::sample(400, "gemini_native/error_api_key_invalid.json"));
    for arguments in [&["--probe", "--yes"][..], &[]] {
        let (code, told) = check(dir.path(), arguments);
        assert_eq!(code, Some(1), "{told}");
        says(&told, &["400", "api_keys"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retired_model_comes_with_its_replacement() {
    let (provider, dir) = probed("openai_images", "gpt-image-1", "").await;
    provider.when_path("/images/generations", Answer::model_not_found());
    provider.when_path("/chat/completions", Answer::model_not_found());
    let (code, told) = check(dir.path(), &["--probe", "--yes"]);
    assert_eq!(code, Some(1), "{told}");
    says(&told, &["ended the model gpt-image-1 on 2026-10-23", "model = \"gpt-image-2\"", "Drawing fails"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_only_chat_works_the_kind_is_proposed() {
    let (provider, dir) = probed("openai_images", "gpt-image-2", "").await;
    provider.when_path("/images/generations", Answer::route_missing());
    let drawn = Answer::chat(ChatShape::MarkdownDataUrl, pictures::png(1024, 1024, 2));
    provider.when_path("/chat/completions", drawn);
    let (code, told) = check(dir.path(), &["--probe", "--yes"]);
    assert_eq!(code, Some(1), "{told}");
    says(&told, &["(HTTP 404), but as openai_chat it works", "[providers.main]: kind = \"openai_chat\""]);
    assert_eq!(paid(&provider), ["/v1/images/generations", "/v1/chat/completions"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_cannot_edit_is_told_with_the_line_to_write() {
    let (provider, dir) = probed("openai_images", "gpt-image-2", "").await;
    provider.when_path("/images/edits", Answer::route_missing());
    provider.when_path("/chat/completions", Answer::route_missing());
    let (code, told) = check(dir.path(), &["--probe", "--yes"]);
    assert_eq!(code, Some(1), "{told}");
    says(&told, &["Drawing works", "supports_edit = false"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn records_hold_nothing_secret_whatever_the_service_echoes() {
    let (provider, dir) = probed("openai_images", "gpt-image-2", "").await;
    let hostile = |status| {
        let body = json!({
            "error": { "message": format!("key {KEY}"), KEY: { "authorization": format!("Bearer {KEY}") } },
            "data": [{ "url": format!("{}/img/x.png?key={KEY}", provider.origin()) }, { "id": KEY }],
            "shouted": KEY.to_uppercase(), "cookie": "session-of-mine", "encoded": "c2stbWFpbi0wMTIzNDU2Nzg5",
        });
        let answer = Answer::json(status, &body).header("set-cookie", &format!("k={KEY}"));
        answer.header("x-ratelimit-limit-requests", KEY).header("x-request-id", KEY)
    };
    provider.when_path("models", hostile(200));
    provider.when_path("/images/generations", hostile(400));
    let (code, told) = check(dir.path(), &["--probe", "--yes", "--record", "a/records"]);
    assert_eq!(code, Some(1), "{told}");
    assert!(!told.contains(KEY), "{told}");
    let records = dir.path().join("a/records");
    let mut seen = Vec::new();
    for entry in fs::read_dir(&records).unwrap() {
        let entry = entry.unwrap();
        let text = fs::read_to_string(entry.path()).unwrap();
        for secret in [KEY, &KEY.to_uppercase(), "session-of-mine", "c2stbWFpbi0wMTIzNDU2Nzg5", "set-cookie"]
        {
            assert!(!text.contains(secret), "{secret} is in {text}");
        }
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        seen.push((entry.file_name().into_string().unwrap(), serde_json::from_str::<Value>(&text).unwrap()));
    }
    let of = |name: &str| seen.iter().find(|(file, _)| file == name).map(|(_, record)| record.clone());
    let drawn = of("main-draw-400.json").unwrap_or_else(|| panic!("{seen:?}"));
    assert_eq!(drawn["request"]["path"], "/images/generations");
    assert!(drawn["request"]["body"]["prompt"].as_str().unwrap().contains("red circle"), "{drawn}");
    assert_eq!(
        (&drawn["status"], &drawn["headers"]["content-type"]),
        (&json!(400), &json!("application/json"))
    );
    assert!(of("main-models-200.json").is_some(), "{seen:?}");
    // A second run adds its own.
    let before = seen.len();
    check(dir.path(), &["--probe", "--record", "a/records"]);
    let count = fs::read_dir(&records).unwrap().count();
    assert!(count > before, "{count} after {before}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_picture_is_one_pixel() {
    let (_provider, dir) = probed("openai_images", "gpt-image-2", "supports_edit = false").await;
    let (code, told) = check(dir.path(), &["--probe", "--yes", "--record", "records"]);
    assert_eq!(code, Some(0), "{told}");
    let text = fs::read_to_string(dir.path().join("records/main-draw-200.json")).unwrap();
    assert!(text.len() < 3000 && text.contains("b64_json"), "{} bytes", text.len());
    says(&told, &["records written to records", "Takes no reference pictures"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_is_asked_as_it_says() {
    let further = "profile = \"gate\"\nsupports_edit = false\n[profiles.gate]\npaths = { models = \"catalogue/models\" }\nauth_header = \"x-gate-key\"\n";
    let (provider, dir) = probed("openai_images", "gpt-image-2", further).await;
    let (code, told) = check(dir.path(), &["--probe", "--record", "records"]);
    assert_eq!(code, Some(0), "{told}");
    says(&told, &["gpt-image-2 is offered"]);
    let asked = provider.requests();
    let asked =
        asked.iter().find(|request| request.path().ends_with("catalogue/models")).expect("asked there");
    assert_eq!(asked.headers().get("x-gate-key"), Some(KEY));
    for entry in fs::read_dir(dir.path().join("records")).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        assert!(!text.contains(KEY), "{text}");
    }
}
