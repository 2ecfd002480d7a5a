//! Answers of all shapes, in pieces of all sizes.

use easel_core::media::{BytesBudget, Spool};
use proptest::prelude::*;
use serde_json::json;

use super::{
    candidates::{Choice, Place, choose},
    *,
};

fn spool(bytes: u64) -> (tempfile::TempDir, Spool) {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::new(BytesBudget::new(bytes), dir.path()).unwrap();
    (dir, spool)
}

/// A PNG header of 640×480 and `len` bytes of noise: what matters here is bytes, not pixels.
fn png(len: usize) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x02\x80\0\0\x01\xe0\x08\x02\0\0\0".to_vec();
    let mut noise = 0x2545_f491_u32;
    while bytes.len() < len {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        bytes.push((noise >> 24) as u8);
    }
    bytes
}

fn b64(bytes: &[u8]) -> String {
    base64_simd::STANDARD.encode_to_string(bytes)
}

fn read_in(spool: &Spool, body: &[u8], pieces: &[usize], cut: bool) -> Result<Answer, AnswerError> {
    let mut reader = AnswerReader::new(spool.clone(), body.len() as u64, 200 << 20);
    let mut rest = body;
    for size in pieces {
        let (now, later) = rest.split_at((*size).min(rest.len()));
        reader.push(now)?;
        rest = later;
    }
    reader.push(rest)?;
    reader.finish(cut)
}

fn read(body: impl AsRef<[u8]>) -> Answer {
    let (_dir, spool) = spool(64 << 20);
    read_in(&spool, body.as_ref(), &[], false).unwrap()
}

#[track_caller]
fn bytes_of(answer: &Answer, choice: &Choice) -> Vec<Vec<u8>> {
    choice
        .found
        .iter()
        .map(|found| match found.place {
            Place::Slot(slot) => answer.slots[slot].body.as_ref().unwrap().read().unwrap().to_vec(),
            ref other => panic!("no slot: {other:?}"),
        })
        .collect()
}

#[track_caller]
fn gives(body: impl AsRef<[u8]>, expected: &[&[u8]]) {
    // Every split at the same width up to a prime that is no multiple of four must agree.
    for width in [usize::MAX, 1, 3, 7, 61] {
        let (_dir, spool) = spool(64 << 20);
        let body = body.as_ref();
        let pieces = vec![width; if width == usize::MAX { 0 } else { body.len() / width }];
        let answer = read_in(&spool, body, &pieces, false).unwrap();
        let choice = choose(&answer);
        let found = bytes_of(&answer, &choice);
        let lengths: Vec<_> = found.iter().map(Vec::len).collect();
        assert!(found == expected, "{lengths:?} bytes, in pieces of {width}: {}", answer.skeleton);
        assert!(answer.whole, "in pieces of {width}");
    }
}

#[track_caller]
fn links(body: impl AsRef<[u8]>, expected: &[&str]) {
    let answer = read(body);
    let found: Vec<String> = choose(&answer)
        .found
        .into_iter()
        .map(|found| match found.place {
            Place::Url(link) | Place::Path(link) => link,
            Place::Slot(slot) => format!("slot {slot}"),
        })
        .collect();
    assert_eq!(found, expected, "{}", answer.skeleton);
}

fn chat(content: &Value) -> String {
    json!({ "choices": [{ "message": { "role": "assistant", "content": content } }] }).to_string()
}

#[test]
fn base64_of_every_spelling_is_read() {
    for len in [400, 401, 402, 5000] {
        let picture = png(len);
        let text = b64(&picture);
        let wrapped: String =
            text.as_bytes().chunks(76).flat_map(|line| [line, b"\\r\\n"].concat()).map(char::from).collect();
        let spellings = [
            text.clone(),
            text.trim_end_matches('=').to_owned(),
            text.replace('+', "-").replace('/', "_"),
            text.replace('/', "\\/").replace('=', "\\u003d"),
            wrapped.clone(),
            format!(" {text}\\n"),
            format!("data:image/png;base64,{text}"),
            format!("data:image/jpeg;charset=utf-8;base64,{wrapped}"),
        ];
        for spelling in spellings {
            gives(format!("{{\"data\":[{{\"b64_json\":\"{spelling}\"}}]}}"), &[&picture]);
        }
    }
}

