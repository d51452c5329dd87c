//! `universe serve`: answers over HTTP, carries out runs, publishes events, keeps the schedule.

#[cfg(not(feature = "nats"))]
use std::convert::Infallible;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use anyhow::Context as _;
use async_trait::async_trait;
use tokio::net::TcpListener;
use tokio::sync::watch;
use universe_core::rule::RuleSet;
use universe_service::{
    AfterTimeout, Daemon, EodWait, RedisAddress, RelaySettings, RuleSource, Schedule, SchedulerSettings,
    SupervisorSettings, WorkerSettings, supervise,
};
use universe_store::Store;

use super::arguments::{Global, Serve};
use super::failure::Usage;
use super::jobs::loading_settings;
use super::{EXIT_DONE, output, session};
use crate::clock::{Surroundings, random_hex};
use crate::config::Config;
use crate::http::keys::{EXAMPLE_KEY, Keys};
use crate::http::{self, App, Parts};

/// Rules as the configuration has them, read again for every run: their files may change meanwhile.
pub(super) struct ConfiguredRules(pub(super) Config);

#[async_trait]
impl RuleSource for ConfiguredRules {
    async fn rules(&self, store: &dyn Store) -> Result<Arc<RuleSet>, String> {
        session::rules(store, &self.0).await.map(Arc::new).map_err(|error| format!("{error:#}"))
    }
}

pub(crate) async fn run(global: &Global, config: &Config, command: &Serve) -> anyhow::Result<u8> {
    if command.openapi {
        output::write_out(&format!("{:#}\n", http::openapi_document()))?;
        return Ok(EXIT_DONE);
    }
    let settings = supervisor_settings(config)?;
    let nats = nats_settings(config)?;
    let store = session::open_store(global, config).await?;
    let (listener, keys) = listen(global, config, command, &store).await?;
    let address = listener.local_addr()?;
    let environment = session::environment(config).to_owned();
    let process = random_hex(4)?;
    let holder = format!("{}/{process}", std::process::id());
    let rules = Arc::new(ConfiguredRules(config.clone()));
    let daemon = Arc::new(Daemon::new(store, rules, Arc::new(Surroundings), environment, holder));
    let (stop, shutdown) = watch::channel(false);
    let parts = Parts {
        daemon: Arc::clone(&daemon),
        keys,
        process: u32::from_str_radix(&process, 16)?,
        is_loopback: address.ip().is_loopback(),
        shutdown: shutdown.clone(),
    };
    // Before anything is said: whoever reads the address may stop the server at once.
    let signals = Signals::catch()?;
    let app = App::open(parts).await?;
    let supervised = tokio::spawn(supervised(daemon, settings, nats, shutdown));
    let serving = tokio::spawn(http::serve(app, listener));
    output::write_out(&format!("listening on http://{address}\n"))?;

    let signal = signals.next().await;
    remark(global, config, &format!("{signal}: finishing what runs; a second signal stops at once"));
    stop.send_replace(true);
    let finished = async { tokio::try_join!(serving, supervised) };
    tokio::select! {
        ended = finished => drop(ended.context("a part of the server failed")?),
        _ = signals.next() => remark(global, config, "stopped at once; a run that was at work changed nothing"),
    }
    Ok(EXIT_DONE)
}

/// Binds the address, if whoever can reach it needs a key.
async fn listen(
    global: &Global,
    config: &Config,
    command: &Serve,
    store: &Arc<dyn Store>,
) -> anyhow::Result<(TcpListener, Keys)> {
    let host = command.host.as_deref().or(config.get("server.host")).unwrap_or("127.0.0.1");
    let port = match command.port {
        Some(port) => port,
        None => number(config, "server.port")?,
    };
    let addresses: Vec<SocketAddr> = tokio::net::lookup_host((host.trim_matches(['[', ']']), port))
        .await
        .with_context(|| format!("the address {host} to listen on is not known"))?
        .collect();
    let is_loopback = addresses.iter().all(|address| address.ip().is_loopback());
    let configured = config.get("server.api_key").filter(|key| !key.is_empty());
    if configured == Some(EXAMPLE_KEY) {
        if !is_loopback {
            return Err(Usage(format!(
                "the key {EXAMPLE_KEY} is printed in public documents: it works on this machine only, not on {host}; \
                 make one with `universe keys create`"
            ))
            .into());
        }
        let warning = format!("warning: the key {EXAMPLE_KEY} is public; make one with `universe keys create`");
        match logs_json(config) {
            true => tracing::warn!("{warning}"),
            false => output::words(&warning),
        }
    }
    let rate = NonZeroU32::new(number(config, "server.rate_per_second")?);
    let keys = Keys::open(Arc::clone(store), configured, is_loopback, rate).await?;
    if !is_loopback && configured.is_none() && !keys.has_usable(&Surroundings) {
        return Err(Usage(format!(
            "without a key the server listens on this machine only, not on {host}; make one with `universe keys create`"
        ))
        .into());
    }
    let listener = TcpListener::bind(addresses.as_slice()).await;
    let listener = listener.with_context(|| format!("cannot listen on {host}, port {port}"))?;
    if !keys.are_asked_for() {
        remark(global, config, "note: no key is configured; programs on this machine may do everything");
    }
    Ok((listener, keys))
}

/// Says something to whoever started the server: as a log line where programs read them.
fn remark(global: &Global, config: &Config, text: &str) {
    match logs_json(config) {
        true => tracing::info!("{text}"),
        false => output::remark(global, text),
    }
}

