//! Chains of symbols, tables that cannot be, and what is and is not taken for a symbol change.

use jiff::civil::{Date, date};
use proptest::prelude::*;

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

#[test]
fn one_event_is_not_told_on_two_days() {
    let refusals = |lines: &[SymbolChange]| -> Vec<String> {
        let (taken, refused) = check_changes((2..).zip(lines.to_vec()).collect());
        assert_eq!(taken.len() + refused.len(), lines.len());
        refused.iter().map(|r| format!("{}: {}", r.line, r.reason)).collect()
    };
    let (first, second, third) = (date(2022, 6, 9), date(2022, 6, 13), date(2022, 6, 15));
    let later = date(2022, 9, 1);
    let given_up = ["3: FB was given up on 2022-06-09 by line 2, and nobody has had it since"];
    assert_eq!(refusals(&[change(first, "FB", "META"), change(second, "FB", "META")]), given_up);
    assert_eq!(refusals(&[change(first, "FB", "META"), change(second, "FB", "MVRS")]), given_up);
    let held = ["3: another symbol became META on 2022-06-09 by line 2, and still is"];
    assert_eq!(refusals(&[change(first, "FB", "META"), change(second, "MVRS", "META")]), held);
    // The earlier day counts, in whatever order the lines are.
    let earlier = ["2: FB was given up on 2022-06-09 by line 3, and nobody has had it since"];
    assert_eq!(refusals(&[change(second, "FB", "META"), change(first, "FB", "META")]), earlier);
    // What is refused makes no room for others.
    let queue = [change(second, "B", "E"), change(second, "C", "B"), change(first, "B", "E"), change(first, "A", "B")];
    assert_eq!(
        refusals(&queue),
        [
            "2: another symbol became E on 2022-06-09 by line 4, and still is",
            "3: another symbol became B on 2022-06-09 by line 5, and still is",
        ]
    );
    // There and back, on with it, and by others after a while or after its owner is said to be gone.
    let back = [change(first, "FI", "FISV"), change(second, "FISV", "FI"), change(third, "FI", "FISV")];
    assert_eq!(refusals(&back), [""; 0]);
    assert_eq!(refusals(&[change(first, "A", "B"), change(second, "B", "C"), change(third, "X", "B")]), [""; 0]);
    assert_eq!(refusals(&[change(first, "A", "B"), change(first, "B", "C"), change(third, "B", "D")]), [""; 0]);
    assert_eq!(refusals(&[change(first, "A", "B"), change(second, "X", "A"), change(third, "A", "Y")]), [""; 0]);
    assert_eq!(refusals(&[change(first, "A", "B"), change(second, "B", ""), change(third, "X", "B")]), [""; 0]);
    assert_eq!(refusals(&[change(first, "A", "B"), change(second, "A", ""), change(third, "A", "C")]), [""; 0]);
    assert_eq!(refusals(&[change(first, "A", "B"), change(later, "A", "C"), change(later, "X", "B")]), [""; 0]);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever a table says: what is taken of it follows every symbol from a beginning to an end, and a listing has
    /// one symbol at a time.
    #[test]
    fn any_table_makes_chains(lines in prop::collection::vec((0_u8..40, 0_u8..5, 0_u8..6), 0..14)) {
        let symbols = ["A", "B", "C", "D", "E", ""];
        let day = |offset: u8| DAY + jiff::Span::new().days(i64::from(offset) * 3);
        let line = |(at, from, to): &(u8, u8, u8)| change(day(*at), symbols[*from as usize], symbols[*to as usize]);
        let (taken, _) = check_changes((2..).zip(lines.iter().map(line)).collect());
        for symbol in &symbols[..5] {
            for tenure in tenures(&taken, &Symbol::from_stored(symbol)) {
                let chain = identity(&taken, &tenure);
                prop_assert!(chain.contains(&tenure));
                for pair in chain.windows(2) {
                    prop_assert_eq!(pair[0].until, pair[1].from, "{}", shown(&chain));
                }
                for other in &chain {
                    prop_assert_eq!(&identity(&taken, other), &chain, "one listing, wherever one asks");
                }
            }
        }
        let (again, refused) = check_changes((2..).zip(taken.clone()).collect());
        prop_assert_eq!((again, refused), (taken, vec![]), "what was taken is taken again");
    }
}

/// Symbol, name, close in dollars, shares, and how many snapshots have not shown it. Less than a million shares are
/// so many millions and some more: as real ones they are no round number.
type Line = (&'static str, &'static str, f64, i64, u16);

