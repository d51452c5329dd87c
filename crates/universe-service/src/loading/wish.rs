//! What somebody wants loaded, checked as far as that needs no database.

use std::collections::BTreeSet;
use std::path::{Component, Path};

use universe_core::expression::SetExpression;
use universe_core::{Symbol, Timeframe};
use universe_store::{DataLoadOrder, DataLoadOrdered, DataLoadRequest, DataLoadStatus, StoreError};

use crate::Daemon;

/// The longest id of a job: ids are shown in tables and are part of keys.
pub const JOB_ID_LEN_MAX: usize = 100;

/// How far back a job may go: the provider has nothing older.
pub const YEARS_MAX: u32 = 50;

/// More symbols than all exchanges of the country list together.
const SYMBOLS_MAX: usize = 20_000;

/// How much is kept of who asks: it is for people.
pub(super) const REQUESTED_BY_LEN_MAX: usize = 200;

/// What is wanted, as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataLoadWish {
    /// An address or a set expression.
    pub universe_key: Option<String>,
    /// The name of a file in the configured directory.
    pub csv_file: Option<String>,
    /// Symbols by name.
    pub symbols: Vec<String>,
    /// How many years back.
    pub years: u32,
    /// Names of timeframes; those of daily bars when empty.
    pub timeframes: Vec<String>,
    /// Whether bars are loaded.
    pub include_ohlcv: bool,
}

impl DataLoadWish {
    /// Checks it.
    ///
    /// # Errors
    /// Everything that is wrong with it, in words.
    pub fn check(&self) -> Result<DataLoadRequest, Vec<String>> {
        let mut faults = Vec::new();
        let symbols = self.checked_symbols(&mut faults);
        let timeframes = self.checked_timeframes(&mut faults);
        if !(1..=YEARS_MAX).contains(&self.years) {
            faults.push(format!("years is {}; it must be from 1 to {YEARS_MAX}", self.years));
        }
        let (universe_key, csv_file) = (filled(self.universe_key.as_deref()), filled(self.csv_file.as_deref()));
        if let Some(Err(error)) = universe_key.map(SetExpression::parse) {
            faults.push(format!("universe_key: {error}"));
        }
        if let Some(file) = csv_file.filter(|file| !is_file_name(file)) {
            faults.push(format!("csv_file is {file:?}; it must be the name of a file, without a directory"));
        }
        match (universe_key.is_some() || csv_file.is_some(), !self.symbols.is_empty()) {
            (true, true) => faults.push("symbols goes with neither universe_key nor csv_file".to_owned()),
            (false, false) => faults.push("one of universe_key, csv_file and symbols is needed".to_owned()),
            (true, false) | (false, true) => {}
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(DataLoadRequest {
            universe_key: universe_key.map(str::to_owned),
            csv_file: csv_file.map(str::to_owned),
            symbols,
            years: self.years,
            timeframes,
            include_ohlcv: self.include_ohlcv,
        })
    }

    fn checked_symbols(&self, faults: &mut Vec<String>) -> Vec<Symbol> {
        if self.symbols.len() > SYMBOLS_MAX {
            faults.push(format!("symbols has {} entries, at most {SYMBOLS_MAX}", self.symbols.len()));
            return Vec::new();
        }
        let mut symbols = BTreeSet::new();
        for text in &self.symbols {
            match Symbol::parse(text) {
                Ok(symbol) => drop(symbols.insert(symbol)),
                Err(error) => faults.push(format!("symbols: {error}")),
            }
        }
        symbols.into_iter().collect()
    }

    fn checked_timeframes(&self, faults: &mut Vec<String>) -> Vec<Timeframe> {
        let mut timeframes = BTreeSet::new();
        for text in &self.timeframes {
            match text.parse() {
                Ok(timeframe) => drop(timeframes.insert(timeframe)),
                Err(error) => faults.push(format!("timeframes: {error}")),
            }
        }
        if self.timeframes.is_empty() {
            timeframes.insert(Timeframe::Day);
        }
        timeframes.into_iter().collect()
    }
}

impl Daemon {
    /// Orders a job; it survives a crash as soon as this returns, and any process may carry it out.
    ///
    /// Without an id it gets a new one. The same id again is the same job; returns its id.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn order_data_load(
        &self,
        job_id: Option<String>,
        request: DataLoadRequest,
        requested_by: &str,
    ) -> Result<(String, DataLoadOrdered), StoreError> {
        let order = DataLoadOrder {
            job_id: job_id.unwrap_or_else(|| self.ambient.new_run_id().to_string()),
            environment: self.environment.clone(),
            request,
            requested_by: requested_by.chars().take(REQUESTED_BY_LEN_MAX).collect(),
            created_at: self.ambient.now(),
        };
        let ordered = self.store.data_load_order(&order).await?;
        self.data_load_ordered.notify_one();
        self.data_load_changed.notify_one();
        Ok((order.job_id, ordered))
    }

    /// Cancels a job that waits, or asks one that is at work to stop; returns its status then, `None` if unknown.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn cancel_data_load(&self, job_id: &str) -> Result<Option<DataLoadStatus>, StoreError> {
        let job = self.store.data_load_find(job_id).await?;
        if job.is_none_or(|job| job.order.environment != self.environment) {
            return Ok(None);
        }
        let status = self.store.data_load_cancel(job_id, self.ambient.now()).await?;
        self.data_load_changed.notify_one();
        Ok(status)
    }
}

/// Tells whether an id may be that of a job.
pub(super) fn is_job_id(text: &str) -> bool {
    (1..=JOB_ID_LEN_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Takes an empty text for a missing one, as forms send it.
fn filled(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}

/// Tells whether a text names a file in a directory, and nothing outside of it.
fn is_file_name(text: &str) -> bool {
    let mut parts = Path::new(text).components();
    let is_plain = !text.contains(['/', '\\', '\0']) && !text.starts_with('.');
    is_plain && matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None))
}
