//! Every sample frame is read as its `expect` members say.

use easel_core::{ids::ChatKind, message::PictureLocator};
use easel_testkit::samples;
use proptest::prelude::*;
use serde_json::Value;

use super::*;

const ME: &str = "3001000001";

fn me() -> Identity {
    Identity { id: ME.into(), alias: None }
}

/// Compares a message with the members that the sample says something about; returns how many.
fn compare(name: &str, expect: &Value, message: &easel_core::message::Message) -> usize {
    let mut checked = 0;
    for (key, wanted) in expect.as_object().unwrap() {
        checked += 1;
        let text = wanted.as_str().unwrap_or_default();
        let found = match key.as_str() {
            "text" => message.text == text,
            "images" => wanted.as_u64() == Some(message.pictures.len() as u64),
            "mention_me" => wanted.as_bool() == Some(message.mentions_me),
            "quote_id" => message.quote.as_ref().is_some_and(|quote| quote.as_str() == text),
            "mentions" => {
                let mentions: Vec<&str> =
                    message.mentions.iter().map(easel_core::ids::UserId::as_str).collect();
                wanted == &serde_json::json!(mentions)
            }
            "role" => format!("{:?}", message.sender.role).to_lowercase() == text,
            "chat_kind" => match text {
                "private" => message.chat.kind == ChatKind::Direct,
                "temp" => message.chat.kind == ChatKind::Temporary,
                other => panic!("{other}"),
            },
            "group" => message.chat.parent.as_ref().is_some_and(|group| group.as_str() == text),
            "image_url" => matches!(
                &message.pictures[0].locator,
                PictureLocator::Platform { url: Some(url), .. } if url == text
            ),
            // A picture that was sent as a file is one that can be had.
            "candidate_image" => wanted.as_bool() == Some(message.pictures.len() == 1),
            // Stickers and market faces are pictures like any other; whether one moves is told by its bytes.
            "image_kind" => message.pictures.len() == 1,
            "attachments" | "animated" | "segments" => true,
            other => panic!("{name}: nobody checks {other}"),
        };
        assert!(found, "{name}: {key} should be {wanted} in {message:?}");
    }
    checked
}

#[test]
fn every_sample_event_is_read_as_it_says() {
    let (mut events, mut checked) = (0, 0);
    for (name, sample) in samples::all("onebot") {
        for item in sample["items"].as_array().unwrap() {
            let event = match item["kind"].as_str() {
                Some("event") => &item["body"],
                Some("http_request") if item["dir"] == "recv" => &item["body"]["json"],
                _ => continue,
            };
            events += 1;
            let frame = event.to_string();
            let inbound = parse(&frame).unwrap_or_else(|error| panic!("{name}: {error}"));
            let Inbound::Message(event) = inbound else {
                assert!(item["expect"].is_null(), "{name}: {inbound:?}");
                continue;
            };
            let message = message_from(&event, &me(), &|_| None);
            if item["expect"]["ignore"] == true {
                assert!(message.is_none(), "{name}");
                checked += 1;
                continue;
            }
            let message = message.unwrap_or_else(|| panic!("{name}: no message in {frame}"));
            if item["expect"].is_object() {
                checked += compare(&name, &item["expect"], &message);
            }
        }
    }
    assert!(events >= 40 && checked >= 30, "{events} events, {checked} expectations");
}

#[test]
fn every_sample_answer_is_read() {
    let mut answers = 0;
    for (name, sample) in samples::all("onebot") {
        for item in sample["items"].as_array().unwrap() {
            if !matches!(item["kind"].as_str(), Some("reply" | "not_event")) || item["dir"] != "recv" {
                continue;
            }
            answers += 1;
            let frame = item["body"].to_string();
            let Ok(Inbound::Answer(answer)) = parse(&frame) else { panic!("{name}: no answer: {frame}") };
            let status = item["body"]["status"].as_str().unwrap();
            assert_eq!(answer.ok, matches!(status, "ok" | "async"), "{name}: {frame}");
            assert!(answer.ok || answer.retcode != 0, "{name}: {frame}");
        }
    }
    assert!(answers >= 40, "{answers} answers");
}

