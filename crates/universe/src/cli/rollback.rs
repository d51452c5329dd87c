//! `universe rollback`.

use serde_json::json;
use universe_core::plan::Plan;
use universe_service::{RollbackError, Writing, rollback};

use super::arguments::{Global, Rollback};
use super::failure::Usage;
use super::restored::{self, Question};
use super::{EXIT_DONE, session};
use crate::clock::Surroundings;
use crate::config::Config;

pub(crate) async fn run(global: &Global, config: &Config, command: &Rollback) -> anyhow::Result<u8> {
    let store = session::open_store(global, config).await?;
    let rules = session::rules(&*store, config).await?;
    let mut request = session::sync_request(config);
    if command.dry_run {
        request.writing = Writing::DryRun;
    }
    let question = Question::new(command.yes);
    let agree = |plan: &Plan| question.ask(plan);
    let restored = rollback(&*store, &rules, &request, &command.to, &command.universes, &Surroundings, &agree).await;
    let restored = match restored {
        Ok(restored) => restored,
        // As the other commands that meet them: with their own exit codes and hints.
        Err(RollbackError::Lookup(error)) => return Err(error.into()),
        Err(RollbackError::Sync(error)) => return Err(error.into()),
        Err(error @ (RollbackError::Combination(_) | RollbackError::Ambiguous { .. })) => {
            return Err(Usage(error.to_string()).into());
        }
        Err(error) => return Err(error.into()),
    };
    question.refuse_unasked()?;
    restored::print(global, &restored, command.dry_run, json!({}), &[])?;
    Ok(EXIT_DONE)
}