fn logs_json(config: &Config) -> bool {
    config.get("log.format") == Some("json")
}

fn supervisor_settings(config: &Config) -> anyhow::Result<SupervisorSettings> {
    let scheduler = match config.get("scheduler.enabled") {
        Some("true") => Some(scheduler_settings(config)?),
        Some(_) | None => None,
    };
    let redis = redis_address(config)?;
    let relay = RelaySettings { redis, retention_days: number(config, "events.retention_days")? };
    Ok(SupervisorSettings { worker: WorkerSettings::STANDARD, relay, scheduler, loading: loading_settings(config) })
}

/// Returns where events go beside Redis; `None` for nowhere.
#[cfg(feature = "nats")]
fn nats_settings(config: &Config) -> anyhow::Result<Option<universe_service::NatsSettings>> {
    let url = config.get("nats.url").filter(|url| !url.is_empty());
    let stream = config.get("nats.stream").unwrap_or_default().to_owned();
    Ok(url.map(|url| universe_service::NatsSettings { url: url.to_owned(), stream }))
}

#[cfg(feature = "nats")]
async fn supervised(
    daemon: Arc<Daemon>,
    settings: SupervisorSettings,
    nats: Option<universe_service::NatsSettings>,
    shutdown: watch::Receiver<bool>,
) {
    match nats {
        Some(nats) => universe_service::supervise_with_nats(daemon, settings, nats, shutdown).await,
        None => supervise(daemon, settings, shutdown).await,
    }
}

/// Refuses a setting that this program could only ignore.
#[cfg(not(feature = "nats"))]
fn nats_settings(config: &Config) -> anyhow::Result<Option<Infallible>> {
    match config.get("nats.url").filter(|url| !url.is_empty()) {
        Some(_) => Err(Usage(
            "nats.url is set, and this program knows no NATS; build it with `cargo build --release --features nats`"
                .to_owned(),
        )
        .into()),
        None => Ok(None),
    }
}

#[cfg(not(feature = "nats"))]
async fn supervised(
    daemon: Arc<Daemon>,
    settings: SupervisorSettings,
    _: Option<Infallible>,
    shutdown: watch::Receiver<bool>,
) {
    supervise(daemon, settings, shutdown).await;
}

fn scheduler_settings(config: &Config) -> anyhow::Result<SchedulerSettings> {
    let text = |key| config.get(key).unwrap_or_default();
    let schedule = Schedule::parse(text("scheduler.cron"), text("scheduler.zone"));
    let schedule = schedule.map_err(|error| Usage(error.to_string()))?;
    let eod_wait = match text("scheduler.eod_wait") {
        "signal" => EodWait::Signal {
            timeout_seconds: number(config, "scheduler.eod_wait_timeout_seconds")?,
            then: match text("scheduler.eod_timeout") {
                "give_up" => AfterTimeout::GiveUp,
                _ => AfterTimeout::Proceed,
            },
        },
        _ => EodWait::Off,
    };
    Ok(SchedulerSettings { schedule, eod_wait })
}

/// Returns where Redis is; `None` when nothing says so.
pub(super) fn redis_address(config: &Config) -> anyhow::Result<Option<RedisAddress>> {
    let filled = |key| config.get(key).filter(|value| !value.is_empty());
    let (key, url) = match (filled("redis.url"), filled("redis.host")) {
        (Some(url), _) => ("redis.url", url.to_owned()),
        (None, Some(host)) => {
            let (port, database): (u16, u32) = (number(config, "redis.port")?, number(config, "redis.database")?);
            ("redis.host", format!("redis://{host}:{port}/{database}"))
        }
        (None, None) => return Ok(None),
    };
    let origin = config.origin(key).unwrap_or("the defaults");
    let address: RedisAddress = url.parse().map_err(|error| Usage(format!("{key} in {origin}: {error}")))?;
    let Some(file) = filled("redis.root_certificate") else { return Ok(Some(address)) };
    let certificate = std::fs::read(file).with_context(|| format!("redis.root_certificate {file} cannot be read"))?;
    let address =
        address.trusting(certificate).map_err(|error| Usage(format!("redis.root_certificate {file}: {error}")))?;
    Ok(Some(address))
}

/// Returns a setting that is a number, within what its type can hold.
fn number<N: std::str::FromStr>(config: &Config, key: &'static str) -> anyhow::Result<N> {
    let text = config.get(key).unwrap_or_default();
    let origin = config.origin(key).unwrap_or("the defaults");
    text.parse().map_err(|_| Usage(format!("{key} = {text} in {origin} is too large")).into())
}

/// The signals that ask a server to stop.
struct Signals {
    interrupt: tokio::sync::Mutex<tokio::signal::unix::Signal>,
    terminate: tokio::sync::Mutex<tokio::signal::unix::Signal>,
}

impl Signals {
    fn catch() -> anyhow::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let catch = |kind| signal(kind).map(tokio::sync::Mutex::new).context("signals cannot be caught");
        Ok(Self { interrupt: catch(SignalKind::interrupt())?, terminate: catch(SignalKind::terminate())? })
    }

    async fn next(&self) -> &'static str {
        let (mut interrupt, mut terminate) = (self.interrupt.lock().await, self.terminate.lock().await);
        tokio::select! {
            _ = interrupt.recv() => "interrupted",
            _ = terminate.recv() => "asked to stop",
        }
    }
}