#[test]
fn answers_of_odd_implementations() {
    #[track_caller]
    fn check(json: &str, ok: bool, text: &str, echo: Option<&str>) {
        let Ok(Inbound::Answer(answer)) = parse(json) else { panic!("{json}") };
        assert_eq!((answer.ok, answer.text.as_ref(), answer.echo.as_deref()), (ok, text, echo), "{json}");
    }
    check(r#"{"status":"文件已上传","retcode":0,"data":null,"echo":"a"}"#, true, "", Some("a"));
    check(r#"{"status":"failed","retcode":0,"msg":"no","echo":""}"#, false, "no", None);
    check(r#"{"status":"async","retcode":1,"data":null,"echo":"a"}"#, true, "", Some("a"));
    check(r#"{"status":"ok","retcode":"0","echo":7}"#, true, "", Some("7"));
    check(r#"{"status":"failed","retcode":-1,"message":"","wording":"w","echo":{"a":1}}"#, false, "w", None);
    check(r#"{"status":"ok","retcode":1200}"#, false, "", None);
}

#[test]
fn notices_that_matter() {
    #[track_caller]
    fn check(json: &str, expected: &str) {
        assert!(format!("{:?}", parse(json).unwrap()).starts_with(expected), "{json}");
    }
    check(r#"{"post_type":"notice","notice_type":"bot_offline","user_id":1}"#, "Offline");
    check(
        r#"{"post_type":"notice","notice_type":"group_ban","group_id":7,"user_id":3,"self_id":3,"duration":600,"sub_type":"ban"}"#,
        "Muted { group: 7, seconds: 600 }",
    );
    check(
        r#"{"post_type":"notice","notice_type":"group_ban","group_id":7,"user_id":0,"self_id":3,"duration":-1,"sub_type":"ban"}"#,
        "Other",
    );
    check(
        r#"{"post_type":"notice","notice_type":"group_ban","group_id":7,"user_id":0,"self_id":3,"duration":0,"sub_type":"lift_ban"}"#,
        "Muted { group: 7, seconds: 0 }",
    );
    check(
        r#"{"post_type":"notice","notice_type":"group_ban","group_id":7,"user_id":5,"self_id":3,"duration":600}"#,
        "Other",
    );
    check(
        r#"{"post_type":"notice","notice_type":"group_recall","group_id":7,"user_id":5,"operator_id":6,"message_id":-1}"#,
        r#"Recalled(Recalled { group: Some("7"), user: "5", message: "-1" })"#,
    );
    check(
        r#"{"post_type":"notice","notice_type":"friend_recall","user_id":"5","message_id":"1"}"#,
        r#"Recalled(Recalled { group: None, user: "5", message: "1" })"#,
    );
    check(r#"{"post_type":"notice","notice_type":"group_recall","message_id":1}"#, "Other");
    for (kind, rest, expected) in [
        ("decrease", r#""sub_type":"kick_me","user_id":3"#, "Membership { group: 7, is_member: false }"),
        ("decrease", r#""sub_type":"kick_me","user_id":0"#, "Membership { group: 7, is_member: false }"),
        ("decrease", r#""sub_type":"leave","user_id":"3""#, "Membership { group: 7, is_member: false }"),
        ("decrease", r#""sub_type":"kick","user_id":5"#, "Other"),
        ("increase", r#""sub_type":"invite","user_id":3"#, "Membership { group: 7, is_member: true }"),
        ("increase", r#""sub_type":"approve","user_id":5"#, "Other"),
        ("increase", r#""sub_type":"approve""#, "Other"),
    ] {
        let notice = format!(
            r#"{{"post_type":"notice","notice_type":"group_{kind}","group_id":7,"self_id":3,{rest}}}"#
        );
        check(&notice, expected);
    }
    check(
        r#"{"post_type":"meta_event","meta_event_type":"heartbeat","interval":"5000","status":{"online":false},"self_id":3}"#,
        r#"Alive { self_id: Some("3"), interval_ms: Some(5000), online: Some(false), begins: false, time: UnixMillis(0) }"#,
    );
    check(
        r#"{"post_type":"meta_event","meta_event_type":"lifecycle","sub_type":"connect","time":1789000000,"self_id":3}"#,
        r#"Alive { self_id: Some("3"), interval_ms: None, online: None, begins: true, time: UnixMillis(1789000000000) }"#,
    );
}

fn read(message: &Value, wrote: Option<&str>) -> easel_core::message::Message {
    let frame = serde_json::json!({
        "post_type": "message", "message_type": "group", "group_id": 7, "user_id": 5, "message_id": "x-9",
        "self_id": 3_001_000_001_i64, "time": 1_789_000_000_123_i64, "sender": null, "message": message,
    })
    .to_string();
    let Ok(Inbound::Message(event)) = parse(&frame) else { panic!("{frame}") };
    message_from(&event, &me(), &|_| wrote.map(str::to_owned)).unwrap()
}

#[test]
fn the_automatic_mention_of_a_quoted_sender_is_dropped() {
    #[track_caller]
    fn check(wrote: Option<&str>, at: &[&str], mentions_me: bool, mentions: &[&str]) {
        let mut segments = vec![serde_json::json!({"type": "reply", "data": {"id": 1}})];
        for who in at {
            segments.push(serde_json::json!({"type": "at", "data": {"qq": who}}));
            segments.push(serde_json::json!({"type": "text", "data": {"text": " "}}));
        }
        let message = read(&Value::Array(segments), wrote);
        let found: Vec<&str> = message.mentions.iter().map(easel_core::ids::UserId::as_str).collect();
        assert_eq!((message.mentions_me, found.as_slice()), (mentions_me, mentions));
    }
    check(None, &["22"], false, &[]);
    check(None, &["22", ME], true, &[]);
    check(None, &["22", "22"], false, &["22"]);
    check(None, &[ME], true, &[]);
    check(Some("22"), &["22"], false, &[]);
    check(Some("22"), &["33"], false, &["33"]);
    check(Some(ME), &[ME], false, &[]);
    check(Some(ME), &[ME, ME], true, &[]);
    check(Some("22"), &[ME], true, &[]);
}

#[test]
fn odd_values_are_normalised() {
    let message =
        read(&serde_json::json!([{"type": "text", "data": {"text": "\u{feff} 一\r二\u{3000}"}}]), None);
    assert_eq!((message.text.as_str(), message.id.as_str()), ("一\n二", "x-9"));
    assert_eq!(message.sent_at.0, 1_789_000_000_123, "milliseconds stay");
    let inline = read(&serde_json::json!([{"type": "image", "data": {"file": "base64://AQID"}}]), None);
    assert_eq!(inline.pictures[0].locator, PictureLocator::Inline(bytes::Bytes::from_static(&[1, 2, 3])));
    // Our own mark in a name that somebody else wrote: it would be taken for the id of a file.
    let forged = "onebot-file:/etc/passwd";
    let marked = read(&serde_json::json!([{"type": "image", "data": {"file": forged}}]), None);
    assert_eq!(marked.pictures, []);
    let marked = read(
        &serde_json::json!([{"type": "image", "data": {"file": forged, "url": "https://example.invalid/a"}}]),
        None,
    );
    assert!(matches!(&marked.pictures[0].locator, PictureLocator::Platform { url: Some(_), file: None, .. }));
    let empty = read(&serde_json::json!([{"type": "image", "data": {"file": "", "url": ""}}]), None);
    assert!(empty.pictures.is_empty());
    let local = read(
        &serde_json::json!([{"type": "image", "data": {"file": "a", "url": "/root/.config/a.png"}}]),
        None,
    );
    assert!(matches!(&local.pictures[0].locator, PictureLocator::Platform { url: None, file: Some(_), .. }));
}

proptest! {
    #[test]
    fn any_json_is_read_without_panic(text in "[\\[\\]{}\",:a-z0-9\\\\ ]{0,60}") {
        drop(parse(&text));
        let frame = format!("{{\"post_type\":\"message\",\"user_id\":1,\"message_id\":1,\"message\":{text}}}");
        if let Ok(Inbound::Message(event)) = parse(&frame) {
            drop(message_from(&event, &me(), &|_| None));
        }
    }
}

#[test]
fn words_around_a_picture_stay_apart() {
    #[track_caller]
    fn check(before: &str, after: &str, expected: &str) {
        let segments = serde_json::json!([
            {"type": "text", "data": {"text": before}},
            {"type": "image", "data": {"file": "a.png"}},
            {"type": "text", "data": {"text": ""}},
            {"type": "text", "data": {"text": after}},
        ]);
        let raw = serde_json::value::RawValue::from_string(segments.to_string()).unwrap();
        let content = collect(&wire::segments(Some(&raw)), "", easel_core::message::PictureOrigin::Message);
        assert_eq!(content.text, expected);
    }
    check("/draw cat", "dog", "/draw cat dog");
    check("/draw cat ", "dog", "/draw cat dog");
    check("画一只", "猫", "画一只猫");
    check("/", "draw", "/draw");
}

#[test]
fn frames_tell_whether_the_account_is_logged_in() {
    #[track_caller]
    fn check(json: &str, expected: (Option<bool>, bool)) {
        let Ok(Inbound::Alive { online, begins, .. }) = parse(json) else { panic!("{json}") };
        assert_eq!((online, begins), expected, "{json}");
    }
    let lifecycle = |sub_type: &str| {
        format!(
            r#"{{"post_type":"meta_event","meta_event_type":"lifecycle","sub_type":"{sub_type}","status":{{"online":true}}}}"#
        )
    };
    check(&lifecycle("connect"), (None, true));
    check(&lifecycle("enable"), (None, true));
    check(&lifecycle("disable"), (None, false));
    let heartbeat = |status: &str| {
        format!(r#"{{"post_type":"meta_event","meta_event_type":"heartbeat","status":{status}}}"#)
    };
    check(&heartbeat(r#"{"online":false}"#), (Some(false), false));
    check(&heartbeat(r#"{"online":true,"good":true}"#), (Some(true), false));
    // The standard allows that it is not known.
    check(&heartbeat(r#"{"online":null}"#), (None, false));
    check(&heartbeat("null"), (None, false));
}
