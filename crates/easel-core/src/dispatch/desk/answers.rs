//! What the desk answers at once: help, lists, jobs, and a result once more.

use std::sync::Arc;

use super::{Desk, debounce_sentence};
use crate::{
    access::Role,
    command::{Command, Feature, HelpTopic, PresetList},
    dispatch::{Answer, Runtime},
    error::UserError,
    i18n::{Args, HelpView, Locale},
    job::{
        engine::{CancelOutcome, Engine, JobLine, Phase},
        ledger::StoredRequest,
    },
    message::Message,
    prompt::Preset,
    reply::Target,
};

/// Lines of `/任务` at most.
const MAX_JOB_LINES: usize = 10;

/// A preset's name as the help of this language writes it; those of the configuration are spelled as the owner did.
fn name_in(preset: &Preset, locale: Locale) -> &str {
    let english = preset.aliases.first().filter(|_| preset.style.is_some() && locale == Locale::EnUs);
    english.unwrap_or(&preset.name)
}

impl Desk {
    pub(super) fn help(&self, runtime: &Runtime, topic: HelpTopic) -> Arc<str> {
        runtime.help(topic, || {
            let can = |preset: &&Preset| preset.feature != Feature::Video || runtime.can_clip();
            let all = runtime.presets.all().iter();
            let own: Vec<_> = all.filter(|preset| preset.style.is_none()).filter(can).collect();
            let presets: Vec<_> = own.iter().map(|preset| preset.name.as_str()).collect();
            let view = HelpView {
                prefix: &runtime.prefix,
                draw: true,
                edit: runtime.can_edit(),
                video: runtime.can_clip(),
                presets: &presets,
            };
            self.texts.help(runtime.locale, topic, view)
        })
    }

    pub(super) fn presets(&self, runtime: &Runtime, list: PresetList) -> String {
        let wanted = |preset: &&Preset| match list {
            PresetList::All => true,
            PresetList::Of(feature) => preset.feature == feature,
        };
        let names: Vec<_> = runtime
            .presets
            .all()
            .iter()
            .filter(wanted)
            .map(|preset| format!("{}{}", runtime.prefix, name_in(preset, runtime.locale)))
            .collect();
        if names.is_empty() {
            return self.texts.plain(runtime.locale, "presets-none");
        }
        let names = names.join(&self.texts.plain(runtime.locale, "list-separator"));
        self.texts.get(runtime.locale, "presets-list", &Args::new().with("names", names))
    }

    pub(super) fn jobs(&self, runtime: &Runtime, engine: &Engine, message: &Message, role: Role) -> String {
        let own = (role == Role::Member).then_some(&message.sender.id);
        let lines = engine.jobs(&message.chat, own);
        if lines.is_empty() {
            return self.texts.plain(runtime.locale, "job-list-empty");
        }
        let title = if own.is_some() { "job-list-title" } else { "job-list-title-chat" };
        let count = Args::new().with("count", lines.len());
        let mut out = vec![self.texts.get(runtime.locale, title, &count)];
        for line in lines.iter().take(MAX_JOB_LINES) {
            let key = match (line.phase, line.rendering) {
                (Phase::Waiting, _) => "job-list-waiting",
                (Phase::Aside, _) => "job-list-aside",
                (Phase::Running, None) => "job-list-running",
                (Phase::Running, Some(0)) => "job-list-rendering",
                (Phase::Running, Some(_)) => "job-list-rendering-percent",
                (Phase::Delivering, _) => "job-list-sending",
                (Phase::Ending, _) => "job-list-ending",
            };
            let what = self.what(runtime, line);
            let args = Args::new()
                .with("job", line.number.to_string())
                .with("position", line.position.unwrap_or(1))
                .with("seconds", line.age_seconds)
                .with("percent", line.rendering.unwrap_or_default())
                .with("what", what);
            out.push(self.texts.get(runtime.locale, key, &args));
        }
        if lines.len() > MAX_JOB_LINES {
            let more = Args::new().with("count", lines.len() - MAX_JOB_LINES);
            out.push(self.texts.get(runtime.locale, "job-list-more", &more));
        }
        if let Some(line) = lines.first() {
            let verb = self.texts.plain(runtime.locale, "verb-cancel");
            let command = format!("{}{verb} {}", runtime.prefix, line.number);
            out.push(self.texts.get(runtime.locale, "job-list-hint", &Args::new().with("command", command)));
        }
        out.join("\n")
    }

