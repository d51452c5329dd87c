use jiff::civil::date;

use super::*;
use crate::Figures;
use crate::{Observation, ObservedListing, Price, Symbol, Usd};

fn market() -> Observation {
    let mut seen = Observation::empty(date(2024, 1, 31));
    let listing = ObservedListing {
        company_name: Some("Alpha Inc. Common Stock"),
        security_type: Some("CS"),
        listing_date: Some(date(2024, 1, 2)),
        ipo_year: Some(2024),
        shares: Some(1_000),
        close: Price::from_dollars(10.0),
        volume: Some(500),
        exchange: Some("nasdaq"),
        sector: Some("Technology"),
        ..ObservedListing::new(Symbol::from_stored("AAA"))
    };
    seen.push(listing.clone());
    seen.push(ObservedListing {
        symbol: Symbol::from_stored("BBB"),
        security_type: Some("ADRC"),
        sector: None,
        volume: Some(0),
        listing_date: None,
        ..listing
    });
    seen.push_fact(0, "dividend_yield", 0.03);
    seen
}

fn answer(source: &str) -> Vec<Truth> {
    let seen = market();
    let caps = [Some(Usd(10_000)), None];
    let screen = Screen::compile(source, &["my_figure".to_owned()]).expect("compiles");
    screen.evaluate(Figures { observation: &seen, caps: &caps }).expect("evaluates")
}

fn complaint(source: &str) -> String {
    Screen::compile(source, &[]).expect_err("does not compile").to_string()
}

#[test]
fn answers_like_sql() {
    use Truth::{False, True, Unknown};
    for (source, expected) in [
        ("market_cap >= 10000", [True, Unknown]),
        ("not market_cap >= 10000", [False, Unknown]),
        ("market_cap >= 10000 or price > 1", [True, True]),
        ("market_cap >= 10000 and price > 100", [False, False]),
        ("sector = 'Technology'", [True, Unknown]),
        ("sector <> 'Technology'", [False, Unknown]),
        ("sector in ('Finance', 'Technology')", [True, Unknown]),
        ("sector not in ('Finance')", [True, Unknown]),
        ("sector is null", [False, True]),
        ("sector is not null", [True, False]),
        ("security_type = 'ADRC'", [False, True]),
        ("symbol like 'A%' or symbol like '_B_'", [True, True]),
        ("price between 9 and 10.5", [True, True]),
        ("price not between 9 and 10.5", [False, False]),
        ("price in (1, 10)", [True, True]),
        ("dollar_volume / price = 500", [True, False]),
        ("listing_date >= '2024-01-01'", [True, Unknown]),
        ("listing_age_days <= 29", [True, Unknown]),
        ("dividend_yield > 0.02", [True, Unknown]),
        ("my_figure > 0", [Unknown, Unknown]),
        ("is_active and -price < 0", [True, True]),
        ("true", [True, True]),
    ] {
        assert_eq!(answer(source), expected, "{source}");
    }
}

#[test]
fn division_by_zero_names_the_listing() {
    let seen = market();
    let screen = Screen::compile("price / volume > 1", &[]).expect("compiles");
    let error = screen.evaluate(Figures { observation: &seen, caps: &[None, None] }).expect_err("BBB traded nothing");
    assert_eq!(error.to_string(), "division by zero for BBB in \"price / volume > 1\"");
}

#[test]
fn complaints_point_at_the_column_and_suggest() {
    assert_eq!(
        complaint("market_cap > 1 and sectr = 'x'"),
        "column 20: unknown field \"sectr\"; did you mean \"sector\"?"
    );
    assert_eq!(complaint("sector > 5"), "column 1: cannot compare a text with a number");
    assert_eq!(complaint("price"), "column 1: expected a condition, found a number");
    assert_eq!(complaint("price = null"), "column 1: a comparison with NULL is never true; use IS NULL or IS NOT NULL");
    assert_eq!(complaint("listing_date > 'soon'"), "column 16: \"soon\" is no date; write '2024-01-31'");
    assert!(complaint("price > ").contains("column"), "{}", complaint("price > "));
    assert!(
        complaint("price > 1 price").starts_with("column 11: unexpected \"price\""),
        "{}",
        complaint("price > 1 price")
    );
    assert!(complaint("upper(sector) = 'X'").contains("not supported"), "{}", complaint("upper(sector) = 'X'"));
}

#[test]
fn refuses_bottomless_nesting() {
    let deep = format!("{}price > 1{}", "(".repeat(2_000), ")".repeat(2_000));
    assert!(complaint(&deep).to_lowercase().contains("recursion"), "{}", complaint(&deep));
}

#[test]
fn knows_which_figures_it_needs() {
    let screen =
        Screen::compile("price_earnings < 15 and dividend_yield > 0 and price_earnings > 0", &[]).expect("compiles");
    assert_eq!(screen.facts(), ["dividend_yield", "price_earnings"]);
}
