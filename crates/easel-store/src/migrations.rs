//! The schema of the data directory and the steps that bring an older one up to date.

use easel_core::ports::StoreError;

use crate::{index::Engine, report::OpenError};

/// The schema that this program writes.
pub(crate) const SCHEMA: u32 = 1;

/// One step. It must be repeatable: a crash may leave it half done with the old number still in place.
pub(crate) struct Migration {
    /// The schema after the step.
    pub(crate) to: u32,
    /// What it does, for the log.
    pub(crate) what: &'static str,
    /// Does it.
    pub(crate) run: fn(&mut Engine) -> Result<(), StoreError>,
}

/// All steps, oldest first.
pub(crate) const MIGRATIONS: &[Migration] = &[];

/// Brings the database to `target`. `before` is called once before the first step (it takes a snapshot). Returns the
/// schema found when steps were needed.
pub(crate) fn migrate(
    engine: &mut Engine,
    steps: &[Migration],
    target: u32,
    before: impl FnOnce(&Engine, u32) -> Result<(), OpenError>,
) -> Result<Option<u32>, OpenError> {
    let failed = |error: StoreError| OpenError::Io(error.to_string());
    let found = match engine.schema() {
        Ok(Some(found)) => found,
        // A new database; or one whose number was damaged, which the loss check tells.
        Ok(None) | Err(StoreError::Damaged(_)) => {
            engine.set_schema(target).map_err(failed)?;
            return Ok(None);
        }
        Err(error) => return Err(failed(error)),
    };
    if found > target {
        return Err(OpenError::NewerSchema { found, known: target });
    }
    if found == target {
        return Ok(None);
    }
    before(engine, found)?;
    for step in steps.iter().filter(|step| step.to > found && step.to <= target) {
        tracing::info!(to = step.to, what = step.what, "the database is being brought up to date");
        (step.run)(engine).map_err(failed)?;
        engine.flush().map_err(failed)?;
        engine.set_schema(step.to).map_err(failed)?;
    }
    engine.set_schema(target).map_err(failed)?;
    Ok(Some(found))
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use bytes::Bytes;

    use super::*;
    use crate::index::{Change, Trees};

    fn engine(dir: &std::path::Path) -> Engine {
        let trees = Trees::open(&dir.join("db"), 1 << 20, Duration::ZERO).unwrap();
        Engine::new(Arc::new(trees), dir.join("generation")).unwrap()
    }

    fn set(engine: &mut Engine, key: &str, value: Option<Bytes>) -> Result<(), StoreError> {
        engine.apply(Change::Set { table: "settings", key: key.into(), value })
    }

    /// Schema 2 renames a key, schema 3 adds one.
    const STEPS: &[Migration] = &[
        Migration {
            to: 2,
            what: "renames old to new",
            run: |engine| {
                let trees = Arc::clone(engine.trees());
                if let Some(value) = trees.get(trees.table("settings")?, b"old")? {
                    set(engine, "new", Some(value))?;
                    set(engine, "old", None)?;
                }
                Ok(())
            },
        },
        Migration {
            to: 3,
            what: "adds a key",
            run: |engine| set(engine, "added", Some(Bytes::from_static(b"x"))),
        },
    ];

    #[test]
    fn an_older_database_is_brought_up_to_date_after_a_snapshot() {
        let dir = tempfile::tempdir().unwrap();
        let mut engine = engine(dir.path());
        let no_snapshot = |_: &Engine, _| panic!("no snapshot without a step");
        assert_eq!(migrate(&mut engine, &[], 1, no_snapshot).unwrap(), None);
        set(&mut engine, "old", Some(Bytes::from_static(b"value"))).unwrap();

        let mut asked = None;
        let before = |engine: &Engine, found| {
            let trees = engine.trees();
            asked = Some((found, trees.get(trees.table("settings").unwrap(), b"old").unwrap()));
            Ok(())
        };
        assert_eq!(migrate(&mut engine, STEPS, 3, before).unwrap(), Some(1));
        assert_eq!(asked, Some((1, Some(Bytes::from_static(b"value")))));
        let trees = Arc::clone(engine.trees());
        let get = |key: &str| trees.get(trees.table("settings").unwrap(), key.as_bytes()).unwrap();
        assert_eq!(get("old"), None);
        assert_eq!(get("new").unwrap(), "value");
        assert_eq!(get("added").unwrap(), "x");
        assert_eq!(migrate(&mut engine, STEPS, 3, no_snapshot).unwrap(), None);

        let newer = migrate(&mut engine, &[], 2, no_snapshot).unwrap_err();
        assert!(matches!(newer, OpenError::NewerSchema { found: 3, known: 2 }));
    }
}
