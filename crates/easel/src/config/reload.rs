//! Takes changes of the file into the running program.
//!
//! The *directory* is watched, because a watch on the file is lost with the first atomic replace; besides, the
//! content is compared every two seconds, because network file systems and some container mounts send no events. A
//! content is taken when two looks, [`DEBOUNCE`] apart, saw the same: an editor that writes in place is given time.
//! A broken edit keeps the old configuration and reports everything that is wrong. So does a file that was emptied or
//! taken away: a save that failed must not open the lists.

use std::{path::Path, sync::Arc, time::Duration};

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::{
    Config,
    load::{self, Loaded, Source, fingerprint},
    problem::{Problem, Refused},
};

/// How long the content must stay the same before it is taken.
const DEBOUNCE: Duration = Duration::from_millis(300);

/// How often the content is compared without any event.
const POLL: Duration = Duration::from_secs(2);

/// What came of the latest change.
#[derive(Clone, Debug, Default)]
pub(crate) enum Outcome {
    /// Nothing has changed since the start.
    #[default]
    Unchanged,
    /// The new configuration is in force.
    Applied {
        /// Full keys that changed.
        changed: Vec<String>,
        /// Those of them that take effect only after a restart.
        needs_restart: Vec<String>,
        /// Remarks about the new configuration.
        warnings: Vec<Problem>,
    },
    /// The old configuration stays in force.
    Refused(Refused),
}

/// Watches the sources of a configuration. One task runs [`Watcher::run`]; it ends with its token.
pub(crate) struct Watcher {
    source: Source,
    loaded: Loaded,
    seen: Option<[u8; 32]>,
    /// It has been said that the file is away.
    away: bool,
    config: watch::Sender<Arc<Config>>,
    outcome: watch::Sender<Outcome>,
}

impl Watcher {
    /// A watcher over the sources that gave `loaded`.
    pub(crate) fn new(source: Source, loaded: Loaded) -> Self {
        let config = watch::Sender::new(Arc::clone(&loaded.config));
        // No fingerprint yet: a change between the load and the first look is noticed by the look's own load, and
        // a load that changes nothing is not announced.
        Self {
            source,
            loaded,
            seen: None,
            away: false,
            config,
            outcome: watch::Sender::new(Outcome::Unchanged),
        }
    }

    /// The configuration in force, now and after every change.
    pub(crate) fn config(&self) -> watch::Receiver<Arc<Config>> {
        self.config.subscribe()
    }

    /// What came of the latest change, also when it was refused.
    pub(crate) fn outcome(&self) -> watch::Receiver<Outcome> {
        self.outcome.subscribe()
    }

    /// Watches until `stop`. Reads small files on the blocking pool.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let events = Arc::new(Notify::new());
        let _watch = watch_directory(&self.source.path, &events);
        loop {
            let look = async {
                tokio::select! {
                    // A log that grows in the same folder is an event a line: all that come soon are one look.
                    () = events.notified() => tokio::time::sleep(DEBOUNCE).await,
                    () = tokio::time::sleep(POLL) => {}
                }
                self.settled().await
            };
            let content = tokio::select! {
                () = stop.cancelled() => return,
                content = look => content,
            };
            if content.is_none() {
                // A file that comes back is looked at anew, whatever is in it.
                self.seen = None;
                if !std::mem::replace(&mut self.away, true) {
                    self.reload().await;
                }
            } else if content != self.seen {
                self.away = false;
                // The fingerprint from before the load: a change during it is seen at the next look. When the load
                // names other secret files, the next fingerprint differs too, and one load more finds no change.
                self.seen = content;
                self.reload().await;
            }
        }
    }

    /// The content's fingerprint, once it is the same in two looks. `None` when the file is away in both: editors take it
    /// away for a moment only.
    async fn settled(&self) -> Option<[u8; 32]> {
        let mut content = self.look().await;
        if content == self.seen && (content.is_some() || self.away) {
            return content;
        }
        loop {
            tokio::time::sleep(DEBOUNCE).await;
            let again = self.look().await;
            if again == content {
                return content;
            }
            content = again;
        }
    }

    async fn look(&self) -> Option<[u8; 32]> {
        let (path, files) = (self.source.path.clone(), self.loaded.secret_files.clone());
        tokio::task::spawn_blocking(move || fingerprint(&path, &files)).await.ok().flatten()
    }

    async fn reload(&mut self) {
        let (source, in_force) = (self.source.clone(), self.loaded.clone());
        let read = move || load::reload(&source, &in_force);
        let Ok(result) = tokio::task::spawn_blocking(read).await else { return };
        match result {
            Ok(newer) => {
                let changes = self.loaded.changes(&newer);
                let was_refused = matches!(*self.outcome.borrow(), Outcome::Refused(_));
                if changes.is_empty() && !was_refused {
                    return;
                }
                let needs_restart: Vec<_> =
                    changes.iter().filter(|(_, restart)| *restart).map(|(key, _)| key.clone()).collect();
                let changed_keys: Vec<_> = changes.into_iter().map(|(key, _)| key).collect();
                let warnings = newer.warnings.clone();
                self.config.send_replace(Arc::clone(&newer.config));
                self.loaded = newer;
                self.outcome.send_replace(Outcome::Applied {
                    changed: changed_keys,
                    needs_restart,
                    warnings,
                });
            }
            Err(refused) => {
                tracing::error!(problems = %refused, "the changed configuration is wrong; the old one stays in force");
                self.outcome.send_replace(Outcome::Refused(refused));
            }
        }
    }
}

