//! Checks of the configuration: its file, the secrets in it, the rules.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::super::arguments::Global;
use super::super::{failure, session};
use super::{Finding, Findings, Patient};
use crate::config::{Config, DEFAULT_FILE, KEYS};

/// Reads the configuration; where it is wrong, what remains of it without the part that is.
pub(super) fn read(global: &Global) -> (Config, Findings) {
    let error = match global.config() {
        Ok(config) => return (config, vec![Finding::ok("configuration", origin(global))]),
        Err(error) => error,
    };
    let detail = failure::shown(&error.into());
    let detail = detail.trim_start_matches("error: ").to_owned();
    let remedy = "correct it; `universe config sample` shows every setting; the checks below go on without it";
    let flags: Vec<_> = global.database.iter().map(|uri| ("database.uri", uri.clone())).collect();
    let nothing = Path::new("/dev/null");
    let environment =
        || std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let config = Config::load(Some(nothing), environment(), &flags)
        .or_else(|_| Config::load(Some(nothing), [], &flags))
        .expect("defaults and an address are a configuration");
    (config, vec![Finding::error("configuration", detail, remedy)])
}

fn file(global: &Global) -> PathBuf {
    global.config.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_FILE))
}

fn origin(global: &Global) -> String {
    let file = file(global);
    if file.exists() { format!("read from {}", file.display()) } else { "no file; environment and defaults".to_owned() }
}

/// Looks for secrets in files that everybody on the machine can read.
pub(super) fn secrets(global: &Global, config: &Config) -> Findings {
    let file = file(global);
    let has_secret = |origin: &str| {
        let shown = config.shown();
        let secret = |key: &str| KEYS.iter().any(|known| known.name == key && known.is_secret);
        shown.iter().any(|(key, shown, from)| {
            secret(key) && *from == origin && config.get(key).is_some_and(|value| value != shown)
        })
    };
    let in_environment_file = std::fs::read_to_string(".env").is_ok_and(|text| {
        let names: Vec<&str> =
            KEYS.iter().filter(|key| key.is_secret).flat_map(|key| key.variables.iter().copied()).collect();
        let is_secret = |line: &str| names.iter().any(|name| line.trim_start().starts_with(name));
        text.lines().any(is_secret)
    });
    let files = [(file.clone(), has_secret(&file.display().to_string())), (PathBuf::from(".env"), in_environment_file)];
    let open = files.iter().filter(|(file, is_secret)| *is_secret && is_open(file));
    let mut findings: Findings = open
        .map(|(file, _)| {
            let file = file.display();
            Finding::warning(
                "secrets",
                format!("{file} holds a password or a key, and every user of this machine can read it"),
                format!("chmod 600 {file}"),
            )
        })
        .collect();
    if findings.is_empty() {
        findings.push(Finding::ok("secrets", "none in a file that others can read"));
    }
    findings
}

fn is_open(file: &Path) -> bool {
    std::fs::metadata(file).is_ok_and(|metadata| metadata.permissions().mode() & 0o004 != 0)
}

/// Reads the rules as a run would.
pub(super) async fn rules(patient: &Patient) -> Findings {
    let facts = match patient.ready() {
        Some(store) => store.fact_list().await.unwrap_or_default(),
        None => Vec::new(),
    };
    vec![match session::rules_with(&patient.config, &facts) {
        Ok(rules) => Finding::ok("rules", format!("{} rules, profile {}", rules.rules.len(), rules.profile)),
        Err(error) => Finding::error(
            "rules",
            failure::shown(&error).trim_start_matches("error: "),
            "correct the file, or take it out of rules.directory; `universe rules check FILE` checks one",
        ),
    }]
}
