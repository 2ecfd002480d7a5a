//! What the platform is asked about a group when notices may have been missed.

use easel_core::ids::UnixMillis;
use easel_testkit::onebot::{Dialect, Fault, Message as Event};
use serde_json::json;

use super::*;

fn asked(peer: &FakeOneBot, action: &str) -> usize {
    peer.calls().iter().filter(|call| call.action == action).count()
}

#[tokio::test]
async fn a_mute_that_nobody_heard_of_is_found_out_by_one_call() {
    let (mut rig, peer) = Rig::with_peer(reverse(), FakeOneBot::new()).await;
    peer.mute_unheard(GROUP, 3600);
    let chat = target(&peer).chat;
    let direct = Chat { kind: ChatKind::Direct, ..chat.clone() };
    assert!(rig.adapter.may_speak(&chat), "nothing is known");
    assert!(rig.adapter.find_out_may_speak(&direct).await);
    assert_eq!(asked(&peer, "get_group_member_info"), 0);
    let ask = || rig.adapter.find_out_may_speak(&chat);
    assert_eq!(tokio::join!(ask(), ask(), ask()), (false, false, false));
    assert!(!rig.adapter.may_speak(&chat));
    let call = peer.next_call("get_group_member_info").await;
    let member = (call.number("group_id"), call.number("user_id"), call.params["no_cache"].as_bool());
    assert_eq!(member, (Some(GROUP), Some(peer.self_id()), Some(true)));

    // Lifted while nobody listened: a new connection is asked anew, the old one is not.
    peer.mute_unheard(GROUP, 0);
    let account = rig.adapter.hub.account(&chat.account).unwrap();
    account.set_muted(GROUP, 0, SystemClock.now());
    assert!(ask().await && ask().await);
    assert_eq!(asked(&peer, "get_group_member_info"), 1);
    peer.mute_unheard(GROUP, 3600);
    peer.drop_links().await;
    until("the end of the link", || account.link().is_none()).await;
    assert!(ask().await, "nobody can be asked");
    peer.reconnect().await.unwrap();
    rig.reachable(&peer).await;
    assert!(!ask().await);
    assert_eq!((asked(&peer, "get_group_member_info"), asked(&peer, "get_group_list")), (2, 0));

    // Whatever is said in groups costs no call.
    let before = peer.calls().len();
    peer.send(Event::group(GROUP, MEMBER).text("早上好")).await;
    peer.send(Event::group(GROUP + 1, MEMBER).text("/生图 猫")).await;
    rig.next().await;
    assert_eq!(peer.calls()[before..].iter().filter(|call| call.action.starts_with("get_group")).count(), 0);
    rig.end().await;
}

#[tokio::test]
async fn a_mute_that_was_lifted_unheard_is_found_out() {
    let (mut rig, peer) = Rig::with_peer(reverse(), FakeOneBot::new()).await;
    let chat = target(&peer).chat;
    let account = rig.adapter.hub.account(&chat.account).unwrap();
    let command = |id: i64| Event::group(GROUP, MEMBER).text("/生图 猫").message_id(id);
    for (id, still) in [(1, true), (3, false)] {
        account.set_muted(GROUP, 24 * 3600, SystemClock.now());
        peer.send(command(id)).await;
        // Read after it.
        peer.send(Event::private(MEMBER).text("/生图 猫")).await;
        assert!(rig.next().await.chat.kind.is_direct(), "nobody would see an answer");
        assert!(!rig.adapter.find_out_may_speak(&chat).await);
        assert_eq!(asked(&peer, "get_group_member_info"), usize::from(!still), "known well");
        peer.mute_unheard(GROUP, if still { 3600 } else { 0 });
        peer.drop_links().await;
        until("the end of the link", || account.link().is_none()).await;
        peer.reconnect().await.unwrap();
        rig.reachable(&peer).await;
        peer.send(command(id + 1)).await;
        assert_eq!(rig.next().await.id.as_str(), (id + 1).to_string());
        assert!(!rig.adapter.may_speak(&chat), "as far as is known");
        assert_eq!(rig.adapter.find_out_may_speak(&chat).await, !still);
    }
    rig.end().await;
}

#[tokio::test]
async fn a_removal_that_nobody_heard_of_is_found_out_in_every_dialect() {
    for dialect in [Dialect::NapCat, Dialect::LLBot, Dialect::Lagrange, Dialect::GoCqhttp] {
        let (mut rig, peer) = Rig::with_peer(reverse(), FakeOneBot::builder().dialect(dialect).build()).await;
        let chat = target(&peer).chat;
        peer.leave_unheard(GROUP);
        assert!(!rig.adapter.find_out_may_speak(&chat).await, "{dialect:?}");
        // Who hears the group is in it.
        peer.send(Event::group(GROUP, MEMBER).text("/生图 猫")).await;
        rig.next().await;
        assert!(rig.adapter.may_speak(&chat), "{dialect:?}");
        rig.end().await;
    }
}

#[tokio::test]
async fn what_is_not_answered_for_certain_shuts_nobody_out() {
    let list = |groups: serde_json::Value| ("get_group_list", Fault::Data(groups));
    let refused = |action| (action, Fault::retcode(1200, "无法获取用户信息"));
    let member = "get_group_member_info";
    for faults in [
        vec![refused(member)],
        vec![refused(member), refused("get_group_list")],
        vec![refused(member), list(json!([]))],
        vec![refused(member), list(json!(null))],
        vec![refused(member), list(json!([{ "group_id": "x" }, { "group_id": 5 }]))],
        vec![(member, Fault::no_such_action(member))],
        vec![(member, Fault::Data(json!(null)))],
        vec![(member, Fault::Data(json!({ "shut_up_timestamp": "soon" })))],
        vec![(member, Fault::Data(json!({ "shut_up_timestamp": -1 })))],
        vec![(member, Fault::NoAnswer)],
    ] {
        let section = OneBotSection { call_timeout_seconds: 1, ..reverse() };
        let (rig, peer) = Rig::with_peer(section, FakeOneBot::new()).await;
        for (action, fault) in &faults {
            peer.fault(action, fault.clone());
        }
        let chat = target(&peer).chat;
        assert!(rig.adapter.find_out_may_speak(&chat).await, "{faults:?}");
        assert!(rig.adapter.find_out_may_speak(&chat).await, "{faults:?}");
        assert!(asked(&peer, member) <= 1, "one that can't answer holds nobody up twice: {faults:?}");
        rig.end().await;
    }
}

#[tokio::test]
async fn a_refusal_for_a_mute_tells_until_when() {
    for (seconds, tomorrow) in [(2 * 24 * 3600, true), (0, false)] {
        let (rig, peer) = Rig::with_peer(reverse(), FakeOneBot::new()).await;
        peer.mute_unheard(GROUP, seconds);
        peer.fault("send_group_msg", Fault::muted());
        let sent = rig.adapter.send(&target(&peer), &picture_reply(content(100))).await;
        let Err(SendError::Failed { failure: SendFailure::Forbidden, .. }) = sent else { panic!("{sent:?}") };
        let account = rig.adapter.hub.account(&target(&peer).chat.account).unwrap();
        let after = |hours: u64| UnixMillis(SystemClock.now().0 + hours * 3_600_000);
        assert!(account.is_muted(&GROUP.to_string(), after(0)), "for a while at least");
        assert_eq!(account.is_muted(&GROUP.to_string(), after(24)), tomorrow);
        assert!(!account.is_muted(&GROUP.to_string(), after(49)));
        rig.end().await;
    }
}