#[test]
fn pictures_in_words_are_read() {
    let picture = png(700);
    let text = b64(&picture);
    for content in [
        format!("Done!\n\n![image](data:image/png;base64,{text})"),
        format!("![image](data:image/png;base64,{text} \"title\") and more words"),
        format!("<img src='data:image/png;base64,{text}'> there"),
        format!("data:image/png;base64,{text}\n\nHere you are"),
        text.clone(),
        format!("```\n{text}\n```"),
        format!("{{\"data\":[{{\"b64_json\":\"{}\"}}]}}", text.replace('/', "\\/")),
        format!("```json\n{{\"image\": \"data:image/png;base64,{text}\"}}\n```"),
        format!("\u{feff}看，这是你的图：![图](data:image/png;base64,{text})。"),
    ] {
        gives(chat(&content.clone().into()), &[&picture]);
        // The same as a text body and as a JSON string body.
        if !content.starts_with(['{', '<', '\u{feff}']) {
            gives(&content, &[&picture]);
        }
        gives(serde_json::to_string(&content).unwrap(), &[&picture]);
    }
    gives(
        chat(
            &json!([{ "type": "text", "text": "a" }, { "type": "image_url", "image_url": { "url": format!("data:image/png;base64,{text}") } }]),
        ),
        &[&picture],
    );
    gives(
        chat(&json!([{ "type": "output_image", "image_url": format!("data:image/png;base64,{text}") }])),
        &[&picture],
    );
    gives(chat(&json!([{ "inlineData": { "mimeType": "image/png", "data": text } }])), &[&picture]);
}

#[test]
fn all_pictures_of_the_winning_list_come_in_order() {
    let (one, two) = (png(600), png(900));
    gives(
        json!({ "data": [{ "b64_json": b64(&one) }, { "b64_json": b64(&two) }], "images": [b64(&png(300))] })
            .to_string(),
        &[&one, &two],
    );
    gives(json!({ "images": [b64(&one), b64(&two)], "parameters": {} }).to_string(), &[&one, &two]);
    gives(json!([b64(&one), { "b64_json": b64(&two) }]).to_string(), &[&one, &two]);
    gives(
        json!({ "candidates": [{ "content": { "parts": [
            { "thought": true, "inlineData": { "data": b64(&one) } }, { "inline_data": { "data": b64(&two) } } ] } }] }).to_string(),
        &[&two],
    );
}

#[test]
fn a_body_that_is_a_picture_is_a_picture() {
    gives(png(3000), &[&png(3000)]);
}

fn events(list: &[(&str, Value)]) -> String {
    let event = |(name, data): &(&str, Value)| {
        let name = if name.is_empty() { String::new() } else { format!("event: {name}\n") };
        format!("{name}data: {data}\n\n")
    };
    list.iter().map(event).collect::<Vec<_>>().concat()
}

fn delta(delta: &Value) -> (&'static str, Value) {
    ("", json!({ "choices": [{ "index": 0, "delta": delta, "finish_reason": null }] }))
}

#[test]
fn base64_split_over_events_is_joined() {
    let picture = png(1000);
    let text = format!("![image](data:image/png;base64,{})", b64(&picture));
    for width in [1, 5, 100] {
        let list: Vec<_> = text
            .as_bytes()
            .chunks(width)
            .map(|part| delta(&json!({ "content": String::from_utf8_lossy(part) })))
            .collect();
        let body = events(&list);
        gives(format!("{body}data: [DONE]\n\n"), &[&picture]);
        // Without the end mark, with CR and CRLF, with a byte order mark, comments, and no last line end.
        gives(body.trim_end(), &[&picture]);
        gives(body.replace('\n', "\r\n"), &[&picture]);
        gives(body.replace('\n', "\r"), &[&picture]);
        gives(format!("\u{feff}: hello\n\n{body}"), &[&picture]);
        gives(body.replace("\n\n", "\n"), &[&picture]);
    }
}

#[test]
fn of_a_streamed_chat_the_last_picture_counts_and_earlier_ones_are_freed() {
    let (preview, result) = (png(600), png(800));
    let image = |bytes: &[u8]| json!({ "images": [{ "image_url": { "url": format!("data:image/png;base64,{}", b64(bytes)) } }] });
    let body =
        events(&[delta(&json!({ "content": "Here" })), delta(&image(&preview)), delta(&image(&result))]);
    gives(&body, &[&result]);
    assert!(read(&body).slots[0].body.is_none());
    let body = events(&[
        (
            "image_generation.partial_image",
            json!({ "type": "image_generation.partial_image", "b64_json": b64(&preview) }),
        ),
        (
            "image_generation.completed",
            json!({ "type": "image_generation.completed", "b64_json": b64(&result) }),
        ),
    ]);
    gives(&body, &[&result]);
    let answer = read(&body);
    assert!(answer.slots[0].body.is_none() && answer.previews);
}

