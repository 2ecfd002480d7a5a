//! Pictures in: where they are looked for, how they are prepared, and what is said when one can't be used.

use std::io::Cursor;

use bytes::Bytes;
use easel_core::prompt::BEAUTIFY;
use easel_testkit::{
    files::FileServer,
    onebot::{FakeOneBot, Message, SELF_ID},
    pictures,
    provider::{Answer, FakeProvider, ProviderRequest},
    tls::TlsFront,
    tunnel::TunnelProxy,
};
use image::{DynamicImage, ImageDecoder as _, codecs::jpeg::JpegDecoder};
use serde_json::json;

use crate::{
    transports::{CA, behind_tls},
    world::{Easel, GROUP, USER, World, configuration, easel, world, world_of, world_with},
};

/// Another ordinary member.
const OTHER: i64 = 2_200_000_022;

fn by(user: i64) -> Message {
    Message::group(GROUP, user)
}

/// The pictures that the provider was given, in their order.
fn given(request: &ProviderRequest) -> Vec<Bytes> {
    request.pictures().into_iter().map(|picture| picture.bytes).collect()
}

/// Sends the message and returns what the provider is asked then.
async fn asked(world: &World, message: Message) -> ProviderRequest {
    world.bot.send(message).await;
    world.provider.next_request().await
}

fn three() -> [Bytes; 3] {
    [1, 2, 3].map(|seed| pictures::png(64, 48, seed))
}

#[tokio::test]
async fn pictures_before_between_and_after_the_words_keep_their_order() {
    let (world, files) = (world().await, FileServer::start().await);
    let all = three();
    let [a, b, c] =
        [0, 1, 2].map(|index| (format!("{index}.png"), files.put(&format!("/{index}"), all[index].clone())));
    for cq_string in [false, true] {
        let format = |message: Message| if cq_string { message.cq_string() } else { message };
        let before = by(USER).image(&a.0, &a.1).text("/改图 换成雨夜");
        let request = asked(&world, format(before)).await;
        assert_eq!((request.path(), given(&request)), ("/v1/images/edits", vec![all[0].clone()]));
        assert_eq!(request.prompt().as_deref(), Some("换成雨夜"));

        let after = by(USER).text("/改图 换成雨夜 ").image(&a.0, &a.1).image(&b.0, &b.1);
        assert_eq!(given(&asked(&world, format(after)).await), all[..2]);

        let between = by(USER)
            .image(&c.0, &c.1)
            .text("/改图 把")
            .image(&a.0, &a.1)
            .text("放进")
            .image(&b.0, &b.1)
            .text("里");
        let request = asked(&world, format(between)).await;
        assert_eq!(given(&request), [all[2].clone(), all[0].clone(), all[1].clone()]);
        let words: String = request.prompt().unwrap().split_whitespace().collect();
        assert_eq!(words, "把放进里");
    }
    // Without words, the picture is to look better.
    let wordless = asked(&world, by(USER).text("/改图").image(&a.0, &a.1)).await;
    assert_eq!(given(&wordless), all[..1]);
    assert_eq!(wordless.prompt().as_deref(), Some(BEAUTIFY));
    // With pictures, 生图 takes them as references.
    let references = by(USER).text("/生图 像这样的猫").image(&a.0, &a.1);
    assert_eq!(given(&asked(&world, references).await), all[..1]);
}

#[tokio::test]
async fn two_pictures_of_one_name_are_two_and_one_given_twice_is_one() {
    let (world, files) = (world().await, FileServer::start().await);
    let all = three();
    let (a, b) = (files.put("/a", all[0].clone()), files.put("/b", all[1].clone()));
    let both = by(USER).text("/改图 合成").image("image.png", &a).image("image.png", &b);
    assert_eq!(given(&asked(&world, both).await), all[..2]);
    world.bot.next_picture().await;
    let twice = by(USER).text("/改图 合成").image("image.png", &a).image("image.png", &a);
    assert_eq!(given(&asked(&world, twice).await), all[..1]);
}

