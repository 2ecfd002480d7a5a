//! Urls that people give: each hole, shown closed.

use std::io::Write as _;
use std::time::Duration;

use easel_http::{BlockReason, DownloadLimits, HttpError, NetworkSection};
use secrecy::SecretString;

use crate::peer::{Names, Peer, clients, downloads, ok, raw, redirect, silence, status};

fn limits() -> DownloadLimits {
    DownloadLimits::user_pictures(NetworkSection::default().max_download_bytes)
}

#[track_caller]
fn check_blocked<T: std::fmt::Debug>(outcome: Result<T, HttpError>, expected: BlockReason) {
    match outcome {
        Err(HttpError::Blocked { reason, .. }) => assert_eq!(reason, expected),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn addresses_of_this_machine_are_never_dialled_in_any_spelling() {
    let peer = Peer::start(|_| ok("secret")).await;
    let client = downloads(&Names::new(&[]), &[]);
    for host in
        ["127.0.0.1", "2130706433", "0x7f.1", "0177.1", "127.1", "[::1]", "[::ffff:127.0.0.1]", "127.0.0.1."]
    {
        let url = format!("http://{host}:{}/", peer.port());
        check_blocked(client.download(&url, limits()).await, BlockReason::Loopback);
    }
    check_blocked(
        client.download(&format!("http://0:{}/", peer.port()), limits()).await,
        BlockReason::ThisHost,
    );
    check_blocked(
        client.download(&format!("http://u@a.example:{}/", peer.port()), limits()).await,
        BlockReason::UserInfo,
    );
    check_blocked(client.download("file:///etc/passwd", limits()).await, BlockReason::Scheme);
    assert!(peer.seen().is_empty());
}

#[tokio::test]
async fn names_that_lead_inside_are_never_dialled() {
    let peer = Peer::start(|_| ok("secret")).await;
    let names = Names::new(&[
        ("rebind.example", &["127.0.0.1"]),
        ("both.example", &["10.0.0.1", "127.0.0.1"]),
        ("mapped.example", &["::ffff:127.0.0.1"]),
        ("tun.example", &["198.18.0.7"]),
    ]);
    let client = downloads(&names, &[]);
    let get = async |name: &str| client.download(&format!("http://{name}:{}/", peer.port()), limits()).await;
    check_blocked(get("rebind.example").await, BlockReason::Loopback);
    check_blocked(get("both.example").await, BlockReason::Private);
    check_blocked(get("mapped.example").await, BlockReason::Loopback);
    check_blocked(get("tun.example").await, BlockReason::FakeIp);
    let Err(error) = get("tun.example").await else { panic!("made-up addresses must not pass") };
    assert!(error.to_string().contains("allow_fake_ip"), "{error}");
    assert!(peer.seen().is_empty());
}

#[tokio::test]
async fn fake_addresses_are_recognised_for_the_check() {
    let names = Names::new(&[("a.example", &["198.19.3.4"]), ("b.example", &["93.184.216.34"])]);
    let clients = clients(&names, &[]);
    assert!(clients.fake_ip_in_use("a.example").await.unwrap());
    assert!(!clients.fake_ip_in_use("b.example").await.unwrap());
    assert!(clients.fake_ip_in_use("c.example").await.is_err());
}

#[tokio::test]
async fn what_the_owner_lists_may_be_fetched() {
    let peer = Peer::start(|_| ok("picture")).await;
    let names = Names::new(&[("nas.lan", &["127.0.0.1"]), ("cidr.example", &["127.0.0.1"])]);
    let literal = format!("127.0.0.1:{}", peer.port());
    let by_name = format!("nas.lan:{}", peer.port());
    for (entry, host) in [
        (literal.as_str(), literal.clone()),
        (by_name.as_str(), by_name.clone()),
        ("nas.lan", by_name.clone()),
        ("127.0.0.0/8", format!("cidr.example:{}", peer.port())),
    ] {
        let client = downloads(&names, &[entry]);
        let download = client.download(&format!("http://{host}/a.png"), limits()).await.unwrap();
        assert_eq!(download.bytes, "picture", "{entry}");
    }
    // Another port of a host that is listed with one is not.
    check_blocked(
        downloads(&names, &["nas.lan:1"]).download(&format!("http://{by_name}/"), limits()).await,
        BlockReason::Loopback,
    );
}

#[tokio::test]
async fn redirects_are_judged_like_first_urls() {
    let inside = Peer::start(|_| ok("secret")).await;
    let port = inside.port();
    let outside = Peer::start(move |request| {
        redirect(&match request.path() {
            "/literal" => format!("http://127.0.0.1:{port}/"),
            "/decimal" => format!("//2130706433:{port}/"),
            "/name" => format!("http://rebind.example:{port}/"),
            "/file" => "file:///etc/passwd".to_owned(),
            _ => "http://user:pw@a.example/".to_owned(),
        })
    })
    .await;
    let names = Names::new(&[("rebind.example", &["127.0.0.1"])]);
    let client = downloads(&names, &[&outside.address.to_string()]);
    for (path, reason) in [
        ("/literal", BlockReason::Loopback),
        ("/decimal", BlockReason::Loopback),
        ("/name", BlockReason::Loopback),
        ("/file", BlockReason::Scheme),
        ("/user", BlockReason::UserInfo),
    ] {
        check_blocked(client.download(&outside.url(path), limits()).await, reason);
    }
    assert!(inside.seen().is_empty());
}

#[tokio::test]
async fn three_redirects_are_followed_and_no_more() {
    let peer = Peer::start(|request| match request.path() {
        "/0" => ok("there"),
        path => redirect(&(path.trim_start_matches('/').parse::<u32>().unwrap() - 1).to_string()),
    })
    .await;
    let client = downloads(&Names::new(&[]), &["127.0.0.1"]);
    let download = client.download(&peer.url("/3"), limits()).await.unwrap();
    assert_eq!((download.bytes.as_ref(), download.url.path()), (&b"there"[..], "/0"));
    check_blocked(client.download(&peer.url("/4"), limits()).await, BlockReason::TooManyRedirects);
}

#[tokio::test]
async fn only_status_200_counts() {
    let peer = Peer::start(|request| match request.path() {
        "/206" => status("206 Partial Content", "half"),
        "/302" => raw("HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n"),
        _ => status("400 Bad Request", r#"{"retcode":-5503007,"rkey":"CAQabc"}"#),
    })
    .await;
    let client = downloads(&Names::new(&[]), &["127.0.0.1"]);
    for (path, expected) in [("/206", 206), ("/302", 302), ("/expired", 400)] {
        match client.download(&peer.url(path), limits()).await {
            Err(HttpError::Status { status, body_head }) => {
                assert_eq!(status, expected);
                assert!(
                    expected != 400 || body_head == r#"{"retcode":-5503007,"rkey":"***"}"#,
                    "{body_head}"
                );
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn bytes_are_counted_as_they_come() {
    let peer = Peer::start(|request| match request.path() {
        "/announced" => silence("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n"),
        "/chunked" => {
            let mut answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
            for _ in 0..101 {
                answer.extend(b"a\r\n0123456789\r\n");
            }
            raw(answer)
        }
        "/close" => raw([&b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"[..], &[b'x'; 1001]].concat()),
        _ => raw([&b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"[..], &[b'x'; 1000]].concat()),
    })
    .await;
    let client = downloads(&Names::new(&[]), &["127.0.0.1"]);
    let limits = DownloadLimits { max_bytes: 1000, ..limits() };
    for path in ["/announced", "/chunked", "/close"] {
        let outcome = client.download(&peer.url(path), limits).await;
        assert_eq!(outcome.unwrap_err(), HttpError::TooLarge { limit_bytes: 1000 }, "{path}");
    }
    assert_eq!(client.download(&peer.url("/fits"), limits).await.unwrap().bytes.len(), 1000);
}

#[tokio::test]
async fn compressed_downloads_stay_compressed() {
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    bomb.write_all(&vec![0; 4 << 20]).unwrap();
    let bomb = bomb.finish().unwrap();
    let answer = [
        format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", bomb.len())
            .as_bytes(),
        &bomb,
    ]
    .concat();
    let peer = Peer::start(move |_| raw(answer.clone())).await;
    let names = Names::new(&[]);
    let download = downloads(&names, &["127.0.0.1"]).download(&peer.url("/"), limits()).await.unwrap();
    assert_eq!(download.bytes, bomb);
    assert_eq!(peer.seen()[0].header("accept-encoding"), Some("identity"));
    // A provider that compresses unasked is understood, and its bomb is counted by what comes out.
    let provider = clients(&names, &[]).provider("", easel_http::ProviderTimeouts::default()).unwrap();
    let mut answer = provider.get(peer.url("/")).max_answer_bytes(1 << 20).send().await.unwrap();
    assert_eq!(answer.body.read_all(u64::MAX).await, Err(HttpError::TooLarge { limit_bytes: 1 << 20 }));
}

#[tokio::test]
async fn silence_ends_a_download() {
    let peer = Peer::start(|request| match request.path() {
        "/head" => silence(""),
        _ => silence("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"),
    })
    .await;
    let client = downloads(&Names::new(&[]), &["127.0.0.1"]);
    let idle = DownloadLimits { idle: Duration::from_millis(30), ..limits() };
    let outcome = client.download(&peer.url("/head"), idle).await;
    assert!(matches!(outcome, Err(HttpError::Unanswered { .. })), "{outcome:?}");
    let outcome = client.get(peer.url("/body")).idle_timeout(idle.idle).download().await;
    assert!(matches!(outcome, Err(HttpError::Cut { status: 200, .. })), "{outcome:?}");
    let total = DownloadLimits { total: Duration::from_millis(30), ..limits() };
    let outcome = client.download(&peer.url("/body"), total).await;
    assert!(matches!(outcome, Err(HttpError::Deadline { .. })), "{outcome:?}");
}

#[tokio::test]
async fn nothing_of_ours_goes_along() {
    let peer =
        Peer::start(|_| raw("HTTP/1.1 200 OK\r\nSet-Cookie: a=b; Path=/\r\nContent-Length: 2\r\n\r\nok"))
            .await;
    let client = downloads(&Names::new(&[]), &["127.0.0.1"]);
    for _ in 0..2 {
        client.get(peer.url("/")).bearer(&SecretString::from("sk-1234567890")).download().await.unwrap();
    }
    for request in peer.seen() {
        for name in ["authorization", "cookie", "referer"] {
            assert_eq!(request.header(name), None, "{name}");
        }
        assert!(request.header("user-agent").unwrap().starts_with("easel/"));
    }
}
