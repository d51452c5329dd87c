//! Configuration: flags over environment over `universe.toml` over defaults; unknown keys are refused.

mod keys;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub(crate) use keys::KEYS;

/// The file that is read when `--config` names no other, and that may be missing.
pub(crate) const DEFAULT_FILE: &str = "universe.toml";

/// Every setting in force, by key.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    settings: BTreeMap<&'static str, Setting>,
}

/// A value and where it was set.
#[derive(Clone, Debug)]
struct Setting {
    value: String,
    origin: String,
}

/// What is wrong with the configuration.
#[derive(Debug)]
pub(crate) enum ConfigError {
    /// A file that was named cannot be read.
    Unreadable { file: PathBuf, reason: std::io::Error },
    /// A file is no TOML.
    Syntax { file: PathBuf, message: String },
    /// No setting has this name.
    UnknownKey { key: String, origin: String, hint: String },
    /// A setting cannot have this value.
    Value { key: &'static str, value: String, origin: String, expected: &'static str },
}

impl std::error::Error for ConfigError {}

impl std::fmt::Display for ConfigError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unreadable { file, reason } => {
                write!(f, "the configuration {} cannot be read: {reason}", file.display())
            }
            Self::Syntax { file, message } => write!(f, "the configuration {} is not right: {message}", file.display()),
            Self::UnknownKey { key, origin, hint } => write!(f, "unknown setting {key} in {origin}{hint}"),
            Self::Value { key, value, origin, expected } => {
                write!(f, "{key} = {value:?} in {origin}: expected {expected}")
            }
        }
    }
}

impl Config {
    /// Puts the configuration together.
    ///
    /// `file` is the one that was asked for by name and must exist; `environment` are all variables of the process.
    pub(crate) fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
        flags: &[(&'static str, String)],
    ) -> Result<Self, ConfigError> {
        let mut config = Self { settings: BTreeMap::new() };
        for key in &KEYS {
            if let Some(value) = key.default {
                config.set(key.name, value.to_owned(), "the defaults")?;
            }
        }
        config.read_file(file)?;
        config.read_environment(environment)?;
        for (key, value) in flags {
            config.set(key, value.clone(), "the command line")?;
        }
        Ok(config)
    }

    /// Returns a setting.
    pub(crate) fn get(&self, key: &'static str) -> Option<&str> {
        self.settings.get(key).map(|setting| setting.value.as_str())
    }

    /// Returns where a setting was set.
    pub(crate) fn origin(&self, key: &'static str) -> Option<&str> {
        self.settings.get(key).map(|setting| setting.origin.as_str())
    }

    /// Returns the same configuration with one setting changed by the program itself.
    pub(crate) fn with(&self, key: &'static str, value: String) -> Result<Self, ConfigError> {
        let mut config = self.clone();
        config.set(key, value, "the command")?;
        Ok(config)
    }

    /// Returns every setting that has a value: key, value fit to be shown, origin.
    pub(crate) fn shown(&self) -> Vec<(&'static str, String, &str)> {
        let shown = |key: &'static str, setting: &Setting| {
            let secret = KEYS.iter().any(|known| known.name == key && known.is_secret);
            if secret { redacted(&setting.value) } else { setting.value.clone() }
        };
        self.settings.iter().map(|(key, setting)| (*key, shown(key, setting), setting.origin.as_str())).collect()
    }

    /// Returns a file with every setting, its default, and what it is for.
    pub(crate) fn sample() -> String {
        let mut text =
            String::from("# universe.toml: every setting with its default. Flags and environment go before it.\n");
        let mut section = "";
        for key in &KEYS {
            let (of, name) = key.name.split_once('.').unwrap_or(("", key.name));
            if of != section {
                text.push_str(&format!("\n[{of}]\n"));
                section = of;
            }
            let names = key.variables.join(", ");
            let names = if names.is_empty() { String::new() } else { format!(" ({names})") };
            text.push_str(&format!("# {}{names}\n", key.meaning));
            match key.default {
                Some(value) if key.is_number => text.push_str(&format!("{name} = {value}\n")),
                Some(value) => text.push_str(&format!("{name} = {value:?}\n")),
                None => text.push_str(&format!("# {name} = {:?}\n", key.example)),
            }
        }
        text
    }