#[tokio::test]
async fn a_quoted_picture_comes_before_those_of_the_message() {
    for cq_strings in [false, true] {
        let builder = FakeOneBot::builder();
        let bot = if cq_strings { builder.cq_strings() } else { builder }.build();
        let (world, files) = (world_of(configuration, bot).await, FileServer::start().await);
        let all = three();
        // The ampersand must not stay written as it is in CQ strings.
        let quoted =
            by(OTHER).text("看这张").image("q.jpg", &files.put("/q?appid=1407&rkey=x", all[0].clone()));
        let quoted = world.bot.add_message(&quoted);
        let request =
            by(USER).reply(quoted).text("/改图 合在一起").image("m.jpg", &files.put("/m", all[1].clone()));
        assert_eq!(given(&asked(&world, request).await), all[..2]);
        world.bot.next_picture().await;
        let alone = by(USER).reply(quoted).text("/改图 换成雨夜");
        assert_eq!(given(&asked(&world, alone).await), all[..1]);
        world.bot.next_picture().await;
        // As QQ does it: the quotation brings a mention of the quoted person, which is not meant.
        let with_mention = by(USER).reply(quoted).at(SELF_ID).text(" /改图 换成雨夜");
        assert_eq!(given(&asked(&world, with_mention).await), all[..1]);
    }
}

#[tokio::test]
async fn an_earlier_result_of_ours_can_be_quoted() {
    let (world, files) = (world().await, FileServer::start().await);
    world.says("/生图 一只猫").await;
    let result = world.bot.next_picture().await;
    // What the implementation tells of it: our own message, and an address of the picture host.
    let id = result.message_id.unwrap();
    let url = files.put("/own.png", result.picture());
    world.bot.add_message_raw(
        id,
        json!({ "self_id": SELF_ID, "user_id": SELF_ID, "message_id": id, "message_type": "group", "group_id": GROUP,
            "time": 1_790_000_000, "sender": { "user_id": SELF_ID, "nickname": "画架" }, "post_type": "message_sent",
            "sub_type": "normal", "raw_message": "", "message_format": "array",
            "message": [{ "type": "image", "data": { "file": "own.png", "url": url } }] }),
    );
    world.provider.next_request().await;
    let edit = asked(&world, by(USER).reply(id).text("/改图 换成夜晚")).await;
    assert_eq!(given(&edit), [result.picture()]);
}

#[tokio::test]
async fn pictures_of_a_quoted_forward() {
    let (world, files) = (world().await, FileServer::start().await);
    let all = three();
    let node = |name: &str, picture: &Bytes| {
        by(OTHER).text("转发").image(name, &files.put(&format!("/{name}"), picture.clone()))
    };
    world.bot.add_forward("res-1", &[node("a", &all[0]), by(OTHER).text("没有图"), node("b", &all[1])]);
    let quoted = world.bot.add_message(&by(OTHER).forward("res-1"));
    assert_eq!(given(&asked(&world, by(USER).reply(quoted).text("/改图 拼成一张")).await), all[..2]);
}

#[tokio::test]
async fn the_last_picture_of_the_same_member_is_meant_when_there_is_none() {
    let (world, files) = (world().await, FileServer::start().await);
    let all = three();
    world.bot.send(by(OTHER).image("other", &files.put("/other", all[0].clone()))).await;
    world
        .bot
        .send(Message::group(GROUP + 1, USER).image("elsewhere", &files.put("/elsewhere", all[1].clone())))
        .await;
    let refusal = world.asks("/改图 换成雨夜").await;
    assert!(refusal.contains("[E-NEEDS-PICTURE]"), "{refusal}");
    world.bot.send(by(USER).image("mine", &files.put("/mine", all[2].clone()))).await;
    world.bot.send(by(USER).text("等一下")).await;
    assert_eq!(given(&asked(&world, by(USER).text("/改图 换成雨夜")).await), all[2..]);
    // Sent as a file, it is one as well.
    let link = files.put("/file", all[1].clone());
    let data = json!({"file": "原图.PNG", "file_id": "/f", "url": link, "file_size": "9"});
    world.bot.send(by(USER).segment("file", data)).await;
    assert_eq!(given(&asked(&world, by(USER).text("/改图 换成雪夜")).await), all[1..2]);
    // Drawing does not need a picture, so it takes none that was not given.
    let draw = asked(&world, by(USER).text("/生图 一只猫")).await;
    assert_eq!((draw.path(), given(&draw).len()), ("/v1/images/generations", 0));
    assert!(files.requests().iter().all(|request| ["/mine", "/file"].contains(&request.path.as_str())));
}

