//! `easel check --probe`: what each service really does, asked in the way in which requests of people are.
//!
//! First what is free (reachability, keys, models, balances), then, after saying what it may cost and being allowed to,
//! one small picture and one small edit per service, through the provider itself. A clip is never made for a look. Facts
//! are gathered in [`ask`], judged in [`judge`] by pure functions, and taken down in [`record`] where the owner wishes
//! it; this file says and orders.
//!
//! Streaming costs no picture of its own: the first one is asked for as a stream wherever the kind can, and the edit as
//! it is configured, so two calls show all of it. Only a stream that fails is followed by the same without, because then
//! nothing else tells a service that can't stream from one that can't draw.

use std::{
    io::{self, IsTerminal as _, Write as _},
    path::Path,
};

use easel_http::{HttpClients, Recorded, Recorder, Redactor};
use easel_providers::Tools;

use super::{
    Count, Finding, Level,
    services::{self, Service},
};
use crate::{
    cli::{Exit, speech::Speech},
    config::{
        Config,
        discover::{self, Feature, choose},
        problem::{ProblemArg, ProblemText, nearest},
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
    environment: &dyn Fn(&str) -> Option<String>,
    wish: Wish<'_>,
    speech: &Speech,
    mut count: Count,
    out: &mut Out<'_>,
) -> Exit {
    let clients = HttpClients::new(config.network.clone());
    let services = services::named(config, wish.name, environment, &clients).await;
    if services.is_empty() {
        return nobody(&discover::names(config, environment), wish.name, speech, out);
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
    for service in &services {
        let needs = needs(config, service, environment);
        let (subject, findings) = free(config, service, needs, &scratch, &mut records).await;
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

fn nobody(names: &[String], name: Option<&str>, speech: &Speech, out: &mut Out<'_>) -> Exit {
    let Some(name) = name else {
        out(speech.say(&ProblemText::new("check-probe-nothing")));
        return Exit::Done;
    };
    let text = match nearest(name, names.iter().map(String::as_str)) {
        Some(nearest) => ProblemText::new("check-probe-nobody-near").with("nearest", nearest),
        None if names.is_empty() => ProblemText::new("check-probe-nobody-at-all"),
        None => ProblemText::new("check-probe-nobody").with("names", ProblemArg::names(names)),
    };
    out(speech.say(&text.with("provider", name)));
    Exit::Wrong
}

fn unwritten(path: Option<&Path>, error: &io::Error) -> ProblemText {
    let path = path.map(|path| path.display().to_string()).unwrap_or_default();
    ProblemText::new("check-probe-unwritten").with("path", path).with("detail", error.to_string())
}

/// The free part, and what can be asked further.
async fn free<'a>(
    config: &Config,
    service: &'a Service,
    needs: Needs,
    scratch: &'a Scratch,
    records: &mut Option<Records>,
) -> (Option<Subject<'a>>, Vec<Finding>) {
    let place = service.place();
    let recorder = Recorder::default();
    let clients = HttpClients::new(config.network.clone()).recorded_by(recorder.clone());
    let tools = Tools { profiles: config.profiles.clone().into(), ..Tools::new(clients) };
    let subject = match Subject::new(service, needs, tools, recorder, scratch) {
        Ok(subject) => subject,
        Err(error) => {
            let text = service.origin.tell(ProblemText::new("check-provider-unreached"), &service.name);
            let text = text
                .with("host", easel_http::redact(&service.section.base_url))
                .with("detail", easel_http::redact(&error.to_string()));
            return (None, vec![Finding::bad(place, text)]);
        }
    };
    if !subject.is_remote() {
        return (None, vec![Finding::good(place, ProblemText::new("check-provider-offline"))]);
    }
    let mut subject = subject;
    subject.ask_free().await;
    keep(records, &subject, "models", &subject.recorder.take());
    subject.ask_balances().await;
    keep(records, &subject, "balance", &subject.recorder.take());
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
    out(speech.say(&ProblemText::new("check-probe-drawing").with("provider", subject.name())));
    let mut found = Paid::default();
    for step in judge::STEPS {
        if judge::is_due(step, &subject.traits(), &found) {
            let (tried, calls) = subject.attempt(step).await;
            keep(records, subject, step.label(), &calls);
            found.add(step, tried);
        }
    }
    judge::paid(&subject.traits(), &subject.free, &found)
}

/// Writes down what was sent and got.
fn keep(records: &mut Option<Records>, subject: &Subject<'_>, label: &str, calls: &[Recorded]) {
    if let Some(records) = records {
        let redactor =
            Redactor::new(&easel_providers::questions::secrets(subject.section(), subject.tools()));
        records.write(subject.name(), subject.base(), label, &redactor, calls);
    }
}

/// What the configuration needs of a provider. One that no feature names is there to be asked by its name.
fn needs(config: &Config, service: &Service, environment: &dyn Fn(&str) -> Option<String>) -> Needs {
    let asks = |feature| service.is_asked(&choose(config, feature, environment));
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
            .with("provider", subject.name())
            .with("model", subject.model())
            .with("count", subject.pictures())
            .with("more", if subject.may_repeat() { "yes" } else { "no" })
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
    use easel_providers::ProviderSection;

    use super::{services::Origin, *};

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
            let (name, section) = ("main".to_owned(), ProviderSection::default());
            let service = Service { name, section, origin: Origin::Section };
            assert_eq!(needs(&config, &service, &|_| None), Needs { draw, edit });
        }
        check("{}", true, false);
        check(r#"{"draw": {"provider": "main"}}"#, true, true);
        check(r#"{"draw": {"provider": "main"}, "edit": {"provider": "other"}}"#, true, false);
        check(r#"{"draw": {"provider": "other"}, "edit": {"provider": "main"}}"#, false, true);
    }
}
