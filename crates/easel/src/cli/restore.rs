//! `easel restore FILE`: puts a backup into the data directory. Refuses while easel runs there.

use chrono::DateTime;
use easel_store::RestoreReport;

use super::{Exit, Restore, control::Control, speech::Speech};
use crate::config::{Config, problem::ProblemText};

/// Restores; `out` takes the sentences.
pub(crate) async fn run(
    options: &Restore,
    config: &Config,
    speech: &Speech,
    out: &mut dyn FnMut(String),
) -> Exit {
    let data_dir = &config.bot.data_dir;
    // A socket that this account may not use belongs to a running easel too.
    if !matches!(Control::connect(data_dir).await, Ok(None)) {
        out(speech.say(&ProblemText::new("cli-restore-running")));
        return Exit::Failed;
    }
    if !options.file.is_file() {
        let path = options.file.display().to_string();
        out(speech.say(&ProblemText::new("cli-no-backup").with("path", path)));
        return Exit::Failed;
    }
    match easel_store::restore(data_dir, &options.file).await {
        Ok(report) => {
            for text in tell(&report, &options.file.display().to_string()) {
                out(speech.say(&text));
            }
            Exit::Done
        }
        Err(error) => {
            out(speech.say(&ProblemText::new("restore-failed").with("detail", error.to_string())));
            Exit::Failed
        }
    }
}

fn tell(report: &RestoreReport, file: &str) -> Vec<ProblemText> {
    let taken_at = i64::try_from(report.taken_at.0).ok().and_then(DateTime::from_timestamp_millis);
    let date = taken_at.map(|date| date.format("%F %T UTC").to_string()).unwrap_or_default();
    let mut told = vec![
        ProblemText::new("cli-restore-done").with("path", file),
        ProblemText::new("restore-state").with("records", report.records).with("date", date),
    ];
    if report.closed_jobs > 0 {
        told.push(ProblemText::new("restore-closed-jobs").with("count", report.closed_jobs as u64));
    }
    if let Some(kept) = &report.replaced {
        told.push(ProblemText::new("restore-kept").with("dir", kept.display().to_string()));
    }
    told
}