#[tokio::test]
async fn pictures_are_prepared_for_the_provider() {
    let (world, files) = (world().await, FileServer::start().await);
    // Nothing to convert: the very bytes.
    for (name, picture) in [
        ("a.png", pictures::png(64, 48, 1)),
        ("a.jpg", pictures::jpeg(64, 48, 1)),
        ("a.webp", pictures::webp(64, 48, 1)),
        ("large.png", pictures::png_of_length(2_000_000, 1)),
    ] {
        let request = asked(
            &world,
            by(USER).text("/改图 亮一点").image(name, &files.put(name_path(name).as_str(), picture.clone())),
        )
        .await;
        assert_eq!(given(&request), [picture], "{name}");
        world.bot.next_picture().await;
    }
    // What a telephone sends: turned upright, and without the place where it was taken.
    let photo = pictures::jpeg_with_exif(64, 48, 1, 6);
    let gps = |bytes: &[u8]| bytes.windows(4).any(|four| four == [0x88, 0x25, 0, 4]);
    assert!(gps(&photo));
    let request =
        asked(&world, by(USER).text("/改图 亮一点").image("photo", &files.put("/photo", photo))).await;
    let sent = &given(&request)[0];
    assert_eq!(pictures::dimensions(sent), (48, 64));
    assert!(!gps(sent) && !sent.windows(4).any(|four| four == b"Exif"));
    // The first frame of an animation, by whatever name it goes.
    let animation = pictures::gif_animated(64, 48, 1);
    let request =
        asked(&world, by(USER).text("/改图 亮一点").image("x.jpg", &files.put("/x.jpg", animation.clone())))
            .await;
    let sent = &given(&request)[0];
    assert_eq!(pictures::dimensions(sent), (64, 48));
    assert!(!sent.starts_with(b"GIF"));
    let first = first_pixel(&animation);
    assert_eq!(first_pixel(sent), first);
    assert_ne!(first, last_frame_pixel(&animation));
}

fn name_path(name: &str) -> String {
    format!("/{name}")
}

fn first_pixel(picture: &[u8]) -> [u8; 3] {
    image::load_from_memory(picture).unwrap().to_rgb8().get_pixel(0, 0).0
}

fn last_frame_pixel(animation: &[u8]) -> [u8; 3] {
    use image::AnimationDecoder as _;
    let decoder = image::codecs::gif::GifDecoder::new(Cursor::new(animation)).unwrap();
    let last = decoder.into_frames().collect_frames().unwrap().pop().unwrap();
    let [red, green, blue, _] = last.buffer().get_pixel(0, 0).0;
    [red, green, blue]
}

