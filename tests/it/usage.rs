//! What jobs cost, how providers did, and gateways that are written down as profiles.

use easel_testkit::{pictures, provider::Answer};

use crate::world::{World, configuration, run, said, until, world_with};

/// The usual configuration with a price, and a chain whose entry has a size of its own.
fn priced(provider: &str) -> String {
    configuration(provider)
        .replace("provider = \"main\"", "chain = [{ provider = \"main\", output = \"2K\" }]")
        .replace("[draw]", "[providers.main.prices]\ngenerate = 0.04\n\"generate@4K\" = 0.5\n[draw]")
}

/// The finished jobs of the journal.
fn finished(world: &World) -> usize {
    let entries = crate::world::journal(&world.path("data"));
    entries.iter().filter(|(_, entry)| entry["event"] == "finished").count()
}

/// Runs a command while the fakes of this test go on working.
async fn easel(world: &World, arguments: &'static [&'static str]) -> String {
    let dir = world.dir.path().to_owned();
    let run = move || said(&run(&dir, &[arguments, &["--config", "easel.toml"]].concat()));
    tokio::task::spawn_blocking(run).await.unwrap()
}

/// The cells of the row that begins with `name`.
fn row(table: &str, name: &str) -> Vec<String> {
    let line = table.lines().find(|line| line.starts_with(name));
    let line = line.unwrap_or_else(|| panic!("no row {name} in:\n{table}"));
    line.split_whitespace().map(str::to_owned).collect()
}

#[tokio::test]
async fn spending_is_told_by_the_running_easel_and_survives_a_kill() {
    let mut world = world_with(priced).await;
    world.provider.answer(Answer::overloaded());
    for _ in 0..2 {
        world.says("/生图 一只猫").await;
        world.bot.next_picture().await;
    }
    assert_eq!(world.provider.requests()[0].size().as_deref(), Some("2048x2048"), "the entry's own size");
    until("both ends", || finished(&world) == 2).await;
    let told = easel(&world, &["usage"]).await;
    // Made, requests, failed; the fake's pictures are of the first tier.
    assert_eq!(row(&told, "main")[..4], ["main", "2", "3", "1"], "{told}");
    assert!(row(&told, "main").contains(&"0.0800".to_owned()), "{told}");
    let by_chat = easel(&world, &["usage", "--by", "chat", "--days", "2"]).await;
    assert_eq!(row(&by_chat, "onebot:700001")[1], "2", "{by_chat}");
    // What was not written yet is in the ledger.
    world.kill_and_start().await;
    world.asks("/任务").await;
    assert_eq!(row(&easel(&world, &["usage"]).await, "main")[..4], ["main", "2", "3", "1"]);
    // At rest, the store is read.
    assert_eq!(world.easel.take().unwrap().stop(), Some(0));
    let told = easel(&world, &["usage", "--by", "user"]).await;
    assert_eq!(row(&told, "onebot:2200000011")[1], "2", "{told}");
}

#[tokio::test]
async fn what_is_drawn_here_costs_nothing_and_is_no_unknown_price() {
    let sketched = |provider: &str| {
        let text = configuration(provider);
        text.split("[providers.main]").next().unwrap().to_owned()
    };
    let world = world_with(sketched).await;
    world.says("/生图 一只猫").await;
    world.bot.next_picture().await;
    until("the end", || finished(&world) == 1).await;
    let told = easel(&world, &["usage"]).await;
    let row = row(&told, "sketch");
    assert_eq!((row[1].as_str(), row.last().unwrap().as_str()), ("1", "0"), "{told}");
}

#[tokio::test]
async fn the_check_of_a_running_easel_tells_how_its_providers_did() {
    let world = world_with(configuration).await;
    let told = easel(&world, &["check"]).await;
    assert!(told.contains("最近一小时没有请求"), "{told}");
    world.provider.answer(Answer::moderation_input());
    world.says("/生图 一只猫").await;
    world.bot.next_send_where("a refusal", |sent| sent.text.contains("[E-")).await;
    world.says("/生图 两只猫").await;
    world.bot.next_picture().await;
    let told = easel(&world, &["check"]).await;
    let line = told.lines().find(|line| line.contains("最近一小时请求")).unwrap_or_default();
    assert!(line.contains("请求 2 次") && line.contains("1/1") && line.contains("内容没过审核"), "{told}");
}

#[tokio::test]
async fn a_gateway_written_down_as_a_profile_draws_and_follows_edits_of_the_file() {
    let gate = |provider: &str| {
        let text =
            configuration(provider).replace("model = \"gpt-image-2\"", "model = \"x\"\nprofile = \"gate\"");
        format!(
            "{text}\n[profiles.gate]\nauth_header = \"X-Key\"\nsize_names = {{ \"1024x1024\" = \"square\" }}\n"
        )
    };
    let world = world_with(gate).await;
    world.says("/生图 一只猫 1:1").await;
    world.bot.next_picture().await;
    let request = world.provider.next_request().await;
    assert_eq!(request.headers().get("x-key"), Some("sk-main-0123456789"));
    assert_eq!(request.size().as_deref(), Some("square"));
    world.provider.when_path("/paint", Answer::b64([pictures::png(64, 64, 3)]));
    let changed = format!("{}paths = {{ generate = \"paint\" }}\n", gate(&world.provider.base_url()));
    std::fs::write(world.path("easel.toml"), changed).unwrap();
    world.easel().logs("配置已更新").await;
    world.says("/生图 一只猫").await;
    world.bot.next_picture().await;
    assert_eq!(world.provider.next_request().await.path(), "/v1/paint");
    // A profile that is not there is told with the nearest one.
    let wrong = gate(&world.provider.base_url()).replace("profile = \"gate\"", "profile = \"gaet\"");
    std::fs::write(world.path("easel.toml"), wrong).unwrap();
    let told = easel(&world, &["check"]).await;
    assert!(told.contains("profiles.gaet") && told.contains("gate"), "{told}");
}

/// Where the owner names no model, the first request asks which of its models the service has.
#[tokio::test]
async fn a_picture_is_booked_for_the_model_that_made_it() {
    let world = world_with(|provider| configuration(provider).replace("model = \"gpt-image-2\"\n", "")).await;
    world.provider.set_models(&["gpt-5", "gpt-image-2.6-flare"]);
    world.says("/生图 一只猫").await;
    world.bot.next_picture().await;
    let asked =
        world.provider.requests().into_iter().find(|request| request.path().ends_with("/generations"));
    assert_eq!(asked.unwrap().json.unwrap()["model"], "gpt-image-2.6-flare");
    until("the end of the job", || finished(&world) == 1).await;
    let entries = crate::world::journal(&world.path("data"));
    let booked: Vec<_> = entries.iter().filter(|(_, entry)| entry["event"] == "answered").collect();
    let [(_, answered)] = booked[..] else { panic!("{booked:?}") };
    assert_eq!(answered["usage"]["model"], "gpt-image-2.6-flare", "{answered}");
}
