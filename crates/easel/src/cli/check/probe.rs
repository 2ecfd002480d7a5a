//! `easel check --probe`: what each service really does, asked in the way in which requests of people are.
//!
//! First what is free (reachability, keys, models, balances), then, after saying what it may cost and being allowed to,
//! one small picture and one small edit per service, through the provider itself. A clip is never made for a look. Facts
//! are gathered in [`ask`], judged in [`judge`] by pure functions, and taken down in [`record`] where the owner wishes
//! it; this file says and orders.

use std::{
    io::{self, IsTerminal as _, Write as _},
    path::Path,
};

use easel_http::{HttpClients, Recorder, Redactor};
use easel_providers::{ProviderSection, Tools};

use super::{Count, Finding, Level};
use crate::{
    cli::{Exit, speech::Speech},
    config::{
        Config,
        discover::{Chosen, Feature, choose},
        problem::{ProblemText, nearest},
    },
};

mod ask;
mod judge;
mod record;

use ask::{Scratch, Subject};
use judge::{Needs, Paid};
use record::Records;

/// What the owner wishes of a probe.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish<'a> {
    /// One provider, by its name; all without.
    pub(crate) name: Option<&'a str>,
    /// Where records go.
    pub(crate) record: Option<&'a Path>,
    /// What may be charged was agreed to beforehand.
    pub(crate) yes: bool,
}

type Out<'a> = dyn FnMut(String) + 'a;

/// Probes. Fails with [`Exit::Wrong`] when there is nothing of that name, and with [`Exit::Failed`] when something that
/// the configuration needs doesn't work.
pub(super) async fn run(
    config: &Config,
    wish: Wish<'_>,
    speech: &Speech,
    mut count: Count,
    out: &mut Out<'_>,
) -> Exit {
    let chosen: Vec<_> =
        config.providers.iter().filter(|(name, _)| wish.name.is_none_or(|wished| wished == *name)).collect();
    if chosen.is_empty() {
        return nobody(config, wish.name, speech, out);
    }
    let mut records = match wish.record.map(Records::open).transpose() {
        Ok(records) => records,
        Err(error) => {
            out(speech.say(&unwritten(wish.record, &error)));
            return Exit::Failed;
        }
    };
    let scratch = match Scratch::new(config.jobs.max_bytes_in_flight) {
        Ok(scratch) => scratch,
        Err(error) => {
            out(speech.say(&unwritten(Some(&std::env::temp_dir()), &error)));
            return Exit::Failed;
        }
    };
    let mut subjects = Vec::new();
    for (name, section) in chosen {
        let (subject, findings) = free(config, name, section, &scratch, &mut records).await;
        for finding in &findings {
            count.tell(speech, finding, out);
        }
        subjects.extend(subject);
    }
    if let Some(go) = allowed(&subjects, wish.yes, speech, out).await {
        for subject in subjects.iter().filter(|subject| subject.pictures() > 0 && (go || !subject.is_paid()))
        {
            for finding in paid(subject, speech, &mut records, out).await {
                count.tell(speech, &finding, out);
            }
        }
    }
    if let Some(records) = &records {
        let told = records.error().map_or_else(
            || ProblemText::new("check-probe-recorded").with("count", records.count()),
            |error| ProblemText::new("check-probe-unwritten").with("detail", error),
        );
        out(speech.say(&told.with("path", records.dir().display().to_string())));
    }
    out(count.probed(speech));
    if count.bad > 0 || records.is_some_and(|records| records.error().is_some()) {
        Exit::Failed
    } else {
        Exit::Done
    }
}

fn nobody(config: &Config, name: Option<&str>, speech: &Speech, out: &mut Out<'_>) -> Exit {
    let Some(name) = name else {
        out(speech.say(&ProblemText::new("check-probe-nothing")));
        return Exit::Done;
    };
    out(speech.say(&ProblemText::new("check-probe-nobody").with("provider", name)));
    if let Some(nearest) = nearest(name, config.providers.keys().map(String::as_str)) {
        out(speech.say(&ProblemText::new("config-nearest-key").with("nearest", nearest)));
    }
    Exit::Wrong
}

fn unwritten(path: Option<&Path>, error: &io::Error) -> ProblemText {
    let path = path.map(|path| path.display().to_string()).unwrap_or_default();
    ProblemText::new("check-probe-unwritten").with("path", path).with("detail", error.to_string())
}

/// The free part, and what can be asked further.
async fn free<'a>(
    config: &Config,
    name: &'a str,
    section: &'a ProviderSection,
    scratch: &'a Scratch,
    records: &mut Option<Records>,
) -> (Option<Subject<'a>>, Vec<Finding>) {
    let place = format!("providers.{name}");
    let recorder = records.as_ref().map(|_| Recorder::default());
    let mut clients = HttpClients::new(config.network.clone());
    if let Some(recorder) = &recorder {
        clients = clients.recorded_by(recorder.clone());
    }
    let tools = Tools { profiles: config.profiles.clone().into(), ..Tools::new(clients) };
    let subject = match Subject::new(name, section, needs(config, name), tools, recorder, scratch) {
        Ok(subject) => subject,
        Err(error) => {
            let text = ProblemText::new("check-provider-unreached")
                .with("host", easel_http::redact(&section.base_url))
                .with("detail", easel_http::redact(&error.to_string()));
            return (None, vec![Finding::bad(place, text)]);
        }
    };
    if !subject.is_remote() {
        return (None, vec![Finding::good(place, ProblemText::new("check-provider-offline"))]);
    }
    let mut subject = subject;
    subject.ask_free().await;
    keep(records, &subject, "models");
    subject.ask_balances().await;
    keep(records, &subject, "balance");
    let findings = judge::free(&subject.traits(), &subject.free, chrono::Utc::now().date_naive());
    (Some(subject), findings)
}