#[tokio::test]
async fn every_bad_picture_has_its_sentence() {
    let world = world_with(|provider| {
        configuration(provider).replace("[network]\n", "[network]\nmax_download_bytes = 1048576\n")
    })
    .await;
    let files = FileServer::start().await;
    let big = pictures::png_of_length(1_048_577, 1);
    let cases = [
        (files.put("/heic", pictures::heic_header()), "HEIC", "E-PICTURE-HEIC"),
        (files.empty("/empty"), "空的", "E-PICTURE-EMPTY"),
        (files.put("/half", pictures::truncated_png()), "不完整", "E-PICTURE-DAMAGED"),
        (files.put("/bomb", pictures::bomb_png()), "每边最多 8192 像素", "E-PICTURE-SIDE"),
        (files.put_as("/html", "image/png", pictures::html()), "不是能识别的图片", "E-PICTURE-TYPE"),
        (files.put_as("/svg", "image/svg+xml", pictures::svg()), "不是能识别的图片", "E-PICTURE-TYPE"),
        (files.put("/big", big.clone()), "最大 1 MB", "E-PICTURE-BIG"),
        (files.put_chunked("/big-chunked", big), "最大 1 MB", "E-PICTURE-BIG"),
        (files.endless("/endless"), "最大 1 MB", "E-PICTURE-BIG"),
        (files.cut("/cut", pictures::png(64, 64, 1)), "没下载成功", "E-PICTURE-NET"),
        (files.reset("/reset"), "没下载成功", "E-PICTURE-NET"),
        (files.status("/500", 500), "没下载成功", "E-PICTURE-NET"),
        (files.status("/404", 404), "失效", "E-PICTURE-EXPIRED"),
        (files.redirect("/file", "file:///etc/passwd"), "没下载成功", "E-PICTURE-NET"),
    ];
    for (url, words, code) in cases {
        let request = world.bot.send(by(USER).text("/改图 换成雨夜").image(&url, &url)).await;
        let told = world.hears().await;
        assert_eq!(told.quote, Some(request.to_string()));
        assert!(
            told.text.contains(words) && told.text.contains(&format!("[{code}]")),
            "{url}: {}",
            told.text
        );
        assert_eq!(world.marks(request, "106").await.last().map(String::as_str), Some("106"));
    }
    assert!(world.provider.requests().is_empty());
}

#[tokio::test]
async fn an_expired_address_is_refreshed() {
    let (world, files) = (world().await, FileServer::start().await);
    let picture = pictures::png(64, 48, 1);
    let old = files.expired_rkey("/g?rkey=old");
    let fresh = files.put("/g?rkey=new", picture.clone());
    // By the picture's own file.
    world.bot.set_image("F1.png", &fresh);
    let message = by(USER).text("/改图 换成雨夜").image("F1.png", &old);
    assert_eq!(given(&asked(&world, message).await), [picture]);
    world.bot.next_picture().await;
    // Nothing gives a fresh one: a sentence.
    let message = by(USER).text("/改图 换成雨夜").image("F2.png", &old);
    world.bot.send(message).await;
    let told = world.hears().await.text;
    assert!(told.contains("[E-PICTURE-EXPIRED]"), "{told}");
}

#[tokio::test]
async fn private_addresses_are_refused() {
    let world = world_with(|provider| {
        configuration(provider).replace("allow_hosts = [\"127.0.0.1\"]", "allow_hosts = []")
    })
    .await;
    let files = FileServer::start().await;
    let port = files.address().port();
    files.put("/a.png", pictures::png(8, 8, 1));
    for host in [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "2130706433",
        "0x7f.1",
        "0.0.0.0",
        "10.0.0.1",
        "169.254.169.254",
    ] {
        let url = format!("http://{host}:{port}/a.png");
        world.bot.send(by(USER).text("/改图 换成雨夜").image(&url, &url)).await;
        let told = world.hears().await.text;
        assert!(told.contains("内部网络") && told.contains("[E-PICTURE-PRIVATE]"), "{url}: {told}");
    }
    assert!(files.requests().is_empty() && world.provider.requests().is_empty());
}