/// A watch on the directory of `file` that wakes `events`. `None`, with a line in the log, when there can be none;
/// the comparison every two seconds is enough then.
fn watch_directory(file: &Path, events: &Arc<Notify>) -> Option<RecommendedWatcher> {
    let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let wake = Arc::clone(events);
    // Our own looks open and read the file; taking those for changes would never end.
    let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        if event.is_ok_and(|event| !event.kind.is_access()) {
            wake.notify_one();
        }
    });
    let directory_watch = watcher.and_then(|mut watcher| {
        watcher.watch(directory, RecursiveMode::NonRecursive)?;
        Ok(watcher)
    });
    directory_watch
        .inspect_err(|error| tracing::warn!(%error, "no events for the configuration's directory; comparing every two seconds"))
        .ok()
}

#[cfg(test)]
mod tests {
    use std::{fs, future::Future, path::PathBuf};

    use tokio::time::timeout;

    use super::*;

    /// Far beyond what any machine needs; only a change that never arrives takes so long.
    const PATIENCE: Duration = Duration::from_mins(1);

    struct Running {
        _directory: tempfile::TempDir,
        file: PathBuf,
        config: watch::Receiver<Arc<Config>>,
        outcome: watch::Receiver<Outcome>,
        stop: CancellationToken,
        task: tokio::task::JoinHandle<()>,
    }

    fn start(text: &str) -> Running {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("easel.toml");
        fs::write(&file, text).unwrap();
        let source = Source {
            path: file.clone(),
            must_exist: true,
            data_dir: None,
            environment: Vec::new(),
            base: directory.path().to_owned(),
        };
        let watcher = Watcher::new(source.clone(), load::load(&source).unwrap());
        let (config, outcome, stop) = (watcher.config(), watcher.outcome(), CancellationToken::new());
        #[expect(clippy::disallowed_methods, reason = "the test that starts it awaits it")]
        let task = tokio::spawn(watcher.run(stop.clone()));
        Running { _directory: directory, file, config, outcome, stop, task }
    }

    impl Running {
        fn replace(&self, text: &str) {
            let beside = self.file.with_extension("new");
            fs::write(&beside, text).unwrap();
            fs::rename(&beside, &self.file).unwrap();
        }

        async fn deadline(&mut self, minutes: u64) {
            patiently(self.config.wait_for(|config| config.jobs.deadline_seconds == minutes)).await.unwrap();
        }

        async fn stop(self) {
            self.stop.cancel();
            patiently(self.task).await.unwrap();
        }
    }

    async fn patiently<F: Future>(future: F) -> F::Output {
        timeout(PATIENCE, future).await.expect("the change was not noticed")
    }

    #[tokio::test]
    async fn two_atomic_replaces_and_a_write_in_place() {
        let mut running = start("[jobs]\ndeadline_seconds = 1\n");
        running.replace("[jobs]\ndeadline_seconds = 2\n");
        running.deadline(2).await;
        running.replace("[jobs]\ndeadline_seconds = 3\n");
        running.deadline(3).await;
        fs::write(&running.file, "[jobs]\ndeadline_seconds = 4\n").unwrap();
        running.deadline(4).await;
        running.stop().await;
    }

