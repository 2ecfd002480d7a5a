//! `easel usage`: what jobs cost, as a plain table.
//!
//! A running easel answers itself, because the last jobs are not written yet; else the store is read.

use std::sync::Arc;

use easel_core::{
    job::usage::{By, Totals, UsageBook},
    ports::SystemClock,
};
use serde::{Deserialize, Serialize};

use super::{
    Exit, Usage, UsageBy,
    control::ControlCommand,
    keys::{Failed, connect, failed, in_store},
    speech::Speech,
};
use crate::config::{Config, problem::ProblemText};

/// One line of the table; also a line of the control socket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct UsageLine {
    /// The provider, the chat or the person.
    pub(crate) name: String,
    /// The sums.
    #[serde(flatten)]
    pub(crate) totals: Totals,
}

impl From<(String, Totals)> for UsageLine {
    fn from((name, totals): (String, Totals)) -> Self {
        Self { name, totals }
    }
}

impl From<UsageBy> for By {
    fn from(by: UsageBy) -> Self {
        match by {
            UsageBy::Provider => Self::Provider,
            UsageBy::Chat => Self::Chat,
            UsageBy::User => Self::User,
        }
    }
}

/// The columns behind the name: key of the title, and the cell.
const COLUMNS: [(&str, fn(&Totals) -> String); 10] = [
    ("usage-made", |sum| sum.made.to_string()),
    ("usage-attempts", |sum| sum.attempts.to_string()),
    ("usage-failures", |sum| sum.failures.to_string()),
    ("usage-maybe-paid", |sum| sum.maybe_paid.to_string()),
    ("usage-seconds", |sum| tenths(sum.duration_ms, sum.attempts.max(1) * 1000)),
    ("usage-megabytes", |sum| tenths(sum.bytes, 1_000_000)),
    ("usage-tokens", |sum| (sum.input_tokens + sum.output_tokens).to_string()),
    ("usage-cost", |sum| money(sum.cost)),
    ("usage-estimate", |sum| money(sum.estimate)),
    ("usage-unpriced", |sum| sum.unpriced.to_string()),
];

/// Prints the table; `out` takes the lines.
pub(crate) async fn run(
    options: Usage,
    config: &Config,
    speech: &Speech,
    out: &mut dyn FnMut(String),
) -> Exit {
    match lines(options, config).await {
        Ok(lines) => {
            table(options, &lines, speech).into_iter().for_each(out);
            Exit::Done
        }
        Err((exit, text)) => {
            out(speech.say(&text));
            exit
        }
    }
}

async fn lines(Usage { days, by }: Usage, config: &Config) -> Result<Vec<UsageLine>, Failed> {
    let data_dir = &config.bot.data_dir;
    if let Some(control) = connect(data_dir).await? {
        let mut told = Vec::new();
        let asked = control.call(ControlCommand::Usage { days, by }, |event| told.push(event.rest)).await;
        asked.map_err(|error| failed("control-failed", error))?;
        let line = |rest: serde_json::Map<_, _>| serde_json::from_value(rest.into());
        let lines: Result<_, _> = told.into_iter().map(line).collect();
        return lines.map_err(|error| failed("control-failed", error));
    }
    let told = in_store(data_dir, |store| async move {
        UsageBook::new(store.keys, Arc::new(SystemClock)).spending(days, by.into()).await
    });
    Ok(told.await?.unwrap_or_default().into_iter().map(UsageLine::from).collect())
}

