//! A small world: one easel process, a OneBot implementation that it serves, a provider that it asks.

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{Arc, Mutex, mpsc},
    time::{Duration, Instant},
};

use easel_testkit::{
    onebot::{FakeOneBot, Message, Sent},
    provider::FakeProvider,
};
use tokio::sync::watch;

/// How long anything may take before the test gives up. Generous: the machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The group of most tests.
pub const GROUP: i64 = 700_001;
/// The member of most tests.
pub const USER: i64 = 2_200_000_011;

/// A person of the lists, whom nothing limits; only a name in most tests.
pub const OWNER: i64 = 10_001;

/// A running easel.
pub struct Easel {
    child: Child,
    output: Arc<Mutex<Vec<String>>>,
    /// Every line, and their end, for threads that wait.
    lines: mpsc::Receiver<String>,
    /// The number of lines, for tasks that wait.
    count: watch::Receiver<usize>,
    /// Where it listens for OneBot, if it does.
    pub onebot: Option<String>,
}

/// A command line of easel, in a folder, without what the environment of the test brings.
pub fn easel(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_easel"));
    command.current_dir(dir).stdin(Stdio::null());
    for name in ["OPENAI", "CLAWTO", "IMAGE"] {
        command.env_remove(format!("{name}_BASE_URL")).env_remove(format!("{name}_API_KEY"));
    }
    command.env_remove("IMAGE_MODEL").env_remove("RUST_LOG").env("LANG", "zh_CN.UTF-8");
    command
}

/// Runs a command of easel to its end.
pub fn run(dir: &Path, arguments: &[&str]) -> Output {
    easel(dir).args(arguments).output().expect("easel runs")
}

/// Both outputs as text.
pub fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

impl Easel {
    /// Starts easel and waits until it says that it is ready.
    pub fn start(command: Command) -> Self {
        let mut easel = Self::spawn(command);
        easel.wait_ready();
        easel
    }

    /// Starts easel without waiting.
    pub fn spawn(mut command: Command) -> Self {
        // One pipe for both outputs keeps the order in which easel wrote: the greeting stands before "ready".
        let (reader, writer) = std::io::pipe().expect("a pipe");
        command.stdout(writer.try_clone().expect("a second handle")).stderr(writer);
        let child = command.spawn().expect("easel starts");
        // The command holds our ends of the pipe, which would keep it open after easel's end.
        drop(command);
        let output = Arc::new(Mutex::new(Vec::new()));
        let (tell, lines) = mpsc::channel();
        let (counted, count) = watch::channel(0);
        let all = output.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(reader).lines().map_while(Result::ok) {
                all.lock().unwrap().push(line.clone());
                counted.send_modify(|count| *count += 1);
                tell.send(line).ok();
            }
        });
        Self { child, output, lines, count, onebot: None }
    }

    fn wait_ready(&mut self) {
        self.wait_for("easel is ready");
        let output = self.output();
        self.onebot = output
            .split_whitespace()
            .find(|word| word.starts_with("ws://127.0.0.1:"))
            .map(|url| url.trim_end_matches(|c: char| !c.is_ascii_alphanumeric() && c != '/').to_owned());
    }

    /// Waits for a line that holds `text`; panics with everything that was said when it does not come. The thread
    /// waits, and with it the fakes of this test.
    pub fn wait_for(&self, text: &str) -> String {
        let until = Instant::now() + PATIENCE;
        if let Some(line) = self.output.lock().unwrap().iter().find(|line| line.contains(text)) {
            return line.clone();
        }
        loop {
            match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) if line.contains(text) => return line,
                Ok(_) => {}
                Err(mpsc::RecvTimeoutError::Timeout | mpsc::RecvTimeoutError::Disconnected) => {
                    panic!("{text:?} was never said; easel said:\n{}", self.output())
                }
            }
        }
    }

    /// Like [`Easel::wait_for`], while the fakes of this test go on working.
    pub async fn logs(&self, text: &str) {
        let mut count = self.count.clone();
        let said = tokio::time::timeout(PATIENCE, count.wait_for(|_| self.output().contains(text))).await;
        assert!(matches!(said, Ok(Ok(_))), "{text:?} was never said; easel said:\n{}", self.output());
    }

    /// Everything said so far, on both outputs.
    pub fn output(&self) -> String {
        self.output.lock().unwrap().join("\n")
    }

    /// `kill -9`.
    pub fn kill(mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("reaped");
    }

    /// A polite stop; returns the exit code.
    pub fn stop(mut self) -> Option<i32> {
        self.signal("TERM");
        self.wait()
    }

    /// Sends a signal.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(status.expect("kill runs").success());
    }

    /// Waits for the end, with which easel's outputs end.
    pub fn wait(&mut self) -> Option<i32> {
        let until = Instant::now() + PATIENCE;
        loop {
            match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(_) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => {
                    return self.child.wait().expect("reaped").code();
                }
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    panic!("easel did not end; it said:\n{}", self.output())
                }
            }
        }
    }
}

