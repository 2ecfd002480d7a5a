//! What machines and libraries say in English, in the words of whoever reads it.
//!
//! Only what happens to everybody is known here: a full disk, a service that is away. Anything else is shown as it came,
//! which is better than nothing and what a search engine wants.

use easel_store::{OpenError, OpenReport};

use crate::config::problem::{ProblemArg, ProblemText};

/// Parts of messages, of the system and of our own crates, and the key of what they mean. The first one that fits counts.
const KNOWN: &[(&str, &str)] = &[
    ("No space left on device", "cause-disk-full"),
    ("no storage space", "cause-disk-full"),
    ("disk is full", "cause-disk-full"),
    ("quota exceeded", "cause-disk-full"),
    ("Read-only file system", "cause-read-only"),
    ("read-only filesystem", "cause-read-only"),
    ("Permission denied", "cause-no-permission"),
    ("permission denied", "cause-no-permission"),
    ("failed to lookup address", "cause-unknown-name"),
    ("name could not be resolved", "cause-unknown-name"),
    ("onnection refused", "cause-refused"),
    ("connection was refused", "cause-refused"),
    ("connecting took too long", "cause-timed-out"),
    ("ran out of time", "cause-timed-out"),
    ("timed out", "cause-timed-out"),
    ("TLS handshake failed", "cause-tls"),
    ("proxy did not connect", "cause-proxy"),
    ("Network is unreachable", "cause-no-route"),
    ("No route to host", "cause-no-route"),
    ("Address already in use", "cause-address-in-use"),
    ("No such file or directory", "cause-no-such-file"),
];

/// A technical detail as part of a sentence.
pub(crate) fn cause(detail: impl std::fmt::Display) -> ProblemArg {
    let detail = detail.to_string();
    match KNOWN.iter().find(|(part, _)| detail.contains(part)) {
        Some((_, key)) => ProblemArg::Parts(vec![ProblemText::new(*key)]),
        None => detail.into(),
    }
}

/// Why the data directory at `path` can't be used, and what to do.
pub(crate) fn unopened(error: &OpenError, path: &str) -> ProblemText {
    let text = |key: &str| ProblemText::new(key).with("path", path);
    match error {
        OpenError::InUse { .. } => text("start-failed-locked"),
        OpenError::Corrupt { backup: Some(backup), .. } => {
            text("start-failed-store").with("command", format!("easel restore {}", backup.display()))
        }
        OpenError::Corrupt { backup: None, .. } => text("start-failed-store-no-backup"),
        OpenError::NoSpace { .. } => text("start-failed-full"),
        OpenError::NetworkFilesystem { kind, .. } => text("start-failed-network").with("kind", kind.as_str()),
        OpenError::NewerSchema { .. } => text("start-failed-newer"),
        OpenError::ReadOnly { detail, .. } | OpenError::Io(detail) => {
            text("start-failed-storage").with("reason", cause(detail))
        }
    }
}

/// What opening the data directory found and mended, one sentence each.
pub(crate) fn found(report: &OpenReport) -> Vec<ProblemText> {
    let mut out = Vec::new();
    if let Some(it) = &report.replaced_database {
        out.push(
            ProblemText::new("store-replaced")
                .with("moved", it.moved_to.display().to_string())
                .with("snapshot", it.restored_from.display().to_string()),
        );
    }
    if let Some(it) = &report.loss {
        out.push(match &it.newest_snapshot {
            None => ProblemText::new("store-loss"),
            Some(file) => ProblemText::new("store-loss-snapshot")
                .with("command", format!("easel restore {}", file.display())),
        });
    }
    if report.torn_tail_bytes > 0 {
        out.push(ProblemText::new("store-torn"));
    }
    if report.bad_lines > 0 {
        out.push(ProblemText::new("store-bad-lines").with("count", report.bad_lines));
    }
    if report.finished_restore {
        out.push(ProblemText::new("store-restore-finished"));
    }
    if !report.removed_generating.is_empty() {
        out.push(ProblemText::new("store-left-over").with("count", report.removed_generating.len() as u64));
    }
    if report.compacted.is_some() {
        out.push(ProblemText::new("store-compacted"));
    }
    if report.migrated_from.is_some() {
        out.push(ProblemText::new("store-migrated"));
    }
    out
}

#[cfg(test)]
mod tests {
    use std::io;

    use easel_core::i18n::Locale;
    use easel_store::{Compacted, SuspectedLoss};

    use super::*;
    use crate::cli::speech::Speech;

    #[track_caller]
    fn check(detail: &str, chinese: &str) {
        let text = ProblemText::new("check-store-bad").with("detail", cause(detail));
        let said = Speech::new(Locale::ZhCn).say(&text);
        assert!(said.contains(chinese), "{said}");
        // Where it is known, none of the technical words is left.
        assert_eq!(said.contains(detail), detail == chinese, "{said}");
    }

    #[test]
    fn what_happens_to_everybody_is_said_in_the_readers_language() {
        let system = |code: i32| io::Error::from_raw_os_error(code).to_string();
        check(&system(28), "磁盘满了");
        check(&system(30), "只读");
        check(&system(13), "没有权限");
        check(&system(111), "拒绝连接");
        check(&system(110), "没有回应");
        check(&io::Error::from(io::ErrorKind::TimedOut).to_string(), "没有回应");
        check(&io::Error::from(io::ErrorKind::StorageFull).to_string(), "磁盘满了");
        check("could not open the database again: the disk is full; free some space", "磁盘满了");
        check("failed to lookup address information: Name or service not known", "找不到这个主机名");
        let refused =
            "nothing was sent: the connection was refused: client error (Connect): tcp connect error";
        check(refused, "拒绝连接");
        check("nothing was sent: the name could not be resolved: no-such-host.invalid", "找不到这个主机名");
        check("the cat sat on the cable", "the cat sat on the cable");
    }

    /// Every finding, in a language that its reader knows: no English is left in Chinese.
    #[test]
    fn what_opening_found_is_said_in_the_readers_language() {
        let loss = SuspectedLoss {
            expected_generation: 3,
            found_generation: 0,
            missing_records: 0,
            newest_snapshot: None,
        };
        let report = OpenReport {
            loss: Some(loss),
            torn_tail_bytes: 7,
            bad_lines: 2,
            compacted: Some(Compacted { before_bytes: 2, after_bytes: 1 }),
            finished_restore: true,
            migrated_from: Some(1),
            removed_generating: vec!["x".into()],
            ..OpenReport::default()
        };
        let chinese: Vec<_> = found(&report).iter().map(|text| Speech::new(Locale::ZhCn).say(text)).collect();
        assert_eq!(chinese.len(), 7);
        for text in &chinese {
            assert!(!text.contains("the ") && !text.contains("generation"), "{text}");
        }
        assert!(chinese.first().is_some_and(|text| text.contains("白名单")), "{chinese:?}");
    }
}
