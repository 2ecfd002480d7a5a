//! Proxies: exactly the configured one, and never a way inside.

use std::process::Command;
use std::sync::Arc;

use easel_http::{
    BlockReason, DownloadLimits, HttpClients, HttpError, NetworkSection, NotSentCause, ProviderTimeouts,
    ProxyError,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::peer::{Names, Peer, ok, read_request, status};

fn with(names: &Arc<Names>, change: impl FnOnce(&mut NetworkSection)) -> HttpClients {
    easel_http::crypto::install();
    let mut network = NetworkSection::default();
    change(&mut network);
    HttpClients::with_lookup(network, Arc::<Names>::clone(names))
}

#[tokio::test]
async fn a_providers_proxy_is_its_own_or_the_default() {
    let default = Peer::start(|_| ok("default")).await;
    let own = Peer::start(|_| ok("own")).await;
    let origin = Peer::start(|_| ok("origin")).await;
    let names = Names::new(&[]);
    let clients = with(&names, |network| network.proxy = default.url("").into());
    let plain = clients.plain();
    for (proxy, expected) in [("", "default"), (own.url("").as_str(), "own"), ("direct", "origin")] {
        let client = clients.provider(proxy, ProviderTimeouts::default()).unwrap();
        let mut answer = client.get(origin.url("/x")).send().await.unwrap();
        assert_eq!(answer.body.read_all(100).await.unwrap(), expected);
    }
    assert_eq!(own.seen()[0].line(), format!("GET {} HTTP/1.1", origin.url("/x")));
    let mut answer = plain.get(origin.url("/x")).send().await.unwrap();
    assert_eq!(answer.body.read_all(100).await.unwrap(), "origin", "a chat implementation is never proxied");
    assert!(matches!(
        clients.provider("socks4://x:1", ProviderTimeouts::default()),
        Err(ProxyError::Scheme { .. })
    ));
}

#[tokio::test]
async fn a_proxy_that_refuses_sent_nothing() {
    let proxy = Peer::start(|_| status("403 Forbidden", "")).await;
    let clients = with(&Names::new(&[]), |network| network.proxy = proxy.url("").into());
    let client = clients.provider("", ProviderTimeouts::default()).unwrap();
    let error = client.post("https://api.example/v1").json("{}").send().await.unwrap_err();
    assert!(matches!(error, HttpError::NotSent { cause: NotSentCause::Proxy, .. }), "{error:?}");
    assert_eq!(proxy.seen()[0].line(), "CONNECT api.example:443 HTTP/1.1");
}

#[tokio::test]
async fn downloads_go_through_their_own_proxy_only() {
    let proxy = Peer::start(|_| ok("picture")).await;
    let wrong = Peer::start(|_| ok("wrong")).await;
    let names = Names::new(&[("clash.lan", &["127.0.0.1"])]);
    let limits = DownloadLimits::user_pictures(NetworkSection::default().max_download_bytes);
    let clients = with(&names, |network| {
        network.proxy = wrong.url("").into();
        network.download_proxy = format!("http://clash.lan:{}", proxy.port()).into();
    });
    let client = clients.user_downloads().unwrap();
    // The proxy resolves the name; only the proxy's own name, which may be private, is resolved here.
    assert_eq!(client.download("http://a.example/1.png", limits).await.unwrap().bytes, "picture");
    assert_eq!(names.asked(), ["clash.lan"]);
    for (url, reason) in [
        ("http://localhost/", BlockReason::LocalName),
        ("http://nas/", BlockReason::LocalName),
        ("http://nas.local/", BlockReason::LocalName),
        ("http://db.internal/", BlockReason::LocalName),
        ("http://router.lan./", BlockReason::LocalName),
        ("http://x.home.arpa/", BlockReason::LocalName),
        ("http://127.1/", BlockReason::Loopback),
        ("http://192.168.1.1/", BlockReason::Private),
    ] {
        match client.download(url, limits).await {
            Err(HttpError::Blocked { reason: found, .. }) => assert_eq!(found, reason, "{url}"),
            other => panic!("{url}: {other:?}"),
        }
    }
    assert_eq!(proxy.seen().len(), 1);
    assert!(wrong.seen().is_empty());
}

#[tokio::test]
async fn socks5h_hands_the_name_to_the_proxy() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let proxy = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut greeting = vec![0; 2];
        stream.read_exact(&mut greeting).await.unwrap();
        let mut methods = vec![0; usize::from(greeting[1])];
        stream.read_exact(&mut methods).await.unwrap();
        stream.write_all(&[5, 0]).await.unwrap();
        let mut head = [0; 5];
        stream.read_exact(&mut head).await.unwrap();
        assert_eq!(head[..4], [5, 1, 0, 3], "connect, by name");
        let mut name = vec![0; usize::from(head[4]) + 2];
        stream.read_exact(&mut name).await.unwrap();
        stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await.unwrap();
        read_request(&mut stream).await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi").await.unwrap();
        name.truncate(name.len() - 2);
        String::from_utf8(name).unwrap()
    };
    let names = Names::new(&[]);
    let clients = with(&names, |_| {});
    let client = clients.provider(&format!("socks5h://{address}"), ProviderTimeouts::default()).unwrap();
    let call =
        async { client.get("http://api.example/").send().await.unwrap().body.read_all(9).await.unwrap() };
    let (name, answer) = tokio::join!(proxy, call);
    assert_eq!((name.as_str(), answer.as_ref()), ("api.example", &b"hi"[..]));
    assert!(names.asked().is_empty());
}

/// The environment can't be changed inside a running test, so this test runs itself once more in a process that
/// has the variables, and there makes one call of each kind.
#[tokio::test]
async fn proxies_of_the_environment_are_ignored() {
    const TARGET: &str = "EASEL_TEST_TARGET";
    if let Ok(target) = std::env::var(TARGET) {
        let names = Names::new(&[]);
        let clients = with(&names, |network| network.allow_hosts = vec!["127.0.0.1".to_owned()]);
        let origin = easel_http::Origin::of(&easel_http::Url::parse(&target).unwrap()).unwrap();
        for client in [
            clients.provider("", ProviderTimeouts::default()).unwrap(),
            clients.user_downloads().unwrap(),
            clients.results("", origin).unwrap(),
            clients.plain(),
        ] {
            client.get(&target).download().await.unwrap();
        }
        return;
    }
    let proxy = Peer::start(|_| ok("proxied")).await;
    let origin = Peer::start(|_| ok("direct")).await;
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "proxies::proxies_of_the_environment_are_ignored"]).env(TARGET, origin.url("/"));
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        child.env(name, proxy.url("")).env(name.to_lowercase(), proxy.url(""));
    }
    child.env_remove("NO_PROXY").env_remove("no_proxy").env_remove("REQUEST_METHOD");
    let output = tokio::task::spawn_blocking(move || child.output().unwrap()).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(proxy.seen().is_empty(), "the proxy was used");
    assert_eq!(origin.seen().len(), 4);
}
