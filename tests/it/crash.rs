//! What survives `kill -9`, a full disk, a damaged database and a second easel: every accepted job ends exactly once,
//! nothing is drawn or delivered twice, nobody is forgotten.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use easel_testkit::{
    files::FileServer,
    onebot::{FakeOneBot, Fault, Message, Sent},
    pictures,
    provider::{Answer, FakeProvider},
};
use serde_json::Value;

use crate::world::{
    Easel, GROUP, USER, World, configuration, easel, journal, run, said, until, world, world_with,
};

/// One job at a time, so that the second one waits.
fn one_at_a_time(provider: &str) -> String {
    configuration(provider).replace("[jobs]\n", "[jobs]\nmax_running = 1\n")
}

fn events(world: &World, name: &str) -> Vec<Value> {
    journal(&world.path("data"))
        .into_iter()
        .map(|(_, entry)| entry)
        .filter(|entry| entry["event"] == name)
        .collect()
}

/// Waits until so many jobs have ended.
async fn ended(world: &World, jobs: usize) -> Vec<Value> {
    until("the end of all jobs in the journal", || events(world, "finished").len() >= jobs).await;
    events(world, "finished")
}

/// Keeps the journal only up to the first entry of this kind, as a crash right after it leaves it.
fn cut_journal_after(data: &Path, event: &str) {
    let entries = journal(data);
    let last = entries.iter().position(|(_, entry)| entry["event"] == event).expect("such an entry");
    let kept: String = entries[..=last].iter().map(|(line, _)| line.as_str()).collect();
    let files: Vec<PathBuf> =
        fs::read_dir(data.join("journal")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let [file] = files.as_slice() else { panic!("one segment was expected: {files:?}") };
    fs::write(file, kept).unwrap();
}

#[tokio::test]
async fn a_waiting_job_runs_after_a_kill_with_the_pictures_it_came_with() {
    let mut world = world_with(one_at_a_time).await;
    let files = FileServer::start().await;
    let picture = pictures::png(64, 48, 8);
    let url = files.put("/input.png", picture.clone());
    world.provider.answer(Answer::draws().held());
    world.says("/生图 正在画的").await;
    world.provider.next_request().await;
    let waiting = Message::group(GROUP, USER + 1).text("/改图 排队的").image_url(&url);
    let waiting = world.bot.send(waiting).await;
    world.bot.next_send_where("the place in the queue", |sent| sent.text.contains("排在第 1 位")).await;
    until("the kept picture", || !events(&world, "collected").is_empty()).await;
    world.kill();
    files.status("/input.png", 404);
    world.start().await;
    let drawn = world.bot.next_picture().await;
    assert_eq!(drawn.quote.as_deref(), Some(waiting.to_string().as_str()));
    let request = world.provider.next_request().await;
    assert_eq!(request.prompt().as_deref(), Some("排队的"));
    assert_eq!(request.pictures()[0].bytes, picture);
    assert_eq!(files.requests().len(), 1, "links are opened once, as soon as the job is accepted");
    ended(&world, 2).await;
}

#[tokio::test]
async fn a_job_that_was_being_drawn_is_closed_as_interrupted_and_not_asked_again() {
    let mut world = world().await;
    world.provider.answer(Answer::draws().held());
    let message = world.says("/生图 一只猫").await;
    world.provider.next_request().await;
    world.kill_and_start().await;
    let told =
        world.bot.next_send_where("the interruption", |sent| sent.text.contains("[E-INTERRUPTED]")).await;
    assert!(told.text.contains("可能已经扣费"), "{}", told.text);
    assert_eq!(told.quote.as_deref(), Some(message.to_string().as_str()));
    let ends = ended(&world, 1).await;
    assert_eq!(ends[0]["outcome"].to_string().matches("E-INTERRUPTED").count(), 1, "{ends:?}");
    world.kill_and_start().await;
    world.asks("/任务").await;
    let told = world.bot.sends().into_iter().filter(|sent| sent.text.contains("[E-INTERRUPTED]")).count();
    assert_eq!((told, world.provider.requests().len(), events(&world, "finished").len()), (1, 1, 1));
}

#[tokio::test]
async fn jobs_keep_their_numbers_over_a_kill_and_no_number_is_given_twice() {
    let mut world = world_with(one_at_a_time).await;
    world.provider.always(Answer::draws().held());
    world.says("/生图 第一张").await;
    world.provider.next_request().await;
    for text in ["/生图 第二张", "/生图 第三张"] {
        world.says(text).await;
        world.bot.next_send_where("the place in the queue", |sent| sent.text.contains("排在第")).await;
    }
    world.kill_and_start().await;
    world.bot.next_send_where("the interruption", |sent| sent.text.contains("[E-INTERRUPTED]")).await;
    assert_eq!(world.provider.next_request().await.prompt().as_deref(), Some("第二张"));
    let list = world.asks("/任务").await;
    assert!(list.contains("2 号　第二张") && list.contains("3 号　第三张"), "{list}");
    world.says("/生图 第四张").await;
    let told = world.bot.next_send_where("the place in the queue", |sent| sent.text.contains("排在第")).await;
    assert!(told.text.contains("4 号"), "{}", told.text);
    // The number means the same job as before the restart, and the interrupted one's is nobody else's.
    assert!(world.asks("/取消 1").await.contains("没有 1 号任务"));
    assert!(world.asks("/取消 3").await.contains("3 号已取消"));
    let list = world.asks("/任务").await;
    assert!(list.contains("第二张") && !list.contains("第三张") && list.contains("第四张"), "{list}");
}

#[tokio::test]
async fn a_job_between_two_tries_runs_again_because_nobody_was_paid() {
    let mut world = world().await;
    world.provider.answer(Answer::rate_limited_for(15));
    world.says("/生图 一只猫").await;
    until("the refusal in the journal", || !events(&world, "answered").is_empty()).await;
    world.kill_and_start().await;
    world.bot.next_picture().await;
    assert_eq!(world.provider.requests().len(), 2);
}

#[tokio::test]
async fn a_stored_picture_is_delivered_after_a_kill_without_drawing_again() {
    let mut world = world().await;
    let message = world.says("/生图 一只猫").await;
    let first = world.bot.next_picture().await.picture();
    ended(&world, 1).await;
    world.kill();
    cut_journal_after(&world.path("data"), "stored");
    world.start().await;
    let again = world.bot.next_picture().await;
    assert_eq!((again.picture(), again.quote), (first, Some(message.to_string())));
    ended(&world, 1).await;
    world.kill_and_start().await;
    world.asks("/任务").await;
    assert_eq!(world.provider.requests().len(), 1);
    assert_eq!(world.bot.sends().iter().filter(|sent| !sent.pictures.is_empty()).count(), 2);
}

#[tokio::test]
async fn a_send_without_an_outcome_ends_unknown_and_is_fetched_by_hand() {
    let mut world = world().await;
    world.bot.fault("send_group_msg", Fault::NoAnswer);
    world.says("/生图 一只猫").await;
    let first = world.bot.next_picture().await;
    world.kill_and_start().await;
    let told = world.hears().await;
    assert!(told.text.contains("重发图片 1") && told.text.contains("[E-UNSURE]"), "{}", told.text);
    assert_eq!(told.quote, first.quote);
    let ends = ended(&world, 1).await;
    assert_eq!(ends[0]["outcome"]["kind"], "unknown", "{ends:?}");
    let message = first.quote.clone().unwrap().parse().unwrap();
    assert_eq!(world.marks(message, "106").await.last().unwrap(), "106");
    world.asks("/任务").await;
    assert_eq!(
        world.bot.sends().iter().filter(|sent| !sent.pictures.is_empty()).count(),
        1,
        "sent again by itself"
    );
    world.says("/重发图片").await;
    assert_eq!(world.bot.next_picture().await.picture(), first.picture());
    assert_eq!(world.provider.requests().len(), 1);
}

#[tokio::test]
async fn a_kill_while_many_pictures_wait_for_their_chats_pace_leaves_them_stored() {
    const JOBS: i64 = 5;
    let paced = |provider: &str| {
        configuration(provider).replace("min_send_interval_ms = 0", "min_send_interval_ms = 1500")
    };
    let mut world = world_with(paced).await;
    for job in 0..JOBS {
        world.provider.answer(Answer::draws().held());
        world.bot.send(Message::group(GROUP, USER + job).text("/生图 一只猫")).await;
    }
    world.provider.in_flight(usize::try_from(JOBS).unwrap()).await;
    world.bot.drop_links().await;
    world.provider.release();
    until("the stored pictures", || events(&world, "stored").len() == 5).await;
    world.bot.reconnect().await.unwrap();
    // The first one goes as soon as its account is back, the second one when all had the time to follow.
    for _ in 0..2 {
        world.bot.next_picture().await;
    }
    world.kill();
    let began = events(&world, "sending").len();
    assert!((2..=3).contains(&began), "{began} pictures are recorded as being sent behind the second one");
    world.start().await;
    let ends = ended(&world, 5).await;
    let unknown = ends.iter().filter(|end| end["outcome"]["kind"] == "unknown").count();
    assert!(unknown <= began, "{ends:?}");
    let mut answered: Vec<_> = world
        .bot
        .sends()
        .into_iter()
        .filter(|sent| !sent.pictures.is_empty())
        .map(|sent| sent.quote)
        .collect();
    let all = answered.len();
    answered.sort();
    answered.dedup();
    assert_eq!(answered.len(), all, "nothing is sent twice");
    assert_eq!(2 + 5 - began, all, "those that did not begin arrived as well");
    assert_eq!(world.provider.requests().len(), 5);
}

#[tokio::test]
async fn a_request_that_is_delivered_again_after_a_kill_is_drawn_once() {
    let mut world = world().await;
    let message = Message::group(GROUP, USER).text("/生图 一只猫").message_id(4711);
    world.bot.send(message.clone()).await;
    world.bot.next_picture().await;
    ended(&world, 1).await;
    world.kill_and_start().await;
    world.bot.send(message).await;
    world.asks("/任务").await;
    assert_eq!((world.provider.requests().len(), events(&world, "accepted").len()), (1, 1));
}

#[tokio::test]
async fn a_polite_stop_delivers_what_is_being_drawn() {
    let mut world = world().await;
    world.provider.answer(Answer::draws().held());
    world.says("/生图 一只猫").await;
    world.provider.next_request().await;
    world.easel().signal("TERM");
    world.easel().wait_for("正在停止");
    world.provider.release();
    world.bot.next_picture().await;
    assert_eq!(world.easel.as_mut().unwrap().wait(), Some(0));
    assert_eq!(events(&world, "finished").len(), 1);
}

/// Killed again and again in the midst of work, each time when another number of steps is on record.
#[tokio::test]
async fn after_any_number_of_kills_every_accepted_job_has_ended_exactly_once() {
    const ROUNDS: usize = 10;
    /// What four jobs record at least, of which one waits for its picture: six entries each, and two.
    const STEPS: usize = 20;
    const JOBS: i64 = 4;
    let mut world = world().await;
    let mut asked = HashMap::new();
    for round in 0..ROUNDS {
        let before = journal(&world.path("data")).len();
        // Every third job is being drawn when the process dies; of the others some are done, some on their way.
        for job in 0..JOBS {
            world.provider.answer(if job % 3 == 2 { Answer::draws().held() } else { Answer::draws() });
            let text = format!("/生图 第{round}轮第{job}张");
            let id = world.bot.send(Message::group(GROUP, USER + job).text(&text)).await;
            asked.insert(id.to_string(), text);
        }
        let step = before + 1 + round * 7 % STEPS;
        until("the step", || journal(&world.path("data")).len() >= step).await;
        world.kill_and_start().await;
    }
    let accepted = events(&world, "accepted");
    let ends = ended(&world, accepted.len()).await;

    let by_job = |entries: &[Value]| {
        let mut jobs: HashMap<String, Vec<Value>> = HashMap::new();
        for entry in entries {
            jobs.entry(entry["job"].to_string()).or_default().push(entry.clone());
        }
        jobs
    };
    let ends = by_job(&ends);
    let sends = world.bot.delivered();
    let mut outcomes: HashMap<String, usize> = HashMap::new();
    let mut drawn: HashMap<String, usize> = HashMap::new();
    for request in world.provider.requests() {
        if let Some(prompt) = request.prompt() {
            *drawn.entry(prompt).or_default() += 1;
        }
    }
    assert!(!drawn.is_empty());
    assert!(drawn.values().all(|times| *times == 1), "paid more than once: {drawn:?}");
    for (job, entries) in by_job(&accepted) {
        let message = entries[0]["request"]["message"].as_str().expect("the message that asked").to_owned();
        let text = asked.remove(&message).expect("a job that somebody asked for, once");
        let end = ends.get(&job).map_or(&[][..], Vec::as_slice);
        assert_eq!(end.len(), 1, "{text} ended like this: {end:?}");
        let answers = sends.iter().filter(|sent| sent.quote.as_deref() == Some(message.as_str()));
        let pictures = answers.clone().filter(|sent| !sent.pictures.is_empty()).count();
        let sentences = answers.filter(|sent| sent.text.contains("[E-")).count();
        let outcome = end[0]["outcome"].to_string();
        let good = match &outcome {
            outcome if outcome.contains("delivered") => pictures == 1,
            outcome if outcome.contains("unknown") => pictures <= 1 && sentences >= 1,
            _ => pictures == 0 && sentences >= 1,
        };
        assert!(good, "{text} ended as {outcome} with {pictures} pictures and {sentences} sentences");
        let name =
            ["delivered", "unknown"].into_iter().find(|name| outcome.contains(name)).unwrap_or("failed");
        *outcomes.entry(name.to_owned()).or_default() += 1;
    }
    // Whoever is left was never accepted: nobody told them so, and nothing was drawn for them.
    for (message, text) in asked {
        let id: i64 = message.parse().unwrap();
        assert!(
            world.bot.reactions().iter().all(|mark| mark.message_id != id),
            "{text} was promised and forgotten"
        );
        let answers = sends.iter().filter(|sent| sent.quote.as_deref() == Some(message.as_str())).count();
        assert_eq!(answers, 0, "{text} was answered without being accepted");
    }
    // A delivery that was not on record yet when the process died is unknown.
    let arrived = outcomes.contains_key("delivered") || outcomes.contains_key("unknown");
    assert!(arrived && outcomes.contains_key("failed"), "the kills hit nothing: {outcomes:?}");
}

#[tokio::test]
async fn a_second_easel_on_the_same_data_directory_is_refused() {
    let world = world().await;
    let output = run(world.dir.path(), &["run", "--config", "easel.toml"]);
    assert_eq!(output.status.code(), Some(1));
    let text = said(&output);
    assert!(text.contains("正被另一个画架使用"), "{text}");
    assert!(world.asks("/任务").await.contains("没有"), "the first one works on");
}

#[tokio::test]
async fn a_second_easel_on_the_same_port_is_refused() {
    let world = world().await;
    let url = world.easel().onebot.clone().unwrap();
    let address = url.trim_start_matches("ws://").split('/').next().unwrap().to_owned();
    let text = configuration(&world.provider.base_url()).replace("127.0.0.1:0", &address);
    fs::write(world.path("second.toml"), text).unwrap();
    let output = run(world.dir.path(), &["run", "--config", "second.toml", "--data-dir", "other"]);
    assert_eq!(output.status.code(), Some(1));
    let text = said(&output);
    assert!(text.contains(&address) && text.contains("已被占用"), "{text}");
}

#[tokio::test]
async fn a_damaged_database_is_told_with_the_backup_to_take_or_mended_from_it() {
    let mut world = world().await;
    world.says("/生图 一只猫").await;
    let message = world.bot.next_picture().await;
    ended(&world, 1).await;
    let backup = run(world.dir.path(), &["backup", "backup.tar.gz", "--config", "easel.toml"]);
    assert!(backup.status.success(), "{}", said(&backup));
    world.kill();
    damage(&world.path("data/db"));
    let output = started_or_ended(&world);
    assert!(output.contains("数据库损坏") && output.contains("备份"), "{output}");
    // What it says is what helps.
    let restored = run(world.dir.path(), &["restore", "backup.tar.gz", "--config", "easel.toml"]);
    assert!(restored.status.success(), "{}", said(&restored));
    world.start().await;
    world.says("/重发图片").await;
    assert_eq!(world.bot.next_picture().await.picture(), message.picture());
}

fn damage(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            damage(&path);
        } else {
            fs::write(&path, b"this is no database, and never was one").unwrap();
        }
    }
}

