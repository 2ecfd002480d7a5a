//! `easel backup [FILE]`: by the running easel when there is one, else from the data directory itself.

use std::path::{Path, PathBuf};

use easel_store::{EmbeddedStore, OpenOptions};

use super::{
    Backup, Exit,
    control::{Control, ControlCommand, Told},
    save::{Saving, probe},
    speech::Speech,
};
use crate::config::{Config, problem::ProblemText};

/// Writes the backup; `out` takes the sentences.
pub(crate) async fn run(
    options: &Backup,
    config: &Config,
    speech: &Speech,
    out: &mut dyn FnMut(String),
) -> Exit {
    match write(options, &config.bot.data_dir).await {
        Ok(file) => {
            let file = file.display().to_string();
            out(speech.say(&ProblemText::new("cli-backup-done").with("path", file)));
            Exit::Done
        }
        Err(text) => {
            out(speech.say(&text));
            Exit::Failed
        }
    }
}

async fn write(options: &Backup, data_dir: &Path) -> Result<PathBuf, ProblemText> {
    let failed = |detail: String| ProblemText::new("backup-failed").with("detail", detail);
    let control_failed = |detail: String| ProblemText::new("control-failed").with("detail", detail);
    // Without a name the backup goes here, not into the data directory, whose own snapshots are removed in time.
    let file = options.file.clone().unwrap_or_else(|| PathBuf::from("."));
    let file = std::path::absolute(file).map_err(|error| failed(error.to_string()))?;
    if let Some(control) =
        Control::connect(data_dir).await.map_err(|error| control_failed(error.to_string()))?
    {
        let named = |error: std::io::Error, file: &Path| failed(format!("{}: {error}", file.display()));
        probe(&file).map_err(|error| named(error, &file))?;
        let mut saving: Option<Saving> = None;
        let received = control.receive(ControlCommand::Backup, |told| match told {
            Told::Line(line) => {
                // A name, never a path, whoever it is that answers.
                let name = Path::new(line.text("name")).file_name().map(ToOwned::to_owned);
                let place = match name {
                    Some(name) if file.is_dir() => file.join(name),
                    _ => file.clone(),
                };
                saving = Some(Saving::replacing(place));
            }
            Told::Bytes(bytes) => saving.iter_mut().for_each(|saving| saving.write(bytes)),
        });
        received.await.map_err(|error| control_failed(error.to_string()))?;
        let saving = saving.ok_or_else(|| control_failed(std::io::ErrorKind::InvalidData.to_string()))?;
        let place = saving.place().to_owned();
        return saving.finish().map_err(|error| named(error, &place));
    }
    if !data_dir.is_dir() {
        // Opening would make an empty one, and an empty backup of it.
        return Err(ProblemText::new("backup-no-data").with("dir", data_dir.display().to_string()));
    }
    let (_store, handle, _report) = EmbeddedStore::open(data_dir, OpenOptions::default())
        .await
        .map_err(|error| failed(error.to_string()))?;
    let written = handle.backup(&file).await;
    handle.shutdown().await;
    written.map_err(|error| failed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use easel_core::i18n::Locale;

    use super::*;
    use crate::cli::{Restore, restore};

    fn config(data_dir: &Path) -> Config {
        let mut config = Config::default();
        config.bot.data_dir = data_dir.to_owned();
        config
    }

    #[tokio::test]
    async fn a_backup_is_restored_into_another_directory() {
        let root = tempfile::tempdir().unwrap();
        let (data, other, file) =
            (root.path().join("data"), root.path().join("other"), root.path().join("b.tar.gz"));
        let (store, handle, _) = EmbeddedStore::open(&data, OpenOptions::default()).await.unwrap();
        handle.shutdown().await;
        drop((store, handle));
        let speech = Speech::new(Locale::EnUs);
        let mut said = Vec::new();
        let options = Backup { file: Some(file.clone()) };
        assert_eq!(
            run(&options, &config(&data), &speech, &mut |line| said.push(line)).await,
            Exit::Done,
            "{said:?}"
        );
        assert!(file.exists());
        let options = Restore { file: file.clone() };
        let done = restore::run(&options, &config(&other), &speech, &mut |line| said.push(line)).await;
        assert_eq!(done, Exit::Done, "{said:?}");
        let no_archive = Restore { file: root.path().join("absent") };
        let failed = restore::run(&no_archive, &config(&other), &speech, &mut |line| said.push(line)).await;
        assert_eq!(failed, Exit::Failed);
    }

    #[tokio::test]
    async fn nothing_is_backed_up_from_nowhere() {
        let root = tempfile::tempdir().unwrap();
        let speech = Speech::new(Locale::EnUs);
        let mut said = Vec::new();
        let options = Backup { file: Some(root.path().join("b")) };
        let absent = config(&root.path().join("absent"));
        assert_eq!(run(&options, &absent, &speech, &mut |line| said.push(line)).await, Exit::Failed);
        assert!(said.concat().contains("absent"), "{said:?}");
    }
}
