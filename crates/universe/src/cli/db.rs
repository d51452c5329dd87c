//! `universe db`.

use std::path::Path;

use anyhow::Context as _;
use universe_service::Ambient as _;
use universe_store::{DatabaseUri, back_up, open};

use super::arguments::{Db, Global};
use super::failure::Usage;
use super::output::{self, Rows};
use super::{EXIT_DONE, EXIT_HELD, session};
use crate::clock::Surroundings;
use crate::config::Config;

pub(crate) async fn run(global: &Global, config: &Config, command: &Db) -> anyhow::Result<u8> {
    let uri = session::database_uri(config)?;
    let store = open(&uri).await.with_context(|| format!("cannot open {uri}"))?;
    match command {
        Db::Migrate => {
            let applied = store.migrate(Surroundings.now()).await?;
            output::print(global, &applied, || Rows {
                columns: vec!["applied"],
                rows: applied.iter().map(|name| vec![name.clone()]).collect(),
            })?;
            output::remark(global, &format!("{uri} is up to date"));
            Ok(EXIT_DONE)
        }
        Db::Backup { file } => backup(global, &uri, file),
        Db::Status => {
            let migrations = store.migration_list().await?;
            output::print(global, &migrations, || Rows {
                columns: vec!["version", "name", "applied_at", "intact"],
                rows: migrations
                    .iter()
                    .map(|migration| {
                        vec![
                            migration.version.to_string(),
                            migration.name.clone(),
                            migration.applied_at.map_or("not applied".to_owned(), |at| output::instant(&at)),
                            if migration.is_intact { "yes" } else { "NO" }.to_owned(),
                        ]
                    })
                    .collect(),
            })?;
            let sound = migrations.iter().all(|migration| migration.applied_at.is_some() && migration.is_intact);
            Ok(if sound { EXIT_DONE } else { EXIT_HELD })
        }
    }
}

/// Copies an SQLite database. The copy has its name only when it is complete and on the disk.
fn backup(global: &Global, uri: &DatabaseUri, file: &Path) -> anyhow::Result<u8> {
    if uri.sqlite_path().is_none() {
        let advice = "this copies the embedded database; PostgreSQL is backed up by pg_dump (docs/maintenance.md)";
        return Err(Usage(format!("{uri} is no file: {advice}")).into());
    }
    if file.exists() {
        anyhow::bail!("{} exists already; a backup takes the place of nothing", file.display());
    }
    let cannot = || format!("cannot write {}; nothing was left of it", file.display());
    let name = file.file_name().with_context(cannot)?.to_string_lossy().into_owned();
    let part = file.with_file_name(format!(".{name}.{}.part", std::process::id()));
    let written = back_up(uri, &part).map_err(anyhow::Error::from).and_then(|()| {
        std::fs::File::open(&part)?.sync_all()?;
        // Unlike a rename, this fails where somebody was faster.
        Ok(std::fs::hard_link(&part, file)?)
    });
    let removed = std::fs::remove_file(&part);
    written.with_context(cannot)?;
    removed.with_context(|| format!("cannot remove {}", part.display()))?;
    let bytes = std::fs::metadata(file)?.len();
    output::remark(global, &format!("copied {uri} to {} ({bytes} bytes)", file.display()));
    Ok(EXIT_DONE)
}