/// Everything that a start says, whether it comes up or ends.
fn started_or_ended(world: &World) -> String {
    let mut command = easel(world.dir.path());
    command.args(["run", "--config", "easel.toml"]);
    let mut easel = Easel::spawn(command);
    assert_eq!(easel.wait(), Some(1), "{}", easel.output());
    easel.output()
}

/// A file system of its own in memory; unmounted when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Nothing where mounting is refused.
    fn mount(path: PathBuf) -> Option<Self> {
        fs::create_dir_all(&path).unwrap();
        let done = mount(&["-t", "tmpfs", "-o", "size=16m", "tmpfs"], &path);
        done.then_some(Self(path))
    }

    fn fill(&self) {
        let mut size = 1 << 20;
        let mut name = 0;
        while size > 0 {
            let file = self.0.join(format!("filling-{name}"));
            name += 1;
            if fs::write(&file, vec![0; size]).is_err() {
                size /= 2;
            }
        }
    }

    fn free(&self) {
        for entry in fs::read_dir(&self.0).unwrap().flatten() {
            if entry.file_name().to_string_lossy().starts_with("filling-") {
                fs::remove_file(entry.path()).unwrap();
            }
        }
    }

    fn remount(&self, mode: &str) {
        assert!(mount(&["-o", &format!("remount,{mode}")], &self.0), "{mode} could not be set");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(&self.0).status().ok();
    }
}

