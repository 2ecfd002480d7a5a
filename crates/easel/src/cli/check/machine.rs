//! The data directory, its disk and its database.

use std::{
    fs,
    io::{self, ErrorKind, Write as _},
    path::Path,
};

use easel_core::job::bad_keys;
use easel_store::{EmbeddedStore, OpenOptions};

use super::{Finding, nearest_existing, size};
use crate::{
    cli::{
        keys,
        plain::{cause, found, unopened},
        speech::Speech,
    },
    config::{
        Config,
        problem::{ProblemArg, ProblemText},
    },
};

/// Less than this is called low whatever the configuration says.
const LITTLE: u64 = 512 << 20;

/// Whether the data directory can be written, and how much space it has. `wanted` bytes of pictures may be kept.
pub(super) fn data_dir(dir: &Path, wanted: u64) -> Vec<Finding> {
    let text = |key: &str| ProblemText::new(key).with("dir", dir.display().to_string());
    // What is not there yet will be made by the first run; here nothing is made but a file that goes again.
    let Some(existing) = nearest_existing(dir) else {
        return vec![Finding::bad("bot", text("check-data-dir-unwritable").with("detail", ""))];
    };
    let probe = existing.join(format!(".easel-check-{}", std::process::id()));
    let written = fs::File::create_new(&probe)
        .and_then(|mut file| file.write_all(b"easel").and_then(|()| file.sync_all()));
    let removed = fs::remove_file(&probe);
    if let Err(error) = written.and(removed) {
        return vec![unwritable(dir, &error)];
    }
    let Some(free) = free_bytes(existing) else {
        return vec![Finding::good("bot", text("check-data-dir").with("free", "?"))];
    };
    let kept = size_of_files(&dir.join("blobs"));
    let free_text = size(free);
    if free < LITTLE.max(wanted.saturating_sub(kept)) {
        return vec![Finding::remark("bot", text("check-disk-low").with("free", free_text))];
    }
    vec![Finding::good("bot", text("check-data-dir").with("free", free_text))]
}

/// Why the data directory can't be written: a full disk needs another mend than a missing right.
fn unwritable(dir: &Path, error: &io::Error) -> Finding {
    let key = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "check-disk-full",
        _ => "check-data-dir-unwritable",
    };
    let text = ProblemText::new(key).with("dir", dir.display().to_string());
    Finding::bad("bot", text.with("detail", cause(error)))
}

/// Whether the database opens, and which keys it remembers as refused; what opening finds is mended as a start would mend
/// it. Only when no easel runs there.
pub(super) async fn store(config: &Config) -> Vec<Finding> {
    let dir = &config.bot.data_dir;
    if !dir.join("db").exists() {
        return vec![Finding::good("bot", ProblemText::new("check-store-absent"))];
    }
    match EmbeddedStore::open(dir, OpenOptions::default()).await {
        Ok((store, handle, report)) => {
            let bad = bad_keys(&*store.keys).await;
            handle.shutdown().await;
            drop(store);
            let notices = found(&report);
            let mut told = match bad {
                Ok(bad) => keys::findings(&keys::remembered(config, &bad), &Speech::new(config.bot.locale)),
                Err(error) => {
                    let text = ProblemText::new("check-store-bad").with("detail", cause(error));
                    vec![Finding::bad("bot", text)]
                }
            };
            if notices.is_empty() {
                told.insert(0, Finding::good("bot", ProblemText::new("check-store-good")));
                return told;
            }
            let notices = notices.into_iter().map(|notice| {
                ProblemText::new("check-store-notice").with("detail", ProblemArg::Parts(vec![notice]))
            });
            let notices = notices.map(|text| Finding { mend: None, ..Finding::remark("bot", text) });
            notices.chain(told).collect()
        }
        Err(error) => {
            let text = unopened(&error, &dir.display().to_string());
            vec![Finding { mend: None, ..Finding::bad("bot", text) }]
        }
    }
}

/// Bytes that this account may still write on the disk of `path`; `None` where the system doesn't tell.
fn free_bytes(path: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(path).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Bytes of the files right in `dir`; 0 when there is none.
fn size_of_files(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.metadata().ok())
        .filter(fs::Metadata::is_file)
        .map(|file| file.len())
        .sum()
}

#[cfg(test)]
mod tests {
    use easel_core::i18n::Locale;

    use super::*;

    #[test]
    fn a_full_disk_wants_space_and_a_closed_directory_a_right() {
        #[track_caller]
        fn check(code: i32, said: &str, mend: &str) {
            let finding = unwritable(Path::new("data"), &io::Error::from_raw_os_error(code));
            let speech = Speech::new(Locale::ZhCn);
            let (told, done) = (speech.say(&finding.text), speech.say(&finding.mend.unwrap()));
            assert!(told.contains(said) && done.contains(mend), "{told} {done}");
        }
        check(28, "磁盘满了", "腾出空间");
        check(13, "没有权限", "账户可以写它");
        check(30, "只读", "--data-dir");
    }
}
