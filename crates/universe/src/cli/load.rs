//! `universe load`: market data and lists of members, from files.

use std::path::{Path, PathBuf};

use jiff::civil::Date;
use universe_core::expression::{Address, SetExpression};
use universe_core::{Issue, Symbol, UniverseId, UniverseType, expect_session};
use universe_service::{
    LoadError, LoadReport, LookupError, load_prices, load_screener, load_snapshots, load_symbols, load_universe,
    resolve,
};
use universe_store::{Needs, Store};

use super::arguments::{Global, Load};
use super::failure::Usage;
use super::output::{self, Rows};
use super::{EXIT_DONE, EXIT_FAILED, failure, reference, session};
use crate::clock::Surroundings;
use crate::config::Config;

/// How many issues are shown to a person before the rest is summed up.
const ISSUES_SHOWN: usize = 20;
/// How many unknown symbols are named before the rest is counted.
const UNKNOWN_SHOWN: usize = 8;

pub(crate) async fn run(global: &Global, config: &Config, command: Load) -> anyhow::Result<u8> {
    let store = session::open_store(global, config).await?;
    let store = &*store;
    let bar = output::progress(global, 0, "done");
    let told = |words: &str| {
        bar.inc(1);
        bar.set_message(words.to_owned());
    };
    let report = match command {
        Load::Screener { files, as_of } => {
            bar.finish_and_clear();
            return screener(global, store, files, as_of).await;
        }
        Load::Snapshots { files, as_of, from, to } => {
            load_snapshots(store, &files, as_of.or(from), as_of.or(to), &Surroundings, &told).await?
        }
        Load::Reference(command) => {
            bar.finish_and_clear();
            return reference::run(global, config, store, &command).await;
        }
        Load::Symbols { file, as_of } => load_symbols(store, &file, as_of, &Surroundings).await?,
        Load::Prices { file } => load_prices(store, &file, &Surroundings, &told).await?,
        Load::Universe { file, universe, as_of } => members(global, config, store, &file, &universe, as_of).await?,
    };
    bar.finish_and_clear();
    print(global, &report)?;
    Ok(EXIT_DONE)
}

/// Loads the members of one universe, and says what became of it.
async fn members(
    global: &Global,
    config: &Config,
    store: &dyn Store,
    file: &Path,
    universe: &str,
    as_of: Option<Date>,
) -> anyhow::Result<LoadReport> {
    let rules = session::rules(store, config).await?;
    let id = address_of(global, store, config, &rules, universe).await?;
    let mut request = session::sync_request(config);
    request.session = as_of.map(expect_session).transpose()?;
    let (report, outcome) = load_universe(store, &rules, file, &id, &request, &Surroundings).await?;
    let found = store.member_list(&request.environment, &id, None, None).await?;
    let members: Vec<Symbol> =
        found.map(|found| found.members.into_iter().map(|member| member.symbol).collect()).unwrap_or_default();
    if outcome.was_written {
        output::remark(global, &format!("{id} has {} as of {}", counted(members.len()), outcome.plan.session));
    } else {
        output::remark(global, &format!("{id} has {} already, the same as the list", counted(members.len())));
    }
    let needs = Needs { company_names: false, details: false, facts: Vec::new(), returns: false };
    let known = store.observation_read(outcome.plan.session, &needs).await?.symbol;
    let unknown: Vec<&str> =
        members.iter().filter(|symbol| known.binary_search(symbol).is_err()).map(Symbol::as_str).collect();
    if !unknown.is_empty() {
        let some = unknown.iter().take(UNKNOWN_SHOWN).copied().collect::<Vec<_>>().join(", ");
        let more = unknown.len().saturating_sub(UNKNOWN_SHOWN);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        let (of, all) = (unknown.len(), members.len());
        output::remark(global, &format!("note: {of} of the {all} symbols are not in `symbols`: {some}{more}"));
    }
    Ok(report)
}

fn counted(members: usize) -> String {
    if members == 1 { "1 member".to_owned() } else { format!("{members} members") }
}

