//! The rule files of an adoption: written aside first, and there only once the database has committed.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use universe_core::rule::RuleFile;
use universe_store::AdoptedRule;

use super::super::session;
use crate::config::Config;

/// The configured directory, with the files that are in it.
pub(super) struct RuleDirectory {
    pub(super) path: Option<PathBuf>,
    pub(super) files: Vec<RuleFile>,
}

/// Files that were written aside; dropped, they are gone again.
pub(super) struct Written(Vec<(PathBuf, PathBuf)>);

impl RuleDirectory {
    pub(super) fn of(config: &Config) -> anyhow::Result<Self> {
        let path = config.get("rules.directory").map(PathBuf::from);
        // It is made when there is something to put into it.
        let is_there = path.as_ref().is_some_and(|path| path.exists());
        let files = if is_there { session::own_rule_files(config)? } else { Vec::new() };
        Ok(Self { path, files })
    }

    /// Writes files under names that no rule has.
    pub(super) fn write(&self, rules: &[AdoptedRule]) -> anyhow::Result<Written> {
        let mut written = Written(Vec::new());
        let Some(directory) = self.path.as_ref().filter(|_| !rules.is_empty()) else { return Ok(written) };
        fs::create_dir_all(directory).with_context(|| format!("cannot make the directory {}", directory.display()))?;
        for rule in rules {
            let aside = directory.join(format!(".{}.adopting", rule.name));
            written.0.push((aside.clone(), directory.join(&rule.name)));
            let file = fs::File::create(&aside).and_then(|mut file| {
                std::io::Write::write_all(&mut file, rule.text.as_bytes())?;
                file.sync_all()
            });
            file.with_context(|| format!("cannot write {}", aside.display()))?;
        }
        Ok(written)
    }
}

impl Written {
    /// Gives the files their names.
    pub(super) fn keep(mut self) -> anyhow::Result<()> {
        for (aside, name) in std::mem::take(&mut self.0) {
            fs::rename(&aside, &name).with_context(|| {
                format!("the database is adopted, but {} was not written; run `universe adopt` again", name.display())
            })?;
        }
        Ok(())
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        for (aside, _) in &self.0 {
            let _ = fs::remove_file(aside);
        }
    }
}

/// Writes the files that are not there, and returns their names.
pub(super) fn write_missing(directory: &Path, rules: &[AdoptedRule]) -> anyhow::Result<Vec<String>> {
    let missing: Vec<AdoptedRule> = rules.iter().filter(|rule| !directory.join(&rule.name).exists()).cloned().collect();
    RuleDirectory { path: Some(directory.to_owned()), files: Vec::new() }.write(&missing)?.keep()?;
    Ok(missing.into_iter().map(|rule| rule.name).collect())
}

/// Removes the files that are as they were made, and returns the names of the others.
pub(super) fn remove(directory: &Path, rules: &[AdoptedRule]) -> anyhow::Result<Vec<String>> {
    let mut changed = Vec::new();
    for rule in rules {
        let path = directory.join(&rule.name);
        match fs::read_to_string(&path) {
            Ok(text) if text == rule.text => {
                fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
            }
            Ok(_) => changed.push(rule.name.clone()),
            Err(_) => {}
        }
    }
    Ok(changed)
}
