//! Reference data from the Massive API into `symbols`: shares, first days, delistings, offerings.
//!
//! What the API knows better than anybody is taken as it says: shares outstanding, the kind, the first day,
//! whether and since when a listing is gone. What merely describes a listing (its name, exchange and industry)
//! is taken only where nothing is stored, so that two sources do not rewrite each other's words every day.

mod wish;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::ToSpan;
use jiff::civil::Date;
use serde::Serialize;
use tokio::task::JoinSet;
use universe_core::{Issue, ListingRecord, Observation, Symbol, session_on_or_before};
use universe_feeds::Read;
use universe_feeds::massive::{Client, Listed, ListingPages, MassiveError, SymbolChange};
use universe_store::{LoadRecord, Needs, Store, StoreError};

use crate::sync::new_york_date;
use crate::{Ambient, LoadReport};

pub use wish::{Details, ReferenceScope, ReferenceWish, SymbolChanges};

/// How many listings are stored at a time: little enough to ask for again after a crash.
const BATCH_LISTINGS: usize = 200;

/// How far back offerings are asked for: all that are in `recent_ipos`, and those of the year before.
const OFFERING_DAYS: i32 = 365;

/// What a load of reference data did.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ReferenceReport {
    /// What every load says.
    #[serde(flatten)]
    pub load: LoadReport,
    /// Which symbols were others before; `None` where nobody asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub symbol_changes: Option<Vec<Renaming>>,
    /// How many symbols the API did not answer for.
    #[serde(skip)]
    pub failed: u64,
}

/// A company's symbol that became another one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Renaming {
    /// The first day of the new symbol.
    pub date: Date,
    /// The symbol before.
    pub from: Symbol,
    /// The symbol since.
    pub to: Symbol,
}

/// How far a load is.
#[derive(Clone, Copy, Debug)]
pub struct ReferenceProgress<'a> {
    /// How many steps are done.
    pub done: u64,
    /// How many there are, as far as is known.
    pub total: u64,
    /// What was done last.
    pub last: &'a str,
}

