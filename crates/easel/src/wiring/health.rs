//! What a running easel says about itself: at its start, to `easel check` and to `easel keys`.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use easel_core::{
    chain::{HealthReport, Link, ProviderSlot, Standing},
    job::{bad_keys, forget_bad},
    ports::StoreError,
};

use super::App;
use crate::{
    cli::{
        check::{Finding, Level},
        keys::{self, KeyLine},
        plain::cause,
        speech::Speech,
    },
    config::{
        discover::{Half, halves},
        problem::{ProblemArg, ProblemText},
    },
};

impl App {
    /// The running easel's own view of its parts, for `easel check`: level, section and a
    /// sentence in the chats' language, and what to do about it.
    pub(crate) fn health(&self) -> Vec<(&'static str, String, String, Option<String>)> {
        let speech = Speech::new(self.desk.runtime().locale);
        let (running, waiting) = self.engine.load();
        let jobs = ProblemText::new("check-running-jobs")
            .with("running", running as u64)
            .with("waiting", waiting as u64);
        let mut lines = vec![("good", "jobs".to_owned(), speech.say(&jobs), None)];
        let health = self.store.health();
        for (name, component) in [("journal", &health.journal), ("database", &health.database)] {
            let level = if component.is_good() { "good" } else { "bad" };
            let text = match &component.last_error {
                Some(error) => ProblemText::new("check-running-bad").with("detail", cause(error)),
                None => ProblemText::new("check-running-good"),
            };
            lines.push((level, name.to_owned(), speech.say(&text), None));
        }
        for finding in self.providers(&speech).into_iter().chain(keys::findings(&self.keys(), &speech)) {
            let level = match finding.level {
                Level::Good => "good",
                Level::Remark => "remark",
                Level::Bad => "bad",
            };
            let mend = finding.mend.map(|mend| speech.say(&mend));
            lines.push((level, finding.section, speech.say(&finding.text), mend));
        }
        lines
    }

    /// How every provider did lately.
    fn providers(&self, speech: &Speech) -> Vec<Finding> {
        let runtime = self.desk.runtime();
        let slots: BTreeMap<_, _> = runtime.providers.iter().collect();
        slots.into_values().map(|slot| lately(slot.provider().name(), &slot.health(), speech)).collect()
    }

    /// The keys of all providers in use.
    pub(crate) fn keys(&self) -> Vec<KeyLine> {
        let runtime = self.desk.runtime();
        let slots: BTreeMap<_, _> = runtime.providers.iter().collect();
        let lines = |slot: &ProviderSlot| {
            let name = slot.provider().name().to_owned();
            slot.keys().into_iter().map(move |report| KeyLine::of(&name, report))
        };
        slots.into_values().flat_map(|slot| lines(slot)).collect()
    }

    /// Gives the keys of a provider, or of all, another try. Returns how many were out of use.
    ///
    /// # Errors
    /// When the store can't forget them; nothing is reset then.
    pub(crate) async fn reset_keys(&self, provider: Option<&str>) -> Result<usize, StoreError> {
        forget_bad(&*self.ports.keys, provider).await?;
        self.factory.know(bad_keys(&*self.ports.keys).await?);
        let runtime = self.desk.runtime();
        let meant = runtime
            .providers
            .values()
            .filter(|slot| provider.is_none_or(|name| slot.provider().name() == name));
        Ok(meant.map(|slot| slot.reset_keys()).sum())
    }

    /// Who draws, who edits and who makes clips, and whether it may cost money: sentences for the start.
    pub(crate) fn drawing(&self, path: &str) -> Vec<ProblemText> {
        let runtime = self.desk.runtime();
        let Some(first) = runtime.draw.first() else { return Vec::new() };
        let provider = first.slot.provider();
        let mut lines = vec![match self.drawing.environment {
            Some(variable) if provider.model().is_empty() => {
                ProblemText::new("start-engine-env-asking").with("variable", format!("{variable}_BASE_URL"))
            }
            Some(variable) => ProblemText::new("start-engine-env")
                .with("variable", format!("{variable}_BASE_URL"))
                .with("model", provider.model()),
            None if self.drawing.built_in => {
                ProblemText::new("start-engine-sketch").with("path", path.to_owned())
            }
            None => engine_line("kind-draw", &first.slot),
        }];
        if self.drawing.built_in {
            lines.extend(halves(&|name| std::env::var(name).ok()).iter().map(half_line));
        }
        let others: Vec<_> = self.drawing.names.iter().skip(1).cloned().collect();
        if !others.is_empty() {
            lines.push(ProblemText::new("start-fallbacks").with("names", others.join(" → ")));
        }
        let editor = runtime.edit.first().filter(|link| !Arc::ptr_eq(&link.slot, &first.slot));
        lines.extend(editor.map(|link| engine_line("kind-edit", &link.slot)));
        let clips = |link: &&Link| link.slot.provider().capabilities().clip;
        lines.extend(runtime.video.iter().find(clips).map(|link| engine_line("kind-video", &link.slot)));
        lines
    }
}

