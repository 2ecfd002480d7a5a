//! `easel keys`: how the keys of the providers are, and another try for those that are out of use.
//!
//! Keys are told by fingerprint and account label, never by the key. With a running easel the answer is what it knows at
//! this moment; else it is what the store remembers, and only keys that a service refused for good are remembered there.

use std::{path::Path, time::Duration};

use easel_core::{
    chain::{KeyReport, KeyState},
    job::{BadKey, BadKeys, bad_keys, forget_bad},
    ports::{ApiKey, Clock as _, SystemClock},
};
use easel_providers::{ProviderSection, config::KeyList};
use easel_store::{EmbeddedStore, OpenOptions};
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};

use super::{
    Exit, Keys, KeysAction,
    check::{Finding, Level},
    control::{Control, ControlCommand},
    plain::{cause, unopened},
    speech::Speech,
};
use crate::config::{
    Config,
    discover::{Chosen, Feature, choose},
    problem::{ProblemArg, ProblemText},
};

/// How a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Condition {
    /// Usable.
    Ready,
    /// Refused by the service: not used until it changes or is reset.
    Disabled,
    /// Its account has no quota: tried again after a rest.
    OutOfQuota,
    /// Rests for a short while.
    Cooling,
}

/// A key as it is told; also a line of the control socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeyLine {
    /// The provider's name.
    pub(crate) provider: String,
    /// The key's fingerprint.
    pub(crate) key: String,
    /// Its account label.
    #[serde(default)]
    pub(crate) account: Option<String>,
    /// How it is.
    pub(crate) state: Condition,
    /// Since how many seconds, if that is known.
    #[serde(default)]
    pub(crate) since_seconds: Option<u64>,
    /// For how many seconds more, if it ends by itself.
    #[serde(default)]
    pub(crate) rests_seconds: Option<u64>,
    /// The HTTP status that was the reason.
    #[serde(default)]
    pub(crate) status: Option<u16>,
}

impl KeyLine {
    /// What a running provider knows of a key.
    pub(crate) fn of(provider: &str, report: KeyReport) -> Self {
        Self {
            provider: provider.to_owned(),
            key: report.fingerprint.to_string(),
            account: report.account.map(|account| account.to_string()),
            state: match report.state {
                KeyState::Ready => Condition::Ready,
                KeyState::Disabled => Condition::Disabled,
                KeyState::OutOfQuota(_) => Condition::OutOfQuota,
                KeyState::Cooling(_) => Condition::Cooling,
            },
            since_seconds: report.since.map(|since| since.as_secs()),
            rests_seconds: report.rests.map(|rests| rests.as_secs()),
            status: report.status,
        }
    }

    /// What the store remembers of a configured key.
    fn remembered(provider: &str, key: &ApiKey, bad: Option<&BadKey>) -> Self {
        let now = SystemClock.now();
        Self {
            provider: provider.to_owned(),
            key: key.fingerprint.to_string(),
            account: key.account.as_deref().map(str::to_owned),
            state: if bad.is_some() { Condition::Disabled } else { Condition::Ready },
            since_seconds: bad.and_then(|bad| bad.since).map(|since| now.since(since) / 1000),
            rests_seconds: None,
            status: bad.and_then(|bad| bad.status),
        }
    }

    /// The sentence about it.
    fn text(&self, speech: &Speech) -> ProblemText {
        let key = match self.state {
            Condition::Ready => "check-key-ready",
            Condition::Disabled => "check-key-disabled",
            Condition::OutOfQuota => "check-key-quota",
            Condition::Cooling => "check-key-cooling",
        };
        let name = match &self.account {
            Some(account) => format!("{} ({account})", self.key),
            None => self.key.clone(),
        };
        let since = match self.since_seconds {
            Some(seconds) => ago(speech, seconds),
            None => speech.say(&ProblemText::new("ago-unknown")),
        };
        ProblemText::new(key)
            .with("key", name)
            .with("provider", self.provider.clone())
            .with("status", u64::from(self.status.unwrap_or(0)))
            .with("since", since)
            .with("rest", span(speech, self.rests_seconds.unwrap_or(0)))
    }
}

/// What `easel check` says about keys that are out of use: bad when their provider has no other, else a remark.
pub(crate) fn findings(lines: &[KeyLine], speech: &Speech) -> Vec<Finding> {
    let troubled = lines.iter().filter(|line| line.state != Condition::Ready);
    troubled
        .map(|line| {
            let place = format!("providers.{}", line.provider);
            let another =
                lines.iter().any(|other| other.provider == line.provider && other.state == Condition::Ready);
            let finding = Finding::remark(place, line.text(speech));
            let bad = line.state != Condition::Cooling && !another;
            Finding { level: if bad { Level::Bad } else { Level::Remark }, ..finding }
        })
        .collect()
}

