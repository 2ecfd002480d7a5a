//! `kill -9` at any moment: everything that was confirmed is there afterwards.

use std::{
    collections::HashSet,
    env,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Command, Stdio},
};

use bytes::Bytes;
use easel_core::{ids::JobId, media::Body};

use crate::common::{accepted, finished, open};

const CHILD: &str = "EASEL_STORE_TEST_DIR";

/// Not a test of its own: the process that is killed. It writes until then, and prints what was confirmed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child() {
    let Some(dir) = env::var_os(CHILD) else { return };
    let (store, _handle, report) = open(Path::new(&dir)).await;
    assert_eq!(report.loss, None);
    assert_eq!(report.bad_lines, 0);
    let writer = |number: u32| {
        let store = store.clone();
        async move {
            for round in 0_u64.. {
                let job = JobId::generate();
                let mut group = vec![accepted(job, "一只猫")];
                if number == 0 {
                    group.push(finished(job));
                }
                store.ledger.append(group).await.unwrap();
                tell(&format!("job {job}"));
                if round % 16 == 0 {
                    let key = format!("{job}");
                    store.keys.put("keys", key.as_bytes(), Bytes::from(key.clone())).await.unwrap();
                    tell(&format!("key {key}"));
                    store.blobs.put(&key, &Body::from_bytes(key.clone())).await.unwrap();
                    tell(&format!("blob {key}"));
                }
            }
        }
    };
    tokio::join!(writer(0), writer(1), writer(2), writer(3));
}

fn tell(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "@{line}").unwrap();
    out.flush().unwrap();
}

#[tokio::test]
async fn everything_confirmed_is_there_after_kill_9() {
    let dir = tempfile::tempdir().unwrap();
    let mut confirmed = HashSet::new();
    for lines in [1, 30, 111, 300, 700, 1500] {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "kill::child", "--nocapture", "--test-threads=1"])
            .env(CHILD, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut seen = 0;
        while seen < lines {
            let line = out.next().expect("the child ended by itself").unwrap();
            if let Some((_, word)) = line.split_once('@') {
                confirmed.insert(word.to_owned());
                seen += 1;
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // What it still managed to say counts too; a last half line does not.
        let rest: Vec<String> = out.map_while(Result::ok).collect();
        confirmed.extend(
            rest.iter().filter_map(|line| line.split_once('@')).map(|(_, word)| word.to_owned()).filter(
                |word| {
                    word.split_once(' ').is_some_and(|(_, id)| JobId::parse(id).is_some() && id.len() == 32)
                },
            ),
        );

        let (store, handle, report) = open(dir.path()).await;
        assert_eq!(report.loss, None, "{report:?}");
        assert_eq!(report.replaced_database, None, "{report:?}");
        assert_eq!(report.bad_lines, 0, "{report:?}");
        let jobs: HashSet<String> =
            store.ledger.load().await.unwrap().into_iter().map(|job| job.id.to_string()).collect();
        let indexed: HashSet<String> =
            handle.recent_jobs(usize::MAX).await.unwrap().into_iter().map(|job| job.id.to_string()).collect();
        assert_eq!(jobs, indexed);
        for word in &confirmed {
            let (kind, id) = word.split_once(' ').unwrap();
            match kind {
                "job" => assert!(jobs.contains(id), "{word}"),
                "key" => {
                    let value = store.keys.get("keys", id.as_bytes()).await.unwrap();
                    assert_eq!(value.as_deref(), Some(id.as_bytes()), "{word}");
                }
                "blob" => {
                    let body = store.blobs.get(id).await.unwrap().unwrap_or_else(|| panic!("{word}"));
                    assert_eq!(body.read().unwrap(), id, "{word}");
                }
                _ => panic!("{word}"),
            }
        }
        handle.shutdown().await;
    }
    assert!(confirmed.len() > 2500);
}
