//! Whether an account is there: logged out and back, held by several implementations, reached in several ways.

use easel_testkit::onebot::{Dialect, Fault, Message as Event};
use serde_json::json;

use super::*;

fn command() -> Event {
    Event::group(GROUP, MEMBER).text("/生图 猫")
}

fn account_of(peer: &FakeOneBot) -> AccountId {
    AccountId::from(peer.self_id().to_string())
}

fn over_http(url: &str) -> OneBotSection {
    OneBotSection { mode: Mode::Http, url: url.to_owned(), ..reverse() }
}

/// Where events are posted.
fn post_address(rig: &Rig, listener: usize) -> String {
    format!("http://{}/", rig.adapter.addresses()[listener])
}

/// A port at which nobody listens.
fn nobody() -> String {
    let place = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", place.local_addr().unwrap())
}

#[tokio::test]
async fn an_implementation_that_begins_again_over_http_is_asked_whether_its_account_is_back() {
    let peer = FakeOneBot::new();
    let section = over_http(&peer.serve_http().await);
    let timing = Timing { heartbeat: Duration::from_millis(20), ..quick() };
    let mut rig = Rig::start_with(vec![section], timing, None).await;
    rig.reachable(&peer).await;
    let (account, url) = (account_of(&peer), post_address(&rig, 0));
    peer.post_to(&url);
    for by in ["get_status", "heartbeat", "chatter", "an answer that tells nothing"] {
        peer.set_online(false);
        peer.heartbeat().await;
        assert!(!rig.adapter.is_connected(&account), "it was told before the event was answered");
        let asked = peer.calls().len();
        peer.fault("get_status", Fault::Data(json!({"online": false})));
        peer.fault("get_status", Fault::DropAfterRead);
        peer.post_enabled(&url).await.unwrap();
        assert!(!rig.adapter.is_connected(&account), "that it works again tells nothing of QQ");
        // Asked until somebody tells.
        let asks = || peer.calls()[asked..].iter().filter(|call| call.action == "get_status").count();
        until("several questions", || asks() > 3).await;
        assert!(!rig.adapter.is_connected(&account));
        match by {
            "get_status" => peer.set_online(true),
            "heartbeat" => {
                let mut event =
                    json!({"post_type": "meta_event", "meta_event_type": "heartbeat", "interval": 0});
                event["self_id"] = json!(peer.self_id());
                event["status"] = json!({"online": true, "good": true});
                peer.post_event(&url, &event).await.unwrap();
            }
            "chatter" => {
                peer.post_event(&url, &peer.event(&Event::group(GROUP, MEMBER).text("早"))).await.unwrap();
            }
            _ => peer.fault("get_status", Fault::no_such_action("get_status")),
        }
        tokio::time::timeout(PATIENCE, rig.adapter.connected(&account)).await.expect(by);
        peer.clear_faults();
        peer.set_online(true);
        peer.send(command()).await;
        rig.next().await;
    }
    rig.end().await;
}

#[tokio::test]
async fn an_account_that_another_implementation_holds_is_not_logged_out() {
    // Whoever changes from one implementation to the other leaves the old one running, and QQ logs that out.
    for old_is_newest in [false, true] {
        let rig = Rig::start(reverse()).await;
        let old = FakeOneBot::builder().dialect(Dialect::LLBot).build();
        let new = FakeOneBot::new();
        for peer in if old_is_newest { [&new, &old] } else { [&old, &new] } {
            peer.connect(&rig.url("/ws")).await.unwrap();
            peer.next_call("get_version_info").await;
        }
        let known = rig.adapter.hub.account(&account_of(&new)).unwrap();
        old.set_online(false);
        old.heartbeat().await;
        let link = || known.link().is_some_and(|link| link.dialect() == super::Dialect::NapCat);
        until("the choice of the one that is logged in", || link() && known.is_online()).await;
        rig.adapter.send(&target(&new), &Reply::text("好")).await.unwrap();
        assert_eq!((new.next_send().await.text.as_str(), old.sends().len()), ("好", 0));

        // What is left when the other one goes is logged out, and the other one's return is not believed blindly.
        new.drop_links().await;
        until("the news", || !known.is_online()).await;
        new.reconnect().await.unwrap();
        tokio::time::timeout(PATIENCE, rig.adapter.connected(&account_of(&new))).await.expect("it is back");
        rig.adapter.send(&target(&new), &Reply::text("还好")).await.unwrap();
        assert_eq!((new.next_send().await.text.as_str(), old.sends().len()), ("还好", 0));
        rig.end().await;
    }
}

