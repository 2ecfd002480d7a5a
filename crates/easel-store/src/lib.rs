//! The embedded engine behind the core's storage ports: sled and plain files in one data directory.
//!
//! Two truths and one rule. The *journal* (append-only JSON lines, fsynced in groups) is the truth of the job ledger;
//! *files* are the truth of pictures; sled holds small settings and an index of the jobs that can be rebuilt at any
//! time. Nothing is acknowledged before it would survive a power cut, with the one exception that
//! [`easel_core::ports::Blobs::put`] documents.
//!
//! ```text
//! <dir>/easel.lock              held while a process uses the directory; contains its process id
//! <dir>/journal/ledger-N.jsonl  the job ledger (see `journal`)
//! <dir>/db/                     sled: tables, index of jobs, the engine's own records
//! <dir>/generation              a counter beside sled that tells when sled lost records
//! <dir>/blobs/NAME              artifacts and kept inputs
//! <dir>/spool/                  not ours: bodies too large for memory
//! <dir>/backups/easel-UTC.tar.gz   hourly snapshots
//! ```
//!
//! This crate must never decide anything about jobs: it stores entries and folds them with the core's own function.
//! No other crate names sled. Start reading at [`EmbeddedStore::open`], then `journal`.

mod options;
mod report;

mod store;

mod files;
mod place;

mod blobs;
mod index;
mod journal;

mod archive;
mod migrations;
mod restore;
mod snapshot;
mod staging;

mod handle;

pub use handle::{Component, Handle, Health};
pub use options::OpenOptions;
pub use report::{Compacted, OpenError, OpenReport, ReplacedDatabase, SuspectedLoss};
pub use restore::{RestoreError, RestoreReport, restore};
pub use store::EmbeddedStore;
