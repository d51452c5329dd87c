//! Fingerprints of what is loaded, to tell the same file again from a corrected one.

use universe_core::{ListingRecord, Snapshot};

/// Returns a text that is equal for equal snapshots.
pub(crate) fn snapshot_fingerprint(snapshot: &Snapshot) -> String {
    let mut fields = Fields(blake3::Hasher::new());
    for row in &snapshot.rows {
        fields.listing(&row.listing);
        fields.number(row.close.map(universe_core::Price::micros));
        fields.number(row.volume);
    }
    fields.0.finalize().to_hex().to_string()
}

/// Feeds fields to a hasher so that no two sequences of fields look alike.
struct Fields(blake3::Hasher);

impl Fields {
    fn listing(&mut self, listing: &ListingRecord) {
        // Named in full, so that a new field cannot be forgotten.
        let ListingRecord {
            symbol,
            company_name,
            security_type,
            exchange,
            sector,
            industry,
            country,
            currency,
            market_cap,
            weighted_shares_outstanding,
            listing_date,
            ipo_year,
            is_active,
            delisted_date,
            etf_type,
            issuer,
            aum_millions,
            facts,
        } = listing;
        self.text(Some(symbol.as_str()));
        self.text(security_type.map(universe_core::SecurityType::code));
        for text in [company_name, exchange, sector, industry, country, currency, etf_type, issuer] {
            self.text(text.as_deref());
        }
        self.number(market_cap.map(|cap| cap.0));
        self.number(*weighted_shares_outstanding);
        for date in [listing_date, delisted_date] {
            self.number(date.map(|d| i64::from(d.year()) * 10_000 + i64::from(d.month()) * 100 + i64::from(d.day())));
        }
        self.number(ipo_year.map(i64::from));
        self.number(is_active.map(i64::from));
        self.number(aum_millions.map(|aum| aum.to_bits().cast_signed()));
        self.number(i64::try_from(facts.len()).ok());
        for (field, value) in facts {
            self.text(Some(field));
            self.number(Some(value.to_bits().cast_signed()));
        }
    }

    fn text(&mut self, text: Option<&str>) {
        self.number(text.and_then(|text| i64::try_from(text.len()).ok()));
        self.0.update(text.unwrap_or_default().as_bytes());
    }

    fn number(&mut self, number: Option<i64>) {
        match number {
            None => self.0.update(&[0]),
            Some(number) => self.0.update(&[1]).update(&number.to_le_bytes()),
        };
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use universe_core::{Price, SnapshotRow, Symbol};

    use super::*;

    fn snapshot(change: impl FnOnce(&mut SnapshotRow)) -> Snapshot {
        let mut listing = ListingRecord::new(Symbol::from_stored("AAPL"));
        listing.company_name = Some("Apple Inc. Common Stock".to_owned());
        let mut row = SnapshotRow { listing, close: Some(Price::from_micros(170_000_000)), volume: Some(1) };
        change(&mut row);
        Snapshot { session: date(2024, 3, 4), source: "screener".to_owned(), rows: vec![row] }
    }

    #[test]
    fn differs_with_any_field_and_with_the_place_of_a_text() {
        let same = snapshot_fingerprint(&snapshot(|_| {}));
        assert_eq!(same, snapshot_fingerprint(&snapshot(|_| {})));
        let others = [
            snapshot(|row| row.volume = None),
            snapshot(|row| row.close = None),
            snapshot(|row| row.listing.sector = Some(String::new())),
            snapshot(|row| row.listing.sector = row.listing.company_name.take()),
            snapshot(|row| row.listing.is_active = Some(true)),
        ];
        let mut all: Vec<String> = others.iter().map(snapshot_fingerprint).chain([same]).collect();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 6);
    }
}
