//! What stays on the disk and for how long: artifacts by count and bytes, the inputs of waiting jobs, and what people
//! hear when something is gone or nothing can be written.

use std::{
    fs,
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use bytes::Bytes;
use easel_testkit::{
    files::FileServer,
    onebot::{FakeOneBot, Fault, Message, Sent},
    pictures,
    provider::{Answer, FakeProvider},
};

use crate::world::{Easel, GROUP, USER, World, configuration, easel, journal, said, world, world_with};

/// Another ordinary member.
const OTHER: i64 = USER + 1;

fn by(user: i64, text: &str) -> Message {
    Message::group(GROUP, user).text(text)
}

/// A world with these lines in `[bot]`.
async fn keeping(lines: &str) -> World {
    world_with(|provider| configuration(provider).replace("[bot]\n", &format!("[bot]\n{lines}\n"))).await
}

impl World {
    /// Has this picture drawn for somebody, and waits until the job has ended.
    async fn draws_for(&self, user: i64, picture: &Bytes) {
        self.provider.answer(Answer::b64([picture.clone()]));
        let message = self.bot.send(by(user, "/生图 一只猫")).await;
        assert_eq!(self.bot.next_picture().await.picture(), *picture);
        self.marks(message, "79").await;
    }

    /// What `/重发图片` gives: the picture, or the sentence.
    async fn resends_to(&self, user: i64) -> Sent {
        let message = self.bot.send(by(user, "/重发图片")).await;
        let sent = self.bot.next_send().await;
        assert_eq!(sent.quote, Some(message.to_string()));
        sent
    }

    /// Names of the files that are kept.
    fn kept(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path("data/blobs")).unwrap();
        // Files that lie ready for the next pictures have no name of a picture yet.
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| Path::new(name).extension().is_none_or(|ending| ending != "tmp"))
            .collect()
    }
}

#[tokio::test]
async fn beyond_the_count_the_oldest_picture_goes_and_whoever_asks_for_it_hears_so() {
    let world = keeping("artifact_max_count = 2").await;
    let made: Vec<_> = (1..=3).map(|seed| pictures::png(64, 64, seed)).collect();
    for (user, picture) in [USER, OTHER, OTHER + 1].into_iter().zip(&made) {
        world.draws_for(user, picture).await;
    }
    assert_eq!(world.kept().len(), 2);
    let told = world.resends_to(USER).await.text;
    assert!(told.contains("[E-RESEND]") && told.contains("重新画"), "{told}");
    assert_eq!(world.resends_to(OTHER).await.picture(), made[1]);
    assert_eq!(world.resends_to(OTHER + 1).await.picture(), made[2]);
}

#[tokio::test]
async fn beyond_the_bytes_the_oldest_pictures_go() {
    let world = keeping("artifact_max_bytes = 1048576").await;
    let made: Vec<_> = (1..=3).map(|seed| pictures::png_of_length(400_000, seed)).collect();
    for (user, picture) in [USER, OTHER, OTHER + 1].into_iter().zip(&made) {
        world.draws_for(user, picture).await;
    }
    assert_eq!(world.kept().len(), 2);
    assert!(world.resends_to(USER).await.text.contains("[E-RESEND]"));
    assert_eq!(world.resends_to(OTHER).await.picture(), made[1]);
}

#[tokio::test]
async fn a_picture_that_is_still_being_sent_is_never_removed() {
    let world = keeping("artifact_max_count = 1").await;
    world.bot.fault("send_group_msg", Fault::NoAnswer);
    world.says("/生图 没有回音").await;
    world.bot.next_picture().await;
    let job = journal(&world.path("data")).into_iter().find(|(_, entry)| entry["event"] == "sending");
    let job = job.unwrap().1["job"].as_str().unwrap().replace('-', "");
    for seed in [1, 2] {
        world.draws_for(OTHER, &pictures::png(64, 64, seed)).await;
    }
    assert!(world.kept().iter().any(|name| name.starts_with(&job)), "{:?} lack {job}", world.kept());
}

#[tokio::test]
async fn a_picture_that_somebody_removed_is_told() {
    let world = world().await;
    world.draws_for(USER, &pictures::png(64, 64, 1)).await;
    for name in world.kept() {
        fs::remove_file(world.path("data/blobs").join(name)).unwrap();
    }
    let told = world.resends_to(USER).await;
    assert!(told.text.contains("[E-RESEND-GONE]") && told.text.contains("重新画"), "{}", told.text);
    assert!(told.pictures.is_empty());
}

#[tokio::test]
async fn of_several_pictures_those_that_are_left_are_sent_and_the_rest_is_told() {
    let world = world().await;
    let made = [pictures::png(64, 64, 1), pictures::png(64, 64, 2)];
    world.provider.answer(Answer::b64(made.clone()));
    let message = world.says("/生图 一只猫 x2").await;
    world.marks(message, "79").await;
    let gone = world.kept().into_iter().find(|name| name.contains("-1.")).expect("the second picture");
    fs::remove_file(world.path("data/blobs").join(gone)).unwrap();
    for _ in 0..2 {
        world.bot.next_picture().await;
    }
    assert_eq!(world.resends_to(USER).await.picture(), made[0]);
    let told = world.hears().await.text;
    assert!(told.contains("[E-RESEND-GONE]"), "{told}");
}

