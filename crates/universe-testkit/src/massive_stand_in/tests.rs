use jiff::civil::date;

use super::*;

fn market() -> MassiveStandIn {
    MassiveStandIn::start(StandInSettings::of(["AAPL", "MSFT"], date(2023, 12, 29)))
}

#[test]
fn every_session_has_one_daily_bar_and_no_other_day_has() {
    let market = market();
    let bars = market.bars("AAPL", Timeframe::Day, date(2022, 1, 1), date(2023, 12, 31));
    let dates: Vec<Date> = bars.iter().map(|bar| bar.date).collect();
    let sessions: Vec<Date> = universe_core::sessions(date(2022, 1, 1), date(2023, 12, 31)).collect();
    assert_eq!(dates, sessions);
    assert_ne!(bars, market.bars("MSFT", Timeframe::Day, date(2022, 1, 1), date(2023, 12, 31)));
}

#[test]
fn minutes_and_hours_add_up_to_days_and_days_to_weeks() {
    let market = market();
    // Thanksgiving week: a holiday and an early close.
    let (from, to) = (date(2023, 11, 19), date(2023, 11, 25));
    let days = market.bars("AAPL", Timeframe::Day, from, to);
    assert_eq!(days.len(), 4);
    let week = market.bars("AAPL", Timeframe::Week, from, to);
    assert_eq!(week.len(), 1);
    for timeframe in [Timeframe::Minute, Timeframe::Hour] {
        for day in &days {
            let parts = market.bars("AAPL", timeframe, day.date, day.date);
            assert_eq!(parts.iter().map(|bar| bar.volume).sum::<u64>(), day.volume);
            assert_eq!(parts.iter().map(|bar| bar.high).max(), Some(day.high));
            assert_eq!(parts.iter().map(|bar| bar.low).min(), Some(day.low));
            assert_eq!((parts[0].open, parts[parts.len() - 1].close), (day.open, day.close));
        }
    }
    assert_eq!(week[0].volume, days.iter().map(|bar| bar.volume).sum::<u64>());
    assert_eq!(week[0].start.to_string(), "2023-11-19T05:00:00Z");
    assert_eq!(market.bars("AAPL", Timeframe::Minute, date(2023, 11, 24), date(2023, 11, 24)).len(), 210);
    assert_eq!(market.bars("AAPL", Timeframe::Minute, date(2023, 11, 22), date(2023, 11, 22)).len(), 390);
}

#[test]
fn prices_are_prices() {
    for bar in market().bars("AAPL", Timeframe::Minute, date(2023, 3, 6), date(2023, 3, 17)) {
        assert!(bar.low.micros() > 0 && bar.low <= bar.open.min(bar.close) && bar.open.max(bar.close) <= bar.high);
    }
}