    #[tokio::test]
    async fn a_broken_edit_keeps_the_old_configuration_until_it_is_mended() {
        let mut running = start("[jobs]\ndeadline_seconds = 1\n");
        running.replace("[jobs]\ndeadline_seconds = \"soon\"\nmax_runing = 3\n");
        let refused =
            patiently(running.outcome.wait_for(|outcome| matches!(outcome, Outcome::Refused(_)))).await;
        let Outcome::Refused(refused) = refused.unwrap().clone() else { panic!("waited for it") };
        let keys: Vec<_> = refused.problems.iter().map(|problem| problem.key.clone()).collect();
        assert_eq!(keys, ["jobs.deadline_seconds", "jobs.max_runing"]);
        assert_eq!(running.config.borrow().jobs.deadline_seconds, 1);
        // Back to the very same content: the report must go away too.
        running.replace("[jobs]\ndeadline_seconds = 1\n");
        patiently(running.outcome.wait_for(|outcome| matches!(outcome, Outcome::Applied { .. })))
            .await
            .unwrap();
        running.stop().await;
    }

    #[tokio::test]
    async fn a_file_that_was_emptied_or_taken_away_keeps_the_old_configuration() {
        let text = "[access]\ngroup_filter_mode = \"whitelist\"\ngroup_filter_list = [\"1\"]\n";
        let whitelist = |running: &Running| running.config.borrow().access.group_filter_list.len() == 1;
        let mut running = start(text);
        for (spoil, told) in [
            (&(|file: &Path| fs::write(file, "").unwrap()) as &dyn Fn(&Path), "config-file-emptied"),
            (&|file: &Path| fs::write(file, "\u{feff} \n\n").unwrap(), "config-file-emptied"),
            (&|file: &Path| fs::remove_file(file).unwrap(), "config-file-gone"),
        ] {
            spoil(&running.file);
            let said = |outcome: &Outcome| match outcome {
                Outcome::Refused(refused) => refused.problems.iter().any(|problem| problem.text.key == told),
                _ => false,
            };
            patiently(running.outcome.wait_for(said)).await.unwrap();
            assert!(whitelist(&running), "{told}");
            running.replace(text);
            let mended = |outcome: &Outcome| matches!(outcome, Outcome::Applied { .. });
            patiently(running.outcome.wait_for(mended)).await.unwrap();
            assert!(whitelist(&running), "{told}");
        }
        running.stop().await;
    }

    #[tokio::test]
    async fn keys_that_need_a_restart_are_named() {
        let mut running = start("[bot]\ndata_dir = \"a\"\n");
        running.replace(
            "[bot]\ndata_dir = \"b\"\n[jobs]\ndeadline_seconds = 5\n[network]\nallow_fake_ip = true\n\
             allow_hosts = [\"nas.lan\"]\nmax_download_bytes = 9\nmax_answer_bytes = 9000000\nproxy = \"http://p:1\"\n\
             download_proxy = \"http://p:1\"\n",
        );
        running.deadline(5).await;
        let applied =
            patiently(running.outcome.wait_for(|outcome| matches!(outcome, Outcome::Applied { .. }))).await;
        let Outcome::Applied { needs_restart, changed, .. } = applied.unwrap().clone() else {
            panic!("waited for it")
        };
        assert_eq!(
            needs_restart,
            [
                "bot.data_dir",
                "network.allow_fake_ip",
                "network.allow_hosts[0]",
                "network.download_proxy",
                "network.max_answer_bytes",
                "network.proxy"
            ]
        );
        let at_once: Vec<_> = changed.iter().filter(|key| !needs_restart.contains(key)).collect();
        assert_eq!(at_once, ["jobs.deadline_seconds", "network.max_download_bytes"]);
        running.stop().await;
    }

    #[tokio::test]
    async fn a_secret_in_its_file_is_watched_too() {
        let directory = tempfile::tempdir().unwrap();
        let token = directory.path().join("token");
        fs::write(&token, "first\n").unwrap();
        let mut running =
            start(&format!("[[onebot]]\naccess_token_file = {:?}\n", token.display().to_string()));
        fs::write(&token, "second\n").unwrap();
        let applied =
            patiently(running.outcome.wait_for(|outcome| matches!(outcome, Outcome::Applied { .. }))).await;
        let Outcome::Applied { changed, .. } = applied.unwrap().clone() else { panic!("waited for it") };
        assert_eq!(changed, ["onebot[0].access_token"]);
        running.stop().await;
    }
}
