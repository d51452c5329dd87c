//! Logs: human lines on standard error, and a file a day where a directory is configured.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use jiff::civil::Date;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use universe_service::{Ambient as _, new_york_date};

use super::arguments::Global;
use super::output;
use crate::clock::Surroundings;
use crate::config::Config;

/// How many days of log files are kept.
const DAYS_KEPT: i32 = 30;

/// Starts logging as configured; `-vv` logs everything.
pub(crate) fn start(config: &Config, global: &Global) -> anyhow::Result<()> {
    let level = match (global.verbose, global.quiet) {
        (2.., _) => "debug",
        (_, true) => "error",
        (_, false) => config.get("log.level").unwrap_or("warn"),
    };
    let terminal = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(output::is_coloured(&std::io::stderr()))
        .with_target(false);
    let file = match config.get("log.directory") {
        Some(directory) => {
            let today = new_york_date(Surroundings.now());
            let file = open(Path::new(directory), today).with_context(|| format!("cannot log to {directory}"))?;
            Some(tracing_subscriber::fmt::layer().with_ansi(false).with_writer(std::sync::Mutex::new(file)))
        }
        None => None,
    };
    // Of libraries only what is wrong: the parser of expressions alone says thousands of things.
    let filter = EnvFilter::try_new(format!("{level},tokio_postgres=warn,sqlparser=warn"))?;
    // A second start, as in a test of this process, keeps the first.
    let _ = tracing_subscriber::registry().with(filter).with(terminal).with(file).try_init();
    Ok(())
}

/// Opens the file of a day and removes those that are older than [`DAYS_KEPT`] days.
fn open(directory: &Path, today: Date) -> std::io::Result<fs::File> {
    fs::create_dir_all(directory)?;
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let day = path.file_name().and_then(|name| name.to_str()).and_then(day_of);
        if day.is_some_and(|day| (today - day).get_days() > DAYS_KEPT) {
            fs::remove_file(path)?;
        }
    }
    let name = today.strftime("cache_sync_%Y%m%d.log").to_string();
    fs::OpenOptions::new().create(true).append(true).open(directory.join(name))
}

fn day_of(name: &str) -> Option<Date> {
    let digits = name.strip_prefix("cache_sync_")?.strip_suffix(".log")?;
    Date::strptime("%Y%m%d", digits).ok()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn keeps_thirty_days_by_date() {
        let directory = tempfile::tempdir().expect("a directory");
        for name in ["cache_sync_20240101.log", "cache_sync_20240102.log", "other.log", "cache_sync_x.log"] {
            fs::write(directory.path().join(name), "").expect("written");
        }
        open(directory.path(), date(2024, 2, 1)).expect("opened");
        let mut names: Vec<String> = fs::read_dir(directory.path())
            .expect("listed")
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        assert_eq!(names, ["cache_sync_20240102.log", "cache_sync_20240201.log", "cache_sync_x.log", "other.log"]);
    }
}
