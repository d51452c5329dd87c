//! The Massive REST API (formerly Polygon.io): bars and reference data over HTTP.
//!
//! A [`Client`] keeps to one limit of requests for everything that shares it, tries again what may
//! succeed a little later, and hands out answers a page at a time, so that years of minutes never stand
//! in memory at once. A bar that cannot be is an [`Issue`](universe_core::Issue) of its page.

mod bars;
mod error;
mod settings;

use std::sync::Arc;

pub use bars::{BarPages, BarRequest};
pub use error::MassiveError;
pub use settings::{ApiKey, Settings};

/// The most bars that the API puts on one page.
pub const PAGE_ROWS_MAX: u32 = 50_000;

/// A connection to the API; clones share its limit of requests and its connections.
#[derive(Clone, Debug)]
pub struct Client {
    settings: Arc<Settings>,
}

impl Client {
    /// Makes a client; nothing is asked before the first request.
    ///
    /// # Errors
    /// When the address is no HTTP address, or there is no key.
    pub fn new(settings: Settings) -> Result<Self, MassiveError> {
        Ok(Self { settings: Arc::new(settings) })
    }

    /// Asks for the bars of one symbol, a page at a time, in ascending order.
    #[must_use]
    pub fn bars(&self, request: BarRequest) -> BarPages {
        BarPages { client: self.clone(), request }
    }
}
