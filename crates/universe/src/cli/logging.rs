//! Logs: lines for people or for programs, on standard error and in a file a day where a directory is configured.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::Context as _;
use jiff::civil::Date;
use tracing::Subscriber;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer};
use universe_service::{Ambient as _, new_york_date};

use super::arguments::Global;
use super::output;
use crate::clock::Surroundings;
use crate::config::Config;

/// How many days of log files are kept beside the file of today.
const DAYS_KEPT: i32 = 30;

/// How lines look.
#[derive(Clone, Copy)]
enum Format {
    /// A sentence, then its fields.
    Human { is_coloured: bool, with_target: bool },
    /// An object, the fields beside `timestamp`, `level`, `target` and `message`.
    Json,
}

/// Starts logging as configured; `-vv` logs everything.
pub(crate) fn start(config: &Config, global: &Global) -> anyhow::Result<()> {
    let level = match (global.verbose, global.quiet) {
        (2.., _) => "debug",
        (_, true) => "error",
        (_, false) => config.get("log.level").unwrap_or("warn"),
    };
    let format = |human| if config.get("log.format") == Some("json") { Format::Json } else { human };
    let is_coloured = output::is_coloured(&std::io::stderr());
    let terminal = lines(format(Format::Human { is_coloured, with_target: false }), std::io::stderr);
    let file = match config.get("log.directory") {
        Some(directory) => {
            let today = new_york_date(Surroundings.now());
            let file = DailyFile::open(directory, today).with_context(|| format!("cannot log to {directory}"))?;
            Some(lines(format(Format::Human { is_coloured: false, with_target: true }), file))
        }
        None => None,
    };
    // Of libraries only what is wrong: the parser of expressions alone says thousands of things.
    let filter = EnvFilter::try_new(format!("{level},tokio_postgres=warn,sqlparser=warn"))?;
    // A second start, as in a test of this process, keeps the first.
    let _ = tracing_subscriber::registry().with(filter).with(terminal).with(file).try_init();
    Ok(())
}

/// Returns what writes one line for each event.
fn lines<S, W>(format: Format, writer: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let layer = tracing_subscriber::fmt::layer().with_writer(writer);
    match format {
        Format::Human { is_coloured, with_target } => layer.with_ansi(is_coloured).with_target(with_target).boxed(),
        Format::Json => layer.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed(),
    }
}

/// The file of the day, which is another one from midnight on, also while a server runs.
struct DailyFile {
    directory: PathBuf,
    current: Mutex<(Date, File)>,
}

/// The right to write one line.
struct Line<'f>(MutexGuard<'f, (Date, File)>);

impl DailyFile {
    fn open(directory: &str, today: Date) -> std::io::Result<Self> {
        let directory = PathBuf::from(directory);
        let file = open(&directory, today)?;
        Ok(Self { directory, current: Mutex::new((today, file)) })
    }

    fn line(&self, today: Date) -> Line<'_> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        // Where the new file cannot be made, the old one is better than none; the next line tries again.
        if current.0 != today
            && let Ok(file) = open(&self.directory, today)
        {
            *current = (today, file);
        }
        Line(current)
    }
}

impl<'f> MakeWriter<'f> for DailyFile {
    type Writer = Line<'f>;

    fn make_writer(&'f self) -> Line<'f> {
        self.line(new_york_date(Surroundings.now()))
    }
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.1.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.1.flush()
    }
}

/// Opens the file of a day and removes those that are older than [`DAYS_KEPT`] days.
fn open(directory: &Path, today: Date) -> std::io::Result<File> {
    fs::create_dir_all(directory)?;
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let day = path.file_name().and_then(|name| name.to_str()).and_then(day_of);
        if day.is_some_and(|day| (today - day).get_days() > DAYS_KEPT) {
            match fs::remove_file(path) {
                // Another process on the same directory was first.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                removed => removed?,
            }
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
mod tests;
