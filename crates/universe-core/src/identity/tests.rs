//! Chains of symbols, tables that cannot be, and what is and is not taken for a symbol change.

use jiff::civil::{Date, date};

use super::*;
use crate::{ListingRecord, ObservedListing, Price, Snapshot, SnapshotRow, Usd};

const DAY: Date = date(2022, 6, 9);

fn symbol(text: &str) -> Symbol {
    Symbol::from_stored(text)
}

fn change(day: Date, from: &str, to: &str) -> SymbolChange {
    SymbolChange { date: day, from: symbol(from), to: (!to.is_empty()).then(|| symbol(to)) }
}

fn shown(chain: &[Tenure]) -> String {
    let day = |day: Option<Date>| day.map_or("..".to_owned(), |day| day.to_string());
    let one = |t: &Tenure| format!("{} {} {}", t.symbol, day(t.from), day(t.until));
    chain.iter().map(one).collect::<Vec<_>>().join(", ")
}

#[test]
fn a_listing_has_one_symbol_after_another() {
    let (first, second) = (date(2023, 6, 7), date(2025, 11, 11));
    let changes = [change(first, "FISV", "FI"), change(second, "FI", "FISV")];
    let whole = "FISV .. 2023-06-07, FI 2023-06-07 2025-11-11, FISV 2025-11-11 ..";
    for (asked, day) in [("FISV", DAY), ("FI", first), ("FISV", second)] {
        assert_eq!(shown(&identity(&changes, &tenure_at(&changes, &symbol(asked), day))), whole, "{asked} as of {day}");
    }
    // Who had FI before, and whoever has FISV in between, is somebody else.
    assert_eq!(shown(&identity(&changes, &tenure_at(&changes, &symbol("FI"), DAY))), "FI .. 2023-06-07");
    let between = tenure_at(&changes, &symbol("FISV"), date(2024, 1, 2));
    assert_eq!(shown(&identity(&changes, &between)), "FISV 2023-06-07 2025-11-11");
}

#[test]
fn a_symbol_that_is_given_again_is_another_listing() {
    let changes = [change(DAY, "FB", "META"), change(date(2024, 2, 1), "FB", "")];
    let tenures = tenures(&changes, &symbol("FB"));
    assert_eq!(shown(&tenures), "FB .. 2022-06-09, FB 2022-06-09 2024-02-01, FB 2024-02-01 ..");
    assert_eq!(shown(&identity(&changes, &tenures[2])), "FB 2024-02-01 ..");
    assert_eq!(shown(&identity(&changes, &tenures[0])), "FB .. 2022-06-09, META 2022-06-09 ..");
    assert_eq!(shown(&identity(&changes, &tenure_at(&changes, &symbol("NONE"), DAY))), "NONE .. ..");
}

#[test]
fn symbols_may_move_on_in_a_queue_and_not_in_a_circle() {
    let saturday = date(2022, 6, 11);
    let lines = [
        change(DAY, "AAA", "BBB"),
        change(DAY, "BBB", "CCC"),
        change(DAY, "ONE", "TWO"),
        change(DAY, "TWO", "SIX"),
        change(DAY, "SIX", "ONE"),
        change(DAY, "SELF", "SELF"),
        change(DAY, "AAA", "BBB"),
        change(DAY, "AAA", "DDD"),
        change(DAY, "OLD", "CCC"),
        change(saturday, "FB", "META"),
    ];
    let (taken, refused) = check_changes((2..).zip(lines).collect());
    let monday = date(2022, 6, 13);
    assert_eq!(taken, [change(DAY, "AAA", "BBB"), change(DAY, "BBB", "CCC"), change(monday, "FB", "META")]);
    let refused: Vec<String> = refused.iter().map(|r| format!("{} {}: {}", r.line, r.symbol, r.reason)).collect();
    assert_eq!(
        refused,
        [
            "4 ONE: the changes of 2022-06-09 lead from ONE back to ONE",
            "5 TWO: the changes of 2022-06-09 lead from TWO back to TWO",
            "6 SIX: the changes of 2022-06-09 lead from SIX back to SIX",
            "7 SELF: SELF becomes itself",
            "8 AAA: it repeats line 2",
            "9 AAA: AAA becomes something else on 2022-06-09 by line 2",
            "10 OLD: another symbol becomes CCC on 2022-06-09 by line 3",
        ]
    );
    let queue = identity(&taken, &tenure_at(&taken, &symbol("BBB"), date(2022, 1, 3)));
    assert_eq!(shown(&queue), "BBB .. 2022-06-09, CCC 2022-06-09 ..");
}

/// Symbol, name, close in dollars, shares in millions, and how many snapshots have not shown it.
type Line = (&'static str, &'static str, f64, i64, u16);