/// The paid part of one service.
async fn paid(
    subject: &Subject<'_>,
    speech: &Speech,
    records: &mut Option<Records>,
    out: &mut Out<'_>,
) -> Vec<Finding> {
    out(speech.say(&ProblemText::new("check-probe-drawing").with("provider", subject.name)));
    let mut found = Paid::default();
    for step in judge::STEPS {
        if judge::is_due(step, &subject.traits(), &found) {
            let tried = subject.attempt(step).await;
            keep(records, subject, step.label());
            found.add(step, tried);
        }
    }
    judge::paid(&subject.traits(), &subject.free, &found)
}

/// Writes down what was sent and got since the last time.
fn keep(records: &mut Option<Records>, subject: &Subject<'_>, label: &str) {
    if let (Some(records), Some(recorder)) = (records, &subject.recorder) {
        let redactor = Redactor::new(&easel_providers::questions::secrets(subject.section, subject.tools()));
        records.write(subject.name, subject.base(), label, &redactor, &recorder.take());
    }
}

/// What the configuration needs of a provider. One that no feature names is there to be asked by its name.
fn needs(config: &Config, name: &str) -> Needs {
    let asks = |feature| matches!(choose(config, feature, &|_| None), Chosen::Configured(names) if names.iter().any(|named| named == name));
    let (draw, edit) = (asks(Feature::Draw), asks(Feature::Edit));
    Needs { draw: draw || !edit, edit }
}

/// Says what may be charged and asks whether to go on; `None` when there is nothing to draw. What costs nothing may
/// always go on.
async fn allowed(subjects: &[Subject<'_>], yes: bool, speech: &Speech, out: &mut Out<'_>) -> Option<bool> {
    if subjects.iter().all(|subject| subject.pictures() == 0) {
        return None;
    }
    let paid: Vec<_> =
        subjects.iter().filter(|subject| subject.is_paid() && subject.pictures() > 0).collect();
    if paid.is_empty() {
        return Some(true);
    }
    out(speech.say(&ProblemText::new("check-probe-cost-title")));
    for subject in paid {
        let text = ProblemText::new(if subject.price().is_some() {
            "check-probe-cost-priced"
        } else {
            "check-probe-cost"
        });
        let text = text
            .with("provider", subject.name)
            .with("model", subject.model())
            .with("count", subject.pictures())
            .with("price", subject.price().map(judge::amount).unwrap_or_default());
        out(speech.say(&text));
    }
    if yes {
        return Some(true);
    }
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        out(speech.say(&ProblemText::new("check-probe-no-terminal")));
        return Some(false);
    }
    out(speech.say(&ProblemText::new("check-probe-question")));
    io::stdout().flush().ok();
    let read = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        io::stdin().read_line(&mut line).map(|_| line)
    });
    let agreed = matches!(read.await, Ok(Ok(line)) if agrees(&line));
    if !agreed {
        out(speech.say(&ProblemText::new("check-probe-declined")));
    }
    Some(agreed)
}

/// Whether an answer means yes, in both languages.
fn agrees(line: &str) -> bool {
    ["y", "yes", "是", "好", "是的", "好的"].contains(&line.trim().to_lowercase().as_str())
}

impl Count {
    /// The end of a probe.
    fn probed(&self, speech: &Speech) -> String {
        let counts = [("ok", self.good), ("warnings", self.remarks), ("failed", self.bad)];
        speech.say(
            &counts
                .into_iter()
                .fold(ProblemText::new("check-summary"), |text, (name, count)| text.with(name, count as u64)),
        )
    }
}

impl Finding {
    /// Bad where the configuration needs it, else a remark.
    fn needed(needed: bool, section: &str, text: ProblemText) -> Self {
        let level = if needed { Level::Bad } else { Level::Remark };
        Self { level, ..Self::remark(section, text) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_yes_spends_money() {
        for (line, expected) in
            [("y\n", true), (" YES ", true), ("好", true), ("", false), ("n", false), ("yesterday", false)]
        {
            assert_eq!(agrees(line), expected, "{line:?}");
        }
    }

    #[test]
    fn what_no_feature_names_is_there_to_draw() {
        #[track_caller]
        fn check(config: &str, draw: bool, edit: bool) {
            let config: Config = serde_json::from_str(config).unwrap();
            assert_eq!(needs(&config, "main"), Needs { draw, edit });
        }
        check("{}", true, false);
        check(r#"{"draw": {"provider": "main"}}"#, true, true);
        check(r#"{"draw": {"provider": "main"}, "edit": {"provider": "other"}}"#, true, false);
        check(r#"{"draw": {"provider": "other"}, "edit": {"provider": "main"}}"#, false, true);
    }
}