#[test]
fn an_error_after_the_bytes_is_kept() {
    let body = json!({ "data": [{ "b64_json": b64(&png(500)) }], "error": { "code": "late" } }).to_string();
    assert_eq!(read(body).skeleton["error"]["code"], "late");
    let body = events(&[(
        "",
        json!({ "error": { "code": 429 }, "choices": [{ "delta": { "content": "" }, "finish_reason": "error" }] }),
    )]);
    assert_eq!(read(body).skeleton["error"]["code"], 429);
    let body =
        events(&[("", json!({ "message": "no", "type": "server_error", "code": "generation_failed" }))]);
    assert_eq!(read(body).skeleton["error"]["message"], "no");
}

#[test]
fn links_of_every_spelling_are_found() {
    let say = |text: &str| chat(&text.into());
    links(
        say("![result](https://a.example/1.png?a=1&amp;b=2 \"picture\")"),
        &["https://a.example/1.png?a=1&b=2"],
    );
    links(say("https://a.example/out/2"), &["https://a.example/out/2"]);
    links(say("Here: https://a.example/2.webp."), &["https://a.example/2.webp"]);
    links(say("图在这里：https://a.example/2.webp，请查收"), &["https://a.example/2.webp"]);
    links(say("<img src='https://a.example/3.jpg' width='5'>"), &["https://a.example/3.jpg"]);
    links(say("{\"image_url\": \"https:\\/\\/a.example\\/4.png\"}"), &["https://a.example/4.png"]);
    links(say("![x](/images/5.png)"), &["/images/5.png"]);
    links(say("/images/5.png"), &["/images/5.png"]);
    links(say("![x](//a.example/5.png)"), &["//a.example/5.png"]);
    links(
        say("![a](https://a.example/1.png) ![b](https://a.example/2.png)\nhttps://a.example/1.png"),
        &["https://a.example/1.png", "https://a.example/2.png"],
    );
    links(
        say("![a](https://a.example/get?from=https://b.example/1.png)"),
        &["https://a.example/get?from=https://b.example/1.png"],
    );
    links(say("see our policy at https://a.example/policy for more"), &[]);
    links(say("<video src='https://a.example/generated_video.mp4'></video>"), &[]);
    links(say("![image](data:image/png;base64,...)"), &[]);
    links(json!({ "data": [{ "url": "https://a.example/x" }] }).to_string(), &["https://a.example/x"]);
    links(
        json!({ "images": [{ "url": "https://a.example/y" }], "data": [] }).to_string(),
        &["https://a.example/y"],
    );
    links(
        json!({ "output": { "results": [{ "url": "https://a.example/z" }] } }).to_string(),
        &["https://a.example/z"],
    );
    links(json!({ "output": { "choices": [{ "message": { "content": [{ "image": "https://a.example/q" }] } }] } }).to_string(), &["https://a.example/q"]);
}

