//! What most commands need: the store and the rules that the configuration names.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use universe_core::expression::SetExpression;
use universe_core::plan::Mode;
use universe_core::planner::{Holds, Request, Undefined};
use universe_core::rule::{Definition, Membership, Rule, RuleFile, RuleSet};
use universe_core::{Symbol, UniverseId};
use universe_service::{Ambient as _, LookupError, SyncRequest, Writing, resolve};
use universe_store::{Backend, DatabaseUri, Store, open};

use super::arguments::Global;
use super::failure::Usage;
use super::output;
use crate::clock::Surroundings;
use crate::config::Config;

/// The most rule files that a directory may have; more is another directory than was meant.
const RULE_FILES_MAX: usize = 1_000;

/// Opens the database that the configuration names; the embedded one is set up when it is new.
pub(crate) async fn open_store(global: &Global, config: &Config) -> anyhow::Result<Arc<dyn Store>> {
    let uri = database_uri(config)?;
    let store = open(&uri).await.with_context(|| format!("cannot open {uri}"))?;
    if store.backend() == Backend::Sqlite {
        let applied = store.migrate(Surroundings.now()).await?;
        if applied.len() == store.migration_list().await?.len() {
            output::remark(global, &format!("created {uri}"));
        }
    }
    Ok(store)
}

/// Returns the address of the database.
pub(crate) fn database_uri(config: &Config) -> anyhow::Result<DatabaseUri> {
    let parsed: Result<DatabaseUri, _> = config.get("database.uri").unwrap_or_default().parse();
    let origin = config.origin("database.uri").unwrap_or("the defaults");
    parsed.with_context(|| format!("cannot use the database address from {origin}"))
}

/// Returns whether the members of a rule's universe are lists that somebody loads.
pub(crate) fn is_imported(rule: &Rule) -> bool {
    matches!(&rule.definition, Definition::Single(single) if matches!(single.membership, Membership::Imported))
}

/// Returns the environment of `cache_entries`.
pub(crate) fn environment(config: &Config) -> &str {
    config.get("database.environment").unwrap_or("DEFAULT")
}

/// Reads the rules in force: the shipped ones and those of the configured directory.
pub(crate) async fn rules(store: &dyn Store, config: &Config) -> anyhow::Result<RuleSet> {
    rules_with(config, &store.fact_list().await?)
}

/// Reads the rules in force, where these figures are loaded.
pub(crate) fn rules_with(config: &Config, facts: &[String]) -> anyhow::Result<RuleSet> {
    let own = own_rule_files(config)?;
    Ok(RuleSet::load(config.get("rules.profile").unwrap_or("classic"), &own, facts)?)
}

/// Returns the names of the loaded figures, without making a database where there is none.
pub(crate) async fn fact_list(global: &Global, config: &Config) -> anyhow::Result<Vec<String>> {
    let uri = config.get("database.uri").unwrap_or_default();
    let file = uri.strip_prefix("sqlite:").map(|path| path.strip_prefix("//").unwrap_or(path));
    if file.is_some_and(|file| !Path::new(file).exists()) {
        return Ok(Vec::new());
    }
    Ok(open_store(global, config).await?.fact_list().await?)
}

/// Reads the files of the configured rule directory; none when there is no such setting.
pub(crate) fn own_rule_files(config: &Config) -> anyhow::Result<Vec<RuleFile>> {
    let Some(directory) = config.get("rules.directory") else { return Ok(Vec::new()) };
    let cannot = || format!("cannot read the rules directory {directory}");
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).with_context(cannot)? {
        let path = entry.with_context(cannot)?.path();
        if path.extension().is_some_and(|ending| ending == "toml") {
            files.push(rule_file(&path)?);
        }
        anyhow::ensure!(files.len() <= RULE_FILES_MAX, "{directory} has more than {RULE_FILES_MAX} rule files");
    }
    Ok(files)
}

/// Reads one rule file.
pub(crate) fn rule_file(path: &Path) -> anyhow::Result<RuleFile> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read the rule file {}", path.display()))?;
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(RuleFile { name, text })
}

/// A whole run of the newest session, as the command line asks for it.
pub(crate) fn sync_request(config: &Config) -> SyncRequest {
    SyncRequest {
        environment: environment(config).to_owned(),
        session: None,
        request: Request { mode: Mode::Full, undefined: Undefined::Retire, holds: Holds::Wait },
        triggered_by: "cli".to_owned(),
        writing: Writing::Apply,
    }
}

/// Finds the one universe that an address means.
pub(crate) async fn universe_of(
    store: &dyn Store,
    rules: &RuleSet,
    environment: &str,
    asked: &str,
) -> anyhow::Result<UniverseId> {
    let SetExpression::Universe(address) = SetExpression::parse(asked).map_err(LookupError::from)? else {
        return Err(Usage(format!("{asked} combines universes; give one universe")).into());
    };
    let known = store.universe_list(environment).await?;
    let known: Vec<UniverseId> = known.into_iter().map(|universe| universe.id).collect();
    Ok(resolve(&address, &known, rules)?)
}

/// Reads a symbol in any usual spelling.
pub(crate) fn symbol_of(text: &str) -> anyhow::Result<Symbol> {
    Symbol::parse(text).map_err(|error| Usage(format!("{text:?} is no symbol: {error}")).into())
}
