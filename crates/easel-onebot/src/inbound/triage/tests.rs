//! Which events matter, told by what the implementations send.

use std::fmt::Write as _;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::inbound::{Identity, Inbound, message_from, parse};

fn me() -> Identity {
    Identity { id: "3001000001".into(), alias: None }
}

fn starts_command(text: &str) -> bool {
    ["/生图", "/draw", "#"].iter().any(|verb| text.starts_with(verb))
}

fn event(message: &Value) -> Value {
    json!({
        "self_id": 3_001_000_001_i64, "user_id": 20_002, "time": 1_789_000_000, "message_id": 5, "message_type": "group",
        "sender": {"user_id": 20_002, "nickname": "路人", "card": "", "role": "member"}, "raw_message": "\"message\":[",
        "sub_type": "normal", "message": message, "message_format": "array", "post_type": "message", "group_id": 7,
    })
}

/// Whether the full parse would deliver the frame.
fn would_deliver(frame: &str) -> bool {
    let Ok(Inbound::Message(event)) = parse(frame) else { return false };
    message_from(&event, &me(), &|_| None).is_some_and(|message| {
        message.chat.kind.is_direct() || message.mentions_me || starts_command(&message.text)
    })
}

fn judge(frame: &str) -> &'static str {
    match triage(frame, &me(), &starts_command) {
        Triage::Chatter => "chatter",
        Triage::Picture(_) => "picture",
        Triage::Parse => "parse",
    }
}

#[test]
fn frames_are_sorted() {
    #[track_caller]
    fn check(message: &Value, expected: &str) {
        assert_eq!(judge(&event(message).to_string()), expected, "{message}");
    }
    let text = |text: &str| json!({"type": "text", "data": {"text": text}});
    let image = json!({"type": "image", "data": {"file": "a.png", "url": "https://x/a"}});
    let at = |who: &str| json!({"type": "at", "data": {"qq": who}});
    check(&json!([text("早上好")]), "chatter");
    check(&json!([text("/生图 猫")]), "parse");
    check(&json!([text(" \u{200b}\u{3000}/生图 猫")]), "parse");
    check(&json!([text("说 /生图 猫")]), "chatter");
    check(&json!([text("/"), image, text("生图 猫")]), "parse");
    check(&json!([text("#dr"), image, text("aw")]), "parse");
    check(&json!([text("/dr"), image, text("aw")]), "picture");
    check(&json!([image]), "picture");
    check(&json!([{"data": {}, "type": "mface"}]), "picture");
    let file = |data: Value| json!([{"type": "file", "data": data}]);
    check(&file(json!({"file": "画.PNG", "file_id": "/a"})), "picture");
    check(&file(json!({"file": "a\"b.jpeg", "file_id": "/a"})), "picture");
    check(&file(json!({"file_name": "a.webp", "file": "b.zip", "file_id": "/a"})), "picture");
    check(&file(json!({"name": "a.gif", "url": "https://x/a"})), "picture");
    check(&file(json!({"file": "a.zip", "file_id": "/a"})), "chatter");
    check(&file(json!({"file": "png", "file_id": "/a"})), "chatter");
    check(&file(json!({"file_id": "/a.png"})), "chatter");
    check(&file(json!(null)), "chatter");
    check(&Value::Array(vec![image.clone(); MAX_PICTURES]), "picture");
    // More than are remembered from slices: none of them may get lost.
    check(&Value::Array(vec![image.clone(); MAX_PICTURES + 1]), "parse");
    check(&json!("[CQ:file,file=a.png,file_id=/a]"), "picture");
    check(&json!("[CQ:file,file=a.zip,file_id=/a.png]"), "chatter");
    check(&json!([image, text("/生图")]), "parse");
    check(&json!([at("3001000001"), text(" 你好")]), "parse");
    check(&json!([{"type": "at", "data": {"qq": 3_001_000_001_i64}}]), "parse");
    check(&json!([at("1"), text(" 你好")]), "chatter");
    check(&json!([at("1"), text(" /生图")]), "parse");
    check(&json!([{"type": "shake", "data": null}]), "chatter");
    check(&json!([{"type": "json", "data": {"data": "{\"type\":\"image\"}"}}]), "chatter");
    check(&json!([]), "chatter");
    check(&json!("[CQ:face,id=1]早上好"), "chatter");
    check(&json!("[CQ:face,id=1]/生图"), "parse");
    check(&json!("[CQ:at,qq=3001000001] 你好"), "parse");
    check(&json!("[CQ:image,file=a.png]"), "picture");
    check(&json!("&#47;"), "chatter");
    check(&json!(7), "parse");
}