/// A span of time for people, at least a minute, rounded up to minutes below an hour, to hours below two days.
pub(crate) fn span(speech: &Speech, seconds: u64) -> String {
    let (key, count) = match seconds {
        0..3600 => ("span-minutes", seconds.div_ceil(60).max(1)),
        3600..172_800 => ("span-hours", seconds.div_ceil(3600)),
        _ => ("span-days", seconds / 86_400),
    };
    speech.say(&ProblemText::new(key).with("count", count))
}

/// How long ago something was, for people.
pub(crate) fn ago(speech: &Speech, seconds: u64) -> String {
    match seconds {
        0..60 => speech.say(&ProblemText::new("ago-now")),
        _ => speech.say(&ProblemText::new("ago").with("span", span(speech, seconds))),
    }
}

/// The keys of every configured provider, and of the one of the environment if that is the one in use.
fn configured(config: &Config) -> Vec<(String, Vec<ApiKey>)> {
    let mut keys: Vec<_> =
        config.providers.iter().map(|(name, section)| (name.clone(), section.keys())).collect();
    if let Chosen::Environment(found) = choose(config, Feature::Draw, &|name| std::env::var(name).ok()) {
        let section = ProviderSection {
            api_keys: KeyList::Text(found.key.expose_secret().into()),
            ..ProviderSection::default()
        };
        keys.push((found.name.to_lowercase(), section.keys()));
    }
    keys
}

/// What the store remembers about the keys of a configuration.
pub(crate) fn remembered(config: &Config, bad: &BadKeys) -> Vec<KeyLine> {
    let line = |provider: &str, key: &ApiKey| {
        let bad = bad.get(provider).and_then(|keys| keys.get(&*key.fingerprint));
        KeyLine::remembered(provider, key, bad)
    };
    let configured = configured(config);
    configured.iter().flat_map(|(name, keys)| keys.iter().map(move |key| line(name, key))).collect()
}

/// Lists or resets; `out` takes the sentences.
pub(crate) async fn run(
    options: &Keys,
    config: &Config,
    speech: &Speech,
    out: &mut dyn FnMut(String),
) -> Exit {
    let done = match &options.action {
        None => list(config, speech, out).await,
        Some(KeysAction::Reset { provider }) => reset(config, provider.as_deref(), speech, out).await,
    };
    done.unwrap_or_else(|(exit, text)| {
        out(speech.say(&text));
        exit
    })
}

/// Why a command ends early, and what is said then.
pub(super) type Failed = (Exit, ProblemText);

pub(super) fn failed(key: &str, detail: impl std::fmt::Display) -> Failed {
    (Exit::Failed, ProblemText::new(key).with("detail", cause(detail)))
}

pub(super) async fn connect(data_dir: &Path) -> Result<Option<Control>, Failed> {
    Control::connect(data_dir).await.map_err(|error| failed("control-failed", error))
}

/// How the keys are: what a running easel knows, else what the store remembers.
pub(super) async fn lines(config: &Config) -> Result<Vec<KeyLine>, Failed> {
    let mut lines = Vec::new();
    if let Some(control) = connect(&config.bot.data_dir).await? {
        let mut told = Vec::new();
        let asked = control.call(ControlCommand::Keys, |event| told.push(event.rest)).await;
        asked.map_err(|error| failed("control-failed", error))?;
        for rest in told {
            let line = serde_json::from_value(rest.into());
            lines.push(line.map_err(|error| failed("control-failed", error))?);
        }
    } else {
        let bad = in_store(&config.bot.data_dir, |store| async move { bad_keys(&*store.keys).await });
        lines.extend(remembered(config, &bad.await?.unwrap_or_default()));
    }
    Ok(lines)
}

async fn list(config: &Config, speech: &Speech, out: &mut dyn FnMut(String)) -> Result<Exit, Failed> {
    let lines = lines(config).await?;
    if lines.is_empty() {
        out(speech.say(&ProblemText::new("keys-none")));
    }
    for line in &lines {
        let text = line.text(speech);
        out(format!("{}: {}", line.provider, speech.say(&text)));
        if line.state != Condition::Ready {
            let mend = ProblemText { key: format!("{}-mend", text.key), args: text.args };
            out(speech.say(&ProblemText::new("check-mend").with("mend", speech.say(&mend))));
        }
    }
    Ok(Exit::Done)
}

