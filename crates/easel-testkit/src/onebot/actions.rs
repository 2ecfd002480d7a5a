//! Answers to the calls that don't send anything.

use super::{
    Dialect, MemberRole,
    dialect::Failure,
    download,
    peer::{self, Call, Peer},
    upload,
};
use serde_json::{Value, json};

/// The account's groups.
const GROUPS: [i64; 2] = [700_000_001, 700_000_002];

/// The data that answers a call.
pub(super) fn answer(peer: &Peer, call: &Call) -> Result<Value, Failure> {
    let dialect = peer.settings.dialect;
    if !dialect.knows(&call.action) {
        return Err(Failure::NoSuchAction);
    }
    let self_id = peer.settings.self_id;
    match call.action.as_str() {
        "get_login_info" => Ok(json!({ "user_id": self_id, "nickname": "画板" })),
        "get_version_info" => Ok(json!({ "app_name": dialect.app_name(), "protocol_version": "v11",
            "app_version": dialect.app_version() })),
        "get_status" => Ok(peer.status()),
        "can_send_image" | "can_send_record" => Ok(json!({ "yes": true })),
        "get_msg" => message(peer, call),
        "get_group_msg_history" => Ok(history(peer, call)),
        "get_forward_msg" => forward(peer, call),
        "delete_msg" => {
            let id = required(call, "message_id")?;
            let removed = peer.with(|state| state.messages.remove(&id));
            removed.map(|_| Value::Null).ok_or_else(no_such_message)
        }
        "get_group_member_info" => member(peer, required(call, "group_id")?, required(call, "user_id")?),
        "get_group_member_list" => {
            let group = required(call, "group_id")?;
            let mut users: Vec<i64> = peer.with(|state| {
                let here = state.members.iter().filter(|((at, _), (role, _))| *at == group && role.is_some());
                here.map(|((_, user), _)| *user).chain([self_id]).collect()
            });
            users.sort_unstable();
            users.dedup();
            users.into_iter().map(|user| member(peer, group, user)).collect()
        }
        "get_stranger_info" => {
            let user = required(call, "user_id")?;
            let name = format!("用户{user}");
            Ok(json!({ "user_id": user, "nick": name, "nickname": name, "sex": "unknown", "age": 0 }))
        }
        "get_group_info" => Ok(group_info(required(call, "group_id")?)),
        "get_group_list" => {
            let left = |group: i64| {
                peer.with(|state| {
                    state.members.get(&(group, self_id)).is_some_and(|(role, _)| role.is_none())
                })
            };
            Ok(GROUPS.into_iter().filter(|group| !left(*group)).map(group_info).collect())
        }
        "get_friend_list" => {
            Ok(json!([{ "user_id": 2_200_000_011_i64, "nickname": "画师小王", "remark": "" }]))
        }
        "get_image" | "get_file" => image(peer, call),
        "get_group_file_url" | "get_private_file_url" => {
            let id = call.text("file_id").ok_or(Failure::BadParameter("file_id is required"))?;
            let url = peer.with(|state| state.images.get(&id).cloned());
            url.map(|url| json!({ "url": url })).ok_or_else(|| Failure::handler("file not found"))
        }
        "nc_get_rkey" | "get_rkey" => Ok(rkeys(peer, &call.action)),
        "set_msg_emoji_like" | "unset_msg_emoji_like" | "set_group_reaction" => react(peer, call),
        "upload_file_stream" => upload::answer(peer, call),
        "download_file_image_stream" => download::answer(peer, call),
        "set_input_status"
        | "mark_msg_as_read"
        | "mark_group_msg_as_read"
        | "mark_private_msg_as_read"
        | "group_poke"
        | "friend_poke"
        | "send_poke"
        | "set_group_card"
        | "set_essence_msg" => Ok(Value::Null),
        // A sending action comes here only without a target.
        action if action.starts_with("send_") && action.ends_with("_msg") => {
            Err(Failure::BadParameter("group_id or user_id is required"))
        }
        _ => Err(Failure::NoSuchAction),
    }
}

fn required(call: &Call, key: &str) -> Result<i64, Failure> {
    call.number(key).ok_or(Failure::BadParameter("Schema compilation error: Required property"))
}

fn no_such_message() -> Failure {
    Failure::Handler("MSG_NOT_FOUND", "消息不存在".to_owned())
}