    fn read_file(&mut self, asked: Option<&Path>) -> Result<(), ConfigError> {
        let file = asked.unwrap_or(Path::new(DEFAULT_FILE));
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if asked.is_none() && error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(reason) => return Err(ConfigError::Unreadable { file: file.to_owned(), reason }),
        };
        let syntax = |message: String| ConfigError::Syntax { file: file.to_owned(), message };
        let table: toml::Table = text.parse().map_err(|e: toml::de::Error| syntax(located(&text, &e)))?;
        let origin = file.display().to_string();
        for (section, value) in table {
            let toml::Value::Table(entries) = value else {
                return Err(unknown(&section, &origin));
            };
            for (name, value) in entries {
                let value = match value {
                    toml::Value::String(text) => text,
                    toml::Value::Integer(number) => number.to_string(),
                    toml::Value::Boolean(truth) => truth.to_string(),
                    other => {
                        return Err(syntax(format!("{section}.{name} = {other} is neither text, number nor truth")));
                    }
                };
                self.set_by_name(&format!("{section}.{name}"), value, &origin)?;
            }
        }
        Ok(())
    }

    fn read_environment(&mut self, environment: impl IntoIterator<Item = (String, String)>) -> Result<(), ConfigError> {
        let variables: BTreeMap<String, String> = environment.into_iter().collect();
        for key in &KEYS {
            // Of several older names the first one that is set counts.
            if let Some((name, value)) = key.variables.iter().find_map(|name| Some((name, variables.get(*name)?))) {
                self.set(key.name, value.clone(), &format!("the environment variable {name}"))?;
            }
        }
        for (name, value) in &variables {
            if let Some(path) = name.strip_prefix("UNIVERSE__") {
                let key = path.to_ascii_lowercase().replace("__", ".");
                self.set_by_name(&key, value.clone(), &format!("the environment variable {name}"))?;
            }
        }
        Ok(())
    }

    fn set_by_name(&mut self, name: &str, value: String, origin: &str) -> Result<(), ConfigError> {
        match KEYS.iter().find(|key| key.name == name) {
            Some(key) => self.set(key.name, value, origin),
            None => Err(unknown(name, origin)),
        }
    }

    fn set(&mut self, name: &'static str, value: String, origin: &str) -> Result<(), ConfigError> {
        let key = KEYS.iter().find(|key| key.name == name).expect("only known keys are set");
        if key.is_number && value.parse::<u64>().is_err() {
            let origin = origin.to_owned();
            return Err(ConfigError::Value { key: key.name, value, origin, expected: "a whole number" });
        }
        if !key.choices.is_empty() && !key.choices.contains(&value.as_str()) {
            let origin = origin.to_owned();
            return Err(ConfigError::Value { key: key.name, value, origin, expected: key.meaning });
        }
        self.settings.insert(key.name, Setting { value, origin: origin.to_owned() });
        Ok(())
    }
}

/// Says where a text is no TOML, without repeating it: it may hold a password, or be anything.
fn located(text: &str, error: &toml::de::Error) -> String {
    let message = error.message().replace('\n', ", ");
    let Some(before) = error.span().and_then(|span| text.get(..span.start)) else { return message };
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!("line {line}, column {column}: {message}")
}

fn unknown(key: &str, origin: &str) -> ConfigError {
    let near = universe_core::nearest(key, KEYS.iter().map(|known| known.name));
    let hint = near.map_or_else(
        || "; `universe config sample` shows every setting".to_owned(),
        |near| format!("; did you mean {near}?"),
    );
    ConfigError::UnknownKey { key: key.to_owned(), origin: origin.to_owned(), hint }
}

/// Shows where a secret leads without showing it: the password of an address, or all of anything else.
fn redacted(value: &str) -> String {
    match (value.split_once("://"), value.rsplit_once('@')) {
        (Some((scheme, rest)), Some((_, host))) => {
            let user = rest.split([':', '@']).next().unwrap_or_default();
            format!("{scheme}://{user}:…@{host}")
        }
        (Some(_), None) | (None, Some(_)) => value.to_owned(),
        (None, None) if value.starts_with("sqlite:") => value.to_owned(),
        (None, None) => "…".to_owned(),
    }
}

#[cfg(test)]
mod tests;
