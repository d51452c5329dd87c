//! `universe import`.

use serde_json::json;
use universe_core::plan::{Action, Plan};
use universe_service::{ImportError, Writing, import_exports};

use super::arguments::{Global, Import, ImportWhat};
use super::restored::{self, Question};
use super::{EXIT_DONE, import_history, output, session};
use crate::clock::Surroundings;
use crate::config::Config;

pub(crate) async fn run(global: &Global, config: &Config, command: &Import) -> anyhow::Result<u8> {
    if let Some(ImportWhat::History(history)) = &command.what {
        return import_history::run(global, config, history).await;
    }
    let store = session::open_store(global, config).await?;
    let rules = session::rules(&*store, config).await?;
    let mut request = session::sync_request(config);
    if command.dry_run {
        request.writing = Writing::DryRun;
    }
    let question = Question::new(command.yes);
    // Where nobody leaves, nothing is lost: that is what filling an empty database is.
    let agree = |plan: &Plan| !takes_away(plan) || question.ask(plan);
    let imported =
        import_exports(&*store, &rules, &request, &command.files, &command.only, &Surroundings, &agree).await;
    let imported = match imported {
        Err(ImportError::Faults(faults)) => {
            restored::show(global, "fault", &faults);
            return Err(ImportError::Faults(faults).into());
        }
        // As the other commands that meet them: with their own exit codes and hints.
        Err(ImportError::Lookup(error)) => return Err(error.into()),
        Err(ImportError::Sync(error)) => return Err(error.into()),
        other => other?,
    };
    question.refuse_unasked()?;
    let more = json!({
        "files": command.files,
        "rows": imported.rows,
        "universes_read": imported.universes,
    });
    restored::print(global, &imported.restored, command.dry_run, more, &imported.issues)?;
    let unchanged = imported.universes.saturating_sub(imported.restored.outcome.plan.universes.len());
    output::remark(global, &format!("{} universes read, {unchanged} of them are so already", imported.universes));
    Ok(EXIT_DONE)
}

/// Whether somebody leaves, or another program's entry is replaced.
fn takes_away(plan: &Plan) -> bool {
    plan.universes.iter().any(|universe| {
        let replaces = universe.action == Action::Created && universe.count_before > 0;
        !universe.removed.is_empty() || universe.action == Action::Retired || replaces
    })
}