    /// What was asked for, in a few words, where that is not the prompt itself: the preset with what was typed behind it,
    /// or that something is edited.
    pub(super) fn title(
        &self,
        runtime: &Runtime,
        preset: Option<&Preset>,
        request: &StoredRequest,
    ) -> Option<Arc<str>> {
        let typed = request.prompt.trim();
        match preset {
            Some(preset) if typed.is_empty() => Some(name_in(preset, runtime.locale).into()),
            Some(preset) => Some(format!("{} · {typed}", name_in(preset, runtime.locale)).into()),
            None if typed.is_empty() => Some(self.texts.plain(runtime.locale, "kind-edit").into()),
            None => None,
        }
    }

    /// What a job is about, in a few words: what was typed, else the preset, else the feature.
    fn what(&self, runtime: &Runtime, line: &JobLine) -> String {
        if !line.prompt.is_empty() {
            return line.prompt.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).take(24).collect();
        }
        line.preset.clone().unwrap_or_else(|| {
            let key = match line.feature.as_str() {
                "edit" => "kind-edit",
                "video" => "kind-video",
                _ => "kind-draw",
            };
            self.texts.plain(runtime.locale, key)
        })
    }

    pub(super) fn cancel(
        &self,
        runtime: &Runtime,
        engine: &Engine,
        message: &Message,
        command: &Command,
        role: Role,
    ) -> String {
        let outcome = engine.cancel(&message.chat, &message.sender.id, role, command.job);
        let (key, number) = match outcome {
            CancelOutcome::Cancelled { number, begun: false } => ("job-cancelled", number),
            CancelOutcome::Cancelled { number, begun: true } => ("job-cancelled-begun", number),
            CancelOutcome::TooLate { number } => ("error-too-late-to-cancel", number),
            CancelOutcome::NotYours { number } => ("error-not-your-job", number),
            CancelOutcome::NoSuchJob { number } => ("error-no-such-job", number),
            CancelOutcome::Nothing => ("error-nothing-to-cancel", 0),
        };
        let args = Args::new().with("job", number.to_string()).with("code", "E-JOB");
        let args = args.with("prefix", runtime.prefix.clone());
        self.texts.get(runtime.locale, key, &args)
    }

    /// Sends a person's result again: that of the job with this number, else the latest.
    pub(super) fn resend(
        &self,
        runtime: &Runtime,
        engine: &Arc<Engine>,
        message: &Message,
        number: Option<u32>,
        role: Role,
    ) -> Option<Answer> {
        let (chat, user) = (&message.chat, &message.sender.id);
        let kept = match number {
            None => engine.keeper().latest(chat, user),
            Some(number) => engine.keeper().numbered(chat, user, number),
        };
        let Some((job, artifacts)) = kept else {
            let nothing = match number {
                None => UserError::new("error-nothing-to-resend", "E-RESEND"),
                Some(number) => {
                    UserError::new("error-no-such-result", "E-RESEND").with("job", number.to_string())
                }
            };
            return self.refuse(runtime, message, ("resend", &nothing), None);
        };
        let Some(under_way) = self.resends.begin(message) else {
            let busy = UserError::new("error-resend-busy", "E-RESEND-BUSY");
            return self.refuse(runtime, message, ("resend", &busy), None);
        };
        if let Err(wait) = self.pause(message, "resend", role) {
            return self.refuse(runtime, message, ("resend", &debounce_sentence(wait)), Some(wait));
        }
        let adapter = self.adapters.get(&message.chat.platform)?.clone();
        let target = Target { chat: message.chat.clone(), quote: Some(message.id.clone()) };
        let engine = Arc::clone(engine);
        Some(Box::pin(async move {
            let _under_way = under_way;
            engine.resend(&adapter, &target, job, &artifacts).await;
        }))
    }
}
