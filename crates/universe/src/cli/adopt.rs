//! `universe adopt`: moving in from an existing TickStock database, and out again.

mod rule_files;

use std::io::{BufRead as _, IsTerminal as _};

use anyhow::Context as _;
use serde_json::json;
use universe_core::rule::RuleFile;
use universe_service::{AdoptionPlan, Ambient as _, PresentRules, new_york_date, plan_adoption};
use universe_store::{
    Additions, AdoptedSource, AdoptionRecord, AdoptionUndo, OlderDatabase, PostgresStore, Store as _, open_postgres,
};

use super::arguments::{Adopt, Global};
use super::failure::Usage;
use super::output::{self, Rows};
use super::{EXIT_DONE, EXIT_HELD, session};
use crate::clock::Surroundings;
use crate::config::Config;
use rule_files::RuleDirectory;

const COLUMNS: [&str; 6] = ["what", "shape", "members", "becomes", "decided_by", "notes"];

pub(crate) async fn run(global: &Global, config: &Config, command: &Adopt) -> anyhow::Result<u8> {
    let uri = session::database_uri(config)?;
    let store = open_postgres(&uri).await.with_context(|| format!("cannot open {uri}"))?.ok_or_else(|| {
        Usage(format!(
            "{uri} is this program's own kind of file: there is nothing to adopt; name the TickStock database with \
             --database postgresql://..."
        ))
    })?;
    if command.undo {
        undo(global, config, command, &store).await
    } else {
        adopt(global, config, command, &store).await
    }
}

async fn adopt(global: &Global, config: &Config, command: &Adopt, store: &PostgresStore) -> anyhow::Result<u8> {
    let environment = session::environment(config);
    let older = store.adoption_survey(environment).await?;
    if let Some(record) = &older.adopted {
        return adopted_already(global, config, environment, record);
    }
    refuse_obstacles(&older, environment)?;
    let directory = RuleDirectory::of(config)?;
    let facts = if older.is_set_up { store.fact_list().await? } else { Vec::new() };
    let plan = planned(config, command, &older, &directory.files, &facts)?;
    let needs_place = !plan.rules.is_empty() && directory.path.is_none();
    if command.dry_run {
        show(global, "planned", environment, &older, &plan)?;
        if needs_place {
            output::remark(global, &format!("note: {}", no_place(plan.rules.len())));
        }
        return Ok(EXIT_DONE);
    }
    if needs_place {
        return Err(Usage(no_place(plan.rules.len())).into());
    }
    if !command.yes {
        show(global, "planned", environment, &older, &plan)?;
        let (name, universes) = (&older.name, plan.universes.len());
        if !is_confirmed(&format!("Adopt {universes} universes of the database {name}, environment {environment}?"))? {
            output::remark(global, "nothing was changed");
            return Ok(EXIT_DONE);
        }
    }
    let written = directory.write(&plan.rules)?;
    store.adoption_apply(&plan.adoption(&older, environment, &Surroundings)).await?;
    written.keep()?;
    if command.yes {
        show(global, "adopted", environment, &older, &plan)?;
    }
    let universes = plan.universes.len();
    output::remark(
        global,
        &format!(
            "adopted {universes} universes, as of {}; next: `universe sync --dry-run`. `universe adopt --undo` puts \
             everything back",
            plan.session
        ),
    );
    Ok(EXIT_DONE)
}

/// Says that it is done, and makes up for rule files that a crash kept from being written.
fn adopted_already(global: &Global, config: &Config, environment: &str, record: &AdoptionRecord) -> anyhow::Result<u8> {
    let written = match RuleDirectory::of(config)?.path {
        Some(path) => rule_files::write_missing(&path, &record.rules)?,
        None => Vec::new(),
    };
    let data = json!({
        "status": "already_adopted",
        "environment": environment,
        "adoption": record,
        "rule_files_written": written,
    });
    output::print(global, &data, || Rows {
        columns: COLUMNS.to_vec(),
        rows: record.sources.iter().map(row).collect(),
    })?;
    let at = output::instant(&record.adopted_at);
    output::remark(global, &format!("the environment {environment} was adopted already, at {at}: nothing to do"));
    if !written.is_empty() {
        output::remark(global, &format!("rule files that were missing: {}", written.join(", ")));
    }
    Ok(EXIT_DONE)
}

fn refuse_obstacles(older: &OlderDatabase, environment: &str) -> anyhow::Result<()> {
    if !older.obstacles.is_empty() {
        let lines = older.obstacles.iter().map(|o| format!("\n  {}\n    mend it: {}", o.detail, o.remedy));
        anyhow::bail!("the database {} cannot be adopted:{}", older.name, lines.collect::<String>());
    }
    anyhow::ensure!(
        !older.additions.tables.iter().any(|table| table == "cache_entries"),
        "the database {} has no table cache_entries, so there is nothing to adopt; `universe db migrate` sets up a new one",
        older.name
    );
    anyhow::ensure!(
        older.runs == 0,
        "the environment {environment} has been synchronized already ({} runs), and is this program's own",
        older.runs
    );
    Ok(())
}

fn planned(
    config: &Config,
    command: &Adopt,
    older: &OlderDatabase,
    own: &[RuleFile],
    facts: &[String],
) -> anyhow::Result<AdoptionPlan> {
    let profile = config.get("rules.profile").unwrap_or("classic");
    let given = PresentRules { profile, own, facts, may_grow: !command.no_rules };
    Ok(plan_adoption(older, given, new_york_date(Surroundings.now()))?)
}

