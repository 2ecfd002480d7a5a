//! `easel check`: the configuration and the machine, one line per part, each with its mend.
//!
//! Changes nothing, asks for no right that running needs not, and calls nothing that costs money: a provider is asked
//! for its list of models at most. With `--probe` it looks at the providers alone, and closer ([`probe`]).

use std::{collections::BTreeMap, path::Path, time::Duration};

use easel_core::{
    access::{DirectChats, FilterMode},
    ports::Capabilities,
};
use easel_http::HttpClients;
use easel_providers::Tools;

use super::{
    Check, Exit, Global,
    control::{Control, ControlCommand},
    keys, plain,
    speech::{Speech, terminal_locale},
};
use crate::{
    config::{
        Config,
        discover::{Chosen, Feature, choose, halves},
        load::load,
        problem::ProblemText,
    },
    wiring::half_line,
};

mod machine;
mod peers;
mod probe;
mod services;

/// How long one look at the network may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a look found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// How it is.
    pub(crate) level: Level,
    /// The part, as in the configuration: `onebot[0]`, `providers.main`.
    pub(crate) section: String,
    /// What was found.
    pub(crate) text: ProblemText,
    /// What to do about it.
    pub(crate) mend: Option<ProblemText>,
}

/// How a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// As it should be.
    Good,
    /// easel can run with it.
    Remark,
    /// It must be mended.
    Bad,
}

impl Finding {
    /// All is well.
    pub(crate) fn good(section: impl Into<String>, text: ProblemText) -> Self {
        Self { level: Level::Good, section: section.into(), text, mend: None }
    }

    /// Something that can be lived with; the mend has the text's key and arguments.
    pub(crate) fn remark(section: impl Into<String>, text: ProblemText) -> Self {
        let mend = ProblemText { key: format!("{}-mend", text.key), args: text.args.clone() };
        Self { level: Level::Remark, section: section.into(), text, mend: Some(mend) }
    }

    /// Something to be mended, as in [`Self::remark`].
    fn bad(section: impl Into<String>, text: ProblemText) -> Self {
        Self { level: Level::Bad, ..Self::remark(section, text) }
    }
}

/// Checks everything; `out` takes the lines. Fails with [`Exit::Wrong`] when the configuration can't be used, and with
/// [`Exit::Failed`] when the machine or a service must be mended.
pub(crate) async fn run(global: &Global, options: &Check, out: &mut dyn FnMut(String)) -> Exit {
    let source = global.source();
    let environment = |name: &str| std::env::var(name).ok();
    let path = source.path.display().to_string();
    let loaded = match load(&source) {
        Ok(loaded) => loaded,
        Err(refused) => {
            let speech = Speech::new(refused.locale.unwrap_or_else(|| terminal_locale(&environment)));
            out(speech.problems_title(&path, refused.errors()));
            for problem in &refused.problems {
                out(speech.problem(problem));
            }
            return Exit::Wrong;
        }
    };
    let config = &*loaded.config;
    let speech = Speech::new(config.bot.locale);
    out(speech.say(&ProblemText::new("check-title").with("path", path.as_str())));
    for warning in &loaded.warnings {
        out(speech.problem(warning));
    }
    let mut count = Count { remarks: loaded.warnings.len(), ..Count::default() };
    if loaded.warnings.is_empty() {
        let good = Finding::good("", ProblemText::new("check-config-good").with("path", path));
        count.tell(&speech, &good, out);
    }
    if let Some(name) = &options.probe {
        let wish = probe::Wish {
            name: Some(name.as_str()).filter(|name| !name.is_empty()),
            record: options.record.as_deref(),
            yes: options.yes,
        };
        // A service may list its models for a key that it refuses to draw with.
        let lines = keys::lines(config).await.unwrap_or_default();
        for finding in keys::findings(&lines, &speech) {
            let place = finding.section.strip_prefix("providers.").unwrap_or_default();
            if name.is_empty() || name.eq_ignore_ascii_case(place) {
                count.tell(&speech, &Finding { level: Level::Remark, ..finding }, out);
            }
        }
        return probe::run(config, &environment, wish, &speech, count, out).await;
    }
    let running = Control::connect(&config.bot.data_dir).await.unwrap_or_default().is_some();
    for finding in inspect(config, &environment, running).await {
        count.tell(&speech, &finding, out);
    }
    // Connected anew: a running easel waits only seconds for a question, and the looks above may take longer.
    if let Some(control) = Control::connect(&config.bot.data_dir).await.unwrap_or_default() {
        out(speech.say(&ProblemText::new("check-running")));
        ask_running(control, &speech, &mut count, out).await;
    }
    out(count.summary(&speech));
    if count.bad > 0 { Exit::Failed } else { Exit::Done }
}

