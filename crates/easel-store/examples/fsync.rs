//! What opening costs, and what an append to the job ledger costs beside what the disk itself needs: medians in one run.
//!
//! `cargo run --release -p easel-store --example fsync [DIR]`

#![expect(clippy::disallowed_methods, reason = "it measures real time")]
#![expect(clippy::print_stdout, reason = "it prints its result")]

use std::{
    env,
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use easel_core::{
    ids::{JobId, UnixMillis},
    job::ledger::{Entry, Event},
    ports::Store,
};
use easel_store::{EmbeddedStore, OpenOptions};

const ROUNDS: usize = 500;
const BLOCK: usize = 64;

type AnyError = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), AnyError> {
    let dir = env::args().nth(1).map_or_else(|| PathBuf::from("fsync-bench"), PathBuf::from);
    fs::create_dir_all(&dir)?;
    for round in ["a new", "an old"] {
        let began = Instant::now();
        let (store, handle, _) = EmbeddedStore::open(&dir.join("data"), OpenOptions::default()).await?;
        println!("opening {round} directory:        {:?}", began.elapsed());
        append(&store).await?;
        handle.shutdown().await;
    }
    let (store, handle, _) = EmbeddedStore::open(&dir.join("data"), OpenOptions::default()).await?;
    let (mut raw, mut ledger) = (Vec::new(), Vec::new());
    // In turns, so that both meet the same disk.
    for _ in 0..ROUNDS / 25 {
        raw.extend(raw_appends(&dir.join("raw"), 25)?);
        for _ in 0..25 {
            let began = Instant::now();
            append(&store).await?;
            ledger.push(began.elapsed());
        }
    }
    println!("raw append of 4 KiB + fdatasync: p50 {:.3} ms", ms(median(&mut raw)));
    println!("ledger append until durable:     p50 {:.3} ms", ms(median(&mut ledger)));

    let began = Instant::now();
    for _ in 0..ROUNDS / 25 {
        let pending: Vec<_> = (0..BLOCK).map(|_| store.ledger.append(vec![entry()])).collect();
        for durable in pending {
            durable.await?;
        }
    }
    let each = began.elapsed() / u32::try_from(ROUNDS / 25 * BLOCK)?;
    println!("{BLOCK} appends at once:            {each:?} each");
    handle.shutdown().await;
    fs::remove_dir_all(&dir)?;
    Ok(())
}

fn entry() -> Entry {
    let event =
        Event::Asking { provider: "bench".to_owned(), key: "0123abcd".to_owned(), attempt: 1, intent: None };
    Entry { job: JobId::generate(), at: UnixMillis(1), event }
}

async fn append(store: &Store) -> Result<(), AnyError> {
    Ok(store.ledger.append(vec![entry(), entry()]).await?)
}

/// `tests/bench` reads the number.
fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn raw_appends(path: &Path, count: usize) -> Result<Vec<Duration>, AnyError> {
    let mut file = File::options().append(true).create(true).open(path)?;
    let block = vec![b'x'; 4096];
    let mut out = Vec::new();
    for _ in 0..count {
        let began = Instant::now();
        file.write_all(&block)?;
        file.sync_data()?;
        out.push(began.elapsed());
    }
    Ok(out)
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