fn message(peer: &Peer, call: &Call) -> Result<Value, Failure> {
    let id = required(call, "message_id")?;
    let found = peer.with(|state| state.messages.get(&id).cloned());
    found.ok_or_else(|| match peer.settings.dialect {
        Dialect::LLBot => Failure::handler("无法获取该消息"),
        _ => no_such_message(),
    })
}

fn history(peer: &Peer, call: &Call) -> Value {
    let group = call.number("group_id");
    let messages: Vec<Value> = peer.with(|state| {
        let of_group = |message: &&Value| message.get("group_id").and_then(Value::as_i64) == group;
        state.messages.values().filter(of_group).cloned().collect()
    });
    json!({ "messages": messages })
}

fn forward(peer: &Peer, call: &Call) -> Result<Value, Failure> {
    let id = call.text("message_id").or_else(|| call.text("id"));
    let id = id.ok_or(Failure::BadParameter("message_id is required"))?;
    let events = peer.with(|state| state.forwards.get(&id).cloned());
    let events = events.ok_or_else(|| Failure::handler("消息已过期或者为内层消息，无法获取转发消息"))?;
    Ok(peer.settings.dialect.forward(&events))
}

fn member(peer: &Peer, group: i64, user: i64) -> Result<Value, Failure> {
    let known = peer.with(|state| state.members.get(&(group, user)).cloned());
    let (role, nickname) = known.unwrap_or_else(|| (Some(MemberRole::Member), format!("用户{user}")));
    let Some(role) = role else {
        let text = format!("群({group})成员{user}不存在");
        return Err(Failure::Handler("MEMBER_NOT_FOUND", text));
    };
    let muted_until = peer.with(|state| state.muted_until.get(&group).copied());
    let muted_until = muted_until.filter(|_| user == peer.settings.self_id).unwrap_or(0);
    Ok(
        json!({ "group_id": group, "user_id": user, "nickname": nickname, "card": "", "sex": "unknown", "age": 0,
        "area": "", "level": "12", "qq_level": 30, "join_time": 1_788_000_001, "last_sent_time": peer::now(),
        "title_expire_time": 0, "unfriendly": false, "card_changeable": true, "is_robot": false,
        "shut_up_timestamp": muted_until, "role": role.as_str(), "title": "" }),
    )
}

fn group_info(group: i64) -> Value {
    json!({ "group_id": group, "group_name": "绘图测试群", "member_count": 200, "max_member_count": 500 })
}

fn image(peer: &Peer, call: &Call) -> Result<Value, Failure> {
    let file = call.text("file").or_else(|| call.text("file_id"));
    let file = file.ok_or(Failure::BadParameter("file is required"))?;
    let url = peer.with(|state| state.images.get(&file).cloned());
    let url = url.ok_or_else(|| Failure::handler("file not found"))?;
    Ok(json!({ "file": format!("D:\\QQ\\nt_data\\Pic\\{file}"), "url": url, "file_size": "445577",
        "file_name": file }))
}

fn rkeys(peer: &Peer, action: &str) -> Value {
    let (private, group) = peer.with(|state| state.rkeys.clone());
    let (private, group) = (format!("&rkey={private}"), format!("&rkey={group}"));
    let time = peer::now();
    if action == "nc_get_rkey" {
        return json!([{ "rkey": private, "ttl": "3600", "time": time, "type": 10 },
            { "rkey": group, "ttl": "3600", "time": time, "type": 20 }]);
    }
    let list = json!([{ "type": "private", "rkey": private, "created_at": time, "ttl": 3600 },
        { "type": "group", "rkey": group, "created_at": time, "ttl": 3600 }]);
    if peer.settings.dialect == Dialect::Lagrange { json!({ "rkeys": list }) } else { list }
}

fn react(peer: &Peer, call: &Call) -> Result<Value, Failure> {
    let id = required(call, "message_id")?;
    let message = peer.with(|state| state.messages.get(&id).cloned());
    let message = message.ok_or_else(|| Failure::handler("msg not found"))?;
    if message.get("message_type").is_some_and(|kind| kind == "private") {
        return Err(Failure::handler("只支持群聊消息"));
    }
    Ok(if peer.settings.dialect == Dialect::NapCat {
        json!({ "result": 0, "errMsg": "" })
    } else {
        Value::Null
    })
}
