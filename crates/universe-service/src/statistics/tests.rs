use jiff::civil::date;

use super::*;

fn span(symbol: &str, from: Date, to: Option<Date>) -> MembershipSpan {
    let universe = "stock_universe:top_10".parse().expect("an address");
    MembershipSpan { universe, symbol: Symbol::from_stored(symbol), valid_from: from, valid_to: to }
}

#[test]
fn changes_are_between_then_and_now() {
    let as_of = date(2024, 3, 8);
    let spans = [
        span("GONE", date(2024, 1, 2), Some(date(2024, 3, 8))),
        span("BACK", date(2024, 1, 2), Some(date(2024, 3, 5))),
        span("BACK", date(2024, 3, 7), None),
        span("PASSED", date(2024, 3, 5), Some(date(2024, 3, 6))),
        span("NEW", date(2024, 3, 4), None),
    ];
    let members: Vec<Symbol> = ["BACK", "NEW", "OLD", "OLDER"].map(Symbol::from_stored).into();
    let over = |sessions| {
        let ChangeStatistics { added, removed, turnover, .. } = changes(&spans, &members, as_of, sessions);
        (added, removed, turnover)
    };
    assert_eq!(over(1), (0, 1, 0.1), "of five members one went");
    assert_eq!(over(5), (1, 1, 0.25), "who came back is no change, and who passed through neither");
    assert_eq!(over(3), (1, 2, 0.3), "on the fifth the one that passed through was a member, the other was not");
}

#[test]
fn concentration_is_the_share_of_the_ten_largest() {
    assert_eq!(worth(Vec::new()), Worth::default());
    let figures = worth((1..=20).collect());
    assert_eq!((figures.total, figures.median), (Some(Usd(210)), Some(Usd(10))));
    assert!((figures.largest_share.expect("known") - 155.0 / 210.0).abs() < 1e-12);
    assert_eq!(worth(vec![7]).median, Some(Usd(7)));
}
