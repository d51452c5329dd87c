//! Checks of what is reached over the network: Redis, the server, the market data, and who is let in.

use std::net::IpAddr;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use universe_feeds::massive::MassiveError;
use universe_service::Ambient as _;
use universe_store::ApiKeyRecord;

use super::super::{massive, output, serve};
use super::{Finding, Findings, Patient};
use crate::clock::Surroundings;
use crate::http::keys::EXAMPLE_KEY;

/// An answer over HTTP that takes longer is no answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Redis takes less than a millisecond on the same machine, a few in the same building.
const LATENCY_MS_MAX: i64 = 50;

/// A key that ends within so many days is to be rotated now.
const EXPIRY_DAYS: i64 = 14;

/// The oldest version that is tested.
const REDIS_VERSION_MIN: u32 = 6;

/// Looks whether Redis answers, how fast, and whether it keeps what it is given.
pub(super) async fn redis(patient: &Patient) -> Findings {
    let address = match serve::redis_address(&patient.config) {
        Ok(Some(address)) => address,
        Ok(None) => return vec![Finding::ok("redis", "not configured: events are kept and served over HTTP only")],
        Err(error) => return vec![Finding::error("redis", format!("{error:#}"), "correct redis.url or redis.host")],
    };
    let signs = match address.signs().await {
        Ok(signs) => signs,
        Err(error) => {
            let is_refusal = ["NOAUTH", "WRONGPASS", "NOPERM", "AuthenticationFailed", "authentication"]
                .iter()
                .any(|word| error.contains(word));
            let remedy = if is_refusal {
                "correct user and password in redis.url (redis://USER:PASSWORD@HOST:PORT/DATABASE)"
            } else {
                "start the server, or correct redis.url; events wait meanwhile, and none is lost"
            };
            return vec![Finding::error("redis", format!("{address}: {error}"), remedy)];
        }
    };
    let before = Surroundings.now();
    let ping = address.ping().await;
    let milliseconds = i64::try_from(Surroundings.now().duration_since(before).as_millis()).unwrap_or(i64::MAX);
    let detail = format!("{address}: Redis {}, connected and answered in {milliseconds} ms", signs.version);
    if let Err(error) = ping {
        return vec![Finding::error("redis", format!("{address}: {error}"), "see the server's log")];
    }
    let mut findings = Vec::new();
    let major = signs.version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    if major.is_some_and(|major| major < REDIS_VERSION_MIN) {
        findings.push(Finding::warning("redis", &*detail, format!("use version {REDIS_VERSION_MIN} or later")));
    } else if milliseconds > LATENCY_MS_MAX {
        findings.push(Finding::warning("redis", &*detail, "put it nearer, or see what keeps it busy (SLOWLOG GET)"));
    } else {
        findings.push(Finding::ok("redis", &*detail));
    }
    let evicts = signs.eviction.as_deref().filter(|policy| *policy != "noeviction" && signs.bytes_max > 0);
    if let Some(policy) = evicts {
        findings.push(Finding::warning(
            "redis",
            format!("its maxmemory-policy is {policy}: the states of jobs may be thrown away"),
            "CONFIG SET maxmemory-policy noeviction, or give this program a server of its own",
        ));
    }
    findings
}