/// A picture in the arguments of a call, as text or as an object, at once or in pieces; contents count first.
#[test]
fn pictures_in_tool_calls_are_read() {
    const LINK: &str = "https://a.example/out/2?a=1&b=2";
    let called = |content: &str, arguments: &[Value]| {
        let calls: Vec<_> = arguments
            .iter()
            .map(|arguments| json!({ "id": "c", "type": "function", "function": { "name": "show", "arguments": arguments } }))
            .collect();
        json!({ "choices": [{ "message": { "content": content, "tool_calls": calls }, "finish_reason": "tool_calls" }] })
    };
    let text = |value: Value| Value::String(value.to_string());
    for arguments in [
        text(json!({ "url": LINK })),
        text(json!({ "image_url": LINK, "alt": "a cat" })),
        json!({ "url": LINK }),
        format!("![cat]({LINK})").into(),
    ] {
        links(called("", std::slice::from_ref(&arguments)).to_string(), &[LINK]);
        // The same message as one event of a stream.
        links(events(&[("", called("", &[arguments]))]), &[LINK]);
    }
    let two = [text(json!({ "url": LINK })), text(json!({ "url": "https://a.example/3.png" }))];
    links(called("Here", &two).to_string(), &[LINK, "https://a.example/3.png"]);
    links(called("![x](https://a.example/1.png)", &two).to_string(), &["https://a.example/1.png"]);
    links(called("", &[text(json!({ "question": "what next?" }))]).to_string(), &[]);

    let picture = png(700);
    let data = text(json!({ "image": format!("data:image/png;base64,{}", b64(&picture)), "alt": "a cat" }));
    gives(called("", std::slice::from_ref(&data)).to_string(), &[&picture]);
    for width in [1, 7, 200] {
        let pieces = data.as_str().unwrap().as_bytes().chunks(width);
        let call = |function: Value| delta(&json!({ "tool_calls": [{ "index": 0, "function": function }] }));
        let mut list = vec![call(json!({ "name": "show", "arguments": "" }))];
        list.extend(pieces.map(|piece| call(json!({ "arguments": String::from_utf8_lossy(piece) }))));
        gives(format!("{}data: [DONE]\n\n", events(&list)), &[&picture]);
    }
}

