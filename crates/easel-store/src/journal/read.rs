//! Reading the whole journal: folding it, and copying the jobs that are kept.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    io::{self, Write},
    path::Path,
};

use easel_core::{
    ids::{JobId, UnixMillis},
    job::ledger::{Entry, JobRecord, fold},
};
use serde::Deserialize;

use super::{
    retention::{Mark, Retention},
    segment::{self, Segment},
};

/// Everything that is kept, by age, and how many lines were damaged.
pub(crate) fn fold_all(
    dir: &Path,
    retention: Retention,
    now: UnixMillis,
) -> io::Result<(Vec<JobRecord>, u64)> {
    let mut jobs: HashMap<JobId, JobRecord> = HashMap::new();
    let mut bad = 0;
    for segment in segment::list(dir)?.live {
        let mut unreadable = 0;
        let found = segment::scan(&segment.path, |json| {
            match serde_json::from_slice::<Entry>(json) {
                Ok(entry) => {
                    let id = entry.job;
                    if let Some(record) = fold(jobs.remove(&id), entry) {
                        jobs.insert(id, record);
                    }
                }
                Err(_) => unreadable += 1,
            }
            Ok(())
        })?;
        bad += found.bad_lines + unreadable;
    }
    let kept = retention.select(jobs.values().map(mark_of), now);
    let mut records: Vec<JobRecord> = jobs.into_values().filter(|record| kept.contains(&record.id)).collect();
    records.sort_unstable_by_key(|record| (record.accepted_at, record.id));
    Ok((records, bad))
}

fn mark_of(record: &JobRecord) -> Mark {
    Mark {
        id: record.id,
        finished: record.is_finished(),
        has_artifacts: !record.artifacts.is_empty(),
        changed_at: record.changed_at,
    }
}

/// The part of an entry that retention needs: far cheaper than the whole.
#[derive(Deserialize)]
struct Head<'a> {
    job: JobId,
    at: UnixMillis,
    #[serde(borrow)]
    event: Cow<'a, str>,
}

/// The jobs that are kept, without holding their records in memory.
pub(crate) fn kept_jobs(
    segments: &[Segment],
    retention: Retention,
    now: UnixMillis,
) -> io::Result<HashSet<JobId>> {
    let mut marks: HashMap<JobId, Mark> = HashMap::new();
    for segment in segments {
        segment::scan(&segment.path, |json| {
            if let Ok(head) = serde_json::from_slice::<Head<'_>>(json) {
                apply(&mut marks, &head);
            }
            Ok(())
        })?;
    }
    Ok(retention.select(marks.into_values(), now))
}

fn apply(marks: &mut HashMap<JobId, Mark>, head: &Head<'_>) {
    if head.event == "accepted" {
        let mark = Mark { id: head.job, finished: false, has_artifacts: false, changed_at: head.at };
        marks.insert(head.job, mark);
    } else if let Some(mark) = marks.get_mut(&head.job) {
        mark.changed_at = head.at;
        match head.event.as_ref() {
            "finished" => mark.finished = true,
            "asking" | "made" | "sending" => mark.finished = false,
            "stored" => (mark.finished, mark.has_artifacts) = (false, true),
            "expired" => mark.has_artifacts = false,
            _ => {}
        }
    }
}

/// Copies the lines of the jobs in `kept`, as they stand; returns their number.
pub(crate) fn copy_kept(
    segments: &[Segment],
    kept: &HashSet<JobId>,
    out: &mut impl Write,
) -> io::Result<u64> {
    let mut lines = 0;
    let mut line = Vec::new();
    for segment in segments {
        segment::scan(&segment.path, |json| {
            let keep = serde_json::from_slice::<Head<'_>>(json).is_ok_and(|head| kept.contains(&head.job));
            if keep {
                lines += 1;
                line.clear();
                super::line::write(json, &mut line);
                out.write_all(&line)?;
            }
            Ok(())
        })?;
    }
    Ok(lines)
}