fn known(lines: &[Line]) -> Observation {
    let mut lines = lines.to_vec();
    lines.sort_by_key(|line| line.0);
    let mut seen = Observation::empty(date(2022, 6, 8));
    for (text, name, close, shares, sessions_absent) in lines {
        seen.push(ObservedListing {
            symbol: symbol(text),
            company_name: Some(name),
            security_type: None,
            is_active: true,
            delisted_date: None,
            listing_date: None,
            first_seen_session: None,
            sessions_absent,
            ipo_year: None,
            recorded_cap: None,
            shares: Some(shares * 1_000_000),
            close: Price::from_dollars(close),
            volume: None,
            exchange: None,
            sector: Some("Technology"),
            industry: None,
            country: None,
            currency: None,
            etf_type: None,
            issuer: None,
            aum_millions: None,
        });
    }
    seen
}

fn today(lines: &[Line]) -> Snapshot {
    let row = |(text, name, close, shares, _): &Line| {
        let mut listing = ListingRecord::new(symbol(text));
        listing.company_name = Some((*name).to_owned());
        listing.weighted_shares_outstanding = Some(shares * 1_000_000);
        listing.market_cap = Some(Usd((close * 1e6) as i64 * shares));
        SnapshotRow { listing, close: Price::from_dollars(*close), volume: None }
    };
    Snapshot { session: DAY, source: "test".to_owned(), rows: lines.iter().map(row).collect() }
}

fn found(before: &[Line], after: &[Line]) -> String {
    let found = detect(&known(before), &today(after), &[]);
    let one = |c: &SymbolChange| format!("{} > {}", c.from, c.to.as_ref().map_or("nobody", Symbol::as_str));
    found.iter().map(one).collect::<Vec<_>>().join(", ")
}

const META: &str = "Meta Platforms Inc. Class A Common Stock";

#[test]
fn one_company_under_another_symbol_is_found() {
    assert_eq!(found(&[("FB", META, 196.64, 2_706, 0)], &[("META", META, 184.0, 2_706, 0)]), "FB > META");
    // The class is left out on the first day, and the shares are wrong.
    let fiserv = [("FISV", "Fiserv Inc. Common Stock", 114.23, 617, 0)];
    assert_eq!(found(&fiserv, &[("FI", "Fiserv Inc.", 115.78, 228, 0)]), "FISV > FI");
    // A reverse split on the same day: the cap goes on.
    let waitr = "Waitr Holdings Inc. Common Stock";
    assert_eq!(found(&[("WTRH", waitr, 0.0931, 208, 0)], &[("ASAP", waitr, 1.82, 10, 0)]), "WTRH > ASAP");
    // Shares and warrants of one company, each for itself.
    let (share, warrant) = ("Stran & Company Inc. Common Stock", "Stran & Company Inc. Warrant");
    let before = [("STRN", share, 1.34, 19, 0), ("STRNW", warrant, 0.12, 0, 0)];
    let after = [("SWAG", share, 1.38, 19, 0), ("SWAGW", warrant, 0.12, 0, 0)];
    assert_eq!(found(&before, &after), "STRN > SWAG, STRNW > SWAGW");
    // Another name too, with the same shares: a large company.
    let before = [("ANTM", "Anthem Inc. Common Stock", 482.58, 241, 0)];
    assert_eq!(found(&before, &[("ELV", "Elevance Health Inc.", 473.09, 241, 0)]), "ANTM > ELV");
}

#[test]
fn what_only_looks_like_it_is_not() {
    let one = [("FB", META, 196.64, 2_706, 0)];
    // Still shown, long gone, or at another price and cap.
    assert_eq!(found(&one, &[("FB", META, 196.0, 2_706, 0), ("META", META, 184.0, 2_706, 0)]), "");
    assert_eq!(found(&[("FB", META, 196.64, 2_706, 6)], &[("META", META, 184.0, 2_706, 0)]), "");
    assert_eq!(found(&one, &[("META", META, 17.0, 60, 0)]), "");
    // A line that was there before and comes back.
    let both = [one[0], ("META", META, 184.0, 2_706, 3)];
    assert_eq!(found(&both, &[("META", META, 184.0, 2_706, 0)]), "");
    // Another class, another kind, and two lines that nothing tells apart.
    let google = [("GOOG", "Alphabet Inc. Class C Capital Stock", 2_900.0, 660, 0)];
    assert_eq!(found(&google, &[("GOOGL", "Alphabet Inc. Class A Common Stock", 2_900.0, 660, 0)]), "");
    assert_eq!(found(&one, &[("METAW", "Meta Platforms Inc. Warrant", 184.0, 2_706, 0)]), "");
    let wiley = "John Wiley & Sons Inc.";
    let before = [("JW.A", wiley, 53.0, 56, 0), ("JW.B", wiley, 53.2, 56, 0)];
    assert_eq!(found(&before, &[("WLY", wiley, 54.9, 56, 0), ("WLYB", wiley, 52.5, 56, 0)]), "");
    // A spin-off: the parent stays, or has other shares.
    let parent = [("GE", "General Electric Company Common Stock", 100.0, 1_100, 0)];
    assert_eq!(found(&parent, &[("GEHC", "GE HealthCare Technologies Inc. Common Stock", 60.0, 450, 0)]), "");
    // Shell companies have the same shares at the same price.
    let shell = [("BHAC", "Crixus Acquisition Corp. Class A Common Stock", 10.0, 40, 0)];
    assert_eq!(found(&shell, &[("HWKZ", "Hawks Acquisition Corp Class A Common Stock", 10.0, 40, 0)]), "");
    // The same shares by chance: gone days before, or with a shell that may be meant as well.
    let starry = [("STRY", "Starry Group Holdings Inc.", 9.21, 40, 0)];
    let motive = ("MOTV", "Motive Capital Corp Class A Ordinary Shares", 10.11, 40, 0);
    assert_eq!(found(&[motive, ("FMAC", "FirstMark Horizon Acquisition Corp.", 9.6, 40, 0)], &starry), "");
    assert_eq!(found(&[(motive.0, motive.1, 10.11, 40, 3)], &starry), "");
}