/// Looks at everything that the configuration names. `running` = another easel has these places in use.
pub(crate) async fn inspect(
    config: &Config,
    environment: &dyn Fn(&str) -> Option<String>,
    running: bool,
) -> Vec<Finding> {
    let clients = HttpClients::new(config.network.clone());
    let tools = Tools { profiles: config.profiles.clone().into(), ..Tools::new(clients.clone()) };
    let mut found = machine::data_dir(&config.bot.data_dir, config.bot.artifact_max_bytes);
    if !running {
        found.extend(machine::store(config).await);
    }
    found.push(access(config));
    #[cfg(feature = "onebot")]
    for (index, section) in config.onebot.iter().enumerate() {
        found.push(peers::onebot(&format!("onebot[{index}]"), section, running).await);
    }
    for service in services::named(config, None, environment, &clients).await {
        found.push(peers::provider(&service, &tools).await);
    }
    for (section, feature) in [("draw", Feature::Draw), ("edit", Feature::Edit)] {
        let chosen = choose(config, feature, environment);
        if section == "draw" && matches!(chosen, Chosen::Sketch) {
            let halves = halves(environment);
            let remarks = halves.iter().map(|half| Finding {
                level: Level::Remark,
                section: section.to_owned(),
                text: half_line(half),
                mend: None,
            });
            found.extend(remarks);
        }
        found.push(idle(config, section, &chosen, &tools).unwrap_or_else(|| self::chosen(section, &chosen)));
    }
    found.extend(clips(config, &tools));
    found.push(peers::names(config, &clients).await);
    found
}

/// What the named providers can do; of those that can't be made something else is said.
fn abilities<'a>(
    config: &'a Config,
    names: &'a [String],
    tools: &'a Tools,
) -> impl Iterator<Item = Capabilities> + 'a {
    let built = |name: &String| easel_providers::build(name, config.providers.get(name)?, tools).ok();
    names.iter().filter_map(move |name| built(name).map(|provider| provider.capabilities()))
}

/// That nobody in a chain of `[draw]` or `[edit]` does what the chain is for.
fn idle(config: &Config, section: &str, chosen: &Chosen, tools: &Tools) -> Option<Finding> {
    let Chosen::Configured(names) = chosen else { return None };
    let edits = section == "edit";
    let can = |able: Capabilities| if edits { able.edit } else { able.generate };
    if abilities(config, names, tools).any(can) {
        return None;
    }
    let text = |key: &str| ProblemText::new(key).with("providers", names.join(" > "));
    Some(if edits {
        Finding::remark(section, text("check-edit-nobody"))
    } else {
        Finding::bad(section, text("check-draw-nobody"))
    })
}

/// Who makes clips, if anybody is named.
fn clips(config: &Config, tools: &Tools) -> Option<Finding> {
    let names: Vec<_> = config.video.feature.names().into_iter().map(str::to_owned).collect();
    if names.is_empty() {
        return None;
    }
    if abilities(config, &names, tools).any(|able| able.clip) {
        return Some(chosen("video", &Chosen::Configured(names)));
    }
    let text = ProblemText::new("check-video-no-clips").with("providers", names.join(" > "));
    Some(Finding::bad("video", text))
}

fn access(config: &Config) -> Finding {
    let access = &config.access;
    let open = access.group_filter_mode == FilterMode::None
        && access.user_filter_mode == FilterMode::None
        && access.direct_chats() == DirectChats::Everyone;
    Finding::good(
        "access",
        ProblemText::new(if open { "check-access-open" } else { "check-access-filtered" }),
    )
}