/// That half of what names a service was found in the environment.
pub(crate) fn half_line(half: &Half) -> ProblemText {
    ProblemText::new("start-half-pair")
        .with("found", half.found.as_str())
        .with("missing", half.missing.as_str())
        .with("usual", half.usual.unwrap_or("no"))
}

/// What `easel check` says about how a provider did.
fn lately(name: &str, health: &HealthReport, speech: &Speech) -> Finding {
    let section = format!("providers.{name}");
    let last = health.last_failure.map_or_else(String::new, |(class, ago)| {
        let text = ProblemText::new("check-health-last-failure")
            .with("class", class.name())
            .with("ago", keys::ago(speech, ago.as_secs()));
        speech.say(&text)
    });
    let seconds = |took: Option<Duration>| format!("{:.1}", took.unwrap_or_default().as_secs_f64());
    let with = |key: &str| {
        ProblemText::new(key)
            .with("attempts", health.attempts as u64)
            .with("judged", health.judged as u64)
            .with("successes", health.successes as u64)
            .with("median", seconds(health.median))
            .with("slowest", seconds(health.slowest))
            .with("last", last.clone())
    };
    match health.standing {
        Standing::Resting(rest) => Finding::remark(
            section,
            with("check-health-resting").with("rest", keys::span(speech, rest.as_secs())),
        ),
        Standing::Behind(percent) => {
            Finding::remark(section, with("check-health-behind").with("percent", u64::from(percent)))
        }
        Standing::OnTrial => Finding::good(section, with("check-health-trial")),
        Standing::Asked if health.attempts == 0 => Finding::good(section, with("check-health-idle")),
        Standing::Asked if health.successes == 0 => Finding::good(section, with("check-health-none")),
        Standing::Asked => Finding::good(section, with("check-health")),
    }
}

/// Who does the work of a feature, and whether it costs money.
fn engine_line(feature: &'static str, slot: &ProviderSlot) -> ProblemText {
    let provider = slot.provider();
    let key = if provider.capabilities().paid { "start-engine" } else { "start-engine-free" };
    ProblemText::new(key)
        .with("feature", ProblemArg::OneOf(vec![feature]))
        .with("provider", provider.name())
        .with("model", provider.model())
}

#[cfg(test)]
mod tests {
    use easel_core::{error::ErrorClass, i18n::Locale};

    use super::*;

    #[track_caller]
    fn check(health: HealthReport, level: Level, key: &str, words: &[&str]) {
        for locale in Locale::ALL {
            let speech = Speech::new(locale);
            let finding = lately("main", &health, &speech);
            let text = speech.say(&finding.text);
            assert_eq!((finding.level, finding.text.key.as_str()), (level, key), "{text}");
            assert!(words.iter().all(|word| text.contains(word)), "{text}");
        }
    }

    #[test]
    fn every_provider_is_told_with_what_it_did() {
        let idle = HealthReport {
            attempts: 0,
            judged: 0,
            successes: 0,
            median: None,
            slowest: None,
            last_failure: None,
            standing: Standing::Asked,
        };
        let failed = Some((ErrorClass::Overload, Duration::from_secs(120)));
        let busy = HealthReport {
            attempts: 12,
            judged: 11,
            successes: 9,
            median: Some(Duration::from_millis(8240)),
            slowest: Some(Duration::from_secs(31)),
            ..idle
        };
        check(idle, Level::Good, "check-health-idle", &[]);
        check(busy, Level::Good, "check-health", &["12", "9", "11", "8.2", "31.0"]);
        check(HealthReport { attempts: 2, ..idle }, Level::Good, "check-health-none", &["2"]);
        let resting = Standing::Resting(Duration::from_secs(50));
        let rests = HealthReport { standing: resting, last_failure: failed, ..busy };
        check(rests, Level::Remark, "check-health-resting", &["9", "2 "]);
        let behind = HealthReport { standing: Standing::Behind(9), last_failure: failed, ..busy };
        check(behind, Level::Remark, "check-health-behind", &["9%", "2 "]);
        check(
            HealthReport { standing: Standing::OnTrial, ..busy },
            Level::Good,
            "check-health-trial",
            &["9"],
        );
    }
}