impl Drop for Easel {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        if std::thread::panicking() {
            eprintln!("easel said:\n{}", self.output());
        }
    }
}

/// Everything together.
pub struct World {
    pub dir: tempfile::TempDir,
    pub easel: Option<Easel>,
    pub bot: FakeOneBot,
    pub provider: FakeProvider,
}

/// The configuration of most tests: no pauses, pictures of the fakes allowed, one provider with one key.
pub fn configuration(provider: &str) -> String {
    format!(
        r#"
[bot]
data_dir = "data"
[access]
debounce_seconds = 0
[jobs]
max_running_per_user = 8
max_running_per_chat = 8
[network]
allow_hosts = ["127.0.0.1"]
[[onebot]]
listen = "127.0.0.1:0"
min_send_interval_ms = 0
call_timeout_seconds = 5
[providers.main]
kind = "openai_images"
base_url = "{provider}"
api_keys = ["sk-main-0123456789"]
model = "gpt-image-2"
[draw]
provider = "main"
"#
    )
}

/// A world with the usual configuration.
pub async fn world() -> World {
    world_with(configuration).await
}

/// A world whose configuration is made from the provider's base url.
pub async fn world_with(configuration: impl FnOnce(&str) -> String) -> World {
    world_of(configuration, FakeOneBot::new()).await
}

/// A world with this OneBot implementation.
pub async fn world_of(configuration: impl FnOnce(&str) -> String, bot: FakeOneBot) -> World {
    let dir = tempfile::tempdir().unwrap();
    let provider = FakeProvider::start().await;
    std::fs::write(dir.path().join("easel.toml"), configuration(&provider.base_url())).unwrap();
    let mut world = World { dir, easel: None, bot, provider };
    world.start().await;
    world
}

impl World {
    /// The path of a file in the world's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Starts easel, and connects the implementation when easel awaits it.
    pub async fn start(&mut self) {
        let mut command = easel(self.dir.path());
        command.args(["run", "--config", "easel.toml"]);
        let easel = Easel::start(command);
        let url = easel.onebot.clone();
        self.easel = Some(easel);
        if let Some(url) = url {
            self.bot.connect_when_up(&url).await;
        }
    }

    /// The running easel.
    pub fn easel(&self) -> &Easel {
        self.easel.as_ref().expect("easel runs")
    }

    /// `kill -9`, then a start.
    pub async fn kill_and_start(&mut self) {
        self.kill();
        self.start().await;
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.easel.take().expect("easel runs").kill();
    }

    /// The usual member says something in the usual group. Returns the message's id.
    pub async fn says(&self, text: &str) -> i64 {
        self.bot.send(Message::group(GROUP, USER).text(text)).await
    }

    /// One of the test's members says something that easel must not answer, and the next thing that easel sends is the
    /// answer to something else: commands of a chat are decided in order, so nothing came in between.
    pub async fn ignores(&self, message: Message) {
        self.bot.send(message).await;
        self.sends_nothing().await;
    }

    /// Nothing that was not taken has been sent, and nothing comes before the answer to what is asked now.
    pub async fn sends_nothing(&self) {
        let asked = self.bot.send(Message::group(GROUP, OWNER).text("/img帮助")).await;
        let next = self.bot.next_send().await;
        assert_eq!(next.quote, Some(asked.to_string()), "something else was said: {}", next.text);
    }

    /// Waits until the request bears this mark, and returns all marks that were set on it, in their order.
    pub async fn marks(&self, message: i64, last: &str) -> Vec<String> {
        loop {
            let reactions =
                self.bot.reactions().into_iter().filter(|mark| mark.message_id == message && mark.set);
            let marks: Vec<_> = reactions.map(|mark| mark.emoji_id).collect();
            if marks.iter().any(|mark| mark == last) {
                return marks;
            }
            self.bot.next_call("set_msg_emoji_like").await;
        }
    }

    /// The next text that easel sends.
    pub async fn hears(&self) -> Sent {
        self.bot.next_send_where("a text", |sent| !sent.text.is_empty()).await
    }

    /// Says something and returns the answer's text.
    pub async fn asks(&self, text: &str) -> String {
        self.says(text).await;
        self.hears().await.text
    }
}

/// Looks again and again until something outside this process has come to be; panics when it does not.
pub async fn until(what: &str, mut come: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !come() {
        assert!(Instant::now() < end, "waited in vain for {what}");
        // Another process's files can only be looked at, not awaited.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// All lines of the job journal in a data directory, in order, as (raw line, entry). A half-written line is left out.
pub fn journal(data: &Path) -> Vec<(String, serde_json::Value)> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(data.join("journal"))
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default();
    files.sort_unstable();
    let mut entries = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        for line in text.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
            // Eight digits of checksum and a space stand before the JSON.
            if let Some(entry) = line.get(9..).and_then(|json| serde_json::from_str(json).ok()) {
                entries.push((line.to_owned(), entry));
            }
        }
    }
    entries
}