const fn shares_of(line: &Line) -> i64 {
    if line.3 == 0 || line.3 >= 1_000_000 { line.3 } else { line.3 * 1_000_000 + 119 }
}

fn known(lines: &[Line]) -> Observation {
    let mut lines = lines.to_vec();
    lines.sort_by_key(|line| line.0);
    let mut seen = Observation::empty(date(2022, 6, 8));
    for line in lines {
        let (text, name, close, _, sessions_absent) = line;
        seen.push(ObservedListing {
            company_name: Some(name),
            sessions_absent,
            shares: Some(shares_of(&line)).filter(|shares| *shares > 0),
            close: Price::from_dollars(close),
            volume: Some(500_000),
            exchange: Some("nyse"),
            sector: Some("Technology"),
            ..ObservedListing::new(symbol(text))
        });
    }
    seen
}

fn today(lines: &[Line]) -> Snapshot {
    let row = |line: &Line| {
        let (text, name, close, ..) = line;
        let shares = shares_of(line);
        let mut listing = ListingRecord::new(symbol(text));
        listing.company_name = Some((*name).to_owned());
        listing.weighted_shares_outstanding = Some(shares).filter(|shares| *shares > 0);
        listing.market_cap = Some(Usd((close * shares as f64) as i64));
        listing.exchange = Some("nyse".to_owned());
        SnapshotRow { listing, close: Price::from_dollars(*close), volume: Some(400_000) }
    };
    Snapshot { session: DAY, source: "test".to_owned(), rows: lines.iter().map(row).collect() }
}

fn found(before: &[Line], after: &[Line]) -> String {
    told(&detect(&known(before), &today(after), &[]))
}