fn table(Usage { days, by }: Usage, lines: &[UsageLine], speech: &Speech) -> Vec<String> {
    let say = |key: &str| speech.say(&ProblemText::new(key));
    if lines.is_empty() {
        return vec![speech.say(&ProblemText::new("usage-none").with("days", days))];
    }
    let mut total = Totals::default();
    lines.iter().for_each(|line| total.add(&line.totals));
    let by = match by {
        UsageBy::Provider => "provider",
        UsageBy::Chat => "chat",
        UsageBy::User => "user",
    };
    let name = speech.say(&ProblemText::new("usage-name").with("by", by));
    let mut rows = vec![std::iter::once(name).chain(COLUMNS.iter().map(|(key, _)| say(key))).collect()];
    let row = |name: String, sum: &Totals| -> Vec<String> {
        std::iter::once(name).chain(COLUMNS.iter().map(|(_, cell)| cell(sum))).collect()
    };
    rows.extend(lines.iter().map(|line| row(line.name.clone(), &line.totals)));
    if lines.len() > 1 {
        rows.push(row(say("usage-total"), &total));
    }
    let columns = rows.first().map_or(0, Vec::len);
    let widths: Vec<_> = (0..columns)
        .map(|column| {
            rows.iter().filter_map(|row| row.get(column)).map(|cell| width(cell)).max().unwrap_or(0)
        })
        .collect();
    let line = |row: Vec<String>| {
        let cells = row.into_iter().zip(&widths).enumerate().map(|(column, (cell, wide))| {
            let gap = " ".repeat(wide.saturating_sub(width(&cell)));
            // Names begin at the left, numbers end at the right.
            if column == 0 { cell + &gap } else { gap + &cell }
        });
        cells.collect::<Vec<_>>().join("  ")
    };
    let title = speech.say(&ProblemText::new("usage-title").with("days", days));
    std::iter::once(title).chain(rows.into_iter().map(line)).chain([say("usage-legend")]).collect()
}

/// Columns of a terminal that a text takes: two for the signs of East Asia.
fn width(text: &str) -> usize {
    let wide = |letter: char| {
        matches!(u32::from(letter), 0x1100..=0x115F | 0x2E80..=0xA4CF | 0xAC00..=0xD7A3 | 0xF900..=0xFAFF
            | 0xFE30..=0xFE4F | 0xFF00..=0xFF60 | 0xFFE0..=0xFFE6 | 0x1F300..=0x1FAFF | 0x20000..=0x3FFFD)
    };
    text.chars().map(|letter| if wide(letter) { 2 } else { 1 }).sum()
}

/// A quotient with one digit behind the point.
fn tenths(number: u64, by: u64) -> String {
    let tenths = number.saturating_mul(10).saturating_add(by / 2) / by.max(1);
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// An amount; pictures may cost less than a cent.
fn money(amount: f64) -> String {
    if amount == 0.0 { "-".to_owned() } else { format!("{amount:.4}") }
}

#[cfg(test)]
mod tests {
    use easel_core::i18n::Locale;

    use super::*;

    fn line(name: &str, made: u64, estimate: f64) -> UsageLine {
        let totals = Totals {
            attempts: made + 1,
            made,
            duration_ms: 12_340,
            bytes: 2_500_000,
            estimate,
            ..Totals::default()
        };
        UsageLine { name: name.to_owned(), totals }
    }

    #[test]
    fn numbers_stand_below_their_titles_in_both_languages() {
        for locale in Locale::ALL {
            let by = UsageBy::Chat;
            let lines = [line("onebot:700001", 3, 0.1234), line("画画群", 120, 0.0)];
            let table = table(Usage { days: 7, by }, &lines, &Speech::new(locale));
            assert_eq!(table.len(), 6, "{table:#?}");
            let rows = &table[1..5];
            assert!(rows.iter().all(|row| width(row) == width(&rows[0])), "{rows:#?}");
            assert!(table[0].contains('7') && table[2].contains("0.1234") && table[4].contains("123"));
        }
    }

    #[test]
    fn nothing_is_said_plainly() {
        let said = table(Usage { days: 1, by: UsageBy::User }, &[], &Speech::new(Locale::EnUs));
        assert_eq!(said.len(), 1);
    }

    #[test]
    fn a_line_of_the_socket_is_read_as_it_was_written() {
        let written = serde_json::to_value(line("main", 2, 0.5)).unwrap();
        assert_eq!((&written["name"], &written["made"]), (&"main".into(), &2.into()));
        assert_eq!(serde_json::from_value::<UsageLine>(written).unwrap(), line("main", 2, 0.5));
    }
}