#[test]
fn what_is_not_an_ordinary_group_message_is_parsed() {
    #[track_caller]
    fn check(edit: impl FnOnce(&mut Value), expected: &str) {
        let mut event = event(&json!([{"type": "text", "data": {"text": "早"}}]));
        edit(&mut event);
        assert_eq!(judge(&event.to_string()), expected, "{event}");
    }
    check(|_| (), "chatter");
    check(|event| event["message_type"] = json!("private"), "parse");
    check(|event| event["echo"] = json!("easel-1"), "parse");
    check(|event| event["post_type"] = json!("meta_event"), "parse");
    check(|event| event["post_type"] = json!("something_new"), "parse");
    check(|event| event["post_type"] = json!("notice"), "parse");
    check(
        |event| *event = json!({"post_type": "notice", "notice_type": "notify", "sub_type": "poke"}),
        "chatter",
    );
    check(|event| *event = json!({"post_type": "notice", "notice_type": "bot_offline"}), "parse");
    check(
        |event| *event = json!({"post_type": "notice", "notice_type": "group_recall", "message_id": 5}),
        "parse",
    );
    let moves = |kind: &str, who: Value| json!({"post_type": "notice", "notice_type": kind, "user_id": who});
    check(|event| *event = moves("group_decrease", json!(5)), "chatter");
    check(|event| *event = moves("group_increase", json!(5)), "chatter");
    check(|event| *event = moves("group_decrease", json!(3_001_000_001_i64)), "parse");
    check(|event| *event = moves("group_increase", json!("3001000001")), "parse");
    check(|event| *event = json!({"post_type": "request"}), "chatter");
    // Whoever it names: some write 0 where they can't tell.
    let removed =
        json!({"post_type": "notice", "notice_type": "group_decrease", "sub_type": "kick_me", "user_id": 0});
    check(|event| *event = removed, "parse");
    check(|event| event["user_id"] = json!(3_001_000_001_i64), "chatter");
}

#[test]
fn own_pictures_are_remembered_and_own_commands_are_not() {
    let mut own = event(&json!([{"type": "text", "data": {"text": "/生图 猫"}}]));
    own["user_id"] = json!("3001000001");
    assert_eq!(judge(&own.to_string()), "chatter");
    own["post_type"] = json!("message_sent");
    own["message"] = json!([{"type": "image", "data": {"file": "own.png"}}]);
    assert_eq!(judge(&own.to_string()), "picture");
}

#[test]
fn odd_spellings_are_parsed() {
    #[track_caller]
    fn check(frame: &str) {
        assert_eq!(judge(frame), "parse", "{frame}");
    }
    check("");
    check("nonsense");
    check("[1]");
    check(r#"{"post_type":"message","message_type":"group","user_id":1,"message":[]} x"#);
    check(r#"{"post_typ\u0065":"message","message_type":"group","user_id":1,"message":[]}"#);
    check(r#"{"post_type":"message","post_type":"message","message_type":"group","user_id":1,"message":[]}"#);
    check(r#"{"post_type":"mess\u0061ge","message_type":"group","user_id":1,"message":[]}"#);
    check(r#"{"post_type":"message","message_type":"group","user_id":1,"message":[{"type":"te\u0078t"}]}"#);
    check(
        r#"{"post_type":"message","message_type":"group","user_id":1,"message":[{"type":"text","data":{"text":"\u002f生图 猫"}}]}"#,
    );
    check(
        r#"{"post_type":"message","message_type":"group","user_id":1,"message":[{"type":"text","data":{"text":"\/\u751f\u56fe"}}]}"#,
    );
    check(r#"{"post_type":"message","message_type":"group","user_id":1,"message":"\/\u751f\u56fe"}"#);
    check(
        r#"{"post_type":"message","message_type":"group","user_id":1,"message":[{"type":"at","data":{"qq":"\u0033001000001"}}]}"#,
    );
    check(
        "{ \"post_type\" : \"message\" ,\n \"message_type\":\t\"group\", \"user_id\" : 1,\r\n \"message\" : [ { \"data\" : { \"text\" : \" /生图\" } , \"type\" : \"text\" } ] }",
    );
}

/// Writes JSON with every character of strings escaped or not as `dice` says, and white space between tokens.
fn spell(value: &Value, dice: &mut impl FnMut() -> u8, out: &mut String) {
    fn blank(dice: &mut impl FnMut() -> u8, out: &mut String) {
        out.push_str(match dice() % 8 {
            0 => " ",
            1 => "\n\t",
            _ => "",
        });
    }
    fn string(text: &str, dice: &mut impl FnMut() -> u8, out: &mut String) {
        let always = dice().is_multiple_of(4);
        out.push('"');
        for c in text.chars() {
            match c {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '/' if dice().is_multiple_of(2) => out.push_str("\\/"),
                c if (c as u32) < 0x20 || always || dice().is_multiple_of(16) => {
                    let mut units = [0; 2];
                    for unit in c.encode_utf16(&mut units) {
                        write!(out, "\\u{unit:04x}").unwrap();
                    }
                }
                c => out.push(c),
            }
        }
        out.push('"');
    }
    blank(dice, out);
    match value {
        Value::String(text) => string(text, dice, out),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                spell(item, dice, out);
            }
            blank(dice, out);
            out.push(']');
        }
        Value::Object(members) => {
            out.push('{');
            let mut members: Vec<_> = members.iter().collect();
            let shift = usize::from(dice()) % members.len().max(1);
            members.rotate_left(shift);
            for (index, (key, item)) in members.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                blank(dice, out);
                string(key, dice, out);
                blank(dice, out);
                out.push(':');
                spell(item, dice, out);
            }
            blank(dice, out);
            out.push('}');
        }
        other => out.push_str(&other.to_string()),
    }
    blank(dice, out);
}

fn words() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,8}",
        Just("/生图 猫".to_owned()),
        Just(" \u{a0}/生图".to_owned()),
        Just("/".to_owned()),
        Just("生图".to_owned()),
        Just("#画".to_owned()),
        Just("\u{feff}".to_owned()),
        Just("😀/draw \"x\"\\".to_owned()),
    ]
}

