//! Urls that a provider answered: its own origin is trusted, everything else is not.

use easel_http::{BlockReason, DownloadLimits, HttpClient, HttpError, Origin, Url};
use secrecy::SecretString;
use std::sync::Arc;

use crate::peer::{Names, Peer, clients, ok, redirect};

fn results(names: &Arc<Names>, allow: &[&str], base: &str) -> HttpClient {
    let origin = Origin::of(&Url::parse(base).unwrap()).unwrap();
    clients(names, allow).results("", origin).unwrap()
}

async fn fetch(client: &HttpClient, url: &str) -> Result<String, HttpError> {
    let key = SecretString::from("sk-1234567890");
    let call = client.get(url).bearer(&key).secret_query("apikey", &key);
    let download = call.download_limits(DownloadLimits::result_pictures()).download().await?;
    Ok(String::from_utf8(download.bytes.to_vec()).unwrap())
}

#[track_caller]
fn check_blocked(outcome: Result<String, HttpError>, expected: BlockReason) {
    match outcome {
        Err(HttpError::Blocked { reason, .. }) => assert_eq!(reason, expected),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_providers_own_origin_gets_its_credentials() {
    let provider = Peer::start(|_| ok("picture")).await;
    let client = results(&Names::new(&[]), &[], &provider.url("/v1"));
    assert_eq!(fetch(&client, &provider.url("/out/1.png")).await.unwrap(), "picture");
    assert_eq!(provider.seen()[0].header("authorization"), Some("Bearer sk-1234567890"));
    assert_eq!(provider.seen()[0].path(), "/out/1.png?apikey=sk-1234567890");
}

#[tokio::test]
async fn credentials_stop_at_the_origin() {
    let cdn = Peer::start(|_| ok("picture")).await;
    let target = cdn.url("/1.png");
    let provider = Peer::start(move |_| redirect(&target)).await;
    let client = results(&Names::new(&[]), &[&cdn.address.to_string()], &provider.url("/v1"));
    // 127.0.0.1 of another port would be taken for the provider's own name, so the CDN has a name.
    let names = Names::new(&[("cdn.example", &["127.0.0.1"])]);
    check_own_name(&client, &provider, &cdn).await;
    let picture_url = format!("http://cdn.example:{}/1.png", cdn.port());
    let away = picture_url.clone();
    let provider = Peer::start(move |_| redirect(&away)).await;
    let client = results(&names, &["cdn.example"], &provider.url("/v1"));
    assert_eq!(fetch(&client, &provider.url("/content")).await.unwrap(), "picture");
    assert!(provider.seen()[0].header("authorization").is_some());
    assert_eq!(fetch(&client, &picture_url).await.unwrap(), "picture");
    assert_eq!(cdn.seen().len(), 2);
    assert!(cdn.seen().iter().all(|request| request.header("authorization").is_none()));
    assert!(cdn.seen().iter().all(|request| request.path() == "/1.png"));
}

/// A loopback url of another port is the provider's own, so the redirect comes back to it and never reaches the
/// other port.
async fn check_own_name(client: &HttpClient, provider: &Peer, other: &Peer) {
    check_blocked(fetch(client, &provider.url("/content")).await, BlockReason::TooManyRedirects);
    assert!(other.seen().is_empty());
}

#[tokio::test]
async fn loopback_in_an_answer_means_the_provider() {
    let provider = Peer::start(|request| ok(request.path())).await;
    let bystander = Peer::start(|_| ok("wrong")).await;
    let names = Names::new(&[("gateway.lan", &["127.0.0.1"])]);
    let client = results(&names, &[], &format!("http://gateway.lan:{}/v1", provider.port()));
    for host in ["localhost", "127.0.0.1", "0.0.0.0", "[::1]", "[::]", "x.localhost"] {
        let url = format!("http://{host}:{}/out/1.png?k=v", bystander.port());
        let asked = fetch(&client, &url).await.unwrap();
        assert_eq!(asked, "/out/1.png?k=v&apikey=sk-1234567890", "{host}");
    }
    assert!(bystander.seen().is_empty());
    assert_eq!(provider.seen().len(), 6);
    assert!(provider.seen().iter().all(|request| request.header("authorization").is_some()));
}

#[tokio::test]
async fn a_stranger_may_not_mean_this_machine() {
    let port = Peer::start(|_| ok("secret")).await;
    let target = port.url("/admin");
    let stranger = Peer::start(move |_| redirect(&target)).await;
    let names = Names::new(&[("cdn.example", &["127.0.0.1"]), ("api.example", &["127.0.0.1"])]);
    let client = results(&names, &["cdn.example"], &format!("http://api.example:{}", port.port()));
    let url = format!("http://cdn.example:{}/1.png", stranger.port());
    check_blocked(fetch(&client, &url).await, BlockReason::Loopback);
    assert!(port.seen().is_empty());
}

#[tokio::test]
async fn other_private_places_stay_closed() {
    let inside = Peer::start(|_| ok("secret")).await;
    let names = Names::new(&[("inside.example", &["127.0.0.1"]), ("api.example", &["127.0.0.1"])]);
    let client = results(&names, &[], &format!("https://api.example:{}", inside.port()));
    check_blocked(
        fetch(&client, &format!("http://inside.example:{}/", inside.port())).await,
        BlockReason::Loopback,
    );
    check_blocked(fetch(&client, "http://192.168.1.1/").await, BlockReason::Private);
    check_blocked(fetch(&client, "http://169.254.169.254/latest/meta-data/").await, BlockReason::LinkLocal);
    // The provider's host under another scheme is another origin.
    check_blocked(
        fetch(&client, &format!("http://api.example:{}/", inside.port())).await,
        BlockReason::Loopback,
    );
    assert!(inside.seen().is_empty());
}

#[tokio::test]
async fn only_public_addresses_are_given_to_others() {
    let cdn = Peer::start(|_| ok("clip")).await;
    let provider = Peer::start(|_| ok("clip")).await;
    let names = Names::new(&[("cdn.example", &["127.0.0.1"])]);
    let client = results(&names, &["cdn.example"], &provider.url("/v1"));
    let port = provider.port();
    // Our own origin, in its own spelling and in those that mean it, and a host that the owner vouched for: all are
    // reached, none is anybody else's business.
    for url in [
        provider.url("/1.mp4"),
        format!("http://127.1:{port}/1.mp4"),
        format!("http://0177.0.0.1:{port}/1.mp4"),
        "http://localhost:1/1.mp4".to_owned(),
        format!("http://cdn.example:{}/1.mp4", cdn.port()),
    ] {
        let answer = client.get(&url).send().await.unwrap();
        assert_eq!(answer.public_address(), None, "{url}");
    }
    // A public host, reached through a proxy because tests dial none; a redirect to it, too.
    let proxy = Peer::start(|request| match request.path() {
        "http://8.8.8.8/away" => redirect("http://134744072/1.mp4?sig=x"),
        _ => ok("clip"),
    })
    .await;
    let origin = Origin::of(&Url::parse("http://api.example/v1").unwrap()).unwrap();
    let proxied = clients(&names, &[]).results(&proxy.url(""), origin).unwrap();
    for (url, expected) in [
        ("http://8.8.8.8/1.mp4", Some("http://8.8.8.8/1.mp4")),
        ("http://0x08080808/1.mp4", Some("http://8.8.8.8/1.mp4")),
        ("http://8.8.8.8/away", Some("http://8.8.8.8/1.mp4?sig=x")),
        ("http://api.example/1.mp4", None),
    ] {
        let answer = proxied.get(url).send().await.unwrap();
        assert_eq!(answer.public_address().map(Url::as_str), expected, "{url}");
    }
    // Never dialled at all, so that there is no answer to have an address.
    for url in ["http://100.64.0.1/1.mp4", "http://198.18.0.1/1.mp4", "http://[::ffff:10.0.0.1]/1.mp4"] {
        assert!(matches!(client.get(url).send().await, Err(HttpError::Blocked { .. })), "{url}");
    }
}

#[tokio::test]
async fn a_link_without_end_is_not_followed() {
    let endless = format!("http://cdn.example/{}", "a.".repeat(5000));
    let away = endless.clone();
    let provider = Peer::start(move |_| redirect(&away)).await;
    let client = results(&Names::new(&[]), &[], &provider.url("/v1"));
    for url in [endless, provider.url("/away")] {
        match client.get(url).send().await {
            Err(HttpError::BadUrl { detail }) => assert!(detail.len() < 100, "{detail}"),
            other => panic!("{other:?}"),
        }
    }
}
