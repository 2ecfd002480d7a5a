//! What a running easel says about itself: at its start, to `easel check` and to `easel keys`.

use std::{collections::BTreeMap, sync::Arc};

use easel_core::{
    chain::{Link, ProviderSlot},
    job::{bad_keys, forget_bad},
    ports::StoreError,
};

use super::App;
use crate::{
    cli::{
        check::Level,
        keys::{self, KeyLine},
        speech::Speech,
    },
    config::problem::{ProblemArg, ProblemText},
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
                Some(error) => ProblemText::new("check-running-bad").with("detail", error.clone()),
                None => ProblemText::new("check-running-good"),
            };
            lines.push((level, name.to_owned(), speech.say(&text), None));
        }
        for finding in keys::findings(&self.keys(), &speech) {
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
            Some(variable) => ProblemText::new("start-engine-env")
                .with("variable", format!("{variable}_BASE_URL"))
                .with("model", provider.model()),
            None if self.drawing.built_in => {
                ProblemText::new("start-engine-sketch").with("path", path.to_owned())
            }
            None => engine_line("kind-draw", &first.slot),
        }];
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

/// Who does the work of a feature, and whether it costs money.
fn engine_line(feature: &'static str, slot: &ProviderSlot) -> ProblemText {
    let provider = slot.provider();
    let key = if provider.capabilities().paid { "start-engine" } else { "start-engine-free" };
    ProblemText::new(key)
        .with("feature", ProblemArg::OneOf(vec![feature]))
        .with("provider", provider.name())
        .with("model", provider.model())
}
