use super::*;

fn catalogue(renamed: &[&str]) -> Vec<(String, String, bool)> {
    let row = |table: &str, column: &str| (table.to_owned(), column.to_owned(), false);
    let tables =
        [("symbols", SYMBOLS), ("symbols", renamed), ("cache_entries", CACHE_ENTRIES), ("ohlcv_daily", OHLCV_DAILY)];
    tables.into_iter().flat_map(|(table, names)| names.iter().map(move |name| row(table, name))).collect()
}

#[test]
fn older_names_are_used_where_the_contracts_are_missing() {
    let columns = Columns::resolve(&catalogue(&["name", "type", "exchange", "list_date", "is_active"]), false);
    let columns = columns.expect("all columns");
    assert_eq!(
        [columns.company_name, columns.security_type, columns.exchange, columns.listing_date, columns.is_active],
        ["name", "type", "exchange", "list_date", "is_active"],
    );
}

#[test]
fn the_contracts_name_wins_over_the_older_one() {
    let both = catalogue(&["company_name", "name", "security_type", "exchange", "listing_date", "is_active"]);
    assert_eq!(Columns::resolve(&both, true).expect("all columns").company_name, "company_name");
}

#[test]
fn says_which_column_is_missing() {
    let error = Columns::resolve(&catalogue(&["name", "type", "exchange", "is_active"]), true).expect_err("no date");
    assert!(error.to_string().contains("table symbols has no column listing_date"), "{error}");
}