#[tokio::test]
async fn a_redirect_leads_to_no_private_address() {
    let (allowed, secret) = (FileServer::start().await, FileServer::start().await);
    let host = allowed.address().to_string();
    let world = world_with(|provider| {
        configuration(provider)
            .replace("allow_hosts = [\"127.0.0.1\"]", &format!("allow_hosts = [\"{host}\"]"))
    })
    .await;
    let picture = pictures::png(64, 48, 1);
    let inside = secret.put("/a.png", picture.clone());
    let leads_in = allowed.redirect("/out", &inside);
    world.bot.send(by(USER).text("/改图 换成雨夜").image("1", &leads_in)).await;
    let told = world.hears().await.text;
    assert!(told.contains("[E-PICTURE-PRIVATE]"), "{told}");
    assert!(secret.requests().is_empty());
    // A redirect to where it may go is followed.
    allowed.put("/a.png", picture.clone());
    let good = allowed.redirect("/good", "/a.png");
    assert_eq!(given(&asked(&world, by(USER).text("/改图 换成雨夜").image("2", &good)).await), [picture]);
}

#[tokio::test]
async fn pictures_are_fetched_when_a_job_is_accepted_and_never_before() {
    let world = world_with(|provider| {
        configuration(provider)
            .replace("max_running_per_user = 8", "max_running_per_user = 1")
            .replace("[access]\n", "[access]\nrate_limit_max_calls_per_user = 2\n")
    })
    .await;
    let files = FileServer::start().await;
    let picture = pictures::png(64, 48, 1);
    world.provider.answer(Answer::draws().held());
    world.says("/生图 第一张").await;
    world.provider.next_request().await;
    // Chatter and other bots' words.
    world.ignores(by(USER).text("看").image("c", &files.put("/chatter", picture.clone()))).await;
    world.ignores(by(USER).text("/识图").image("d", &files.put("/others", picture.clone()))).await;
    // The second job waits, its picture does not.
    let url = files.put("/second", picture.clone());
    world.bot.send(by(USER).text("/改图 第二张").image("e", &url)).await;
    let waits = world.hears().await.text;
    assert!(waits.contains("排在第"), "{waits}");
    assert_eq!(files.next_request().await.path, "/second");
    assert_eq!(world.provider.requests().len(), 1);
    // What is refused is not fetched.
    let refused = by(USER).text("/改图 第三张").image("f", &files.put("/refused", picture.clone()));
    world.bot.send(refused).await;
    assert!(world.hears().await.text.contains("[E-LIMIT]"));
    // The link may die meanwhile.
    files.status("/second", 404);
    world.provider.release();
    world.bot.next_picture().await;
    assert_eq!(given(&world.provider.next_request().await), [picture]);
    assert_eq!(files.requests().len(), 1);
}

#[tokio::test]
async fn avatars_stand_in_for_pictures() {
    // The avatar host is a public one; its calls end at a proxy that refuses them, so no network is needed.
    let proxy = FileServer::start().await;
    let world = world_with(|provider| {
        let proxy = format!("[network]\ndownload_proxy = \"http://{}\"\n", proxy.address());
        configuration(provider).replace("[network]\n", &proxy)
    })
    .await;
    for message in [
        by(USER).text("/手办化"),
        by(USER).text("/改图 换成雨夜 ").at(OTHER),
        by(USER).text("/手办化 ").at(OTHER),
    ] {
        world.bot.send(message).await;
        let told = world.hears().await.text;
        assert!(told.contains("[E-AVATAR]") && told.contains("头像没取到"), "{told}");
        let tunnel = proxy.next_request().await;
        assert_eq!((tunnel.method.as_str(), tunnel.path.as_str()), ("CONNECT", "q1.qlogo.cn:443"));
    }
    // An ordinary edit does not take the sender's own.
    assert!(world.asks("/改图 换成雨夜").await.contains("[E-NEEDS-PICTURE]"));
    assert!(world.provider.requests().is_empty());
}