#[tokio::test]
async fn a_message_that_two_implementations_of_one_account_see_is_answered_once() {
    let (mut rig, first) = Rig::with_peer(reverse(), FakeOneBot::new()).await;
    let second = FakeOneBot::builder().dialect(Dialect::Lagrange).build();
    second.connect(&rig.url("/ws")).await.unwrap();
    second.next_call("get_version_info").await;
    let now = i64::try_from(SystemClock.now().0 / 1000).unwrap();
    let mentioned = || command().at(first.self_id());
    let alone = || Event::private(MEMBER).text("猫");
    first.send(command().time(now).message_id(1)).await;
    assert_eq!(rig.next().await.id.as_str(), "1");
    second.send(command().time(now + 1).message_id(-11)).await;
    // Unlike two accounts, who are not both meant by a mention.
    second.send(mentioned().time(now + 50).message_id(-12)).await;
    assert_eq!(rig.next().await.id.as_str(), "-12");
    first.send(mentioned().time(now + 50).message_id(2)).await;
    first.send(alone().time(now).message_id(3)).await;
    assert_eq!(rig.next().await.id.as_str(), "3");
    second.send(alone().time(now).message_id(-13)).await;
    second.send(command().time(now + 100).message_id(-14)).await;
    assert_eq!(rig.next().await.id.as_str(), "-14");
    // One of them tells the same again only when somebody says it again.
    first.send(alone().time(now + 1).message_id(4)).await;
    assert_eq!(rig.next().await.id.as_str(), "4");
    rig.end().await;
}

#[tokio::test]
async fn who_can_be_reached_goes_before_an_http_api_that_nobody_serves() {
    let (rig, peer) = Rig::with_peer(reverse(), FakeOneBot::new()).await;
    let hub = &rig.adapter.hub;
    let api = |url: &str| {
        let section = Arc::new(Section::new(over_http(url), None, 1));
        let api = transport::HttpLink::new(hub.http.clone(), &section);
        Arc::new(Link::http(api, section, &Timing::default()))
    };
    let (dead, alive) = (api(&nobody()), api(&peer.serve_http().await));
    dead.identify().await;
    assert!(!dead.is_reached());
    let known = hub.account(&account_of(&peer)).unwrap();
    let socket = known.link().unwrap();
    known.set_link(Arc::clone(&dead));
    assert!(rig.adapter.is_connected(&account_of(&peer)) && Arc::ptr_eq(&known.link().unwrap(), &socket));
    rig.adapter.send(&target(&peer), &Reply::text("好")).await.unwrap();
    assert_eq!(peer.next_send().await.text, "好");
    // The older one of two.
    let other = hub.account_or_new("77");
    other.set_link(Arc::clone(&dead));
    other.set_link(Arc::clone(&alive));
    assert!(Arc::ptr_eq(&other.link().unwrap(), &alive));
    peer.drop_links().await;
    until("the end of the socket", || !rig.adapter.is_connected(&account_of(&peer))).await;
    rig.end().await;
}

#[tokio::test]
async fn an_http_api_stands_in_for_a_socket_that_is_gone() {
    let peer = FakeOneBot::new();
    let sections = vec![reverse(), over_http(&peer.serve_http().await)];
    let rig = Rig::start_with(sections, quick(), None).await;
    peer.connect(&rig.url("/ws")).await.unwrap();
    let known = || rig.adapter.hub.account(&account_of(&peer));
    let ways = || known().is_some_and(|account| account.has_several_links());
    until("both ways", ways).await;
    for (way, over_http) in [("the socket", false), ("the API", true)] {
        if over_http {
            peer.drop_links().await;
            let socket = || known().unwrap().link().is_some_and(|link| link.is_socket());
            until("the end of the socket", || !socket()).await;
        }
        assert!(rig.adapter.is_connected(&account_of(&peer)), "{way}");
        rig.adapter.send(&target(&peer), &Reply::text("好")).await.unwrap();
        let call = peer.next_call("send_group_msg").await;
        assert_eq!(call.over_http, over_http, "{way}");
    }
    rig.end().await;
}

#[tokio::test]
async fn an_implementation_that_is_not_logged_in_yet_names_no_account() {
    let peer = FakeOneBot::new();
    for _ in 0..3 {
        peer.fault("get_login_info", Fault::Data(json!({"user_id": 0, "nickname": ""})));
    }
    let rig = Rig::start(over_http(&peer.serve_http().await)).await;
    rig.reachable(&peer).await;
    assert!(rig.adapter.hub.account(&AccountId::new("0")).is_none());
    rig.end().await;
}