fn chosen(section: &str, chosen: &Chosen) -> Finding {
    let text = match chosen {
        Chosen::Configured(names) => {
            let text = ProblemText::new("check-chosen-configured").with("count", names.len() as u64);
            text.with("providers", names.join(" > "))
        }
        Chosen::Environment(found) => ProblemText::new("check-chosen-environment").with("name", found.name),
        Chosen::Sketch => ProblemText::new("check-chosen-sketch"),
    };
    Finding::good(section, text)
}

async fn ask_running(control: Control, speech: &Speech, count: &mut Count, out: &mut dyn FnMut(String)) {
    let mut lines = Vec::new();
    let asked = control.call(ControlCommand::Check, |event| lines.push(event)).await;
    for line in lines {
        let level = match line.text("level") {
            "bad" => Level::Bad,
            "remark" => Level::Remark,
            _ => Level::Good,
        };
        let mend = Some(line.text("mend").to_owned()).filter(|mend| !mend.is_empty());
        count.line(speech, level, line.text("section"), line.text("text"), mend, out);
    }
    if let Err(error) = asked {
        let text = ProblemText::new("control-failed").with("detail", plain::cause(error));
        count.line(speech, Level::Bad, "easel.sock", &speech.say(&text), None, out);
    }
}

/// How many lines of each level there were.
#[derive(Default)]
struct Count {
    good: usize,
    remarks: usize,
    bad: usize,
}

impl Count {
    fn tell(&mut self, speech: &Speech, finding: &Finding, out: &mut dyn FnMut(String)) {
        let mend = finding.mend.as_ref().map(|mend| speech.say(mend));
        self.line(speech, finding.level, &finding.section, &speech.say(&finding.text), mend, out);
    }

    fn line(
        &mut self,
        speech: &Speech,
        level: Level,
        section: &str,
        sentence: &str,
        mend: Option<String>,
        out: &mut dyn FnMut(String),
    ) {
        let (key, counter) = match level {
            Level::Good => ("check-ok", &mut self.good),
            Level::Remark => ("check-warning", &mut self.remarks),
            Level::Bad => ("check-failed", &mut self.bad),
        };
        *counter += 1;
        let section = if section.is_empty() { String::new() } else { format!("[{section}]") };
        let text = match level {
            Level::Good => {
                ProblemText::new(key).with("what", format!("{section} {sentence}").trim().to_owned())
            }
            Level::Remark | Level::Bad => ProblemText::new(key).with("what", section).with("why", sentence),
        };
        out(speech.say(&text));
        if let Some(mend) = mend {
            out(speech.say(&ProblemText::new("check-mend").with("mend", mend)));
        }
    }

    fn summary(&self, speech: &Speech) -> String {
        if self.remarks == 0 && self.bad == 0 {
            return speech.say(&ProblemText::new("check-summary-ok"));
        }
        let counts = [("ok", self.good), ("warnings", self.remarks), ("failed", self.bad)];
        speech.say(
            &counts
                .into_iter()
                .fold(ProblemText::new("check-summary"), |text, (name, count)| text.with(name, count as u64)),
        )
    }
}

/// A size for people: `12.3 GiB`.
fn size(bytes: u64) -> String {
    let units: BTreeMap<u64, &str> = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")].into();
    match units.iter().rev().find(|(unit, _)| bytes >= **unit) {
        Some((unit, name)) => format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit),
        None => format!("{bytes} B"),
    }
}

/// The host of an address, for sentences: never with a password, which an address may hold.
fn host_of(address: &url::Url) -> String {
    let host = address.host_str().unwrap_or_default();
    address.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// Whether a directory, or what it would be made in, is there.
fn nearest_existing(path: &Path) -> Option<&Path> {
    path.ancestors()
        .map(|path| if path.as_os_str().is_empty() { Path::new(".") } else { path })
        .find(|path| path.exists())
}

#[cfg(test)]
mod tests;
