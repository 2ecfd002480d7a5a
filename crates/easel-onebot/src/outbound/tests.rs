//! The frames that go out, letter by letter.

use bytes::Bytes;
use easel_core::{
    ids::{AccountId, ChatId, Platform},
    media::{Picture, PictureFormat},
    reply::OutgoingPicture,
};

use super::*;

fn chat(kind: ChatKind) -> Chat {
    Chat {
        platform: Platform::new("onebot"),
        account: AccountId::new("3001000001"),
        kind,
        id: ChatId::new("700000001"),
        parent: (kind == ChatKind::Temporary).then(|| ChatId::new("8")),
    }
}

fn picture() -> OutgoingPicture {
    let body = Body::from_bytes(Bytes::from_static(&[1, 2, 3, 4]));
    OutgoingPicture {
        picture: Picture { format: PictureFormat::Png, width: 1, height: 1, body },
        name: "easel-1.png".into(),
    }
}

fn frame(call: Call) -> String {
    let length = call.params.len();
    assert_eq!(length, call.params.to_text().len() as u64, "the announced length is the written one");
    let text = call.params.into_frame(call.action, "e-1").to_text();
    serde_json::from_str::<Value>(&text).expect("it is JSON");
    text
}

/// Action and parameters by name: the order of members depends on the features that the JSON library is built with.
fn sorted(call: Call) -> String {
    let frame: Value = serde_json::from_str(&frame(call)).unwrap();
    let params: std::collections::BTreeMap<String, Value> =
        serde_json::from_value(frame["params"].clone()).unwrap();
    format!("{} {}", frame["action"].as_str().unwrap(), serde_json::to_string(&params).unwrap())
}

#[test]
fn the_quote_comes_first_and_codes_stay_text() {
    let target = Target { chat: chat(ChatKind::Group), quote: Some(MessageId::new("-5")) };
    let parts = [Part::Text("[CQ:at,qq=all] \"\n".into()), Part::Picture(picture())];
    let call = send_message(&target, &parts, &[Source::Base64(picture().picture.body)], 60_000);
    insta::assert_snapshot!(frame(call), @r#"{"action":"send_group_msg","echo":"e-1","params":{"group_id":700000001,"message":[{"type":"reply","data":{"id":"-5"}},{"type":"text","data":{"text":"[CQ:at,qq=all] \"\n"}},{"type":"image","data":{"file":"base64://AQIDBA=="}}],"auto_escape":false,"timeout":60000}}"#);
}

#[test]
fn temporary_sessions_name_person_and_group() {
    let target = Target { chat: chat(ChatKind::Temporary), quote: None };
    let call = send_message(&target, &[Part::Text("好".into())], &[], 1);
    insta::assert_snapshot!(frame(call), @r#"{"action":"send_private_msg","echo":"e-1","params":{"user_id":700000001,"group_id":8,"message":[{"type":"text","data":{"text":"好"}}],"auto_escape":false,"timeout":1}}"#);
}

#[test]
fn files_have_their_own_actions() {
    let call = upload_file(&chat(ChatKind::Group), "easel-1.png", &Source::Uri("file:///q/a.png".into()));
    insta::assert_snapshot!(frame(call), @r#"{"action":"upload_group_file","echo":"e-1","params":{"group_id":700000001,"file":"file:///q/a.png","name":"easel-1.png"}}"#);
    let call = upload_file(&chat(ChatKind::Direct), "easel-1.png", &Source::Base64(picture().picture.body));
    insta::assert_snapshot!(frame(call), @r#"{"action":"upload_private_file","echo":"e-1","params":{"user_id":700000001,"file":"base64://AQIDBA==","name":"easel-1.png"}}"#);
}

#[test]
fn chunks_carry_everything_that_the_stream_needs() {
    let body = picture().picture.body;
    let chunk = Chunk {
        stream_id: "s",
        index: 1,
        total: 2,
        body: &body,
        offset: 3,
        len: 1,
        sha256: "ab",
        name: "a.png",
        retention_ms: 300_000,
    };
    insta::assert_snapshot!(sorted(upload_chunk(&chunk)), @r#"upload_file_stream {"chunk_data":"BA==","chunk_index":1,"expected_sha256":"ab","file_retention":300000,"file_size":4,"filename":"a.png","stream_id":"s","total_chunks":2}"#);
}

#[test]
fn lookups_have_the_documented_parameters() {
    let group = chat(ChatKind::Group);
    let calls = [
        get_message("-5"),
        get_forward("Zm9y"),
        get_image("a.png"),
        get_member("7", &UserId::new("2200000011")),
        get_file_link(&group, "/7f"),
        react(&group, &MessageId::new("5"), face(Reaction::Working), true, false),
        react(&group, &MessageId::new("5"), face(Reaction::Done), true, true),
        plain("get_version_info"),
    ];
    let lines: Vec<String> = calls.into_iter().map(sorted).collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    get_msg {"message_id":-5}
    get_forward_msg {"id":"Zm9y","message_id":"Zm9y"}
    get_image {"file":"a.png"}
    get_group_member_info {"group_id":7,"no_cache":false,"user_id":2200000011}
    get_group_file_url {"busid":102,"file_id":"/7f","group_id":700000001}
    set_msg_emoji_like {"emoji_id":"125","message_id":5,"set":true}
    set_group_reaction {"code":"79","group_id":700000001,"is_add":true,"message_id":5}
    get_version_info {}
    "#);
}
