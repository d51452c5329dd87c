//! Who belongs to a universe, now and as of any day.

use jiff::Timestamp;
use jiff::civil::{Date, date};
use universe_core::SnapshotRow;
use universe_store::MembersAsOf;

use super::Subject;
use super::state::put_entry;
use crate::builders::{
    ENVIRONMENT, MONDAY, RULES, TUESDAY, WEDNESDAY, fund, instant, load, six_listings, snapshot, stock, symbol, sync,
    sync_by, universe,
};

/// Stocks before funds, each by key, those of other programs among them.
pub async fn universes_are_listed_in_order(subject: &Subject) {
    put_entry(subject, "stock_universe", "zz_mine", r#"["AAPL", "AAPL", "GE"]"#).await;
    sync(subject.store(), &snapshot(MONDAY, six_listings()), 1).await;
    put_entry(subject, "stock_universe", "my_list", r#"["AAPL", "GE"]"#).await;
    let listed = subject.store.universe_list(ENVIRONMENT).await.expect("reads");
    let shown: Vec<_> = listed.iter().map(|u| (u.id.key(), u.count, u.category.as_deref(), u.is_ranked)).collect();
    let expected = [
        ("large_cap", 0, Some("market_cap"), false),
        ("mega_cap", 3, Some("market_cap"), false),
        ("mid_cap", 1, Some("market_cap"), false),
        ("my_list", 2, Some("odd"), false),
        ("top_2", 2, Some("market_leader"), true),
        ("index_broad_market", 2, Some("etf"), false),
    ];
    assert_eq!(shown, expected);
    assert_eq!((listed[3].name.as_str(), listed[3].rule.as_deref()), ("Old", None));
    assert_eq!(listed[3].last_updated, Some("2024-01-02T03:04:05Z".parse().expect("an instant")));
    assert_eq!((listed[4].rule.as_deref(), listed[4].last_updated), (Some("rankings"), Some(instant(1))));
}

/// A ranked universe answers in order of rank, with what is known about each member.
pub async fn members_now_are_in_order_of_rank(subject: &Subject) {
    sync(subject.store(), &snapshot(MONDAY, six_listings()), 1).await;
    let found = answer(subject, "stock_universe:top_2", None, None).await;
    assert_eq!((found.as_of, found.known_since), (None, Some(MONDAY)));
    assert_eq!((found.universe.name.as_str(), found.universe.count), ("Top 2", 2));
    let first = &found.members[0];
    assert_eq!((first.symbol.as_str(), first.rank, first.since), ("MSFT", Some(1), Some(MONDAY)));
    assert_eq!(first.company_name.as_deref(), Some("MSFT Inc. Common Stock"));
    assert_eq!(
        (first.sector.as_deref(), first.market_cap.map(|cap| cap.0)),
        (Some("Technology"), Some(3_083_450_000_000))
    );
    assert_eq!((found.members[1].symbol.as_str(), found.members[1].rank), ("AAPL", Some(2)));
    let found = answer(subject, "stock_universe:mega_cap", None, None).await;
    assert_eq!(found.members.iter().map(|m| m.rank).collect::<Vec<_>>(), [None; 3]);
    assert_eq!(names(&found), "AAPL MSFT NVDA");
}

/// A cap is that of the session asked about, also where it moved too little to be rewritten.
pub async fn caps_are_fresh_and_of_their_time(subject: &Subject) {
    sync(subject.store(), &snapshot(MONDAY, six_listings()), 1).await;
    let mut rows = six_listings();
    (rows[0], rows[2]) = (stock("AAPL", 177.0, 15_400), stock("MSFT", 410.0, 7_430));
    rows.push(stock("VOD", 9.0, 26_000));
    sync(subject.store(), &snapshot(TUESDAY, rows), 2).await;
    let caps = async |address: &str, as_of| -> Vec<(String, Option<i64>)> {
        let found = answer(subject, address, as_of, None).await;
        found.members.into_iter().map(|m| (m.symbol.to_string(), m.market_cap.map(|cap| cap.0 / 1_000_000))).collect()
    };
    let told = |caps: &[(&str, i64)]| -> Vec<(String, Option<i64>)> {
        caps.iter().map(|(symbol, cap)| ((*symbol).to_owned(), Some(*cap))).collect()
    };
    let (top, funds) = ("stock_universe:top_2", "etf_universe:index_broad_market");
    let (then, now) =
        (told(&[("AAPL", 2_695_000), ("MSFT", 3_083_450)]), told(&[("MSFT", 3_046_300), ("AAPL", 2_725_800)]));
    assert_eq!(caps(top, None).await, now);
    assert_eq!(caps(top, Some(MONDAY)).await, then);
    assert_eq!(caps(funds, None).await, [("QQQ".to_owned(), None), ("SPY".to_owned(), None)]);
    // What is loaded for a session that was not synchronized yet changes neither.
    load(subject.store(), &snapshot(WEDNESDAY, [stock("AAPL", 300.0, 20_000), stock("MSFT", 400.0, 1)]), 3).await;
    assert_eq!(caps(top, None).await, now);
    assert_eq!(caps(top, Some(MONDAY)).await, then);
    assert_eq!(caps(top, Some(WEDNESDAY)).await, told(&[("AAPL", 6_000_000), ("MSFT", 400)]));
}

/// A session keeps the figures that its run decided by, until another run decides by others; as known before, still.
pub async fn figures_are_those_that_were_decided_by(subject: &Subject) {
    sync(subject.store(), &snapshot(MONDAY, six_listings()), 1).await;
    let cap = async |as_of: Option<Date>, known_at: Option<u32>| {
        let found = answer(subject, "stock_universe:top_2", as_of, known_at.map(instant)).await;
        let apple = found.members.into_iter().find(|member| member.symbol == symbol("AAPL")).expect("a member");
        assert_eq!(apple.company_name.as_deref(), Some("AAPL Inc. Common Stock"));
        assert_eq!(apple.sector.as_deref(), Some("Technology"));
        apple.market_cap.map(|cap| cap.0 / 1_000_000)
    };
    let (decided, corrected) = (Some(2_695_000), Some(2_310_000));
    assert_eq!(cap(Some(MONDAY), None).await, decided);
    let mut rows = six_listings();
    rows[0] = stock("AAPL", 150.0, 15_400);
    load(subject.store(), &snapshot(MONDAY, rows.clone()), 2).await;
    assert_eq!(cap(Some(MONDAY), None).await, decided);
    assert_eq!(cap(None, None).await, corrected);
    sync(subject.store(), &snapshot(MONDAY, rows), 3).await;
    assert_eq!(cap(Some(MONDAY), None).await, corrected);
    assert_eq!(cap(Some(MONDAY), Some(2)).await, decided);
    assert_eq!(cap(None, Some(2)).await, decided);
    let timeline = subject.store.timeline_read(ENVIRONMENT, None).await.expect("reads");
    let run = timeline.figures(MONDAY, None).expect("kept");
    let figures = subject.store.run_figures(ENVIRONMENT, run).await.expect("reads").expect("there");
    assert_eq!((figures.run_number, figures.session), (run, MONDAY));
    assert_eq!(subject.store.run_figures(ENVIRONMENT, run + 7).await.expect("reads"), None);
}

/// The answer for a session is whoever was a member in it; nothing is known before the first.
pub async fn members_as_of_a_session(subject: &Subject) {
    sync(subject.store(), &snapshot(MONDAY, six_listings()), 1).await;
    sync(subject.store(), &snapshot(WEDNESDAY, nvidia_leads()), 2).await;
    for (as_of, expected) in [
        (date(2024, 3, 1), ""),
        (MONDAY, "AAPL MSFT"),
        (TUESDAY, "AAPL MSFT"),
        (WEDNESDAY, "MSFT NVDA"),
        (date(2030, 1, 2), "MSFT NVDA"),
    ] {
        let found = answer(subject, "stock_universe:top_2", Some(as_of), None).await;
        assert_eq!((names(&found).as_str(), found.as_of), (expected, Some(as_of)));
        assert_eq!(found.known_since, Some(MONDAY));
        assert!(found.members.iter().all(|member| member.rank.is_none()));
    }
}

/// As known at an instant: what was recorded later has not happened.
pub async fn members_as_they_were_known(subject: &Subject) {
    sync(subject.store(), &snapshot(MONDAY, six_listings()), 10).await;
    sync(subject.store(), &snapshot(TUESDAY, nvidia_leads()), 20).await;
    for (as_of, known_at, expected) in [
        (Some(MONDAY), 9, ""),
        (Some(MONDAY), 10, "AAPL MSFT"),
        (Some(TUESDAY), 19, "AAPL MSFT"),
        (Some(TUESDAY), 20, "MSFT NVDA"),
        (Some(MONDAY), 20, "AAPL MSFT"),
        (None, 9, ""),
        (None, 15, "AAPL MSFT"),
        (None, 25, "MSFT NVDA"),
    ] {
        let found = answer(subject, "stock_universe:top_2", as_of, Some(instant(known_at))).await;
        assert_eq!(names(&found), expected, "{as_of:?} as known at {known_at}");
    }
}

/// A run that corrects an earlier one of the same session supersedes it, and both can be seen.
pub async fn corrections_within_a_session(subject: &Subject) {
    sync(subject.store(), &snapshot(MONDAY, six_listings()), 10).await;
    sync(subject.store(), &snapshot(MONDAY, nvidia_leads()), 20).await;
    let found = answer(subject, "stock_universe:top_2", Some(MONDAY), None).await;
    assert_eq!(names(&found), "MSFT NVDA");
    let found = answer(subject, "stock_universe:top_2", Some(MONDAY), Some(instant(15))).await;
    assert_eq!(names(&found), "AAPL MSFT");
    sync(subject.store(), &snapshot(MONDAY, six_listings()), 30).await;
    let found = answer(subject, "stock_universe:top_2", Some(MONDAY), None).await;
    assert_eq!(names(&found), "AAPL MSFT");
    let found = answer(subject, "stock_universe:top_2", Some(MONDAY), Some(instant(25))).await;
    assert_eq!(names(&found), "MSFT NVDA");
    assert_eq!(subject.store.inconsistency_list(ENVIRONMENT).await.expect("reads"), []);
}

/// Who left and came back within one session has been a member all along; after a real break not.
pub async fn since_walks_back_over_meeting_intervals(subject: &Subject) {
    sync(subject.store(), &snapshot(MONDAY, six_listings()), 1).await;
    sync(subject.store(), &snapshot(TUESDAY, nvidia_leads()), 2).await;
    sync(subject.store(), &snapshot(TUESDAY, six_listings()), 3).await;
    let since = async |text: &str| {
        let found = answer(subject, "stock_universe:top_2", None, None).await;
        found.members.iter().find(|member| member.symbol == symbol(text)).and_then(|member| member.since)
    };
    assert_eq!(since("AAPL").await, Some(MONDAY));
    sync(subject.store(), &snapshot(WEDNESDAY, nvidia_leads()), 4).await;
    let thursday = date(2024, 3, 7);
    sync(subject.store(), &snapshot(thursday, six_listings()), 5).await;
    assert_eq!(since("AAPL").await, Some(thursday));
    assert_eq!(since("MSFT").await, Some(MONDAY));
    let found = answer(subject, "stock_universe:top_2", Some(TUESDAY), None).await;
    assert_eq!(found.members[0].since, Some(MONDAY));
}

/// A universe that is gone has no members now, and its members of then.
pub async fn a_retired_universe_answers_for_the_past(subject: &Subject) {
    sync(subject.store(), &snapshot(MONDAY, six_listings()), 1).await;
    load(subject.store(), &snapshot(TUESDAY, six_listings()), 2).await;
    sync_by(subject.store(), TUESDAY, &RULES[1..], 2).await;
    assert_eq!(names(&answer(subject, "stock_universe:top_2", None, None).await), "");
    assert_eq!(names(&answer(subject, "stock_universe:top_2", Some(TUESDAY), None).await), "");
    assert_eq!(names(&answer(subject, "stock_universe:top_2", Some(MONDAY), None).await), "AAPL MSFT");
}

/// What never was is not the same as what has no members.
pub async fn an_unknown_universe_is_none(subject: &Subject) {
    sync(subject.store(), &snapshot(MONDAY, six_listings()), 1).await;
    for as_of in [None, Some(MONDAY)] {
        let id = universe("stock_universe:top_3");
        assert_eq!(subject.store.member_list(ENVIRONMENT, &id, as_of, None).await.expect("reads"), None);
        let id = universe("etf_universe:top_2");
        assert_eq!(subject.store.member_list(ENVIRONMENT, &id, as_of, None).await.expect("reads"), None);
    }
    put_entry(subject, "etf_universe", "mine", r#"{"etfs": [{"symbol": "QQQ"}, {"symbol": "SPY"}]}"#).await;
    let found = answer(subject, "etf_universe:mine", None, None).await;
    assert_eq!((names(&found).as_str(), found.known_since), ("QQQ SPY", None));
    assert_eq!(found.members[0].company_name.as_deref(), Some("QQQ ETF Trust"));
}

/// Intervals come in order of time, for one universe, one symbol, both, or all.
pub async fn intervals_are_listed_by_universe_and_by_symbol(subject: &Subject) {
    sync(subject.store(), &snapshot(MONDAY, six_listings()), 1).await;
    sync(subject.store(), &snapshot(TUESDAY, nvidia_leads()), 2).await;
    let (top, apple, none) = (universe("stock_universe:top_2"), symbol("AAPL"), symbol("NONE"));
    let list = async |universe, symbol| {
        let found = subject.store.membership_list(ENVIRONMENT, universe, symbol).await.expect("reads");
        let shown = found.iter().map(|m| format!("{} {} {}", m.valid_from, m.universe.key(), m.symbol));
        shown.collect::<Vec<_>>().join(", ")
    };
    let of_top = "2024-03-04 top_2 AAPL, 2024-03-04 top_2 MSFT, 2024-03-05 top_2 NVDA";
    assert_eq!(list(Some(&top), None).await, of_top);
    assert_eq!(list(None, Some(&apple)).await, "2024-03-04 mega_cap AAPL, 2024-03-04 top_2 AAPL");
    assert_eq!(list(Some(&top), Some(&apple)).await, "2024-03-04 top_2 AAPL");
    assert_eq!(list(None, Some(&none)).await, "");
    let all = "2024-03-04 mega_cap AAPL, 2024-03-04 mega_cap MSFT, 2024-03-04 mega_cap NVDA, 2024-03-04 mid_cap GME, \
        2024-03-04 top_2 AAPL, 2024-03-04 top_2 MSFT, 2024-03-04 index_broad_market QQQ, \
        2024-03-04 index_broad_market SPY, 2024-03-05 top_2 NVDA";
    assert_eq!(list(None, None).await, all);
}

/// The six listings, with NVDA before MSFT and AAPL.
fn nvidia_leads() -> Vec<SnapshotRow> {
    let mut rows = six_listings();
    rows[3] = stock("NVDA", 1_300.0, 2_500);
    rows.push(fund("IWM", 205.0));
    rows
}

async fn answer(subject: &Subject, address: &str, as_of: Option<Date>, known_at: Option<Timestamp>) -> MembersAsOf {
    let found = subject.store.member_list(ENVIRONMENT, &universe(address), as_of, known_at).await.expect("reads");
    found.unwrap_or_else(|| panic!("there is no {address}"))
}

fn names(found: &MembersAsOf) -> String {
    found.members.iter().map(|member| member.symbol.as_str()).collect::<Vec<_>>().join(" ")
}