fn no_place(files: usize) -> String {
    format!(
        "{files} rule files are made of the older configuration, and need a place: set rules.directory (in \
         universe.toml, or UNIVERSE__RULES__DIRECTORY), or make none with --no-rules"
    )
}

fn show(
    global: &Global,
    status: &str,
    environment: &str,
    older: &OlderDatabase,
    plan: &AdoptionPlan,
) -> anyhow::Result<()> {
    let universes = plan.universes.iter().map(|universe| {
        json!({
            "universe": universe.id,
            "name": universe.name,
            "count": universe.members.len(),
            "source": universe.source,
        })
    });
    let data = json!({
        "status": status,
        "database": older.name,
        "environment": environment,
        "session": plan.session,
        "adds": older.additions,
        "universes": universes.collect::<Vec<_>>(),
        "sources": plan.sources,
        "rules": plan.rules,
        "untouched": older.other_types,
    });
    output::print(global, &data, || {
        let mut rows = additions(&older.additions, "added");
        rows.extend(plan.rules.iter().map(|rule| line(&format!("rule file {}", rule.name), "added")));
        rows.extend(plan.sources.iter().map(row));
        let others = older.other_types.iter();
        rows.extend(others.map(|(name, count)| line(&format!("type {name}, rows: {count}"), "untouched")));
        Rows { columns: COLUMNS.to_vec(), rows }
    })?;
    if older.additions.indexes.iter().any(|index| index.starts_with("ohlcv_daily")) && older.bars > 0 {
        output::remark(
            global,
            &format!("note: about {} bars are indexed, and cannot be written to meanwhile", older.bars),
        );
    }
    Ok(())
}

fn row(source: &AdoptedSource) -> Vec<String> {
    let AdoptedSource { source, shape, becomes, count, decided_by, notes } = source;
    let becomes = if becomes.is_empty() { "-" } else { becomes };
    let (source, shape) = (source.clone(), shape.clone());
    vec![source, shape, count.to_string(), becomes.to_owned(), decided_by.clone(), notes.join("; ")]
}

fn line(what: &str, becomes: &str) -> Vec<String> {
    let empty = String::new;
    vec![what.to_owned(), empty(), empty(), becomes.to_owned(), empty(), empty()]
}

fn additions(additions: &Additions, becomes: &str) -> Vec<Vec<String>> {
    let Additions { schema, role, tables, columns, indexes } = additions;
    let mut rows = Vec::new();
    rows.extend(schema.then(|| line("schema universe", becomes)));
    rows.extend(role.then(|| line("role tickstock_reader", becomes)));
    for (kind, names) in [("table", tables), ("column", columns), ("index", indexes)] {
        rows.extend(names.iter().map(|name| line(&format!("{kind} {name}"), becomes)));
    }
    rows
}

async fn undo(global: &Global, config: &Config, command: &Adopt, store: &PostgresStore) -> anyhow::Result<u8> {
    let environment = session::environment(config);
    let now = Surroundings.now();
    let undo = store.adoption_undo_plan(environment, now).await?;
    let undo =
        undo.with_context(|| format!("the environment {environment} was not adopted: there is nothing to undo"))?;
    if command.dry_run || !command.yes {
        show_undo(global, "planned", environment, &undo)?;
    }
    if !undo.losses.is_empty() && !command.force {
        output::words(&format!("undoing loses {}; --force does it all the same", undo.losses.join("; ")));
        return Ok(EXIT_HELD);
    }
    if command.dry_run {
        return Ok(EXIT_DONE);
    }
    if !command.yes && !is_confirmed(&format!("Put the environment {environment} back as it was?"))? {
        output::remark(global, "nothing was changed");
        return Ok(EXIT_DONE);
    }
    store.adoption_undo(environment, &undo, now).await?;
    if command.yes {
        show_undo(global, "undone", environment, &undo)?;
    }
    if let Some(path) = RuleDirectory::of(config)?.path {
        let kept = rule_files::remove(&path, &undo.rules)?;
        if !kept.is_empty() {
            output::remark(global, &format!("rule files that were changed since stay: {}", kept.join(", ")));
        }
    }
    output::remark(global, &format!("the environment {environment} is as it was before it was adopted"));
    Ok(EXIT_DONE)
}

fn show_undo(global: &Global, status: &str, environment: &str, undo: &AdoptionUndo) -> anyhow::Result<()> {
    let data = json!({"status": status, "environment": environment, "undo": undo});
    output::print(global, &data, || {
        let mut rows: Vec<Vec<String>> =
            additions(&undo.removed, "removed").into_iter().map(|row| vec![row[0].clone(), row[3].clone()]).collect();
        let mut add = |what: String, outcome: &str| rows.push(vec![what, outcome.to_owned()]);
        add(format!("{} rows of cache_entries", undo.entries_restored), "put back");
        add(format!("{} rows of cache_entries that runs made", undo.entries_deleted), "removed");
        add(format!("{} rows of symbols", undo.symbols_restored), "put back");
        undo.rules.iter().for_each(|rule| add(format!("rule file {}", rule.name), "removed"));
        undo.losses.iter().for_each(|loss| add(loss.clone(), "lost"));
        undo.stays.iter().for_each(|stays| add(stays.clone(), "stays"));
        Rows { columns: vec!["what", "outcome"], rows }
    })
}

/// Asks a person; without one, nothing is done.
fn is_confirmed(question: &str) -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        return Err(Usage("nobody is there to ask: --yes does it, --dry-run only shows it".to_owned()).into());
    }
    output::words(&format!("{question} [y/N]"));
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}