async fn reset(
    config: &Config,
    provider: Option<&str>,
    speech: &Speech,
    out: &mut dyn FnMut(String),
) -> Result<Exit, Failed> {
    let names: Vec<_> = configured(config).into_iter().map(|(name, _)| name).collect();
    let provider = match provider {
        None => None,
        Some(wished) => {
            let unknown = || {
                let text = ProblemText::new("keys-unknown-provider").with("provider", wished);
                (Exit::Wrong, text.with("names", ProblemArg::names(&names)))
            };
            let known = names.iter().find(|name| name.eq_ignore_ascii_case(wished));
            Some(known.ok_or_else(unknown)?.clone())
        }
    };
    let count = if let Some(control) = connect(&config.bot.data_dir).await? {
        let answer = control.call(ControlCommand::KeysReset { provider }, |_| {}).await;
        let answer = answer.map_err(|error| failed("control-failed", error))?;
        answer.rest.get("count").and_then(serde_json::Value::as_u64).unwrap_or_default()
    } else {
        let forget = in_store(&config.bot.data_dir, |store| async move {
            forget_bad(&*store.keys, provider.as_deref()).await
        });
        forget.await?.unwrap_or_default() as u64
    };
    out(speech.say(&ProblemText::new("keys-reset").with("count", count)));
    Ok(Exit::Done)
}

/// Works on the store of a data directory that nobody uses; `None` when there is none yet.
pub(super) async fn in_store<T, F: Future<Output = Result<T, easel_core::ports::StoreError>>>(
    data_dir: &Path,
    work: impl FnOnce(easel_core::ports::Store) -> F,
) -> Result<Option<T>, Failed> {
    if !data_dir.join("db").exists() {
        return Ok(None);
    }
    let opened = EmbeddedStore::open(data_dir, OpenOptions::default()).await;
    let (store, handle, _) =
        opened.map_err(|error| (Exit::Failed, unopened(&error, &data_dir.display().to_string())))?;
    let done = work(store).await;
    handle.shutdown().await;
    done.map(Some).map_err(|error| failed("keys-store-failed", error))
}

/// How long ago something was, from what the store remembers of it.
pub(crate) fn age(bad: &BadKey) -> Option<Duration> {
    bad.since.map(|since| Duration::from_millis(SystemClock.now().since(since)))
}

#[cfg(test)]
mod tests {
    use easel_core::i18n::Locale;

    use super::*;

    fn line(state: Condition) -> KeyLine {
        KeyLine {
            provider: "main".to_owned(),
            key: "0a1b2c3d".to_owned(),
            account: Some("team".to_owned()),
            state,
            since_seconds: Some(7_300),
            rests_seconds: Some(61),
            status: Some(402),
        }
    }

    #[test]
    fn spans_of_time() {
        #[track_caller]
        fn check(seconds: u64, expected: &str) {
            assert_eq!(span(&Speech::new(Locale::EnUs), seconds), expected);
        }
        check(0, "1 minute");
        check(61, "2 minutes");
        check(3_600, "1 hour");
        check(90_000, "25 hours");
        check(172_800, "2 days");
    }

    #[test]
    fn a_key_out_of_use_is_bad_only_where_no_other_is_left() {
        let speech = Speech::new(Locale::EnUs);
        let level = |lines: &[KeyLine]| findings(lines, &speech).first().map(|finding| finding.level);
        assert_eq!(level(&[line(Condition::Ready)]), None);
        assert_eq!(level(&[line(Condition::Disabled)]), Some(Level::Bad));
        assert_eq!(level(&[line(Condition::OutOfQuota)]), Some(Level::Bad));
        assert_eq!(level(&[line(Condition::Cooling)]), Some(Level::Remark));
        assert_eq!(level(&[line(Condition::Disabled), line(Condition::Ready)]), Some(Level::Remark));
        let elsewhere = KeyLine { provider: "other".to_owned(), ..line(Condition::Ready) };
        assert_eq!(level(&[line(Condition::Disabled), elsewhere]), Some(Level::Bad));
    }

    #[test]
    fn every_state_has_its_sentence_in_both_languages() {
        for locale in [Locale::EnUs, Locale::ZhCn] {
            let speech = Speech::new(locale);
            for state in [Condition::Disabled, Condition::OutOfQuota, Condition::Cooling] {
                let [finding] = &findings(&[line(state)], &speech)[..] else { panic!("one finding") };
                let mend = finding.mend.as_ref().map(|mend| speech.say(mend)).unwrap();
                let text = speech.say(&finding.text);
                assert!(text.contains("0a1b2c3d (team)") && !mend.is_empty(), "{text} {mend}");
            }
        }
    }

    #[test]
    fn a_line_of_the_socket_is_read_as_it_was_written() {
        let written = serde_json::to_value(line(Condition::OutOfQuota)).unwrap();
        assert_eq!(written["state"], "out_of_quota");
        assert_eq!(serde_json::from_value::<KeyLine>(written).unwrap(), line(Condition::OutOfQuota));
    }
}
