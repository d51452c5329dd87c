//! `universe config`.

use serde_json::json;

use super::EXIT_DONE;
use super::arguments::{ConfigCommand, Global};
use super::output::{self, Rows};
use crate::config::Config;

pub(crate) fn run(global: &Global, command: &ConfigCommand) -> anyhow::Result<u8> {
    match command {
        ConfigCommand::Sample => output::write_out(&Config::sample())?,
        ConfigCommand::Show => {
            let config = global.config()?;
            let shown = config.shown();
            let data: serde_json::Map<_, _> = shown
                .iter()
                .map(|(key, value, origin)| ((*key).to_owned(), json!({"value": value, "set_by": origin})))
                .collect();
            output::print(global, &data, || Rows {
                columns: vec!["setting", "value", "set_by"],
                rows: shown
                    .iter()
                    .map(|(key, value, origin)| vec![(*key).to_owned(), value.clone(), (*origin).to_owned()])
                    .collect(),
            })?;
        }
    }
    Ok(EXIT_DONE)
}
