//! The stored form of every entry, letter by letter.
//!
//! A journal of an older easel must be readable by every later one: a line here may gain an optional field, and is
//! never changed otherwise.

use super::*;
use crate::{
    ids::ChatKind,
    media::ClipFormat,
    message::{PictureLocator, PictureOrigin},
    testing::{test_group, test_request},
};

/// The entry is written as `stored`, and `stored` is read as the entry.
#[track_caller]
fn check(event: Event, stored: &str) {
    let entry = Entry {
        job: serde_json::from_str(r#""01989000-0000-7000-8000-000000000001""#).unwrap(),
        at: UnixMillis(1_789_000_000_123),
        event,
    };
    let prefix = r#"{"job":"01989000-0000-7000-8000-000000000001","at":1789000000123,"#;
    let line = serde_json::to_string(&entry).unwrap();
    assert_eq!(line, format!("{prefix}{stored}"));
    assert_eq!(serde_json::from_str::<Entry>(&line).unwrap(), entry);
}

fn request() -> StoredRequest {
    StoredRequest {
        chat: Chat { account: "10001".into(), ..test_group("700") },
        ..test_request("20002", "-55", "一只\"猫\"\n和狗")
    }
}

fn picture() -> StoredPicture {
    StoredPicture {
        blob: "a-0.png".to_owned(),
        format: PictureFormat::Png,
        width: 1024,
        height: 768,
        bytes: 2_000_000,
    }
}

fn artifact() -> StoredArtifact {
    let StoredPicture { blob, format, width, height, bytes } = picture();
    StoredArtifact { blob, format: MediaFormat::Picture(format), width, height, bytes, link: None }
}

#[test]
fn accepted() {
    check(
        Event::Accepted { request: Box::new(request()), number: 0 },
        r#""event":"accepted","request":{"chat":{"platform":"onebot","account":"10001","kind":"group","id":"700","parent":null},"user":"20002","message":"-55","feature":"draw","prompt":"一只\"猫\"\n和狗","count":1}}"#,
    );
    let platform = PictureLocator::Platform {
        url: Some("https://a/?x&y".to_owned()),
        file: Some("F.jpg".to_owned()),
        message: Some("-54".into()),
    };
    let full = StoredRequest {
        chat: Chat { kind: ChatKind::Direct, parent: Some("9".into()), ..request().chat },
        feature: "edit".to_owned(),
        preset: Some("手办化".to_owned()),
        provider: Some("main".to_owned()),
        size: Some((2048, 1152)),
        ratio: Some((16, 9)),
        tier: Some(2),
        count: 9,
        pictures: vec![PictureRef { origin: PictureOrigin::Message, locator: platform }],
        fallback: vec![PictureRef {
            origin: PictureOrigin::Avatar,
            locator: PictureLocator::Url("https://b".to_owned()),
        }],
        quote: Some("-53".into()),
        tickets: Some(Box::new(
            serde_json::from_str(r#"{"user":{"key":"onebot:20002","at_ms":1789000000000}}"#).unwrap(),
        )),
        ..request()
    };
    check(
        Event::Accepted { request: Box::new(full), number: 17 },
        r#""event":"accepted","request":{"chat":{"platform":"onebot","account":"10001","kind":"direct","id":"700","parent":"9"},"user":"20002","message":"-55","feature":"edit","prompt":"一只\"猫\"\n和狗","preset":"手办化","provider":"main","size":[2048,1152],"ratio":[16,9],"tier":2,"count":9,"pictures":[{"origin":"message","locator":{"platform":{"url":"https://a/?x&y","file":"F.jpg","message":"-54"}}}],"fallback":[{"origin":"avatar","locator":{"url":"https://b"}}],"quote":"-53","tickets":{"user":{"key":"onebot:20002","at_ms":1789000000000}}},"number":17}"#,
    );
}

#[test]
fn work() {
    check(
        Event::Collected { inputs: vec![picture()] },
        r#""event":"collected","inputs":[{"blob":"a-0.png","format":"png","width":1024,"height":768,"bytes":2000000}]}"#,
    );
    check(
        Event::Asking { provider: "main".to_owned(), key: "0a1b2c3d".to_owned(), attempt: 1, intent: None },
        r#""event":"asking","provider":"main","key":"0a1b2c3d","attempt":1}"#,
    );
    let answered = |error| Event::Answered {
        provider: "main".to_owned(),
        key: String::new(),
        attempt: 2,
        duration_ms: 1_500,
        error,
        usage: None,
    };
    check(
        answered(None),
        r#""event":"answered","provider":"main","key":"","attempt":2,"duration_ms":1500,"error":null}"#,
    );
    let failure = StoredFailure {
        class: ErrorClass::ModerationInput,
        charged: Charged::Maybe,
        status: Some(400),
        detail: "refused".to_owned(),
    };
    check(
        answered(Some(failure)),
        r#""event":"answered","provider":"main","key":"","attempt":2,"duration_ms":1500,"error":{"class":"moderation_input","charged":"maybe","status":400,"detail":"refused"}}"#,
    );
    check(
        Event::Made { artifacts: vec![artifact()], provider: "main".to_owned() },
        r#""event":"made","artifacts":[{"blob":"a-0.png","format":"png","width":1024,"height":768,"bytes":2000000}],"provider":"main"}"#,
    );
    check(
        Event::Stored {
            artifacts: vec![artifact()],
            provider: "main".to_owned(),
            sent: 0,
            heard: Heard::default(),
        },
        r#""event":"stored","artifacts":[{"blob":"a-0.png","format":"png","width":1024,"height":768,"bytes":2000000}],"provider":"main"}"#,
    );
    let heard = Heard { captioned: true, bare: true, wordless: false };
    check(
        Event::Stored { artifacts: vec![artifact()], provider: "main".to_owned(), sent: 1, heard },
        r#""event":"stored","artifacts":[{"blob":"a-0.png","format":"png","width":1024,"height":768,"bytes":2000000}],"provider":"main","sent":1,"heard":{"captioned":true,"bare":true}}"#,
    );
    let clip = StoredArtifact {
        blob: "a-0.mp4".to_owned(),
        format: MediaFormat::Clip(ClipFormat::Mp4),
        width: 0,
        height: 0,
        bytes: 20_000_000,
        link: Some("https://cdn.example.com/v.mp4".to_owned()),
    };
    check(
        Event::Stored {
            artifacts: vec![clip],
            provider: "clips".to_owned(),
            sent: 0,
            heard: Heard::default(),
        },
        r#""event":"stored","artifacts":[{"blob":"a-0.mp4","format":"mp4","bytes":20000000,"link":"https://cdn.example.com/v.mp4"}],"provider":"clips"}"#,
    );
}

#[test]
fn end() {
    check(Event::Sending, r#""event":"sending"}"#);
    let finished = |outcome| Event::Finished { outcome };
    check(
        finished(Outcome::Delivered { message: Some("-56".into()) }),
        r#""event":"finished","outcome":{"kind":"delivered","message":"-56"}}"#,
    );
    check(
        finished(Outcome::Failed { code: "E-RATE".to_owned(), charged: Charged::No }),
        r#""event":"finished","outcome":{"kind":"failed","code":"E-RATE","charged":"no"}}"#,
    );
    check(finished(Outcome::Cancelled), r#""event":"finished","outcome":{"kind":"cancelled"}}"#);
    check(finished(Outcome::Unknown), r#""event":"finished","outcome":{"kind":"unknown"}}"#);
    check(Event::Expired, r#""event":"expired"}"#);
}

/// Fields that an older easel did not know are absent in its lines, and ones of a newer easel are passed over.
#[test]
fn older_and_newer_lines_are_read() {
    let line = r#"{"job":"01989000-0000-7000-8000-000000000001","at":1,"event":"accepted","request":{"chat":{"platform":"onebot","account":"1","kind":"group","id":"7"},"user":"2","message":"3","feature":"draw","prompt":"x","count":1,"mood":"new"}}"#;
    let entry: Entry = serde_json::from_str(line).unwrap();
    let Event::Accepted { request, number } = entry.event else { panic!("another event") };
    assert_eq!((request.prompt.as_str(), request.quote, number), ("x", None, 0));
}

/// Every format that an older easel wrote for its artifacts is still the same picture.
#[test]
fn artifacts_of_before_clips_are_read() {
    for (word, format) in [
        ("png", PictureFormat::Png),
        ("jpeg", PictureFormat::Jpeg),
        ("webp", PictureFormat::Webp),
        ("gif", PictureFormat::Gif),
    ] {
        let old = StoredPicture { format, ..picture() };
        let stored = serde_json::to_string(&old).unwrap();
        assert!(stored.contains(&format!("\"format\":\"{word}\"")), "{stored}");
        let read: StoredArtifact = serde_json::from_str(&stored).unwrap();
        assert_eq!(read, StoredArtifact { format: MediaFormat::Picture(format), ..artifact() });
        assert_eq!(serde_json::to_string(&read).unwrap(), stored);
    }
}

fn folded(events: impl IntoIterator<Item = Event>) -> JobRecord {
    let job = JobId::generate();
    let accepted = Event::Accepted { request: Box::new(request()), number: 3 };
    let all = std::iter::once(accepted).chain(events);
    all.fold(None, |record, event| fold(record, Entry { job, at: UnixMillis(1), event })).unwrap()
}

/// The parts of a job add up until they are stored or the job ends, and they are no loss when it is asked for the rest.
#[test]
fn what_is_made_adds_up_and_may_be_gone_on_with() {
    let asking = || Event::Asking { provider: "p".to_owned(), key: String::new(), attempt: 1, intent: None };
    let answered = |charged: Option<Charged>| Event::Answered {
        provider: "p".to_owned(),
        key: String::new(),
        attempt: 1,
        duration_ms: 1,
        usage: None,
        error: charged.map(|charged| StoredFailure {
            class: ErrorClass::Rate,
            charged,
            status: None,
            detail: String::new(),
        }),
    };
    let made = |provider: &str| Event::Made { artifacts: vec![artifact()], provider: provider.to_owned() };
    let two = folded([asking(), answered(None), made("a"), asking(), answered(None), made("b")]);
    assert_eq!((two.made.artifacts.len(), two.made.provider.as_str()), (2, "b"));
    assert_eq!((&two.stage, two.paid), (&Stage::Waiting, false));
    let refused = folded([asking(), answered(None), made("a"), asking(), answered(Some(Charged::No))]);
    assert_eq!(refused.stage, Stage::Waiting);
    let asked = folded([asking(), answered(None), made("a"), asking()]);
    assert_eq!((asked.stage, asked.made.artifacts.len()), (Stage::Asking, 1));
    // What may have been paid beside it stays so.
    let lost = folded([asking(), answered(Some(Charged::Maybe)), asking(), answered(None), made("a")]);
    assert_eq!((lost.stage, lost.paid), (Stage::Waiting, true));
    let stored = Event::Stored {
        artifacts: vec![artifact(), artifact()],
        provider: "b".to_owned(),
        sent: 0,
        heard: Heard::default(),
    };
    let stored = folded([made("a"), stored]);
    assert_eq!((stored.artifacts.len(), stored.made.is_empty()), (2, true));
    let ended = folded([made("a"), Event::Finished { outcome: Outcome::Cancelled }]);
    assert_eq!((ended.made.is_empty(), ended.counts), (true, true));
    // Indexes of before there were parts are read, and those without any look the same.
    let plain = serde_json::to_value(folded([asking()])).unwrap();
    assert!(plain.get("made").is_none(), "{plain}");
    let again: JobRecord = serde_json::from_value(serde_json::to_value(&two).unwrap()).unwrap();
    assert_eq!(again, two);
}

/// Which ends leave the limits as they are.
#[test]
fn what_may_have_been_paid_counts() {
    #[track_caller]
    fn check(events: Vec<Event>, counts: bool) {
        let record = folded(events);
        assert_eq!((record.counts, record.number), (counts, 3));
    }
    let asking = || Event::Asking { provider: "p".to_owned(), key: String::new(), attempt: 1, intent: None };
    let failed =
        |code: &str, charged| Event::Finished { outcome: Outcome::Failed { code: code.to_owned(), charged } };
    let finished = |outcome| Event::Finished { outcome };
    let free = || Event::Answered {
        provider: "p".to_owned(),
        key: String::new(),
        attempt: 1,
        duration_ms: 1,
        usage: None,
        error: Some(StoredFailure {
            class: ErrorClass::Rate,
            charged: Charged::No,
            status: Some(429),
            detail: String::new(),
        }),
    };
    check(vec![], true);
    check(vec![finished(Outcome::Unknown)], true);
    check(vec![finished(Outcome::Cancelled)], false);
    check(vec![asking(), finished(Outcome::Cancelled)], true);
    check(vec![asking(), free(), finished(Outcome::Cancelled)], false);
    check(vec![asking(), failed("E-OVERLOAD", Charged::No)], false);
    check(vec![asking(), failed("E-UNANSWERED", Charged::Maybe)], false);
    check(vec![asking(), failed(INTERRUPTED, Charged::Maybe)], true);
}