#[test]
fn a_symbol_that_comes_back_is_compared_with_its_last_owner() {
    let gone = [("RDUS", "Radius Health Inc. Common Stock", 10.08, 47, 262)];
    let schnitzer = "Schnitzer Steel Industries Inc. Class A Common Stock";
    assert_eq!(found(&gone, &[("RDUS", schnitzer, 32.47, 27, 0)]), "RDUS > nobody");
    // The one who had it until now goes on with it.
    let both = [gone[0], ("SCHN", schnitzer, 33.2, 27, 0)];
    assert_eq!(found(&both, &[("RDUS", schnitzer, 32.47, 27, 0)]), "SCHN > RDUS");
    // The same company after a long gap, or another name at the same price after a short one.
    let same = [("VZ", "Verizon Communications Inc. Common Stock", 40.0, 4_200, 90)];
    assert_eq!(found(&same, &[("VZ", "Verizon Communications Inc.", 33.0, 4_200, 0)]), "");
    let short = [("LVOXU", "LiveVox Holding Inc. Unit", 3.35, 10, 28)];
    assert_eq!(found(&short, &[("LVOXU", "LiveVox Holdings Inc. Unit", 3.35, 10, 0)]), "");
}

#[test]
fn what_is_recorded_is_not_proposed_again() {
    let (before, after) = (known(&[("FB", META, 196.64, 2_706, 0)]), today(&[("META", META, 184.0, 2_706, 0)]));
    for (recorded, count) in [
        (change(date(2022, 6, 1), "FB", "META"), 0),
        // A table says that nobody goes on as FB's successor, or that somebody else became META.
        (change(DAY, "FB", ""), 0),
        (change(DAY, "MVRS", "META"), 0),
        (change(date(2020, 6, 1), "FB", "META"), 1),
    ] {
        assert_eq!(detect(&before, &after, std::slice::from_ref(&recorded)).len(), count, "{recorded:?}");
    }
}

#[test]
fn a_change_counts_as_soon_as_the_sources_follow_it() {
    let changes = [change(date(2022, 6, 7), "FB", "META")];
    let of = |lines: &[Line]| -> Vec<String> {
        successors(&known(lines), &changes).iter().map(|(old, new)| format!("{old} > {new}")).collect()
    };
    let (old, new) = (("FB", META, 196.64, 2_706, 1), ("META", META, 184.0, 2_706, 0));
    assert_eq!(of(&[old, new]), ["FB > META"]);
    assert_eq!(of(&[old, ("META", META, 184.0, 2_706, 2)]), ["FB > META"], "not shown for a day or two");
    assert_eq!(of(&[old]), [""; 0], "META is not known yet");
    assert_eq!(of(&[("FB", META, 196.64, 2_706, 0), new]), [""; 0], "FB is still shown");
    let later = [change(DAY, "FB", "META")];
    assert!(successors(&known(&[old, new]), &later).is_empty(), "not before its day");
}

#[test]
fn what_is_not_said_yet_is_carried_over() {
    let (old, new) = (("FB", META, 196.64, 2_706, 1), ("META", META, 184.0, 0, 0));
    let changes = [change(date(2022, 6, 7), "FB", "META")];
    let mut seen = known(&[old, new]);
    seen.first_seen_session[1] = Some(date(2022, 6, 8));
    seen.shares[1] = None;
    seen.sector = crate::TextColumn::default();
    seen.sector.push(Some("Technology"));
    seen.sector.push(None);
    carry_over(&mut seen, &changes);
    assert_eq!((seen.shares[1], seen.sector.value(1)), (Some(2_706_000_000), Some("Technology")));
    assert_eq!(seen.listing_age_days(1), None, "as old as FB, of which no beginning is known");
    seen.first_seen_session = vec![Some(date(2022, 5, 30)), Some(date(2022, 6, 8))];
    carry_over(&mut seen, &changes);
    assert_eq!(seen.listing_age_days(1), Some(9));
}