/// A world whose pictures are fetched through a proxy: avatars from the first server, everything else from the second,
/// where the path is the whole url.
async fn with_avatars(
    configured: impl FnOnce(String) -> String,
) -> (World, FileServer, FileServer, TunnelProxy, TlsFront) {
    let (avatars, files) = (FileServer::start().await, FileServer::start().await);
    let host = behind_tls(&avatars.url("/")).await;
    let proxy = TunnelProxy::start(&host.address(), &files.address().to_string()).await;
    let (bot, provider) = (FakeOneBot::new(), FakeProvider::start().await);
    let dir = tempfile::tempdir().unwrap();
    let through = format!("[network]\ndownload_proxy = \"{}\"\n", proxy.url());
    let text = configured(configuration(&provider.base_url()).replace("[network]\n", &through));
    std::fs::write(dir.path().join("easel.toml"), text).unwrap();
    let mut command = easel(dir.path());
    command.args(["run", "--config", "easel.toml"]).env("SSL_CERT_FILE", CA);
    let easel = Easel::start(command);
    bot.connect_when_up(easel.onebot.as_deref().unwrap()).await;
    (World { dir, easel: Some(easel), bot, provider }, avatars, files, proxy, host)
}

#[tokio::test]
async fn inputs_stand_in_their_order_quote_message_avatar() {
    let (world, avatars, files, _proxy, _host) = with_avatars(|text| text).await;
    let [quoted, own, avatar] = three();
    // Somebody else than the quoted person, whose mention comes by itself.
    let third = OTHER + 1;
    avatars.put(&format!("/g?b=qq&nk={third}&s=640"), avatar.clone());
    let picture = |name: &str, bytes: &Bytes| {
        let url = format!("http://pictures.example/{name}");
        files.put(&url, bytes.clone());
        url
    };
    let (quoted_at, own_at) = (picture("quoted", &quoted), picture("own", &own));
    let message = world.bot.add_message(&by(OTHER).image("q.png", &quoted_at));
    let all = [quoted, own, avatar.clone()];
    for verb in ["/改图", "/生图"] {
        // However they stand in the message.
        let request =
            by(USER).reply(message).text(&format!("{verb} 画在一起 ")).at(third).image("m.png", &own_at);
        let request = asked(&world, request).await;
        let given = given(&request);
        assert!(given == all, "{verb}: {} pictures", given.len());
        assert_eq!(request.path(), "/v1/images/edits");
        assert_eq!(request.prompt().as_deref(), Some("画在一起"));
        world.bot.next_picture().await;
    }
    // A mention alone is a reference as well.
    let request = asked(&world, by(USER).text("/生图 骑自行车 ").at(third)).await;
    assert!(given(&request) == [avatar]);
    world.bot.next_picture().await;
}

#[tokio::test]
async fn a_mention_is_only_a_mention_where_nobody_takes_references() {
    let words_only = |text: String| text.replace("[draw]\n", "supports_edit = false\n[draw]\n");
    let (world, avatars, _, _proxy, _host) = with_avatars(words_only).await;
    let request = asked(&world, by(USER).text("/生图 骑自行车 ").at(OTHER)).await;
    assert_eq!((request.path(), given(&request).len()), ("/v1/images/generations", 0));
    world.bot.next_picture().await;
    assert!(avatars.requests().is_empty());
}

#[tokio::test]
async fn a_photo_of_48_megapixels_arrives_upright() {
    let (world, files) = (world().await, FileServer::start().await);
    let url = files.put("/photo", pictures::photo(8064, 6048, 6));
    let request = asked(&world, by(USER).text("/改图 换成雨夜").image("p", &url)).await;
    let turned = given(&request).remove(0);
    assert_eq!(pictures::dimensions(&turned), (3024, 4032));
    let mut decoder = JpegDecoder::new(Cursor::new(&turned[..])).unwrap();
    assert_eq!(decoder.exif_metadata().unwrap(), None, "metadata stays at home");
    let pixels = DynamicImage::from_decoder(decoder).unwrap().into_rgb8();
    let corners = [(0, 0), (3023, 0), (3023, 4031), (0, 4031)].map(|(x, y)| pixels.get_pixel(x, y).0);
    // Stored clockwise as red, green, blue, white; turned by a quarter to the right.
    assert_eq!(
        corners.map(|corner| corner.map(|c| c > 128)),
        [[true; 3], [true, false, false], [false, true, false], [false, false, true]]
    );
    world.bot.next_picture().await;
}
