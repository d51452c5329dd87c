use super::*;
use crate::testing::lines_of;

const PLAIN: RawListing<'static> = RawListing {
    symbol: Cell::Text("AACG"),
    exchange: Cell::Text("nasdaq"),
    name: Cell::Text("ATA Creativity Global American Depositary Shares"),
    last_sale: Cell::Text("$1.09"),
    volume: Cell::Text("12899"),
    market_cap: Cell::Text("34442461.00"),
    country: Cell::Text("China"),
    ipo_year: Cell::Text(""),
    industry: Cell::Text("Service to the Health Industry"),
    sector: Cell::Text(" Miscellaneous "),
};

fn read(rows: &[RawListing<'_>]) -> (Vec<SnapshotRow>, Vec<String>) {
    let path = Path::new("2022-05-17.csv");
    let mut issues = IssueLog::new(path);
    let mut builder = SnapshotBuilder::default();
    for (line, raw) in (2..).zip(rows) {
        builder.add(line, raw, &mut issues);
    }
    let session = Date::constant(2022, 5, 17);
    let read = builder.finish(path, session, "screener", issues).expect("rows");
    (read.value.rows, lines_of(&read.issues))
}

fn read_one(raw: RawListing<'_>) -> (SnapshotRow, Vec<String>) {
    let (mut rows, issues) = read(&[raw]);
    (rows.remove(0), issues)
}

#[test]
fn a_plain_row_says_all_that_it_has() {
    let (row, issues) = read_one(PLAIN);
    assert_eq!(issues, [""; 0]);
    assert_eq!((row.close, row.volume), (Some(Price::from_micros(1_090_000)), Some(12_899)));
    let listing = row.listing;
    assert_eq!(listing.market_cap, Some(Usd(34_442_461)));
    assert_eq!(listing.weighted_shares_outstanding, Some(31_598_588));
    assert_eq!(listing.security_type, Some(SecurityType::Adrc));
    assert_eq!(listing.sector.as_deref(), Some("Miscellaneous"));
    assert_eq!((listing.ipo_year, listing.listing_date), (None, None));
}

#[test]
fn blank_and_zero_caps_and_no_volume_are_usual() {
    for market_cap in [Cell::Text(""), Cell::Text("0.00"), Cell::Whole(0), Cell::Null] {
        let (row, issues) = read_one(RawListing { market_cap, volume: Cell::Text("0"), ..PLAIN });
        assert_eq!((row.listing.market_cap, row.listing.weighted_shares_outstanding), (None, None));
        assert_eq!((row.volume, issues.len()), (Some(0), 0));
    }
}

#[test]
fn a_cap_that_cannot_be_is_dropped_and_the_listing_is_still_seen() {
    let faults = [
        (Cell::Text("-5"), "2 AACG: the market cap \"-5\" is negative; the cap was dropped"),
        (
            Cell::Text("100000000000001"),
            "2 AACG: the market cap \"100000000000001\" is more than 100T; the cap was dropped",
        ),
        (Cell::Text("1.2B"), "2 AACG: the market cap \"1.2B\" is not a number; the cap was dropped"),
    ];
    for (market_cap, expected) in faults {
        let (row, issues) = read_one(RawListing { market_cap, ..PLAIN });
        assert_eq!((row.listing.market_cap, row.listing.weighted_shares_outstanding), (None, None));
        assert!(row.close.is_some());
        assert_eq!(issues, [expected]);
    }
}

#[test]
fn no_last_sale_means_no_close_and_no_share_count() {
    let faults = [
        (Cell::Text("$0.00"), "2 AACG: the last sale \"$0.00\" is no price; the close was dropped"),
        (Cell::Text(""), "2 AACG: there is no last sale; the listing has no close"),
        (Cell::Text("-$1.09"), "2 AACG: the last sale \"-$1.09\" is no price; the close was dropped"),
        (Cell::Text("soon"), "2 AACG: the last sale \"soon\" is not a number; the close was dropped"),
    ];
    for (last_sale, expected) in faults {
        let (row, issues) = read_one(RawListing { last_sale, ..PLAIN });
        assert_eq!((row.close, row.listing.weighted_shares_outstanding), (None, None));
        assert_eq!(row.listing.market_cap, Some(Usd(34_442_461)));
        assert_eq!(issues, [expected]);
    }
}

#[test]
fn odd_volumes_and_years_are_dropped() {
    let raw = RawListing { volume: Cell::Text("-1"), ipo_year: Cell::Text("20222"), ..PLAIN };
    let (row, issues) = read_one(raw);
    assert_eq!((row.volume, row.listing.ipo_year), (None, None));
    assert_eq!(
        issues,
        [
            "2 AACG: the volume \"-1\" is negative; it was dropped",
            "2 AACG: the IPO year \"20222\" is no year of an offering; it was dropped",
        ]
    );
    assert_eq!(read_one(RawListing { volume: Cell::Text("1,234"), ..PLAIN }).0.volume, Some(1_234));
}

#[test]
fn what_is_no_symbol_is_skipped_formulas_included() {
    let symbols = ["=cmd|' /C calc'!A0", "", "+1", "@SUM(A1)", "A B"].map(Cell::Text);
    let mut raws = vec![PLAIN];
    raws.extend(symbols.map(|symbol| RawListing { symbol, ..PLAIN }));
    let (rows, issues) = read(&raws);
    assert_eq!(rows.len(), 1);
    assert_eq!(issues.len(), 5);
    assert!(issues[0].starts_with("3 =cmd|"), "{}", issues[0]);
    assert_eq!(issues[1], "4 -: no symbol; the row was skipped");
}

#[test]
fn symbols_that_spell_like_nothing_are_symbols() {
    let (rows, _) = read(&[RawListing { symbol: Cell::Text("NA"), ..PLAIN }]);
    assert_eq!(rows[0].listing.symbol.as_str(), "NA");
}

#[test]
fn of_one_symbol_in_two_spellings_the_first_is_kept() {
    let with = |symbol, volume| RawListing { symbol: Cell::Text(symbol), volume: Cell::Whole(volume), ..PLAIN };
    let (rows, issues) = read(&[with("ZZ", 9), with("BRK/B", 1), with("BRK.B ", 2), with("AA", 3), with("brk-b", 4)]);
    let kept: Vec<_> = rows.iter().map(|row| (row.listing.symbol.as_str(), row.volume)).collect();
    assert_eq!(kept, [("AA", Some(3)), ("BRK.B", Some(1)), ("ZZ", Some(9))]);
    assert_eq!(
        issues,
        [
            "4 BRK.B: BRK.B is on line 3 already; line 4 was skipped",
            "6 BRK.B: BRK.B is on line 3 already; line 6 was skipped"
        ]
    );
}

#[test]
fn issues_are_limited_and_the_rest_is_counted() {
    let bad = RawListing { symbol: Cell::Text("?"), ..PLAIN };
    let mut raws = vec![PLAIN];
    raws.resize(crate::ISSUES_MAX + 8, bad);
    let (_, issues) = read(&raws);
    assert_eq!(issues.len(), crate::ISSUES_MAX + 1);
    assert_eq!(issues.last().map(String::as_str), Some("- -: and 7 more issues, which are not listed"));
}
