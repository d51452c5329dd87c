use jiff::civil::Date;
use universe_core::Usd;

use super::*;
use crate::testing::{Folder, TestColumn, chain, day, gzip, lines_of, parquet_bytes};

fn read(content: impl AsRef<[u8]>) -> Result<Read<Vec<ListingRecord>>, String> {
    read_symbols(&Folder::new().file("symbols.csv", content)).map_err(|error| chain(&error))
}

const FULL: &str = "symbol,company_name,security_type,exchange,sector,industry,country,currency,market_cap,\
    weighted_shares_outstanding,listing_date,is_active,delisted_date,etf_type,issuer,aum_millions,last_updated,dividend_yield,P/E Ratio\n\
    AAPL,Apple Inc.,CS,XNAS,Technology,Hardware,US,USD,2950000000000,15500000000,1980-12-12,true,,,,,2022-05-17,0.5,\n";

#[test]
fn reads_every_column_of_the_table_and_further_figures() {
    let read = read(gzip(FULL)).expect("readable");
    assert_eq!((read.rows, read.issues.len()), (1, 0));
    let apple = &read.value[0];
    assert_eq!(apple.company_name.as_deref(), Some("Apple Inc."));
    assert_eq!(apple.security_type, Some(SecurityType::Cs));
    assert_eq!(
        (apple.market_cap, apple.weighted_shares_outstanding),
        (Some(Usd(2_950_000_000_000)), Some(15_500_000_000))
    );
    assert_eq!(apple.listing_date, Some(Date::constant(1980, 12, 12)));
    assert_eq!((apple.is_active, apple.delisted_date), (Some(true), None));
    assert_eq!(apple.currency.as_deref(), Some("USD"));
    let facts: Vec<_> = apple.facts.iter().map(|(name, figure)| (name.as_str(), *figure)).collect();
    assert_eq!(facts, [("dividend_yield", 0.5)]);
}

#[test]
fn reads_the_names_of_older_databases() {
    let read = read(
        "ticker,name,type,primary_exchange,list_date,active,delisted_utc,shares_outstanding\n\
        SPY,SPDR S&P 500 ETF Trust,ETF,ARCX,1993-01-29,t,2022-05-17T00:00:00Z,1000\n",
    )
    .expect("readable");
    let spy = &read.value[0];
    assert_eq!((spy.security_type, spy.exchange.as_deref()), (Some(SecurityType::Etf), Some("ARCX")));
    assert_eq!((spy.listing_date, spy.is_active), (Some(Date::constant(1993, 1, 29)), Some(true)));
    assert_eq!(spy.delisted_date, Some(Date::constant(2022, 5, 17)));
    assert_eq!(spy.weighted_shares_outstanding, Some(1_000));
}

#[test]
fn of_two_spellings_the_newer_one_is_read_and_neither_is_a_figure() {
    let read = read("symbol,name,company_name\nA,Old,New\n").expect("readable");
    assert_eq!(read.value[0].company_name.as_deref(), Some("New"));
    assert!(read.value[0].facts.is_empty() && read.issues.is_empty());
}

#[test]
fn what_a_file_does_not_say_stays_unsaid() {
    let read = read("symbol\nAAPL\n").expect("readable");
    assert_eq!(read.value, [ListingRecord::new(Symbol::parse("AAPL").expect("a symbol"))]);
}

#[test]
fn bad_cells_cost_only_themselves() {
    let content = "symbol,name,type,market_cap,shares_outstanding,list_date,active,aum_millions,dividend_yield\n\
        A,Agilent Common Stock,XYZ,-5,-1,soon,maybe,lots,high\nA,,,,,,,,\n?,,,,,,,,\nB,Barnes,CS,1,1,2000-01-03,1,1,\n";
    let read = read(content).expect("readable");
    assert_eq!((read.rows, read.value.len()), (4, 2));
    let bad = ListingRecord {
        company_name: Some("Agilent Common Stock".into()),
        security_type: Some(SecurityType::Cs),
        ..ListingRecord::new(Symbol::parse("A").expect("a symbol"))
    };
    assert_eq!(read.value[0], bad);
    assert_eq!(
        lines_of(&read.issues),
        [
            "2 A: listing_date: \"soon\" is not a date (YYYY-MM-DD); the value was dropped",
            "2 A: is_active: \"maybe\" is not true or false; the value was dropped",
            "2 A: weighted_shares_outstanding: \"-1\" is negative; the value was dropped",
            "2 A: aum_millions: \"lots\" is not a number; the value was dropped",
            "2 A: \"XYZ\" is no known security type; it was told from the name",
            "2 A: the market cap \"-5\" is negative; the cap was dropped",
            "2 A: dividend_yield: \"high\" is not a number; the value was dropped",
            "3 A: A is on line 2 already; line 3 was skipped",
            "4 ?: no usable symbol: \"?\" contains '?'; symbols are letters, digits, '.' and '^'; the row was skipped",
        ]
    );
}

#[test]
fn a_column_of_texts_does_not_bury_other_issues() {
    let rows: String = (0..50).map(|n| format!("S{n},https://example.com\n")).collect();
    let read = read(format!("symbol,homepage\n{rows}")).expect("readable");
    assert_eq!((read.value.len(), read.issues.len()), (50, 21));
    assert!(lines_of(&read.issues)[0].ends_with("and 30 more values of homepage that are no number"));
}

#[test]
fn refuses_wrong_columns_and_empty_files() {
    assert!(read("name,type\nx,CS\n").expect_err("columns").contains("missing symbol; found \"name\", \"type\""));
    assert!(read("symbol,Dividend Yield,dividend_yield\nA,1,1\n").expect_err("twice").contains("dividend_yield"));
    assert!(read("symbol,name\n").expect_err("header").contains("a header and nothing else"));
    assert!(read("symbol,name\nA,B\nC").expect_err("cut").contains("is truncated"));
    assert!(read("[1]").expect_err("JSON").contains("it is JSON"));
}

#[test]
fn reads_parquet() {
    let columns = vec![
        TestColumn::Texts(vec![Some("BRK/B"), Some("MSFT")]),
        TestColumn::Wholes(vec![None, Some(7_400_000_000)]),
        TestColumn::Days(vec![day("1996-05-09"), None]),
        TestColumn::Flags(vec![Some(true), None]),
        TestColumn::Numbers(vec![Some(f64::NAN), Some(0.9)]),
    ];
    let names = ["symbol", "weighted_shares_outstanding", "listing_date", "is_active", "dividendYield"];
    let read = read(parquet_bytes(&names, &[columns])).expect("readable");
    assert_eq!((read.rows, read.issues.len()), (2, 0));
    assert_eq!(read.value[0].symbol.as_str(), "BRK.B");
    assert_eq!(read.value[0].listing_date, Some(Date::constant(1996, 5, 9)));
    assert_eq!(read.value[1].weighted_shares_outstanding, Some(7_400_000_000));
    assert_eq!((read.value[0].facts.len(), read.value[1].facts["dividend_yield"]), (0, 0.9));
}

#[test]
fn names_become_snake_case() {
    let names = ["dividend_yield", "Dividend Yield", "dividendYield", "P/E Ratio", "52 Week High", "EPS", " beta% "];
    assert_eq!(
        names.map(snake_case),
        ["dividend_yield", "dividend_yield", "dividend_yield", "p_e_ratio", "52_week_high", "eps", "beta"]
    );
}
