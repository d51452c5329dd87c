//! `universe load`: market data and lists of members, from files.

use std::path::PathBuf;

use universe_core::expression::{Address, SetExpression};
use universe_core::{UniverseId, UniverseType};
use universe_service::{
    LoadError, LoadReport, LookupError, load_prices, load_screener, load_snapshots, load_symbols, load_universe,
    resolve,
};
use universe_store::Store;

use super::arguments::{Global, Load};
use super::output::{self, Rows};
use super::{EXIT_DONE, EXIT_FAILED, failure, session};
use crate::clock::Surroundings;
use crate::config::Config;

/// How many issues are shown to a person before the rest is summed up.
const ISSUES_SHOWN: usize = 20;

pub(crate) async fn run(global: &Global, config: &Config, command: Load) -> anyhow::Result<u8> {
    let store = session::open_store(global, config).await?;
    let store = &*store;
    let bar = output::progress(global, 0, "done");
    let told = |words: &str| {
        bar.inc(1);
        bar.set_message(words.to_owned());
    };
    let (report, code) = match command {
        Load::Screener { files, as_of } => screener(global, store, files, as_of).await?,
        Load::Snapshots { files, as_of, from, to } => {
            let report =
                load_snapshots(store, &files, as_of.or(from), as_of.or(to), &Surroundings, &told).await?;
            (report, EXIT_DONE)
        }
        Load::Symbols { file, as_of } => (load_symbols(store, &file, as_of, &Surroundings).await?, EXIT_DONE),
        Load::Prices { file } => (load_prices(store, &file, &Surroundings, &told).await?, EXIT_DONE),
        Load::Universe { file, universe, as_of } => {
            let rules = session::rules(store, config).await?;
            let id = address_of(store, config, &rules, &universe).await?;
            let mut request = session::sync_request(config);
            request.session = as_of.map(universe_core::expect_session).transpose().map_err(universe_service::SyncError::from)?;
            let (report, outcome) = load_universe(store, &rules, &file, &id, &request, &Surroundings).await?;
            let count = outcome.plan.universes.first().map_or(0, |universe| universe.members.len());
            if outcome.was_written {
                output::remark(global, &format!("{id} has {count} members as of {}", outcome.run.session));
            } else {
                output::remark(global, &format!("{id} has these members already"));
            }
            (report, EXIT_DONE)
        }
    };
    bar.finish_and_clear();
    print(global, &report)?;
    Ok(code)
}

/// Loads files one by one, in order of their names, which carry dates; a refused file does not stop the others.
async fn screener(
    global: &Global,
    store: &dyn Store,
    mut files: Vec<PathBuf>,
    as_of: Option<jiff::civil::Date>,
) -> anyhow::Result<(LoadReport, u8)> {
    files.sort_by(|a, b| a.file_name().cmp(&b.file_name()));
    let mut total = LoadReport::default();
    let mut code = EXIT_DONE;
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
                output::words(&failure::shown(&error));
                total.issues.push(universe_core::Issue {
                    file: file.display().to_string(),
                    line: None,
                    symbol: None,
                    reason: format!("{error:#}"),
                });
                code = EXIT_FAILED;
            }
            Err(error) => return Err(error.into()),
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok((total, code))
}

/// Finds the universe that a list is for; one that does not exist yet must be named with its type.
async fn address_of(
    store: &dyn Store,
    config: &Config,
    rules: &universe_core::rule::RuleSet,
    text: &str,
) -> anyhow::Result<UniverseId> {
    let known = store.universe_list(session::environment(config)).await?;
    let known: Vec<UniverseId> = known.into_iter().map(|universe| universe.id).collect();
    let address = match SetExpression::parse(text).map_err(LookupError::from)? {
        SetExpression::Universe(address) => address,
        _ => anyhow::bail!("{text} is a combination of universes; a list has one"),
    };
    let Address { universe_type, key } = &address;
    match resolve(&address, &known, rules) {
        Ok(id) => {
            UniverseId::new(id.universe_type, id.key())?;
            Ok(id)
        }
        Err(LookupError::Unknown { .. }) if universe_type.is_none() && key.starts_with("index_") => {
            Ok(UniverseId::new(UniverseType::StockUniverse, key)?)
        }
        Err(error) => Err(anyhow::Error::from(error).context(format!("a new universe is named with its type: stock_universe:{key}"))),
    }
}

fn print(global: &Global, report: &LoadReport) -> anyhow::Result<()> {
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
    for issue in report.issues.iter().take(ISSUES_SHOWN) {
        let line = issue.line.map(|line| format!(":{line}")).unwrap_or_default();
        let symbol = issue.symbol.as_deref().map(|symbol| format!(" {symbol}:")).unwrap_or_default();
        output::remark(global, &format!("issue: {}{line}:{symbol} {}", issue.file, issue.reason));
    }
    if report.issues.len() > ISSUES_SHOWN {
        let more = report.issues.len() - ISSUES_SHOWN;
        output::remark(global, &format!("… and {more} more issues; --format json has them all"));
    }
    Ok(())
}