fn mount(arguments: &[&str], path: &Path) -> bool {
    let done = Command::new("mount").args(arguments).arg(path).output();
    done.is_ok_and(|output| output.status.success())
}

/// A world whose data directory is a small disk, or nothing where mounting is refused.
async fn world_on_a_small_disk() -> Option<(World, SmallDisk)> {
    let dir = tempfile::tempdir().unwrap();
    let disk = SmallDisk::mount(dir.path().join("data"));
    let Some(disk) = disk else {
        eprintln!("mounting a tmpfs is refused here: run as root to prove what a full disk does");
        return None;
    };
    let provider = FakeProvider::start().await;
    fs::write(dir.path().join("easel.toml"), configuration(&provider.base_url())).unwrap();
    let mut world = World { dir, easel: None, bot: FakeOneBot::new(), provider };
    world.start().await;
    Some((world, disk))
}

/// Waits for either end of a job.
async fn end(world: &World) -> Sent {
    let ends = |sent: &Sent| sent.text.contains("[E-") || !sent.pictures.is_empty();
    world.bot.next_send_where("a picture or a sentence with a code", ends).await
}

#[tokio::test]
async fn a_full_disk_is_told_and_easel_works_again_when_there_is_room() {
    let Some((mut world, disk)) = world_on_a_small_disk().await else { return };
    world.says("/生图 之前").await;
    world.bot.next_picture().await;
    disk.fill();
    // While the journal has room left that it took in advance, jobs go on, and what was paid for is delivered although
    // no copy can be kept; then jobs are refused.
    let long = "满".repeat(3900);
    let mut last = String::new();
    for _ in 0..200 {
        world.says(&format!("/生图 {long}")).await;
        last = end(&world).await.text;
        if !last.is_empty() {
            break;
        }
    }
    assert!(last.contains("[E-STORE]"), "{last}");
    assert!(world.asks("/img帮助").await.contains("生图"), "the rest works on");
    disk.free();
    world.says("/生图 之后").await;
    let after = end(&world).await;
    assert_eq!(after.pictures.len(), 1, "{}", after.text);
    ended(&world, events(&world, "accepted").len()).await;
    world.kill_and_start().await;
    world.says("/生图 重启之后").await;
    world.bot.next_picture().await;
    world.kill();
}

#[tokio::test]
async fn a_disk_that_turns_read_only_is_told_and_easel_works_again_afterwards() {
    let Some((mut world, disk)) = world_on_a_small_disk().await else { return };
    world.says("/生图 之前").await;
    world.bot.next_picture().await;
    world.kill();
    disk.remount("ro");
    let output = started_or_ended(&world);
    assert!(output.contains("写不进去"), "{output}");
    disk.remount("rw");
    world.start().await;
    world.says("/生图 之后").await;
    world.bot.next_picture().await;
    world.kill();
}
