//! `universe jobs`: data-load jobs, on the database itself; a server need not run for asking.

mod settings;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::watch;
use universe_core::Timeframe;
use universe_service::{Daemon, DataLoadWish, Question, load_data_once, look_up};
use universe_store::{DataLoadOrdered, DataLoadRecord, DataLoadStatus, Store};

pub(crate) use settings::loading_settings;

use super::arguments::{Format, Global, Jobs, SubmitJob};
use super::failure::Usage;
use super::output::{self, Rows};
use super::{EXIT_DONE, EXIT_FAILED, serve, session};
use crate::clock::{Surroundings, random_hex};
use crate::config::Config;

/// How often a job is looked at that somebody waits for.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// How many failed tasks are shown to a person.
const FAULTS_SHOWN: usize = 10;

pub(crate) async fn run(global: &Global, config: &Config, command: &Jobs) -> anyhow::Result<u8> {
    let store = session::open_store(global, config).await?;
    let daemon = daemon(store, config)?;
    match command {
        Jobs::Submit(command) => submit(global, config, &daemon, command).await,
        Jobs::List { limit } => {
            let jobs = daemon.store.data_load_list(&daemon.environment, *limit, 0).await?;
            let data: Vec<_> = jobs.iter().map(DataLoadRecord::status_document).collect();
            output::print(global, &data, || table(&jobs))?;
            Ok(EXIT_DONE)
        }
        Jobs::Show { id } => {
            show(global, &find(&daemon, id).await?)?;
            Ok(EXIT_DONE)
        }
        Jobs::Cancel { id } => {
            let before = find(&daemon, id).await?;
            if before.status.is_over() {
                anyhow::bail!("job {id} is over: {}", before.status.as_str());
            }
            if daemon.cancel_data_load(id).await? == Some(DataLoadStatus::Running) {
                output::remark(global, &format!("job {id} is at work; it stops within seconds"));
            }
            show(global, &find(&daemon, id).await?)?;
            Ok(EXIT_DONE)
        }
    }
}

async fn submit(global: &Global, config: &Config, daemon: &Daemon, command: &SubmitJob) -> anyhow::Result<u8> {
    let wish = DataLoadWish {
        universe_key: command.universe.clone(),
        csv_file: command.csv.clone(),
        symbols: command.symbols.clone(),
        years: command.years,
        timeframes: command.timeframes.iter().map(|timeframe: &Timeframe| timeframe.as_str().to_owned()).collect(),
        include_ohlcv: !command.no_bars,
    };
    let request = wish.check().map_err(|faults| Usage(faults.join("; ")))?;
    if let Some(universe) = &request.universe_key {
        let rules = session::rules(&*daemon.store, config).await?;
        let question = Question { environment: &daemon.environment, as_of: None, known_at: None };
        look_up(&*daemon.store, &rules, universe, question).await?;
    }
    let settings = loading_settings(config);
    if command.run && request.include_ohlcv {
        // Asking for it now is better than a job that fails.
        settings.client.as_ref().map_err(|reason| anyhow::anyhow!("{reason}"))?;
    }
    let (job_id, ordered) = daemon.order_data_load(command.id.clone(), request, "cli").await?;
    match ordered {
        DataLoadOrdered::Queued => output::remark(global, &format!("job {job_id} was asked for")),
        DataLoadOrdered::Known => output::remark(global, &format!("there is a job {job_id} already; this is it")),
    }
    if command.run {
        let (stop, stopped) = watch::channel(false);
        let working = async {
            // Whatever waits before it is carried out first; what a server works on is left to it.
            while !*stopped.borrow() {
                match load_data_once(daemon, &settings, &stopped).await? {
                    Some(done) if done == job_id => break,
                    Some(_) => {}
                    None => tokio::time::sleep(LOOK_EVERY).await,
                }
            }
            anyhow::Ok(())
        };
        let waiting = async {
            wait(global, daemon, &job_id).await?;
            // A job that is at work all the same is given back: a server goes on with it.
            stop.send_replace(true);
            Ok(())
        };
        tokio::try_join!(working, waiting)?;
    } else if command.wait {
        wait(global, daemon, &job_id).await?;
    }
    let job = find(daemon, &job_id).await?;
    show(global, &job)?;
    Ok(match job.status {
        DataLoadStatus::Pending | DataLoadStatus::Running | DataLoadStatus::Completed => EXIT_DONE,
        DataLoadStatus::CompletedWithErrors | DataLoadStatus::Failed | DataLoadStatus::Cancelled => EXIT_FAILED,
    })
}

/// Waits for the end of a job.
async fn wait(global: &Global, daemon: &Daemon, job_id: &str) -> anyhow::Result<()> {
    let bar = output::progress(global, 0, "symbols");
    loop {
        let job = find(daemon, job_id).await?;
        if job.status.is_over() {
            bar.finish_and_clear();
            return Ok(());
        }
        bar.set_length(u64::from(job.symbols_total.unwrap_or_default()));
        bar.set_position(u64::from(job.symbols_done));
        bar.set_message(job.message);
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Puts together what orders and carries out jobs in this process.
fn daemon(store: Arc<dyn Store>, config: &Config) -> anyhow::Result<Daemon> {
    let holder = format!("{}/{}", std::process::id(), random_hex(4)?);
    let rules = Arc::new(serve::ConfiguredRules(config.clone()));
    Ok(Daemon::new(store, rules, Arc::new(Surroundings), session::environment(config).to_owned(), holder))
}

async fn find(daemon: &Daemon, job_id: &str) -> anyhow::Result<DataLoadRecord> {
    let found = daemon.store.data_load_find(job_id).await?;
    let found = found.filter(|job| job.order.environment == daemon.environment);
    found.with_context(|| format!("there is no job {job_id}; `universe jobs list` shows them"))
}

fn show(global: &Global, job: &DataLoadRecord) -> anyhow::Result<()> {
    output::print(global, &job.status_document(), || table(std::slice::from_ref(job)))?;
    if global.format != Format::Table {
        return Ok(());
    }
    output::write_out(&format!("\n{}\n", job.message))?;
    for fault in job.errors.iter().take(FAULTS_SHOWN) {
        output::write_out(&format!("failed: {} {}: {}\n", fault.symbol, fault.timeframe, fault.message))?;
    }
    let more = (job.error_count as usize).saturating_sub(FAULTS_SHOWN);
    if more > 0 {
        output::write_out(&format!("and {more} more; --format json shows the first hundred\n"))?;
    }
    Ok(())
}

fn table(jobs: &[DataLoadRecord]) -> Rows {
    let row = |job: &DataLoadRecord| {
        let request = &job.order.request;
        let named = || format!("{} symbols", request.symbols.len());
        let what = request.universe_key.clone().or_else(|| request.csv_file.clone()).unwrap_or_else(named);
        let timeframes: Vec<&str> = request.timeframes.iter().map(|timeframe| timeframe.as_str()).collect();
        let total = job.symbols_total.map_or_else(|| "?".to_owned(), |total| total.to_string());
        vec![
            job.order.job_id.clone(),
            job.status.as_str().to_owned(),
            format!("{}%", job.percentage()),
            format!("{} of {total}", job.symbols_done),
            job.bars.to_string(),
            job.error_count.to_string(),
            what,
            timeframes.join(","),
            output::instant(&job.order.created_at),
            job.order.requested_by.clone(),
        ]
    };
    Rows {
        columns: vec![
            "job_id",
            "status",
            "progress",
            "symbols",
            "bars",
            "errors",
            "of",
            "timeframes",
            "created_at",
            "requested_by",
        ],
        rows: jobs.iter().map(row).collect(),
    }
}
