//! The Massive REST API (formerly Polygon.io): bars and reference data over HTTP.
//!
//! A [`Client`] keeps to one limit of requests for everything that shares it, tries again what may
//! succeed a little later, and hands out answers a page at a time, so that years of minutes never stand
//! in memory at once. What cannot be true in an answer is an [`Issue`](universe_core::Issue) of its page.

mod bars;
mod reference;

mod answer;
mod calendar;
mod error;
mod pace;
mod settings;
mod ticker;
mod transport;

use std::fmt;
use std::sync::Arc;

use jiff::civil::Date;
use universe_core::Symbol;

use transport::Transport;

pub use bars::{BarPages, BarRequest};
pub use error::MassiveError;
pub use reference::{Listed, ListingPages, SymbolChange};
pub use settings::{ApiKey, Settings};

use crate::Read;

/// The most bars that the API puts on one page.
pub const PAGE_ROWS_MAX: u32 = 50_000;

/// A connection to the API; clones share its limit of requests and its connections.
#[derive(Clone)]
pub struct Client {
    transport: Arc<Transport>,
}

impl Client {
    /// Makes a client; nothing is asked before the first request.
    ///
    /// # Errors
    /// When the address is no HTTP address, there is no key, or this machine has no root certificates.
    pub fn new(settings: Settings) -> Result<Self, MassiveError> {
        Ok(Self { transport: Arc::new(Transport::new(settings)?) })
    }

    /// Asks whether the API is there and lets the key in, with as many tries as any request has.
    ///
    /// # Errors
    /// When it does not answer, or refuses the key.
    pub async fn check(&self) -> Result<(), MassiveError> {
        let url = self.transport.url(&["v1", "marketstatus", "now"], &[]);
        match self.transport.get::<serde::de::IgnoredAny>("the status of the market", &url).await {
            // A gateway need not pass this on; that it answers is enough.
            Ok(_) | Err(MassiveError::NotFound { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Asks for the bars of one symbol, a page at a time, in ascending order.
    #[must_use]
    pub fn bars(&self, request: BarRequest) -> BarPages {
        BarPages::new(Arc::clone(&self.transport), request)
    }

    /// Asks for every listing of stocks and funds, a page at a time: names, kinds, exchanges.
    #[must_use]
    pub fn listings(&self, listed: Listed) -> ListingPages {
        ListingPages::of_tickers(Arc::clone(&self.transport), listed)
    }

    /// Asks for the offerings that began to trade in a range of days, a page at a time.
    #[must_use]
    pub fn offerings(&self, from: Date, to: Date) -> ListingPages {
        ListingPages::of_offerings(Arc::clone(&self.transport), from, to)
    }

    /// Returns what is known of one symbol: shares, first day, kind; of one that is not listed any more,
    /// when it was delisted.
    ///
    /// # Errors
    /// [`MassiveError::NotFound`] for a symbol that never was; else when the API refuses or does not answer.
    pub async fn listing(&self, symbol: &Symbol) -> Result<Read<universe_core::ListingRecord>, MassiveError> {
        reference::listing(&self.transport, symbol).await
    }

    /// Returns the symbols that the company behind a symbol has had, the newest first.
    ///
    /// # Errors
    /// When the API knows no such symbol, refuses, or does not answer.
    pub async fn symbol_changes(&self, symbol: &Symbol) -> Result<Vec<SymbolChange>, MassiveError> {
        reference::symbol_changes(&self.transport, symbol).await
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("address", &self.transport.address()).finish_non_exhaustive()
    }
}
