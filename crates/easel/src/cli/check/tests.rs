//! Looks at real sockets, directories and the command as a whole.

use std::fs;

use easel_core::i18n::Locale;
use tokio::net::TcpListener;

use super::*;

fn configured(section: easel_providers::ProviderSection) -> services::Service {
    services::Service { name: "p".to_owned(), section, origin: services::Origin::Section }
}

/// Runs the command on a configuration in a directory of its own.
async fn check(text: &str) -> (Exit, String) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("easel.toml");
    fs::write(&file, text).unwrap();
    let global = Global { config: Some(file), data_dir: Some(directory.path().join("data")) };
    let mut lines = Vec::new();
    let exit = run(&global, &Check::default(), &mut |line| lines.push(line)).await;
    (exit, lines.join("\n"))
}

#[tokio::test]
async fn a_wrong_configuration_ends_with_two_and_names_everything() {
    let (exit, report) = check("[bot]\nlocal = \"x\"\n[jobs]\nmax_running = 0\n").await;
    assert_eq!(exit, Exit::Wrong);
    for part in ["2:1", "bot.local", "locale", "4:15", "jobs.max_running"] {
        assert!(report.contains(part), "{part} is not in {report}");
    }
}

#[tokio::test]
async fn a_port_in_use_fails_with_its_mend() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap();
    let text = format!("[bot]\nlocale = \"en-US\"\n[[onebot]]\nlisten = \"{address}\"\n");
    let (exit, report) = check(&text).await;
    assert_eq!(exit, Exit::Failed);
    assert!(report.contains(&format!("Another program uses {address}")), "{report}");
    assert!(report.contains("use another port"), "{report}");
}

#[tokio::test]
async fn one_line_per_part() {
    let text = "[bot]\nlocale = \"en-US\"\n[[onebot]]\nlisten = \"127.0.0.1:0\"\n[providers.own]\nkind = \"sketch\"\n[draw]\nprovider = \"own\"\n";
    let (_, report) = check(text).await;
    for part in [
        "[bot]",
        "[access]",
        "[onebot[0]]",
        "[providers.own]",
        "[draw] Uses own",
        "[edit] Uses own",
        "[network]",
    ] {
        assert!(report.contains(part), "{part} is not in {report}");
    }
}

#[tokio::test]
async fn a_chain_of_clips_without_a_maker_of_clips_is_bad() {
    let text = "[bot]\nlocale = \"en-US\"\n[[onebot]]\nlisten = \"127.0.0.1:0\"\n[providers.own]\nkind = \"sketch\"\n";
    let (_, report) = check(text).await;
    assert!(!report.contains("[video]"), "{report}");
    let (exit, report) = check(&format!("{text}[video]\nprovider = \"own\"\n")).await;
    assert_eq!(exit, Exit::Failed);
    assert!(report.contains("[video]") && report.contains("makes clips"), "{report}");
}

#[tokio::test]
async fn a_chain_whose_providers_cannot_do_it_is_told() {
    let chain = |further: &str, chains: &str| {
        format!(
            "[bot]\nlocale = \"en-US\"\n[providers.own]\nkind = \"openai_images\"\nbase_url = \"http://127.0.0.1:9\"\nmodel = \"m\"\n{further}\n{chains}"
        )
    };
    let (_, report) = check(&chain("supports_edit = false", "[draw]\nprovider = \"own\"\n")).await;
    assert!(report.contains("[draw] Uses own") && report.contains("! [edit]: None of own takes"), "{report}");
    let film = "kind = \"grok_video\"\nbase_url = \"http://127.0.0.1:9\"\nmodel = \"m\"\n";
    let clips = format!("[providers.film]\n{film}[draw]\nprovider = \"film\"\n[edit]\nprovider = \"own\"\n");
    let (_, report) = check(&chain("", &clips)).await;
    assert!(
        report.contains("✗ [draw]: None of film draws") && report.contains("[edit] Uses own"),
        "{report}"
    );
}

