//! `universe export`.

mod history;
mod members;
mod parquet_rows;
mod qlib;
mod rows;
mod target;

use std::io::IsTerminal as _;
use std::path::Path;

use universe_core::rule::RuleSet;
use universe_service::Selection;
use universe_store::Store;

use super::arguments::{Export, Form, Format, Global, What};
use super::failure::Usage;
use super::{EXIT_DONE, output, session};
use crate::config::Config;
use rows::{Column, Rows};
pub(crate) use target::Place;
use target::Target;

pub(crate) async fn run(global: &Global, config: &Config, command: &Export) -> anyhow::Result<u8> {
    let form = form_of(global, command)?;
    check(command, form)?;
    let store = session::open_store(global, config).await?;
    let rules = session::rules(&*store, config).await?;
    target::stop_when_told();
    let to = Place::Path(&command.output);
    let written = write(global, &*store, &rules, session::environment(config), command, form, to).await?;
    for remark in &written.remarks {
        output::remark(global, &format!("note: {remark}"));
    }
    if command.output != Path::new("-") {
        let Written { universes, rows, bytes, .. } = written;
        let what = match command.what {
            What::Members => "members",
            What::Intervals => "intervals",
            What::Panel => "rows",
        };
        let plural = if universes == 1 { "" } else { "s" };
        let file = command.output.display();
        output::remark(
            global,
            &format!("wrote {rows} {what} of {universes} universe{plural} to {file} ({bytes} bytes)"),
        );
    }
    Ok(EXIT_DONE)
}

/// Writes what is asked for to a place, in whatever that is; nothing is asked or said.
pub(crate) async fn write(
    global: &Global,
    store: &dyn Store,
    rules: &RuleSet,
    environment: &str,
    command: &Export,
    form: Form,
    to: Place<'_>,
) -> anyhow::Result<Written> {
    let selection = Selection {
        environment: environment.to_owned(),
        universes: command.universes.clone(),
        as_of: command.as_of,
        known_at: command.known_at,
    };
    match (command.what, form) {
        (What::Members, _) => members::export(store, rules, &selection, to, form).await,
        (What::Intervals, Form::Qlib) => qlib::export(global, store, rules, &selection, to).await,
        (What::Intervals, _) => history::intervals(global, store, rules, &selection, to, form).await,
        (What::Panel, _) => history::panel(global, store, rules, &selection, command, to, form).await,
    }
}

/// What was exported, in numbers.
#[derive(Default)]
pub(crate) struct Written {
    universes: usize,
    rows: u64,
    bytes: u64,
    remarks: Vec<String>,
}

/// Opens a target for rows in a format.
fn rows_to(to: Place<'_>, form: Form, columns: &'static [Column]) -> anyhow::Result<Rows> {
    let target = Target::open(to)?;
    match form {
        Form::Json => Rows::json(target, columns),
        Form::Csv => Rows::csv(target, columns),
        Form::Parquet => Rows::parquet(target, columns),
        Form::Qlib => unreachable!("qlib has files of its own"),
    }
}

/// Returns the format: the one asked for, else that of the file's ending, else that of answers.
fn form_of(global: &Global, command: &Export) -> anyhow::Result<Form> {
    if let Some(form) = command.form {
        return Ok(form);
    }
    let ending = command.output.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase());
    match ending.as_deref() {
        Some("json") => Ok(Form::Json),
        Some("csv") => Ok(Form::Csv),
        Some("parquet" | "pq") => Ok(Form::Parquet),
        _ if command.output == Path::new("-") => Ok(match global.format {
            Format::Csv => Form::Csv,
            Format::Json | Format::Table => Form::Json,
        }),
        Some(_) | None => Err(Usage(format!(
            "the ending of {} does not say in which format it is to be written; pass --as json, csv or parquet",
            command.output.display()
        ))
        .into()),
    }
}

/// Refuses what cannot be meant.
fn check(command: &Export, form: Form) -> anyhow::Result<()> {
    let refuse = |what: &str| Err(Usage(what.to_owned()).into());
    let is_stdout = command.output == Path::new("-");
    match (command.what, form) {
        (What::Members | What::Panel, Form::Qlib) => return refuse("qlib takes intervals: add --what intervals"),
        (What::Intervals, Form::Qlib) if is_stdout => {
            return refuse("qlib has a file for each universe: name a directory with --output DIR");
        }
        (_, Form::Parquet) if is_stdout && std::io::stdout().is_terminal() => {
            return refuse("Parquet is not for a terminal: name a file with --output FILE");
        }
        _ => {}
    }
    if command.as_of.is_some() && command.what != What::Members {
        return refuse("--as-of is for members; intervals and panels have every session (see --from and --to)");
    }
    if (command.from.is_some() || command.to.is_some()) && command.what != What::Panel {
        return refuse("--from and --to are for a panel: add --what panel");
    }
    if let (Some(from), Some(to)) = (command.from, command.to)
        && to < from
    {
        return refuse(&format!("{from} is after {to}: give the earlier day as --from"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
