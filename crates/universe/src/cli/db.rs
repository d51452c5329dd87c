//! `universe db`.

use anyhow::Context as _;
use universe_service::Ambient as _;
use universe_store::open;

use super::arguments::{Db, Global};
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