/// Looks who is let in.
pub(super) async fn keys(patient: &Patient) -> Findings {
    let host = patient.config.get("server.host").unwrap_or("127.0.0.1");
    let is_loopback = is_loopback(host).await;
    let configured = patient.config.get("server.api_key").filter(|key| !key.is_empty());
    let stored = match patient.ready() {
        Some(store) => store.key_list().await.unwrap_or_default(),
        None => Vec::new(),
    };
    let now = Surroundings.now();
    let mut findings = Vec::new();
    let create = "make one: `universe keys create NAME --scope operate`";
    match configured {
        Some(EXAMPLE_KEY) if is_loopback => findings.push(Finding::warning(
            "keys",
            "the configured key is the one that public documents print",
            format!("{create}, and set it where TICKSTOCKPL_API_KEY is"),
        )),
        Some(EXAMPLE_KEY) => findings.push(Finding::error(
            "keys",
            format!("the configured key is the one that public documents print; on {host} the server refuses it"),
            create,
        )),
        Some(_) => {}
        None if !is_loopback && !stored.iter().any(|key| is_usable(key, now)) => findings.push(Finding::error(
            "keys",
            format!("the server is to listen on {host}, where it needs a key, and there is none"),
            create,
        )),
        None => {}
    }
    for key in stored.iter().filter(|key| key.revoked_at.is_none()) {
        let Some(expires_at) = key.expires_at else { continue };
        let (id, name) = (&key.api_key_id, &key.name);
        let rotate = format!("`universe keys rotate {id}`, or `universe keys revoke {id}`");
        if expires_at <= now {
            findings.push(Finding::warning("keys", format!("key {id} ({name}) has expired"), rotate));
        } else if expires_at.duration_since(now) < SignedDuration::from_hours(24 * EXPIRY_DAYS) {
            let detail = format!("key {id} ({name}) expires at {}", output::instant(&expires_at));
            findings.push(Finding::warning("keys", detail, rotate));
        }
    }
    if findings.is_empty() {
        let usable = stored.iter().filter(|key| is_usable(key, now)).count();
        let count = usable + usize::from(configured.is_some());
        let detail = if count == 0 { "none is needed on this machine".to_owned() } else { format!("{count} let in") };
        findings.push(Finding::ok("keys", detail));
    }
    findings
}

fn is_usable(key: &ApiKeyRecord, now: Timestamp) -> bool {
    key.revoked_at.is_none() && key.expires_at.is_none_or(|expires_at| now < expires_at)
}

async fn is_loopback(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    if let Ok(address) = host.parse::<IpAddr>() {
        return address.is_loopback();
    }
    match tokio::net::lookup_host((host, 0)).await {
        Ok(mut addresses) => addresses.all(|address| address.ip().is_loopback()),
        Err(_) => false,
    }
}

/// Asks the server whether it runs.
pub(super) async fn server(patient: &Patient) -> Findings {
    let host = patient.config.get("server.host").unwrap_or("127.0.0.1");
    let port = patient.config.get("server.port").unwrap_or("8080");
    if port == "0" {
        return vec![Finding::ok("server", "server.port is 0: nobody knows where it listens")];
    }
    let host = match host {
        "0.0.0.0" => "127.0.0.1",
        "::" | "[::]" => "[::1]",
        host => host,
    };
    let url = format!("http://{host}:{port}/health");
    vec![match status(&url).await {
        Ok(200) => Finding::ok("server", format!("{url} answers")),
        Ok(status) => {
            Finding::error("server", format!("{url} answers {status}"), "another program has the port, or see its log")
        }
        Err(error) => Finding::warning(
            "server",
            format!("{url} does not answer ({error})"),
            "start it with `universe serve`, unless runs are started by cron",
        ),
    }]
}

/// Asks the source of market data whether it is there, where one is configured.
pub(super) async fn market_data(patient: &Patient) -> Findings {
    if patient.config.get("massive.api_key").is_none_or(str::is_empty) {
        return vec![Finding::ok("market_data", "no market data API is configured")];
    }
    let url = patient.config.get("massive.base_url").unwrap_or_default().trim_end_matches('/');
    let checked = match massive::impatient_client(&patient.config) {
        Ok(client) => client.check().await,
        Err(error) => Err(error),
    };
    vec![match checked {
        Ok(()) => Finding::ok("market_data", format!("{url} lets us in")),
        Err(error @ (MassiveError::KeyRefused { .. } | MassiveError::Settings { .. })) => {
            Finding::error("market_data", format!("{url}: {error}"), "correct massive.api_key and massive.base_url")
        }
        Err(error) => Finding::warning("market_data", format!("{url}: {error}"), "correct massive.base_url, or wait"),
    }]
}

async fn status(url: &str) -> Result<u16, String> {
    let url = url.to_owned();
    let ask = move || {
        let config = ureq::Agent::config_builder().timeout_global(Some(ANSWER_WITHIN)).http_status_as_error(false);
        let request = ureq::Agent::new_with_config(config.build()).get(&url);
        request.call().map(|response| response.status().as_u16()).map_err(|error| error.to_string())
    };
    tokio::task::spawn_blocking(ask).await.map_err(|error| error.to_string())?
}
