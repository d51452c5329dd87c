//! The HTTP interface: routes over the service, errors as problems, keys and limits before everything.

mod address;
mod admin;
mod base64;
mod changes;
mod docs_page;
mod events;
mod export;
mod gate;
mod imports;
mod input;
mod jobs;
pub(crate) mod keys;
mod lane;
mod listen;
mod lookups;
mod metrics;
mod openapi;
mod overrides;
mod problem;
mod restoring;
mod runs;
mod schemas;
mod system;
mod time_machine;

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tower_http::catch_panic::CatchPanicLayer;
use universe_core::rule::RuleSet;
use universe_service::{Body, Daemon, Lookups};
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::events::EventFeed;
use self::export::EXPORTS_AT_ONCE;
use self::gate::{BODY_BYTES_MAX, Gate};
use self::keys::Keys;
use self::lane::Lane;
use self::problem::Problem;

/// How often the rules are read again, which say what an alias means.
const RULES_EVERY: Duration = Duration::from_secs(10);

/// How often figures are condensed, so that they do not grow between two looks at them.
const CONDENSE_EVERY: Duration = Duration::from_secs(5);

/// What all handlers share.
pub(crate) struct App {
    daemon: Arc<Daemon>,
    lookups: Lookups,
    rules: ArcSwap<RuleSet>,
    keys: Keys,
    gate: Gate,
    events: EventFeed,
    /// How many exports may still begin.
    exports: Arc<Semaphore>,
    figures: PrometheusHandle,
    openapi: Body,
    documentation: String,
    shutdown: watch::Receiver<bool>,
}

/// What a server is made of.
pub(crate) struct Parts {
    pub(crate) daemon: Arc<Daemon>,
    pub(crate) keys: Keys,
    /// Tells the request ids of processes apart.
    pub(crate) process: u32,
    pub(crate) is_loopback: bool,
    pub(crate) shutdown: watch::Receiver<bool>,
}

impl App {
    /// Reads what requests are answered from.
    pub(crate) async fn open(parts: Parts) -> anyhow::Result<Arc<Self>> {
        let Parts { daemon, keys, process, is_loopback, shutdown } = parts;
        let store = Arc::clone(&daemon.store);
        let rules = daemon.rules.rules(&*store).await.map_err(anyhow::Error::msg)?;
        let document = openapi::complete(&routes().into_openapi());
        Ok(Arc::new(Self {
            lookups: Lookups::open(Arc::clone(&store), &daemon.environment).await?,
            events: EventFeed::open(&*store, &daemon.environment).await?,
            exports: Arc::new(Semaphore::new(EXPORTS_AT_ONCE)),
            rules: ArcSwap::new(rules),
            keys,
            gate: Gate::new(process, is_loopback),
            figures: metrics::start()?,
            openapi: Body::json(&document),
            documentation: docs_page::render(&document),
            shutdown,
            daemon,
        }))
    }

    /// Keeps everything current that requests are answered from, until the server stops.
    async fn keep_current(self: Arc<Self>) {
        let stop = || self.shutdown.clone();
        tokio::join!(
            self.lookups.run(stop()),
            self.keys.run(&*self.daemon.ambient, stop()),
            self.events.run(&self, stop()),
            self.keep_rules(stop()),
            self.condense_figures(stop()),
        );
    }

    async fn keep_rules(&self, mut shutdown: watch::Receiver<bool>) {
        while lasts(&mut shutdown, RULES_EVERY).await {
            match self.daemon.rules.rules(&*self.daemon.store).await {
                Ok(rules) => self.rules.store(rules),
                Err(error) => tracing::warn!(error, "the rules cannot be read; the last ones are used for names"),
            }
        }
    }

    async fn condense_figures(&self, mut shutdown: watch::Receiver<bool>) {
        while lasts(&mut shutdown, CONDENSE_EVERY).await {
            self.figures.run_upkeep();
        }
    }
}

/// Waits, and returns whether the server is still to go on.
async fn lasts(shutdown: &mut watch::Receiver<bool>, wait: Duration) -> bool {
    tokio::time::timeout(wait, shutdown.wait_for(|is_over| *is_over)).await.is_err()
}

/// Answers requests until the server is told to stop, then finishes what it began.
pub(crate) async fn serve(app: Arc<App>, listener: TcpListener) {
    let keeping = tokio::spawn(Arc::clone(&app).keep_current());
    listen::answer(listener, Lane::new(Arc::clone(&app)), router(&app), app.shutdown.clone()).await;
    keeping.abort();
    // Whatever still runs when the runtime goes finds no timers.
    let _ = keeping.await;
    app.keys.note_uses(app.daemon.ambient.now()).await;
}

/// Returns the OpenAPI document.
pub(crate) fn openapi_document() -> serde_json::Value {
    openapi::complete(&routes().into_openapi())
}

fn router(app: &Arc<App>) -> Router {
    let (router, _) = routes().split_for_parts();
    router
        .fallback(async || Problem::of_status(StatusCode::NOT_FOUND))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(axum::middleware::from_fn_with_state(Arc::clone(app), gate::pass))
        .with_state(Arc::clone(app))
}

fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(openapi::Description::openapi())
        .routes(routes!(runs::trigger_run))
        .routes(routes!(runs::show_run))
        .routes(routes!(runs::list_runs))
        .routes(routes!(runs::show_statistics))
        .routes(routes!(runs::cancel_run))
        .routes(routes!(runs::approve_run))
        .routes(routes!(system::list_alerts))
        .routes(routes!(lookups::list_universes))
        .routes(routes!(lookups::show_universe))
        .routes(routes!(lookups::list_universe_symbols))
        .routes(routes!(changes::list_universe_changes))
        .routes(routes!(lookups::list_symbol_universes))
        .routes(routes!(time_machine::explain))
        .routes(routes!(time_machine::list_universe_history))
        .routes(routes!(time_machine::list_symbol_history))
        .routes(routes!(export::export_universe))
        .routes(routes!(export::export_universes))
        .routes(routes!(overrides::list_universe_pending))
        .routes(routes!(overrides::list_pending))
        .routes(routes!(overrides::create_override, overrides::list_overrides))
        .routes(routes!(overrides::show_override))
        .routes(routes!(overrides::withdraw_override))
        .routes(routes!(restoring::create_rollback))
        .routes(routes!(restoring::create_correction))
        .routes(routes!(imports::create_import))
        .routes(routes!(events::list_events))
        .routes(routes!(events::stream_events))
        .routes(routes!(jobs::create_job, jobs::list_jobs))
        .routes(routes!(jobs::show_job))
        .routes(routes!(jobs::cancel_job))
        .routes(routes!(admin::show_historical_data))
        .routes(routes!(admin::rebuild_cache))
        .routes(routes!(admin::show_run_to_administrator))
        .routes(routes!(system::show_health))
        .routes(routes!(system::show_readiness))
        .routes(routes!(system::show_metrics))
        .routes(routes!(system::show_openapi))
        .routes(routes!(system::show_documentation))
}

fn panicked(cause: Box<dyn Any + Send + 'static>) -> Response {
    let cause = cause.downcast_ref::<String>().map(String::as_str).or_else(|| cause.downcast_ref::<&str>().copied());
    tracing::error!(cause = cause.unwrap_or("unknown"), "a handler failed; this is a fault of this program");
    Problem::of_status(StatusCode::INTERNAL_SERVER_ERROR).into_response()
}
