use jiff::civil::date;

use super::*;

fn session(day: i8, median_return: f64, volatility: Option<f64>) -> MarketSession {
    MarketSession { session: date(2024, 1, day), listings: 100, breadth: 0.5, median_return, volatility }
}

#[test]
fn figures_of_a_session_by_hand() {
    // 24 listings: 18 rise by 1 %, 6 fall by 2 %.
    let returns = [vec![0.01; 18], vec![-0.02; 6]].concat();
    let figures = MarketSession::compute(date(2024, 1, 31), returns, &[]).expect("enough listings");
    assert_eq!((figures.listings, figures.breadth, figures.median_return), (24, 0.75, 0.01));
    assert_eq!(figures.volatility, None);
}

#[test]
fn median_of_an_even_count_is_the_middle() {
    let returns = [vec![-0.02; 10], vec![0.04; 10]].concat();
    let figures = MarketSession::compute(date(2024, 1, 31), returns, &[]).expect("enough listings");
    assert!((figures.median_return - 0.01).abs() < 1e-12);
}

#[test]
fn a_handful_of_listings_is_no_market() {
    assert_eq!(MarketSession::compute(date(2024, 1, 31), vec![0.01; 19], &[]), None);
}

#[test]
fn volatility_needs_twenty_sessions() {
    let before: Vec<_> = (1..=19).map(|day| session(day, if day % 2 == 0 { 0.01 } else { -0.01 }, None)).collect();
    let now = MarketSession::compute(date(2024, 1, 31), vec![0.01; 30], &before).expect("enough listings");
    // Ten returns of +1 % and ten of -1 %: the sample deviation is 0.01 x sqrt(20/19), times sqrt(252) a year.
    let expected = 0.01 * (20.0_f64 / 19.0).sqrt() * 252.0_f64.sqrt();
    assert!((now.volatility.expect("twenty sessions") - expected).abs() < 1e-12);
    assert_eq!(
        MarketSession::compute(date(2024, 1, 31), vec![0.01; 30], &before[1..]).expect("figures").volatility,
        None
    );
}

#[test]
fn regimes_compare_volatility_with_its_own_year() {
    let year: Vec<_> = (0..100).map(|i| session(1, 0.0, Some(0.10 + f64::from(i) / 1_000.0))).collect();
    let tell = |volatility| MarketCondition::tell(session(2, 0.0, Some(volatility)), &year);
    assert_eq!(tell(0.105).regime, Regime::Calm);
    assert_eq!(tell(0.150).regime, Regime::Normal);
    assert_eq!(tell(0.195).regime, Regime::Stressed);
    assert_eq!(tell(0.195).volatility_rank, Some(0.96));
    assert_eq!(MarketCondition::tell(session(2, 0.0, Some(9.0)), &year[..59]).regime, Regime::Normal);
}