#[tokio::test]
async fn the_inputs_of_a_waiting_job_go_with_it() {
    let world =
        world_with(|provider| configuration(provider).replace("[jobs]\n", "[jobs]\nmax_running = 1\n")).await;
    let files = FileServer::start().await;
    let url = files.put("/input.png", pictures::png(64, 48, 8));
    world.provider.answer(Answer::draws().held());
    world.says("/生图 正在画的").await;
    world.provider.next_request().await;
    let waiting = world.bot.send(by(OTHER, "/改图 排队的").image_url(&url)).await;
    world.bot.next_send_where("the place in the queue", |sent| sent.text.contains("排在第 1 位")).await;
    let has_input = || world.kept().iter().any(|name| name.contains("-in0."));
    crate::world::until("the kept input", has_input).await;
    world.provider.release();
    for _ in 0..2 {
        world.bot.next_picture().await;
    }
    world.marks(waiting, "79").await;
    let kept = world.kept();
    assert!(!has_input() && kept.len() == 2, "{kept:?}");
}

/// What a disk suddenly refuses.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Refuses {
    /// It is read-only.
    Changes,
    /// It is full.
    Bytes,
}

/// What makes the disk under the data directory of a running easel refuse something, whatever easel has open.
pub struct Switch {
    flag: PathBuf,
}

impl Switch {
    /// Whether it refuses from now on.
    pub fn refuses(&self, yes: bool) {
        if yes {
            fs::write(&self.flag, "").unwrap();
        } else {
            fs::remove_file(&self.flag).unwrap();
        }
    }
}

/// The compiled `read_only.c`, in `dir`.
fn preload(dir: &Path) -> PathBuf {
    let library = dir.join("read_only.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/it/read_only.c");
    let compiled = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .args([&library, &source])
        .arg("-ldl")
        .output();
    let compiled = compiled.expect("a C compiler, which building easel needs as well");
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    library
}

/// A world whose disk can be switched.
pub async fn world_with_switch(
    configuration: impl FnOnce(&str) -> String,
    refuses: Refuses,
) -> (World, Switch) {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().canonicalize().unwrap();
    let provider = FakeProvider::start().await;
    fs::write(root.join("easel.toml"), configuration(&provider.base_url())).unwrap();
    let switch = Switch { flag: root.join("refuses-now") };
    let mut command = easel(&root);
    command.args(["run", "--config", "easel.toml"]).env("LD_PRELOAD", preload(&root));
    command.env("READ_ONLY_DIR", root.join("data")).env("READ_ONLY_WHEN", &switch.flag);
    if refuses == Refuses::Bytes {
        command.env("READ_ONLY_FULL", "1");
    }
    let easel = Easel::start(command);
    let bot = FakeOneBot::new();
    bot.connect_when_up(easel.onebot.as_ref().unwrap()).await;
    (World { dir, easel: Some(easel), bot, provider }, switch)
}

#[tokio::test]
async fn a_directory_that_turns_read_only_under_a_running_easel_is_told_and_works_again_afterwards() {
    // Limits are on, so that there is something for the database to write, too.
    let limited = |provider: &str| {
        configuration(provider).replace("[access]\n", "[access]\nrate_limit_max_calls_per_user = 50\n")
    };
    let (mut world, switch) = world_with_switch(limited, Refuses::Changes).await;
    world.says("/生图 之前").await;
    world.bot.next_picture().await;

    switch.refuses(true);
    for _ in 0..3 {
        world.says("/生图 只读").await;
        let told = world.hears().await;
        assert!(told.text.contains("[E-STORE]") && told.pictures.is_empty(), "{}", told.text);
    }
    assert_eq!(world.provider.requests().len(), 1, "nobody is paid for what can't be recorded");
    assert!(world.asks("/img帮助").await.contains("生图"), "the rest works on");
    // The database notices as well, some seconds later, and must not bring anything down.
    world.easel().logs("the database failed and will be opened again").await;
    // Whichever of them still had something to write: limits that were written before the switch have not changed since.
    world.easel().logs("could not be stored").await;
    assert!(world.asks("/任务").await.contains("没有"));

    switch.refuses(false);
    let message = world.says("/生图 之后").await;
    let after = world
        .bot
        .next_send_where("a picture or a sentence", |sent| {
            !sent.pictures.is_empty() || sent.text.contains("[E-")
        })
        .await;
    assert_eq!(after.pictures.len(), 1, "{}", after.text);
    world.marks(message, "79").await;
    world.kill_and_start().await;
    world.says("/生图 重启之后").await;
    world.bot.next_picture().await;
}

/// For root no directory is read-only by its permissions, so the program runs as nobody then.
#[test]
fn a_data_directory_that_may_not_be_written_is_told_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    fs::create_dir(&data).unwrap();
    fs::write(dir.path().join("easel.toml"), "[bot]\ndata_dir = \"data\"\n").unwrap();
    // Nobody may not be allowed to reach the folder that the program was built in.
    let program = dir.path().join("easel");
    fs::copy(env!("CARGO_BIN_EXE_easel"), &program).unwrap();
    for (path, mode) in [(dir.path(), 0o755), (program.as_path(), 0o755), (data.as_path(), 0o555)] {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    let mut command = easel(dir.path());
    command.args(["run", "--config", "easel.toml"]);
    let mut command = with_program(&command, &program);
    if fs::metadata(&data).unwrap().uid() == 0 {
        command.uid(65534).gid(65534);
    }
    let output = command.output().unwrap();
    let told = said(&output);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("数据目录") && told.contains("写不进去") && told.contains("权限"), "{told}");
    assert_eq!(fs::read_dir(&data).unwrap().count(), 0);
}

/// The same command line with another copy of the program.
fn with_program(command: &Command, program: &Path) -> Command {
    let mut other = Command::new(program);
    other.args(command.get_args()).stdin(Stdio::null());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => other.env(name, value),
            None => other.env_remove(name),
        };
    }
    if let Some(dir) = command.get_current_dir() {
        other.current_dir(dir);
    }
    other
}