#[tokio::test]
async fn a_provider_that_nobody_answers_for_is_bad_and_its_key_stays_secret() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let text = format!(
        "[bot]\nlocale = \"en-US\"\n[[onebot]]\nlisten = \"127.0.0.1:0\"\n[providers.p]\nkind = \"openai_images\"\nbase_url = \"http://{free}\"\nmodel = \"m\"\napi_keys = [\"sk-verysecret\"]\n[draw]\nprovider = \"p\"\n"
    );
    let (exit, report) = check(&text).await;
    assert_eq!(exit, Exit::Failed, "{report}");
    assert!(report.contains(&format!("{free} can’t be reached")), "{report}");
    assert!(!report.contains("verysecret"), "{report}");
}

#[tokio::test]
async fn a_provider_is_asked_with_its_key() {
    use easel_providers::{ProviderSection, Tools};
    #[track_caller]
    fn key_of(finding: &Finding) -> &str {
        &finding.text.key
    }
    for (answer, expected) in [
        ("200 OK", "check-provider-good"),
        ("401 Unauthorized", "check-provider-refused"),
        ("404 Not Found", "check-provider-answers"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let server = async {
            use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let length = stream.read(&mut request).await.unwrap();
            let answer = format!("HTTP/1.1 {answer}\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{{}}");
            stream.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8_lossy(&request[..length]).to_lowercase()
        };
        let section: ProviderSection = serde_json::from_value(serde_json::json!({
            "kind": "openai_images", "base_url": base_url, "model": "m", "api_keys": ["k1"],
        }))
        .unwrap();
        let tools = Tools::new(HttpClients::new(easel_http::NetworkSection::default()));
        let service = configured(section);
        let (request, finding) = tokio::join!(server, peers::provider(&service, &tools));
        assert_eq!(key_of(&finding), expected);
        assert!(request.starts_with("get /v1/models") && request.contains("bearer k1"), "{request}");
    }
}

#[tokio::test]
async fn a_provider_is_asked_as_it_will_be_when_it_draws() {
    use easel_providers::{ProviderSection, Tools};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    for (kind, credentials, accepted, requests) in [
        ("openai_images", serde_json::json!({ "api_keys": ["k1", "k2"] }), "bearer k2", 2),
        (
            "openai_images",
            serde_json::json!({ "api_keys": ["k1"], "basic_auth": "me:pw" }),
            "basic bwu6chc=",
            1,
        ),
        ("gemini_native", serde_json::json!({ "api_keys": ["k1", "k2"] }), "x-goog-api-key: k2", 2),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut section = credentials;
        section["kind"] = kind.into();
        section["model"] = "m".into();
        section["base_url"] = format!("http://{}", listener.local_addr().unwrap()).into();
        let section: ProviderSection = serde_json::from_value(section).unwrap();
        let server = async {
            for _ in 0..requests {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = vec![0; 4096];
                let length = stream.read(&mut request).await.unwrap();
                let request = String::from_utf8_lossy(&request[..length]).to_lowercase();
                let status = if request.contains(accepted) { "200 OK" } else { "401 Unauthorized" };
                let answer =
                    format!("HTTP/1.1 {status}\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{{}}");
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        };
        let tools = Tools::new(HttpClients::new(easel_http::NetworkSection::default()));
        let service = configured(section);
        let ((), finding) = tokio::join!(server, peers::provider(&service, &tools));
        assert_eq!(finding.text.key, "check-provider-good", "{accepted}");
    }
}

#[test]
fn a_directory_below_a_file_cannot_be_made() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "x").unwrap();
    let found = machine::data_dir(&file.join("data"), 0);
    assert_eq!(found.first().map(|finding| finding.level), Some(Level::Bad));
    let found = machine::data_dir(&directory.path().join("absent/data"), u64::MAX);
    assert_eq!(found.first().map(|finding| finding.level), Some(Level::Remark));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "nothing is left behind");
}

#[test]
fn sizes() {
    for (bytes, expected) in [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (3 << 30, "3.0 GiB")] {
        assert_eq!(size(bytes), expected);
    }
}

#[test]
fn summaries() {
    let speech = Speech::new(Locale::EnUs);
    assert_eq!(
        Count { good: 3, ..Count::default() }.summary(&speech),
        "Everything is fine; easel can start."
    );
    let mixed = Count { good: 3, remarks: 1, bad: 2 }.summary(&speech);
    assert!(mixed.contains('3') && mixed.contains('1') && mixed.contains('2'), "{mixed}");
}