/// However a service tells the calls of a stream apart.
#[test]
fn every_call_of_a_stream_keeps_its_own_pictures() {
    // Signed, and one with `&` as Go writes it.
    const LINKS: [&str; 2] = ["https://a.example/out/1?a=1&b=2", "https://a.example/out/2?a=1&b=2"];
    let arguments = |nth: usize| json!({ "url": LINKS[nth] }).to_string().replace('&', "\\u0026");
    let call = |index: Option<usize>, arguments: Value| {
        let index = index.map(|index| ("index".to_owned(), index.into()));
        let function = json!({ "name": "show", "arguments": arguments });
        Value::Object(index.into_iter().chain([("function".to_owned(), function)]).collect())
    };
    let calls = |calls: &[Value]| delta(&json!({ "tool_calls": calls }));
    let done = |list: &[(&'static str, Value)]| format!("{}data: [DONE]\n\n", events(list));
    let halves = |nth: usize| {
        let text = arguments(nth);
        let (begin, end) = text.split_at(9);
        [begin, end].map(Value::from)
    };
    let whole = |nth: usize| Value::from(arguments(nth));
    let ([a1, a2], [b1, b2]) = (halves(0), halves(1));
    let [first, second] = LINKS.map(|link| json!({ "url": link }));
    for (case, list) in [
        (
            "one after the other",
            vec![
                calls(&[call(Some(0), a1.clone())]),
                calls(&[call(Some(0), a2.clone())]),
                calls(&[call(Some(1), b1.clone())]),
                calls(&[call(Some(1), b2.clone())]),
            ],
        ),
        (
            "by turns",
            vec![
                calls(&[call(Some(0), a1.clone())]),
                calls(&[call(Some(1), b1.clone())]),
                calls(&[call(Some(0), a2.clone()), call(Some(1), b2.clone())]),
            ],
        ),
        (
            "by their places",
            vec![calls(&[call(None, a1), call(None, b1)]), calls(&[call(None, a2), call(None, b2)])],
        ),
        ("all as the first", vec![calls(&[call(Some(0), whole(0))]), calls(&[call(Some(0), whole(1))])]),
        ("one by one", vec![calls(&[call(None, whole(0))]), calls(&[call(None, whole(1))])]),
        ("as objects", vec![calls(&[call(Some(0), first)]), calls(&[call(Some(1), second)])]),
    ] {
        println!("{case}");
        links(done(&list), &LINKS);
    }
    // More than are kept apart, each of them with a name of its own: none is lost.
    let many: Vec<_> = (0..20).map(|nth| format!("https://a.example/{nth}.png?a=1")).collect();
    let list: Vec<_> = many
        .iter()
        .enumerate()
        .map(|(nth, link)| calls(&[call(Some(nth), json!({ "url": link }).to_string().into())]))
        .collect();
    links(done(&list), &many.iter().map(String::as_str).collect::<Vec<_>>());

    let pictures = [png(600), png(900)];
    let data = |nth: usize| json!({ "image": format!("data:image/png;base64,{}", b64(&pictures[nth])) });
    let expected = [&pictures[0][..], &pictures[1][..]];
    // Whole in one event each, as text and as objects; and in pieces that come by turns.
    let list: Vec<_> = (0..2).map(|nth| calls(&[call(Some(nth), data(nth).to_string().into())])).collect();
    gives(done(&list), &expected);
    let list: Vec<_> = (0..2).map(|nth| calls(&[call(Some(nth), data(nth))])).collect();
    gives(done(&list), &expected);
    let texts = [0, 1].map(|nth| data(nth).to_string());
    let pieces = |nth: usize| texts[nth].as_bytes().chunks(100).map(String::from_utf8_lossy);
    let longest = pieces(0).count().max(pieces(1).count());
    let by_turns = (0..longest).flat_map(|at| {
        (0..2).filter_map(move |nth| Some(calls(&[call(Some(nth), pieces(nth).nth(at)?.into())])))
    });
    gives(done(&by_turns.collect::<Vec<_>>()), &expected);
}

#[test]
fn a_signed_link_is_not_mistaken_for_base64() {
    let link = format!("https://storage.example/b/x.png?X-Goog-Signature={}", "0123456789abcdef".repeat(32));
    links(chat(&link.clone().into()), &[&link]);
    links(json!({ "data": [{ "url": link }] }).to_string(), &[&link]);
}

#[track_caller]
fn unusable(body: impl AsRef<[u8]>, expected: Option<&str>) {
    let answer = read(body);
    let choice = choose(&answer);
    assert_eq!((choice.found, choice.unusable), (vec![], expected), "{}", answer.skeleton);
}

#[test]
fn what_must_not_be_passed_on_is_named() {
    let data = |bytes: &[u8]| json!({ "data": [{ "b64_json": b64(bytes) }] }).to_string();
    let svg = b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>";
    unusable(data(svg), Some("svg"));
    unusable(data(&[svg.as_slice(), &[b' '; 500]].concat()), Some("svg"));
    unusable(data(&[b"\0\0\0\x18ftypmp42".as_slice(), &[0; 500]].concat()), Some("video"));
    unusable(data(&[b"<!DOCTYPE html>".as_slice(), &[b' '; 500]].concat()), Some("html"));
    unusable(chat(&"https://a.example/x.mp4".into()), Some("video"));
    let text = b64(&png(900));
    for at in [10, 300] {
        let mut damaged = text.clone();
        damaged.replace_range(at..=at, "*");
        unusable(json!({ "data": [{ "b64_json": damaged }] }).to_string(), Some("broken base64"));
    }
    unusable(
        json!({ "data": [{ "b64_json": text.get(..401).unwrap() }] }).to_string(),
        Some("broken base64"),
    );
    // Placeholders are no picture at all.
    let mut dot = png(400);
    dot[16..24].copy_from_slice(&[0, 0, 0, 1, 0, 0, 0, 1]);
    unusable(data(&dot), None);
    unusable(data(&png(100)), None);
    unusable(data(&png(126)), None);
}

#[test]
fn broken_bodies_are_told_apart() {
    let whole = json!({ "created": 1, "data": [{ "b64_json": b64(&png(3000)) }] }).to_string();
    for at in [10, 100, 2000, whole.len() - 3] {
        let (_dir, spool) = spool(64 << 20);
        let answer = read_in(&spool, &whole.as_bytes()[..at], &[], true).unwrap();
        assert!(!answer.whole);
        let found = choose(&answer).found;
        assert_eq!(found.len(), usize::from(at == whole.len() - 3), "the picture was whole already");
    }
    let kind = |body: &str| read(body).kind;
    assert_eq!(kind(""), BodyKind::Empty);
    assert_eq!(kind(" \r\n "), BodyKind::Empty);
    assert_eq!(kind("<html><body>502 Bad Gateway</body></html>"), BodyKind::Html);
    assert_eq!(kind("upstream connect error"), BodyKind::Text);
    assert_eq!(kind("{}"), BodyKind::Json);
    assert!(read("{]").malformed);
    assert!(read("{\"a\" 1}").malformed);
}

#[test]
fn hostile_answers_are_bounded() {
    let (_dir, spool) = spool(64 << 20);
    let check = |body: String| {
        let error = read_in(&spool, body.as_bytes(), &[], false).unwrap_err();
        assert!(matches!(error, AnswerError::TooMuch(_)), "{error}");
    };
    check("[".repeat(100));
    check(format!("[{}1]", "1,".repeat(100_000)));
    check(format!("{{\"a\":\"{}\"}}", "word ".repeat(1_000_000)));
    check(format!("[{}\"\"]", format!("\"{}\",", "A".repeat(200)).repeat(300)));
    let mut reader = AnswerReader::new(spool.clone(), 0, 1000);
    assert!(matches!(reader.push(&[b' '; 1001]), Err(AnswerError::TooLarge { limit: 1000 })));
    // A forged marker names nothing or a picture of the same answer.
    unusable(json!({ "data": [{ "b64_json": "\u{fdd0}7\u{fdd1}" }] }).to_string(), None);
}

#[test]
fn a_large_answer_goes_to_disk_when_the_budget_is_small() {
    let (_dir, spool) = spool(256 * 1024);
    let picture = png(40 << 20);
    let body = json!({ "data": [{ "b64_json": b64(&picture) }] }).to_string();
    let answer = read_in(&spool, body.as_bytes(), &vec![65_537; 900], false).unwrap();
    let choice = choose(&answer);
    let slot = answer.slots[0].body.as_ref().unwrap();
    assert!(slot.in_file().is_some());
    assert_eq!(answer.slots[0].size, Some((640, 480)));
    assert_eq!(spool.budget().free(), 256 * 1024);
    assert!(bytes_of(&answer, &choice)[0] == picture);
}

#[test]
fn refusals_are_quoted_without_pictures_and_links() {
    let said = |content: &str| choose(&read(chat(&content.into()))).said;
    assert_eq!(said("I'm sorry,\n I can't create that image."), "I'm sorry, I can't create that image.");
    assert_eq!(said("不行 ![x](https://a.example/1.png) 抱歉 https://a.example"), "不行 抱歉");
    assert_eq!(said(&"很长".repeat(400)).chars().count(), 301);
    assert_eq!(said(&format!("a{}", "很长".repeat(40_000))).chars().count(), 301);
}

#[test]
fn headers_tell_pixels() {
    let size = |format, bytes: &[u8]| {
        picture::dimensions(format, &easel_core::media::Body::from_bytes(bytes.to_vec()))
    };
    let encode = |format| {
        let mut out = io::Cursor::new(Vec::new());
        image::DynamicImage::new_rgb8(37, 21).write_to(&mut out, format).unwrap();
        out.into_inner()
    };
    assert_eq!(size(PictureFormat::Png, &encode(image::ImageFormat::Png)), Some((37, 21)));
    assert_eq!(size(PictureFormat::Jpeg, &encode(image::ImageFormat::Jpeg)), Some((37, 21)));
    assert_eq!(size(PictureFormat::Gif, &encode(image::ImageFormat::Gif)), Some((37, 21)));
    assert_eq!(size(PictureFormat::Webp, &encode(image::ImageFormat::WebP)), Some((37, 21)));
    assert_eq!(size(PictureFormat::Jpeg, b"\xff\xd8\xff"), None);
}

fn body() -> impl Strategy<Value = String> {
    let words = "[a-zA-Z0-9 ,.!\"\\\\/\n\u{4e00}-\u{4e20}\u{1f600}()<>=+-]{0,40}";
    (words, 128_usize..2000, words, 0_usize..6).prop_map(|(before, len, after, shape)| {
        let text = b64(&png(len));
        let prose = format!("{before} ![i](data:image/png;base64,{text}) {after}");
        match shape {
            0 => json!({ "data": [{ "b64_json": text, "revised_prompt": before }], "x": after }).to_string(),
            1 => chat(&prose.into()),
            2 => json!({ "images": [text], "info": prose }).to_string().replace('/', "\\/"),
            3 => events(&[
                delta(&json!({ "content": before })),
                delta(&json!({ "content": prose })),
                delta(&json!({ "content": after })),
            ]),
            4 => chat(&format!("{{\"a\":\"{}\"}}", prose.replace(['"', '\\', '\n'], "")).into()),
            _ => prose,
        }
    })
}

proptest! {
    /// The result doesn't depend on how the body was split, nor on whether it is whole.
    #[test]
    fn any_split_gives_the_same(body in body(), pieces in proptest::collection::vec(0_usize..400, 0..40), end in 0.0..=1.0_f64) {
        let (_dir, spool) = spool(64 << 20);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a share of a small length")]
        let len = (body.len() as f64 * end) as usize;
        let body = &body.as_bytes()[..len];
        let once = read_in(&spool, body, &[], len.is_multiple_of(2)).unwrap();
        let split = read_in(&spool, body, &pieces, len.is_multiple_of(2)).unwrap();
        prop_assert_eq!(&once.skeleton, &split.skeleton);
        prop_assert_eq!(choose(&once), choose(&split));
        prop_assert_eq!((once.whole, once.malformed, once.kind), (split.whole, split.malformed, split.kind));
        let bytes = |answer: &Answer| answer.slots.iter().map(|slot| slot.body.as_ref().map(|body| body.read().unwrap())).collect::<Vec<_>>();
        prop_assert_eq!(bytes(&once), bytes(&split));
    }

    /// No body makes the reader panic.
    #[test]
    fn any_bytes_are_read(body in proptest::collection::vec(any::<u8>(), 0..300), start in "(\\{\"a\":|data: |\\[|\"|)") {
        let (_dir, spool) = spool(1 << 20);
        let body = [start.as_bytes(), &body].concat();
        if let Ok(answer) = read_in(&spool, &body, &[7; 9], false) {
            choose(&answer);
        }
    }
}

#[test]
fn of_very_many_links_the_last_ones_count() {
    let address = |nth: usize| format!("https://a.example/{nth}.png");
    let last: Vec<String> = (2936..3000).map(address).collect();
    let last: Vec<&str> = last.iter().map(String::as_str).collect();
    let all = |write: &dyn Fn(String) -> String| (0..3000).map(address).map(write).collect::<String>();
    links(chat(&all(&|link| format!("![x]({link}) ")).into()), &last);
    links(chat(&all(&|link| format!("see {link} ")).into()), &last);
    links(chat(&all(&|link| format!("<img src=\"{link}\">")).into()), &last);
    let entries: Vec<String> = (0..3000).map(address).collect();
    links(chat(&json!({ "images": entries }).to_string().into()), &last);
}

#[test]
fn the_last_picture_counts_where_models_talk() {
    let last_first = |body: String| choose(&read(body)).last_first;
    assert!(last_first(chat(&"![a](https://a.example/1.png)".into())));
    assert!(!last_first(json!({ "data": [{ "url": "https://a.example/x" }] }).to_string()));
}

#[test]
fn a_stream_of_candidates_is_whole_when_one_says_why_it_ended() {
    let (_dir, spool) = spool(64 << 20);
    let chunk = |end: &str| {
        format!("data: {{\"candidates\":[{{\"content\":{{\"parts\":[{{\"text\":\"Sure\"}}]}}{end}}}]}}\n\n")
    };
    for (body, whole) in [
        (chunk(""), false),
        (chunk(",\"finishReason\":\"STOP\""), true),
        (chunk("") + "data: {\"promptFeedback\":{\"blockReason\":\"OTHER\"}}\n\n", true),
    ] {
        assert_eq!(read_in(&spool, body.as_bytes(), &[], true).unwrap().whole, whole, "{body}");
        assert!(read_in(&spool, body.as_bytes(), &[], false).unwrap().whole, "{body}");
    }
}

#[test]
fn what_a_stream_tells_beside_its_pictures_stays() {
    let body = "data: {\"candidates\":[],\"usageMetadata\":{\"promptTokenCount\":1}}\n\n\
                data: {\"usageMetadata\":{\"promptTokenCount\":12}}\n\ndata: {\"usage\":{\"cost\":0.1}}\n\n";
    let answer = read(body);
    assert_eq!(answer.skeleton["usageMetadata"], json!({ "promptTokenCount": 12 }));
    assert_eq!(answer.skeleton["usage"], json!({ "cost": 0.1 }));
}

#[test]
fn a_failed_member_of_a_streamed_set_is_an_entry_and_no_failure() {
    let failed =
        json!({ "type": "image_generation.partial_failed", "image_index": 1, "error": { "code": "X" } });
    let drawn = json!({ "type": "image_generation.partial_succeeded", "url": "https://a.example/1.png" });
    let answer = read(format!("data: {drawn}\n\ndata: {failed}\n\ndata: [DONE]\n\n"));
    assert_eq!(answer.skeleton.get("error"), None);
    assert_eq!(
        answer.skeleton["data"],
        json!([{ "url": "https://a.example/1.png" }, { "error": { "code": "X" } }])
    );
}
