//! Time and memory of reading answers with one picture of 8 MB: `cargo bench -p easel-providers`.
//!
//! Bodies arrive in pieces of 64 KiB that were made before the clock starts. The yardstick is the `base64` crate decoding
//! the same text into a buffer that is there already; both take turns in one run, and medians of [`RUNS`] are compared.
//! Results by link are fetched over a real socket from a second process, so that only our own memory is counted.
//! The program fails when a goal is missed.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    reason = "a program for developers that measures by the clock, prints a table and ends by panicking"
)]

use std::{
    hint::black_box,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Command, ExitCode, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use easel_core::{
    ids::JobId,
    media::{BytesBudget, Spool},
    ports::{CallContext, ClipLimits, GenerateRequest, NoTaskLog, Operation, Output},
};
use easel_http::{HttpClients, NetworkSection};
use easel_providers::{
    ProviderSection, Tools,
    answer::{AnswerReader, candidates},
    build,
};
use easel_testkit::pictures;
use peak_alloc::PeakAlloc;
use tokio_util::sync::CancellationToken;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// The picture's length.
const PICTURE: usize = 8_000_000;
/// As pieces come from a socket.
const PIECE: usize = 64 * 1024;
const RUNS: usize = 25;
/// What the reader may take of the answer, as `[network] max_answer_bytes`.
const MAX_ANSWER: u64 = 64 << 20;
/// The first argument of the process that serves the picture.
const SERVE: &str = "serve-the-picture";

/// A body and what it may cost.
struct Shape {
    name: &'static str,
    body: String,
    /// Longest time, in yardsticks.
    time: f64,
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some(SERVE) {
        serve(Path::new(&arguments.next().unwrap()));
        return ExitCode::SUCCESS;
    }
    let picture = pictures::png_of_length(PICTURE, 7);
    let text = STANDARD.encode(&picture);
    let dir = tempfile::tempdir().unwrap();
    println!(
        "{:<28}{:>10}{:>10}{:>8}{:>12}{:>8}",
        "answer", "ms", "x base64", "goal", "heap/picture", "goal"
    );
    let mut good = true;
    for shape in shapes(&text) {
        good &= measure(&shape, &text, &picture, dir.path());
    }
    good &= by_link(&picture, dir.path());
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn shapes(text: &str) -> Vec<Shape> {
    let chat = |content: &str| {
        format!(r#"{{"choices":[{{"message":{{"role":"assistant","content":"{content}"}}}}]}}"#)
    };
    let delta = |content: &str| {
        format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{content}\"}}}}]}}\n\n")
    };
    let (half, rest) = text.split_at(text.len() / 2);
    let split: String = [format!("data:image/png;base64,{half}"), rest.to_owned()]
        .iter()
        .flat_map(|part| part.as_bytes().chunks(16 * 1024))
        .map(|piece| delta(std::str::from_utf8(piece).unwrap()))
        .collect();
    let shape = |name, body| Shape { name, body, time: 1.5 };
    vec![
        shape("b64_json", format!(r#"{{"created":1,"data":[{{"b64_json":"{text}"}}]}}"#)),
        shape("bare base64", text.to_owned()),
        shape("data url in content", chat(&format!("![image](data:image/png;base64,{text})"))),
        shape(
            "inlineData",
            format!(
                r#"{{"candidates":[{{"content":{{"parts":[{{"inlineData":{{"mimeType":"image/png","data":"{text}"}}}}]}},"finishReason":"STOP"}}]}}"#
            ),
        ),
        shape("one event", format!("{}data: [DONE]\n\n", delta(&format!("data:image/png;base64,{text}")))),
        shape("split over events", format!("{split}data: [DONE]\n\n")),
        Shape {
            name: "escaped slashes",
            body: format!(r#"{{"data":[{{"b64_json":"{}"}}]}}"#, text.replace('/', "\\/")),
            time: 3.0,
        },
    ]
}

/// Measures one shape against the yardstick; says whether both goals are met.
fn measure(shape: &Shape, text: &str, picture: &[u8], dir: &Path) -> bool {
    let pieces: Vec<Bytes> = shape.body.as_bytes().chunks(PIECE).map(Bytes::copy_from_slice).collect();
    let mut ready = vec![0_u8; PICTURE + 3];
    let (mut ours, mut yardstick, mut heap) = (Vec::new(), Vec::new(), 0);
    for _ in 0..RUNS {
        let begun = Instant::now();
        let length = STANDARD.decode_slice(black_box(text), &mut ready).unwrap();
        yardstick.push(begun.elapsed());
        assert_eq!(length, PICTURE);

        let spool = Spool::new(BytesBudget::new(MAX_ANSWER), &dir.join("spool")).unwrap();
        let before = HEAP.current_usage();
        HEAP.reset_peak_usage();
        let begun = Instant::now();
        let mut reader = AnswerReader::new(spool, shape.body.len() as u64, MAX_ANSWER);
        for piece in &pieces {
            reader.push(piece).unwrap();
        }
        let answer = reader.finish(false).unwrap();
        ours.push(begun.elapsed());
        heap = heap.max(HEAP.peak_usage() - before);
        let choice = candidates::choose(&answer);
        let [found] = &choice.found[..] else { panic!("{}: {:?}", shape.name, choice.found) };
        let candidates::Place::Slot(index) = found.place else { panic!("{}: {found:?}", shape.name) };
        assert!(answer.slots[index].body.as_ref().unwrap().read().unwrap() == picture, "{}", shape.name);
    }
    let (ours, yardstick) = (median(ours), median(yardstick));
    let (ratio, in_pictures) = (ours.as_secs_f64() / yardstick.as_secs_f64(), heap as f64 / PICTURE as f64);
    row(shape.name, ours, ratio, shape.time, in_pictures, 2.2)
}

fn row(name: &str, took: Duration, times: f64, time: f64, share: f64, heap: f64) -> bool {
    let milliseconds = took.as_secs_f64() * 1000.0;
    let good = times <= time && share <= heap;
    let mark = if good { "" } else { "  MISSED" };
    println!("{name:<28}{milliseconds:>10.2}{times:>10.2}{time:>8.1}{share:>12.2}{heap:>8.2}{mark}");
    good
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// A result behind a link, through the whole provider: the memory it takes.
fn by_link(picture: &[u8], dir: &Path) -> bool {
    let file = dir.join("served.png");
    std::fs::write(&file, picture).unwrap();
    let mut server = Command::new(std::env::current_exe().unwrap())
        .arg(SERVE)
        .arg(&file)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut address = String::new();
    BufReader::new(server.stdout.as_mut().unwrap()).read_line(&mut address).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (took, heap) = runtime.block_on(fetch(address.trim(), picture, dir));
    server.kill().unwrap();
    server.wait().unwrap();
    // The artifact's size and 1 MiB.
    let goal = (PICTURE + (1 << 20)) as f64 / PICTURE as f64;
    row("url", took, 0.0, 0.0, heap as f64 / PICTURE as f64, goal)
}

async fn fetch(address: &str, picture: &[u8], dir: &Path) -> (Duration, usize) {
    let section = serde_json::json!({ "kind": "openai_images", "base_url": address, "model": "m" });
    let section: ProviderSection = serde_json::from_value(section).unwrap();
    let tools = Tools::new(HttpClients::new(NetworkSection::default()));
    let provider = build("bench", &section, &tools).unwrap();
    let request = GenerateRequest {
        operation: Operation::Generate,
        prompt: "a cat".into(),
        title: None,
        references: [].into(),
        output: Output::default(),
        count: 1,
    };
    let (mut times, mut heap) = (Vec::new(), 0);
    for run in 0..5 {
        let cx = CallContext {
            job: JobId::generate(),
            key: None,
            deadline: tokio::time::Instant::now() + Duration::from_mins(1),
            cancel: CancellationToken::new(),
            spool: Spool::new(BytesBudget::new(MAX_ANSWER), &dir.join("spool")).unwrap(),
            tasks: Arc::new(NoTaskLog),
            intent: None,
            clip_limits: ClipLimits::default(),
        };
        let before = HEAP.current_usage();
        HEAP.reset_peak_usage();
        let begun = Instant::now();
        let made = provider.generate(&request, &cx).await.unwrap();
        times.push(begun.elapsed());
        // The first run makes the clients, which stay.
        if run > 0 {
            heap = heap.max(HEAP.peak_usage() - before);
        }
        assert!(made.pictures[0].picture.body.read().unwrap() == picture);
    }
    (median(times), heap)
}

/// The other process: answers requests for pictures with a link to the file, and serves it. Tells its address first.
fn serve(file: &Path) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    println!("http://{address}");
    std::io::stdout().flush().unwrap();
    let picture = std::fs::read(file).unwrap();
    for stream in listener.incoming() {
        let (mut stream, picture) = (stream.unwrap(), picture.clone());
        std::thread::spawn(move || {
            while let Some(download) = next_request(&mut stream) {
                let link = format!(r#"{{"data":[{{"url":"http://{address}/picture.png"}}]}}"#);
                let body = if download { &picture[..] } else { link.as_bytes() };
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
                stream.write_all(head.as_bytes()).unwrap();
                stream.write_all(body).unwrap();
            }
        });
    }
}

/// Reads one request to its end; whether it is for the file. `None` when the client went away.
fn next_request(stream: &mut TcpStream) -> Option<bool> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"))
        .map_or(0, |length| length.trim().parse().unwrap());
    stream.read_exact(&mut vec![0; length]).ok()?;
    Some(head.starts_with("get"))
}