/// Called after every step.
pub type ReferenceTold<'a> = &'a (dyn Fn(ReferenceProgress<'_>) + Send + Sync);

/// Why a load of reference data ended before its end.
#[derive(Debug, thiserror::Error)]
pub enum ReferenceError {
    /// The API refused; what came before is stored.
    #[error(transparent)]
    Massive(#[from] MassiveError),
    /// The database could not be read or written; batches before this one are stored.
    #[error("could not store reference data; what was stored before stays")]
    Store(#[from] StoreError),
}

/// Loads reference data from the API; listings are stored as they come, a batch at a time.
///
/// A symbol that the API does not know, or does not answer for, is an issue of the report, and the others go on.
///
/// # Errors
/// When the key is refused, a list is not answered, or the database cannot be read or written.
pub async fn load_reference(
    store: &dyn Store,
    client: &Client,
    wish: &ReferenceWish,
    ambient: &dyn Ambient,
    told: ReferenceTold<'_>,
) -> Result<ReferenceReport, ReferenceError> {
    let today = new_york_date(ambient.now());
    let needs = Needs { company_names: true, details: true, facts: Vec::new(), returns: false };
    let known = store.observation_read(session_on_or_before(today), &needs).await?;
    let mut load = Load {
        store,
        ambient,
        known,
        today,
        source: wish.source.clone(),
        report: ReferenceReport::default(),
        recorded: (0, 0),
    };
    load.report.load.files = vec![wish.source.clone()];
    let symbols = match &wish.scope {
        ReferenceScope::Symbols(symbols) => symbols.clone(),
        ReferenceScope::Everything(details) => {
            let listed = load.lists(client, told).await?;
            match details {
                Details::Overviews => listed,
                Details::ListsOnly => Vec::new(),
            }
        }
    };
    load.overviews(client, symbols, wish, told).await?;
    load.record(&[]).await?;
    let mut report = load.report;
    if let Some(changes) = &mut report.symbol_changes {
        changes.sort();
        changes.dedup();
        crate::keep_renamings(store, changes, &wish.source, ambient.now()).await?;
    }
    Ok(report)
}

/// A load under way.
struct Load<'a> {
    store: &'a dyn Store,
    ambient: &'a dyn Ambient,
    known: Observation,
    today: Date,
    source: String,
    report: ReferenceReport,
    /// How many rows and issues of the report are recorded with the listings that were stored.
    recorded: (u64, usize),
}

/// What the API says of one symbol.
struct Answered {
    symbol: Symbol,
    listing: Result<Read<ListingRecord>, MassiveError>,
    changes: Option<Result<Vec<SymbolChange>, MassiveError>>,
}

impl Load<'_> {
    /// Loads the lists of what trades, of what was delisted and of offerings; returns what trades.
    async fn lists(&mut self, client: &Client, told: ReferenceTold<'_>) -> Result<Vec<Symbol>, ReferenceError> {
        let mut step = 0;
        let mut tell = |last: &str| {
            step += 1;
            told(ReferenceProgress { done: step, total: 0, last });
        };
        let from = self.today.saturating_sub(OFFERING_DAYS.days());
        let offered = self.read(client.offerings(from, self.today), &mut tell).await?;
        let offered: BTreeMap<Symbol, ListingRecord> =
            offered.into_iter().map(|record| (record.symbol.clone(), record)).collect();
        let listed = self.read(client.listings(Listed::Now), &mut tell).await?;
        let symbols: BTreeSet<Symbol> = listed.iter().map(|record| record.symbol.clone()).collect();
        let with_offering = |mut record: ListingRecord| {
            if let Some(offering) = offered.get(&record.symbol) {
                record.listing_date = record.listing_date.or(offering.listing_date);
                record.ipo_year = offering.ipo_year;
            }
            record
        };
        self.store_all(listed.into_iter().map(with_offering).collect()).await?;
        let gone = self.read(client.listings(Listed::Formerly), &mut tell).await?;
        self.store_all(self.delistings(gone, &symbols)).await?;
        Ok(symbols.into_iter().collect())
    }

    /// Reads the pages of a list.
    async fn read(
        &mut self,
        mut pages: ListingPages,
        tell: &mut (dyn FnMut(&str) + Send),
    ) -> Result<Vec<ListingRecord>, ReferenceError> {
        let mut records = Vec::new();
        while let Some(page) = pages.next_page().await? {
            self.report.load.rows += page.rows;
            self.report.load.issues.extend(page.issues);
            records.extend(page.value);
            tell(&format!("{} rows", self.report.load.rows));
        }
        Ok(records)
    }

    /// Returns the last delistings of listings that are known and trade no more. The list has everything that
    /// ever was, most of it before anybody's time here; and a symbol that was given again is not gone.
    fn delistings(&self, gone: Vec<ListingRecord>, listed: &BTreeSet<Symbol>) -> Vec<ListingRecord> {
        let mut last: BTreeMap<Symbol, ListingRecord> = BTreeMap::new();
        for record in gone {
            let is_meant = self.known.position(&record.symbol).is_some() && !listed.contains(&record.symbol);
            let is_later = last.get(&record.symbol).is_none_or(|before| before.delisted_date < record.delisted_date);
            if is_meant && is_later {
                last.insert(record.symbol.clone(), record);
            }
        }
        last.into_values().collect()
    }

    /// Asks about symbols, several at once, and stores what is said.
    async fn overviews(
        &mut self,
        client: &Client,
        symbols: Vec<Symbol>,
        wish: &ReferenceWish,
        told: ReferenceTold<'_>,
    ) -> Result<(), ReferenceError> {
        let total = symbols.len() as u64;
        let mut waiting = symbols.into_iter();
        let client = Arc::new(client.clone());
        let mut asking = JoinSet::new();
        let mut batch = Vec::new();
        if wish.symbol_changes == SymbolChanges::Asked {
            self.report.symbol_changes = Some(Vec::new());
        }
        for done in 1.. {
            while asking.len() < wish.concurrency.max(1)
                && let Some(symbol) = waiting.next()
            {
                asking.spawn(ask(Arc::clone(&client), symbol, wish.symbol_changes));
            }
            let Some(answered) = asking.join_next().await else { break };
            let answered = answered.expect("asking does not panic, and nobody aborts it");
            told(ReferenceProgress { done, total, last: answered.symbol.as_str() });
            let refused = self.take(answered, &mut batch);
            if batch.len() >= BATCH_LISTINGS || refused.is_some() {
                self.store_all(std::mem::take(&mut batch)).await?;
            }
            if let Some(error) = refused {
                return Err(error.into());
            }
        }
        self.store_all(batch).await
    }

    /// Takes an answer; returns the refusal after which nothing more needs to be asked.
    fn take(&mut self, answered: Answered, batch: &mut Vec<ListingRecord>) -> Option<MassiveError> {
        let Answered { symbol, listing, changes } = answered;
        match listing {
            Ok(read) => {
                self.report.load.rows += read.rows;
                self.report.load.issues.extend(read.issues);
                batch.push(read.value);
            }
            Err(error) => {
                if let Some(refusal) = self.note(&symbol, error) {
                    return Some(refusal);
                }
            }
        }
        match changes {
            Some(Ok(changes)) => {
                let renamings = changes.windows(2).filter_map(|pair| match pair {
                    [to, from] if to.symbol != from.symbol => {
                        Some(Renaming { date: to.date, from: from.symbol.clone(), to: to.symbol.clone() })
                    }
                    _ => None,
                });
                self.report.symbol_changes.get_or_insert_default().extend(renamings);
                None
            }
            // A listing that is known may have no history of its symbols.
            Some(Err(MassiveError::NotFound { .. })) | None => None,
            Some(Err(error)) => self.note(&symbol, error),
        }
    }

    /// Keeps an error of one symbol as an issue; hands one that would meet every symbol back.
    fn note(&mut self, symbol: &Symbol, error: MassiveError) -> Option<MassiveError> {
        if error.ends_job() {
            return Some(error);
        }
        self.report.failed += u64::from(!matches!(error, MassiveError::NotFound { .. }));
        let (file, symbol, reason) = (self.source.clone(), Some(symbol.to_string()), error.to_string());
        self.report.load.issues.push(Issue { file, line: None, symbol, reason });
        None
    }

    async fn store_all(&mut self, mut records: Vec<ListingRecord>) -> Result<(), ReferenceError> {
        records.sort_by(|a, b| a.symbol.cmp(&b.symbol));
        records.dedup_by(|a, b| a.symbol == b.symbol);
        records.retain(|record| !self.is_of_another(record));
        for batch in records.chunks_mut(BATCH_LISTINGS) {
            for record in &mut *batch {
                self.keep_words(record);
            }
            self.record(batch).await?;
        }
        Ok(())
    }

    /// Stores listings, and with them what was read and what was wrong since the last ones.
    async fn record(&mut self, listings: &[ListingRecord]) -> Result<(), ReferenceError> {
        let load = &mut self.report.load;
        let (rows, issues) = std::mem::replace(&mut self.recorded, (load.rows, load.issues.len()));
        if listings.is_empty() && issues == load.issues.len() {
            return Ok(());
        }
        let record = LoadRecord {
            kind: "reference".to_owned(),
            file: self.source.clone(),
            session: None,
            rows: load.rows - rows,
            loaded: listings.len() as u64,
            issues: load.issues[issues..].to_vec(),
        };
        let as_of = session_on_or_before(self.today);
        let stored = self.store.listing_load(listings, as_of, &record, self.ambient.now()).await?;
        load.loaded += listings.len() as u64;
        load.written += stored.written;
        Ok(())
    }

    /// Tells, and notes, that a delisting is of a company that had the symbol before the listing that is known.
    fn is_of_another(&mut self, record: &ListingRecord) -> bool {
        let (Some(listing), Some(delisted)) = (self.known.position(&record.symbol), record.delisted_date) else {
            return false;
        };
        let began = self.known.listing_date[listing].max(self.known.first_seen_session[listing]);
        let Some(began) = began.filter(|began| delisted <= *began) else { return false };
        let reason =
            format!("the delisting of {delisted} is of an earlier listing, this one began {began}; it was skipped");
        let (file, symbol) = (self.source.clone(), Some(record.symbol.to_string()));
        self.report.load.issues.push(Issue { file, line: None, symbol, reason });
        true
    }

    /// Leaves the words of another source, and a cap that is recorded, as they are.
    fn keep_words(&self, record: &mut ListingRecord) {
        let Some(listing) = self.known.position(&record.symbol) else { return };
        let Observation { company_name, exchange, industry, currency, recorded_cap, .. } = &self.known;
        record.company_name = record.company_name.take().filter(|_| company_name.value(listing).is_none());
        record.exchange = record.exchange.take().filter(|_| exchange.value(listing).is_none());
        record.industry = record.industry.take().filter(|_| industry.value(listing).is_none());
        record.currency = record.currency.take().filter(|_| currency.value(listing).is_none());
        record.market_cap = record.market_cap.filter(|_| recorded_cap[listing].is_none());
    }
}

async fn ask(client: Arc<Client>, symbol: Symbol, symbol_changes: SymbolChanges) -> Answered {
    let listing = client.listing(&symbol).await;
    let changes = match (&listing, symbol_changes) {
        (Ok(_), SymbolChanges::Asked) => Some(client.symbol_changes(&symbol).await),
        (Ok(_) | Err(_), SymbolChanges::Unasked) | (Err(_), SymbolChanges::Asked) => None,
    };
    Answered { symbol, listing, changes }
}
