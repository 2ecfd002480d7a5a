//! `easel check --probe` against services that behave in every way that owners meet.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use easel_testkit::{
    pictures,
    provider::{Answer, ChatShape, FakeProvider, ProviderRequest},
};
use serde_json::{Value, json};

use crate::world::{easel, run, said};

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
        &[
            "answers",
            "works",
            "gpt-image-2 is offered",
            "up to 3 small pictures (the last one only if streaming fails), about 0.75",
            "--yes",
        ],
    );
    assert!(paid(&provider).is_empty() && !told.contains("Drawing works"), "{told}");
    let (code, told) = check(dir.path(), &["--probe", "main", "--yes"]);
    assert_eq!(code, Some(0), "{told}");
    says(&told, &["Drawing works", "1024×1024 as asked", "Streaming works", "Editing works", "failed: 0"]);
    assert!(!told.contains(KEY) && !dir.path().join("data").exists(), "{told}");
    assert_eq!(paid(&provider), ["/v1/images/generations", "/v1/images/edits"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_not_there_comes_with_the_one_that_may_be_meant() {
    let (provider, dir) = probed("openai_images", "gpt-image-2", "").await;
    let (code, told) = check(dir.path(), &["--probe", "mein"]);
    assert_eq!(code, Some(2), "{told}");
    says(&told, &["no service “mein”. Did you mean “main”?"]);
    let (code, told) = check(dir.path(), &["--probe", "somebody-else"]);
    assert_eq!(code, Some(2), "{told}");
    says(&told, &["no service “somebody-else”. Configured are: main."]);
    assert!(provider.requests().is_empty(), "nobody is asked");
    let empty = tempfile::tempdir().unwrap();
    fs::write(empty.path().join("easel.toml"), "[bot]\nlocale = \"en-US\"\n").unwrap();
    let (code, told) = check(empty.path(), &["--probe", "main"]);
    assert_eq!(code, Some(2), "{told}");
    says(&told, &["no service “main”, and no other", "providers.example.toml"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn streaming_is_judged_from_the_picture_that_is_drawn_anyway() {
    for (kind, model) in [("openai_images", "gpt-image-2"), ("openai_chat", "any")] {
        let (provider, dir) = probed(kind, model, "supports_edit = false").await;
        provider.always(Answer::draws());
        let (code, told) = check(dir.path(), &["--probe", "--yes"]);
        let requests = provider.requests();
        let drawn: Vec<_> = requests.iter().filter(|request| request.prompt().is_some()).collect();
        assert_eq!((code, drawn.len()), (Some(0), 1), "{told}");
        assert!(drawn[0].stream(), "{kind}");
        if kind == "openai_images" {
            says(&told, &["Drawing works", "Streaming works", "extra = { stream = true }"]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_cannot_stream_is_told_from_one_that_cannot_draw() {
    // It says so: the picture comes without a further request of the probe.
    let (provider, dir) = probed("openai_images", "gpt-image-2", "supports_edit = false").await;
    provider.when_path("/subscription", Answer::route_missing());
    provider.answer(Answer::unknown_parameter("stream"));
    let (code, told) = check(dir.path(), &["--probe", "--yes"]);
    assert_eq!(code, Some(0), "{told}");
    says(&told, &["Drawing works", "refuses to stream and draws without"]);
    assert!(!told.contains("leaves it out by itself"), "{told}");
    // It breaks: the same is asked for whole, and that is the verdict.
    let (provider, dir) = probed("openai_images", "gpt-image-2", "supports_edit = false").await;
    provider.when_path("/subscription", Answer::route_missing());
    provider.answer(Answer::server_error());
    let (code, told) = check(dir.path(), &["--probe", "--yes"]);
    assert_eq!(code, Some(0), "{told}");
    says(&told, &["Drawing works", "Streaming fails (HTTP 500)"]);
    let streams: Vec<_> = provider
        .requests()
        .iter()
        .filter(|request| request.prompt().is_some())
        .map(ProviderRequest::stream)
        .collect();
    assert_eq!(streams, [true, false]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_environment_names_is_looked_at_as_well() {
    let provider = FakeProvider::start().await;
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("easel.toml"), "[bot]\ndata_dir = \"data\"\nlocale = \"en-US\"\n").unwrap();
    let told = |arguments: &[&str], key: &str| {
        let mut command = easel(dir.path());
        command.env("OPENAI_BASE_URL", provider.base_url()).env("OPENAI_API_KEY", key);
        let output = command.args(["check", "--config", "easel.toml"]).args(arguments).output().unwrap();
        (output.status.code(), said(&output))
    };
    // The model is the first of the service's list, as when it draws.
    let (code, text) = told(&["--probe"], KEY);
    assert_eq!(code, Some(0), "{text}");
    says(&text, &["[OPENAI_BASE_URL] The model gpt-image-2 is offered", "openai (gpt-image-2): up to 3"]);
    let (code, text) = told(&["--probe", "opnai"], KEY);
    assert_eq!(code, Some(2), "{text}");
    says(&text, &["Did you mean “openai”?"]);
    // What is proposed are variables.
    provider.when_path("/images/generations", Answer::route_missing());
    provider.when_path(
        "/chat/completions",
        Answer::chat(ChatShape::MarkdownDataUrl, pictures::png(1024, 1024, 2)),
    );
    let (code, text) = told(&["--probe", "openai", "--yes"], KEY);
    assert_eq!(code, Some(1), "{text}");
    says(&text, &["as openai_chat it works", "EASEL__PROVIDERS__OPENAI__KIND=\"openai_chat\""]);
    assert!(!text.contains(KEY) && !text.contains("[providers."), "{text}");
    provider.when_key("sk-wrong-0123456789", Answer::unauthorized());
    for arguments in [&["--probe"][..], &[]] {
        let (code, text) = told(arguments, "sk-wrong-0123456789");
        assert_eq!(code, Some(1), "{text}");
        says(&text, &["[OPENAI_BASE_URL]", "401", "OPENAI_API_KEY"]);
        assert!(!text.contains("[providers.") && !text.contains("sk-wrong"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_proposed_variables_are_understood() {
    let provider = FakeProvider::start().await;
    let drawn = Answer::chat(ChatShape::MarkdownDataUrl, pictures::png(1024, 1024, 2));
    provider.when_path("/chat/completions", drawn);
    let dir = tempfile::tempdir().unwrap();
    let mut command = easel(dir.path());
    command.env("EASEL__PROVIDERS__OPENAI__BASE_URL", provider.base_url());
    for (name, value) in
        [("API_KEYS", KEY), ("MODEL", "gpt-image-2"), ("KIND", "openai_chat"), ("SUPPORTS_EDIT", "false")]
    {
        command.env(format!("EASEL__PROVIDERS__OPENAI__{name}"), value);
    }
    command.env("EASEL__DRAW__PROVIDER", "openai").env("EASEL__NETWORK__ALLOW_HOSTS", "127.0.0.1");
    let output = command.args(["draw", "a cat", "-o", "cat.png"]).output().unwrap();
    assert!(output.status.success() && dir.path().join("cat.png").is_file(), "{}", said(&output));
    // A second section that edits, as it is proposed.
    let mut command = easel(dir.path());
    command.env("EASEL__NETWORK__ALLOW_HOSTS", "127.0.0.1");
    for (name, kind) in [("OPENAI", "openai_images"), ("OPENAI_EDIT", "openai_chat")] {
        let address = provider.base_url();
        for (key, value) in
            [("KIND", kind), ("BASE_URL", &*address), ("API_KEYS", KEY), ("MODEL", "gpt-image-2")]
        {
            command.env(format!("EASEL__PROVIDERS__{name}__{key}"), value);
        }
    }
    command.env("EASEL__DRAW__PROVIDER", "openai").env("EASEL__EDIT__PROVIDER", "openai_edit");
    let arguments = ["draw", "a dog", "--image", "cat.png", "-o", "dog.png"];
    let output = command.args(arguments).output().unwrap();
    assert!(output.status.success() && dir.path().join("dog.png").is_file(), "{}", said(&output));
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

/// As a real request does; asking for the picture in another way would cost a picture more.
#[tokio::test(flavor = "multi_thread")]
async fn every_listed_model_is_tried_before_another_way_is() {
    let (provider, dir) = probed("openai_images", "", "supports_edit = false").await;
    provider.set_models(&[
        "gpt-image-2",
        "gpt-image-2.6-sunburst",
        "gpt-image-2.5-sunburst",
        "gpt-image-2.6-flare",
    ]);
    provider.when_path("/subscription", Answer::route_missing());
    provider.answers(std::iter::repeat_n(Answer::model_not_found(), 3));
    provider.answer(Answer::unknown_parameter("stream"));
    let (code, told) = check(dir.path(), &["--probe", "--yes"]);
    assert_eq!(code, Some(0), "{told}");
    says(&told, &["Drawing works", "refuses to stream and draws without"]);
    assert_eq!(paid(&provider), ["/v1/images/generations"; 5]);
    assert!(!told.contains("leaves it out by itself"), "{told}");
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
    let further = "profile = \"gate\"\nsupports_edit = false\n[profiles.gate]\npaths = { models = \"catalogue/models\" }\nauth_header = \"x-gate-key\"\nheaders = { \"x-tenant\" = \"tenant-of-mine\" }\n";
    let (provider, dir) = probed("openai_images", "gpt-image-2", further).await;
    let (code, told) = check(dir.path(), &["--probe", "--record", "records"]);
    assert_eq!(code, Some(0), "{told}");
    says(&told, &["gpt-image-2 is offered"]);
    let asked = provider.requests();
    let asked =
        asked.iter().find(|request| request.path().ends_with("catalogue/models")).expect("asked there");
    assert_eq!(asked.headers().get("x-gate-key"), Some(KEY));
    // A gateway that tells its tenants apart would take every question without for one with a wrong key.
    for request in provider.requests() {
        assert_eq!(request.headers().get("x-tenant"), Some("tenant-of-mine"), "{}", request.path());
    }
    for entry in fs::read_dir(dir.path().join("records")).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        assert!(!text.contains(KEY) && !text.contains("tenant-of-mine"), "{text}");
    }
}

/// What is asked before the first picture where the owner names no model.
#[tokio::test(flavor = "multi_thread")]
async fn the_list_that_chooses_a_model_is_asked_as_the_profile_says() {
    let further = "profile = \"gate\"\nsupports_edit = false\n[profiles.gate]\nheaders = { \"x-tenant\" = \"tenant-of-mine\" }\n";
    let (provider, dir) = probed("openai_images", "", further).await;
    let output = run(dir.path(), &["draw", "a cat", "--config", "easel.toml", "-o", "cat.png"]);
    assert!(output.status.success(), "{}", said(&output));
    let requests = provider.requests();
    assert!(requests.iter().any(|request| request.path().ends_with("/models")));
    for request in &requests {
        assert_eq!(request.headers().get("x-tenant"), Some("tenant-of-mine"), "{}", request.path());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_only_edits_is_not_told_to_draw() {
    let (provider, dir) = probed("siliconflow", "Qwen/Qwen-Image-Edit-9999", "").await;
    provider.when_path("/images/generations", Answer::model_not_found());
    let (code, told) = check(dir.path(), &["--probe", "--yes"]);
    assert_eq!(code, Some(1), "{told}");
    says(&told, &["Editing fails"]);
    assert!(!told.contains("Drawing works") && !told.contains("supports_edit"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_decides_what_to_write() {
    for (answer, words) in [
        (Answer::sample(403, "openai/error_unsupported_region.json"), "[providers.main] proxy = "),
        (Answer::sample(404, "volcengine_ark/error_model_not_open.json"), "activate gpt-image-2"),
        (Answer::route_missing(), "base_url and kind = \"openai_images\""),
    ] {
        let (provider, dir) = probed("openai_images", "gpt-image-2", "supports_edit = false").await;
        provider.when_path("/images/generations", answer);
        provider.when_path("/chat/completions", Answer::route_missing());
        let (code, told) = check(dir.path(), &["--probe", "--yes"]);
        assert_eq!(code, Some(1), "{told}");
        says(&told, &[words]);
        assert!(!told.contains("model = "), "{told}");
    }
}

/// The kind that draws stays, and a second section edits.
#[tokio::test(flavor = "multi_thread")]
async fn where_only_chat_edits_a_second_section_is_proposed() {
    let (provider, dir) = probed("openai_images", "gpt-image-2", "extra = { quality = \"high\" }").await;
    provider.when_path("/images/edits", Answer::route_missing());
    let drawn = Answer::chat(ChatShape::MarkdownDataUrl, pictures::png(1024, 1024, 2));
    provider.when_path("/chat/completions", drawn);
    let (code, told) = check(dir.path(), &["--probe", "--yes"]);
    assert_eq!(code, Some(1), "{told}");
    says(
        &told,
        &[
            "Leave [providers.main] as it is",
            "[providers.main_edit] with kind = \"openai_chat\" and without extra",
            "in [edit]: provider = \"main_edit\"",
        ],
    );
}