/// Symbol, year of the public offering, and volume.
type Detail = (&'static str, Option<i16>, i64);

/// Finds what changed between what was known, and the snapshot, with more details of some of them.
fn found_with((before, then): (&[Line], &[Detail]), (after, now): (&[Line], &[Detail])) -> String {
    let (mut seen, mut snapshot) = (known(before), today(after));
    for (text, year, volume) in then {
        let at = seen.position(&symbol(text)).expect("a line of it");
        (seen.ipo_year[at], seen.volume[at]) = (*year, Some(*volume));
    }
    for (text, year, volume) in now {
        let row = snapshot.rows.iter_mut().find(|row| row.listing.symbol == symbol(text)).expect("a line of it");
        (row.listing.ipo_year, row.volume) = (*year, Some(*volume));
    }
    told(&detect(&seen, &snapshot, &[]))
}

fn told(found: &[SymbolChange]) -> String {
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
fn the_lines_of_a_company_keep_apart() {
    let before = [
        ("VIAC", "ViacomCBS Inc. Class B Common Stock", 29.58, 647, 0),
        ("VIACA", "ViacomCBS Inc. Class A Common Stock", 32.83, 647, 0),
        ("VIACP", "ViacomCBS Inc. 5.75% Series A Mandatory Convertible Preferred Stock", 52.36, 0, 0),
    ];
    let after = [
        ("PARA", "Paramount Global Class B Common Stock", 29.35, 647, 0),
        ("PARAA", "Paramount Global Class A Common Stock", 33.0, 647, 0),
        ("PARAP", "Paramount Global 5.75% Series A Mandatory Convertible Preferred Stock", 52.47, 0, 0),
    ];
    let all = "VIAC > PARA, VIACA > PARAA, VIACP > PARAP";
    assert_eq!(found(&before, &after), all);
    // Each shows the shares of the whole company, and on the first day often the name alone: prices tell.
    let bare = after.map(|line| (line.0, "Paramount Global", line.2, line.3, line.4));
    assert_eq!(found(&before, &bare), all);
    // Nothing but the volume tells them apart.
    let wiley = "John Wiley & Sons Inc.";
    let before = [("JW.A", wiley, 53.03, 0, 0), ("JW.B", wiley, 53.18, 0, 0)];
    let after = [("WLY", wiley, 54.88, 56, 0), ("WLYB", wiley, 52.5, 56, 0)];
    let (then, now) = ([("JW.A", None, 271_205), ("JW.B", None, 122)], [("WLY", None, 348_031), ("WLYB", None, 601)]);
    assert_eq!(found_with((&before, &then), (&after, &now)), "JW.A > WLY, JW.B > WLYB");
    // Three lines that become one: nobody can say which went on.
    let discovery = "Discovery Inc.";
    let before =
        [("DISCA", discovery, 24.43, 0, 0), ("DISCB", discovery, 24.45, 508, 0), ("DISCK", discovery, 24.42, 508, 0)];
    let after = [("WBD", "Warner Bros. Discovery Inc. Series A Common Stock", 24.68, 0, 0)];
    assert_eq!(found(&before, &after), "");
}

#[test]
fn a_company_with_another_name_is_found() {
    // Exactly the same shares, however small; and where they are wrong, a rare word in the name.
    let celsion = [("CLSN", "Celsion Corporation Common Stock", 1.96, 7_098_741, 0)];
    assert_eq!(found(&celsion, &[("IMNN", "Imunon Inc. Common Stock", 1.83, 7_098_741, 0)]), "CLSN > IMNN");
    assert_eq!(found(&celsion, &[("IMNN", "Imunon Inc. Common Stock", 1.83, 7_108_741, 0)]), "", "almost");
    let callaway = ("ELY", "Callaway Golf Company Common Stock", 21.33, 14, 0);
    let topgolf = ("MODG", "Topgolf Callaway Brands Corp.", 22.34, 0, 0);
    assert_eq!(found(&[callaway], &[topgolf]), "", "among so few every word is rare");
    let other = |number: i32| -> Line {
        (format!("Z{number:03}").leak(), format!("Any{number} Brands Corp.").leak(), 5.0, 30, 0)
    };
    let others: Vec<Line> = (0..200).map(other).collect();
    let market = |one| others.iter().copied().chain([one]).collect::<Vec<_>>();
    assert_eq!(found(&market(callaway), &market(topgolf)), "ELY > MODG");
    let brands = ("BRND", "Golf Brands Corp.", 22.34, 0, 0);
    assert_eq!(found(&market(("AAA", "Old Brands Inc.", 22.0, 9, 0)), &market(brands)), "", "of many companies");
    // The same year of a public offering long past.
    let before = [("REPH", "Recro Pharma Inc. Common Stock", 2.09, 56, 0)];
    let after = [("SCTL", "Societal CDMO Corp. Common Stock", 2.0, 0, 0)];
    let year = |text, year| [(text, Some(year), 500_000)];
    let of = |one, two| found_with((&before, &year("REPH", one)), (&after, &year("SCTL", two)));
    assert_eq!(
        (of(2014, 2014), of(2014, 2021), of(2022, 2022)),
        ("REPH > SCTL".to_owned(), String::new(), String::new())
    );
    // A large one at the same price, exchange and volume.
    let before = [("ABC", "AmerisourceBergen Corporation Common Stock", 179.98, 202, 0)];
    let after = [("COR", "Cencora Inc.", 178.9, 44, 0)];
    assert_eq!(found(&before, &after), "ABC > COR");
    assert_eq!(found(&before, &[("COR", "Cencora Inc.", 160.0, 44, 0)]), "", "at another price");
    assert_eq!(found(&before, &[after[0], ("NEW", "Newcomer Inc.", 181.0, 90, 0)]), "", "or another newcomer");
    let quiet = found_with((&before, &[]), (&after, &[("COR", None, 5_000)]));
    assert_eq!(quiet, "", "hardly traded");
    // Warrants follow their company.
    let before = [("OSAT", "Orbsat Corp Common Stock", 3.75, 9, 0), ("OSATW", "Orbsat Corp Warrants", 1.98, 0, 0)];
    let after = [("NXPL", "NextPlat Corp Common Stock", 3.48, 9, 0), ("NXPLW", "NextPlat Corp Warrants", 1.91, 0, 0)];
    assert_eq!(found(&before, &after), "OSAT > NXPL, OSATW > NXPLW");
}

#[test]
fn a_newcomer_is_looked_at_again_when_its_cap_is_known() {
    let altus = ("ALTM", "Altus Midstream Company Class A Common Stock", 62.35, 16_246_460, 1);
    let kinetik = ("KNTK", "Kinetik Holdings Inc. Class A Common Stock", 61.75, 0, 0);
    let mut seen = known(&[altus, kinetik]);
    seen.first_seen_session[1] = Some(seen.session);
    let snapshot = today(&[(kinetik.0, kinetik.1, 62.62, altus.3, 0)]);
    let found = detect(&seen, &snapshot, &[]);
    assert_eq!(found, [change(date(2022, 6, 8), "ALTM", "KNTK")], "from the day on which it came");
    // ALTM had not gone when KNTK came, or KNTK is no newcomer any more.
    seen.sessions_absent[0] = 0;
    assert_eq!(detect(&seen, &snapshot, &[]), []);
    seen.sessions_absent[0] = 5;
    seen.first_seen_session[1] = Some(date(2022, 5, 2));
    assert_eq!(detect(&seen, &snapshot, &[]), []);
}

#[test]
fn a_symbol_that_is_taken_over_without_a_gap_is_another_listing() {
    let of =
        |before: &[Line], then: &[Detail], after: &[Line], now: &[Detail]| found_with((before, then), (after, now));
    // Biohaven was bought, and what was left of it is listed under its symbol.
    let old = [("BHVN", "Biohaven Pharmaceutical Holding Company Ltd. Common Shares", 151.8, 71_645_023, 0)];
    let new = [("BHVN", "Biohaven Ltd. Common Shares", 8.3, 35_822_511, 0)];
    let (then, now) = ([("BHVN", Some(2017), 4_000_000)], [("BHVN", Some(2022), 11_000_000)]);
    assert_eq!(of(&old, &then, &new, &now), "BHVN > nobody");
    assert_eq!(of(&old, &then, &new, &[("BHVN", Some(2017), 1)]), "", "of the same year");
    assert_eq!(of(&old, &then, &[("BHVN", new[0].1, 140.0, 35_822_511, 0)], &now), "", "at the same price");
    assert_eq!(of(&old, &then, &[("BHVN", new[0].1, 8.3, 71_645_023, 0)], &now), "", "with the same shares");
    // A parent that leaves its symbol to the part that it splits off: with its shares, or its year and first word.
    let msge = "Madison Square Garden Entertainment Corp. Class A Common Stock";
    let old = [("MSGE", msge, 60.56, 34_553_920, 0)];
    let new = [("MSGE", msge, 30.99, 0, 0), ("SPHR", "Sphere Entertainment Co.", 25.61, 34_553_920, 0)];
    let (then, now) =
        ([("MSGE", Some(2020), 300_000)], [("MSGE", Some(2022), 800_000), ("SPHR", Some(2020), 1_500_000)]);
    assert_eq!(of(&old, &then, &new, &now), "MSGE > SPHR");
    let old = [("CR", "Crane Holdings Co. Common Stock", 114.42, 56_144_427, 0)];
    let new = [("CR", "Crane Company Common Stock", 79.0, 56_325_382, 0), ("CXT", "Crane NXT Co.", 40.82, 0, 0)];
    assert_eq!(of(&old, &[], &new, &[("CR", Some(2022), 900_000)]), "CR > CXT");
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
    // The same shares by chance: a round number.
    let starry = [("STRY", "Starry Group Holdings Inc.", 9.21, 51_750_000, 0)];
    let motive = ("MOTV", "Motive Capital Corp Class A Ordinary Shares", 10.11, 51_750_000, 5);
    assert_eq!(found(&[motive, ("FMAC", "FirstMark Horizon Acquisition Corp.", 9.6, 51_750_000, 0)], &starry), "");
    assert_eq!(found(&[motive], &starry), "");
    // What a shell is merged with is another business, whatever it is called and however many shares it has.
    let listed = |name| [("LGTO", name, 8.94, 35_901_234, 0), ("LGTOU", "Legato Corp. II Unit", 9.1, 0, 0)];
    let southland = [("SLND", "Southland Holdings Inc. Common Stock", 8.6, 35_901_234, 0)];
    assert_eq!(found(&listed("Legato Merger Corp. II Common Stock"), &southland), "");
    assert_eq!(found(&listed("Legato Corp. II Common Stock"), &southland), "", "known by its units");
    // Lines of preferred stock and of funds that come and go have words in common.
    let before = [("PCG^G", "Pacific Gas & Electric Co. 4.80% 1st Preferred Stock", 23.52, 0, 0)];
    assert_eq!(found(&before, &[("PCG^C", "Pacific Gas & Electric Co. 5% 1st Preferred Stock", 25.9, 0, 0)]), "");
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
        (change(DAY, "META", "FB"), 0),
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
    assert_eq!((seen.shares[1], seen.sector.value(1)), (Some(2_706_000_119), Some("Technology")));
    assert_eq!(seen.listing_age_days(1), None, "as old as FB, of which no beginning is known");
    seen.first_seen_session = vec![Some(date(2022, 5, 30)), Some(date(2022, 6, 8))];
    carry_over(&mut seen, &changes);
    assert_eq!(seen.listing_age_days(1), Some(9));
}