fn segment() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => words().prop_map(|text| json!({"type": "text", "data": {"text": text}})),
        1 => Just(json!({"type": "at", "data": {"qq": "3001000001"}})),
        1 => Just(json!({"type": "at", "data": {"qq": 3_001_000_001_i64, "name": "画板"}})),
        1 => Just(json!({"type": "at", "data": {"qq": "all"}})),
        1 => Just(json!({"type": "at", "data": {"qq": "20003"}})),
        1 => Just(json!({"type": "reply", "data": {"id": "88"}})),
        1 => Just(json!({"type": "image", "data": {"file": "a.png", "url": "https://x/?a&amp;b", "sub_type": 0}})),
        1 => Just(json!({"type": "face", "data": {"id": 1, "raw": {"type": "text", "text": "/生图", "x": [1, {"a": null}]}}})),
        1 => Just(json!({"type": "shake", "data": null})),
        1 => words().prop_map(|text| json!({"type": "json", "data": {"data": format!("{{\"text\":\"{text}\"}}")}})),
    ]
}

fn message() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => proptest::collection::vec(segment(), 0..6).prop_map(Value::Array),
        1 => proptest::collection::vec(prop_oneof![
            words().prop_map(|text| text.replace('&', "&amp;").replace('[', "&#91;").replace(']', "&#93;")),
            Just("[CQ:at,qq=3001000001]".to_owned()),
            Just("[CQ:face,id=1]".to_owned()),
            Just("[CQ:image,file=a,url=b]".to_owned()),
            Just("[CQ:".to_owned()),
        ], 0..5).prop_map(|pieces| Value::String(pieces.concat())),
        1 => segment(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn nothing_that_is_for_us_is_dropped(
        message in message(),
        private in proptest::bool::weighted(0.1),
        dice in proptest::collection::vec(any::<u8>(), 1..64),
    ) {
        let mut event = event(&message);
        if private {
            event["message_type"] = json!("private");
        }
        let mut at = 0;
        let mut roll = || { at += 1; dice[at % dice.len()] };
        let mut frame = String::new();
        spell(&event, &mut roll, &mut frame);
        if would_deliver(&frame) {
            prop_assert_eq!(judge(&frame), "parse", "{}", frame);
        }
    }

    #[test]
    fn mutated_frames_never_panic(
        message in message(),
        cut in any::<prop::sample::Index>(),
        other in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut frame = event(&message).to_string().into_bytes();
        let length = frame.len();
        frame[other.index(length)] = byte;
        let whole = String::from_utf8_lossy(&frame).into_owned();
        frame.truncate(cut.index(length));
        let short = String::from_utf8_lossy(&frame).into_owned();
        for frame in [whole, short] {
            let verdict = judge(&frame);
            if would_deliver(&frame) {
                prop_assert_eq!(verdict, "parse", "{}", frame);
            }
        }
    }
}