/// Loads files one by one, in order of their names, which carry dates; a refused file does not stop the others.
async fn screener(
    global: &Global,
    store: &dyn Store,
    mut files: Vec<PathBuf>,
    as_of: Option<Date>,
) -> anyhow::Result<u8> {
    files.sort_by(|a, b| a.file_name().cmp(&b.file_name()));
    let mut total = LoadReport::default();
    let mut refused = Vec::new();
    let bar = output::progress(global, files.len() as u64, "files");
    for file in &files {
        bar.set_message(file.display().to_string());
        match load_screener(store, file, as_of, &Surroundings).await {
            Ok(report) => {
                total.files.extend(report.files);
                total.rows += report.rows;
                total.loaded += report.loaded;
                total.written += report.written;
                total.sessions.extend(report.sessions);
                total.issues.extend(report.issues);
            }
            Err(error @ LoadError::Feed(_)) if files.len() > 1 => {
                let error = anyhow::Error::from(error);
                bar.suspend(|| output::words(&failure::shown(&error)));
                let file = file.display().to_string();
                refused.push(Issue { file, line: None, symbol: None, reason: format!("{error:#}") });
            }
            Err(error) => return Err(error.into()),
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    if refused.is_empty() {
        print(global, &total)?;
        return Ok(EXIT_DONE);
    }
    // Those were told as errors when they happened; what is data is in the answer all the same.
    if total.files.is_empty() {
        anyhow::bail!("none of the {} files was loaded", files.len());
    }
    let told = refused.len();
    total.issues.splice(0..0, refused);
    print_after(global, &total, told)?;
    Ok(EXIT_FAILED)
}

/// Finds the universe that a list is for; one that does not exist yet must be named with its type.
async fn address_of(
    global: &Global,
    store: &dyn Store,
    config: &Config,
    rules: &universe_core::rule::RuleSet,
    text: &str,
) -> anyhow::Result<UniverseId> {
    let universes = store.universe_list(session::environment(config)).await?;
    let known: Vec<UniverseId> = universes.iter().map(|universe| universe.id.clone()).collect();
    let address = match SetExpression::parse(text).map_err(LookupError::from)? {
        SetExpression::Universe(address) => address,
        _ => {
            return Err(Usage(format!(
                "{text} is a combination of universes; a list is for one: KEY, stock_universe:KEY or etf_universe:KEY"
            ))
            .into());
        }
    };
    let Address { universe_type, key } = &address;
    match resolve(&address, &known, rules) {
        Ok(id) => {
            // Rules with groups do not list their universes; what is stored names the rule that made it.
            let made_by = universes.iter().find(|universe| universe.id == id).and_then(|found| found.rule.as_deref());
            let by_name = rules.rules.iter().find(|rule| made_by == Some(rule.name.as_str()));
            if let Some(rule) = rules.rule_of(&id).or(by_name).filter(|rule| !session::is_imported(rule)) {
                return Err(Usage(format!(
                    "{id} is decided by the rule {}, not by a list; choose another key, such as {}:my_list",
                    rule.name, id.universe_type
                ))
                .into());
            }
            UniverseId::new(id.universe_type, id.key())?;
            Ok(id)
        }
        Err(LookupError::Unknown { hint, .. }) if universe_type.is_none() && key.starts_with("index_") => {
            let id = UniverseId::new(UniverseType::StockUniverse, key)?;
            output::remark(global, &format!("note: {id} is a new universe{hint}"));
            Ok(id)
        }
        Err(error @ LookupError::Unknown { .. }) => {
            anyhow::bail!("{error}; a new one is named with its type: stock_universe:{key}")
        }
        Err(error) => Err(error.into()),
    }
}

fn print(global: &Global, report: &LoadReport) -> anyhow::Result<()> {
    print_after(global, report, 0)
}

/// Prints what a load did; the first `told` issues were said already.
fn print_after(global: &Global, report: &LoadReport, told: usize) -> anyhow::Result<()> {
    output::print(global, report, || Rows {
        columns: vec!["files", "rows", "loaded", "changed", "issues"],
        rows: vec![vec![
            report.files.len().to_string(),
            report.rows.to_string(),
            report.loaded.to_string(),
            report.written.to_string(),
            report.issues.len().to_string(),
        ]],
    })?;
    let issues = &report.issues[told..];
    for issue in issues.iter().take(ISSUES_SHOWN) {
        let line = issue.line.map(|line| format!(":{line}")).unwrap_or_default();
        let symbol = issue.symbol.as_deref().map(|symbol| format!(" {symbol}:")).unwrap_or_default();
        output::remark(global, &format!("issue: {}{line}:{symbol} {}", issue.file, issue.reason));
    }
    if issues.len() > ISSUES_SHOWN {
        let more = issues.len() - ISSUES_SHOWN;
        output::remark(global, &format!("… and {more} more issues; --format json has them all"));
    }
    Ok(())
}
