//! The client of the Massive API against a server that answers like it: every documented answer, limit and fault.

mod bars;
mod encryption;
mod faults;
mod limits;
mod reference;

use std::time::Duration;

use jiff::civil::{Date, date};
use universe_core::{Issue, Symbol, TimedBar, Timeframe};
use universe_feeds::massive::{ApiKey, BarRequest, Client, MassiveError, Settings};
use universe_testkit::{MassiveStandIn, StandInSettings};

/// The first day of most tests.
const FROM: Date = date(2023, 1, 3);
/// The last day of most tests.
const TO: Date = date(2023, 3, 31);

/// Starts a market of a few stocks.
fn stand_in() -> MassiveStandIn {
    MassiveStandIn::start(market())
}

fn market() -> StandInSettings {
    StandInSettings::of(["AAPL", "BACpK", "BRK.B", "MSFT"], date(2023, 12, 29))
}

/// Returns settings that wait as short as tests like.
fn settings(server: &MassiveStandIn) -> Settings {
    Settings {
        requests_per_minute: 0,
        answer_timeout: Duration::from_secs(20),
        first_wait: Duration::from_millis(1),
        longest_wait: Duration::from_millis(5),
        ..Settings::new(server.base_url(), ApiKey::new(server.api_key()))
    }
}

fn client(server: &MassiveStandIn) -> Client {
    Client::new(settings(server)).expect("usable settings")
}

fn symbol(text: &str) -> Symbol {
    Symbol::parse(text).expect("a symbol")
}

fn request(text: &str, timeframe: Timeframe, from: Date, to: Date) -> BarRequest {
    BarRequest { symbol: symbol(text), timeframe, from, to }
}

/// Everything that the pages of a request have.
#[derive(Debug, Default)]
struct Pages {
    bars: Vec<TimedBar>,
    sizes: Vec<usize>,
    issues: Vec<Issue>,
}

async fn read(client: &Client, request: BarRequest) -> Result<Pages, MassiveError> {
    let mut pages = client.bars(request);
    let mut read = Pages::default();
    while let Some(page) = pages.next_page().await? {
        read.sizes.push(page.value.len());
        read.bars.extend(page.value);
        read.issues.extend(page.issues);
    }
    assert_eq!(pages.next_page().await.expect("nothing is asked any more"), None);
    Ok(read)
}

/// Reads daily bars of the usual days.
async fn read_days(client: &Client, text: &str) -> Result<Pages, MassiveError> {
    read(client, request(text, Timeframe::Day, FROM, TO)).await
}
