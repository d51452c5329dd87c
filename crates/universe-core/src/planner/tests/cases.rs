use expect_test::{Expect, expect};
use jiff::civil::date;

use super::*;
use crate::UniverseId;
use crate::plan::{AlertKind, DelistingEvidence, StepStatus};

const BANDS: (&str, &str) = (
    "bands.toml",
    r#"
category = "market_cap"
[[band]]
key = "mega_cap"
name = "Mega Cap"
at_least = 200e9
[[band]]
key = "large_cap"
name = "Large Cap"
at_least = 10e9
[[profile]]
name = "steady"
buffer = 0.10
share_classes = "one_per_company"
[change_limit]
off = true
"#,
);

const TOP_2: (&str, &str) = (
    "rankings.toml",
    r#"
category = "market_leader"
[[ranking]]
key = "top_2"
name = "Top 2"
count = 2
[[profile]]
name = "steady"
buffer = 0.50
[change_limit]
off = true
"#,
);

fn check(rules: &RuleSet, days: &[(Date, Vec<Line>)], expected: Expect) {
    expected.assert_eq(&story(rules, days));
}

#[test]
fn bands_include_their_breakpoint_and_end_below_the_next() {
    check(
        &rules(&[BANDS]),
        &[
            (
                date(2024, 1, 2),
                vec![
                    line("AAA", 200e9),
                    line("BBB", 199_999_999_999.0),
                    line("CCC", 10e9),
                    line("DDD", 9_999_999_999.0),
                ],
            ),
            (date(2024, 1, 3), vec![line("AAA", 199e9), line("BBB", 201e9), line("CCC", 9e9), line("DDD", 11e9)]),
        ],
        expect![[r#"
            == 2024-01-02
            stock_universe:large_cap  created  0 -> 2  (+2 -0)
              + BBB     cap 200B: in the band from 10.0B, below 200B
              + CCC     cap 10.0B: in the band from 10.0B, below 200B
            stock_universe:mega_cap  created  0 -> 1  (+1 -0)
              + AAA     cap 200B: in the band from 200B
            == 2024-01-03
            stock_universe:large_cap  updated  2 -> 2  (+2 -2)
              + AAA     cap 199B: in the band from 10.0B, below 200B
              + DDD     cap 11.0B: in the band from 10.0B, below 200B
              - BBB     cap 201B: out of the band from 10.0B, below 200B
              - CCC     cap 9.00B: out of the band from 10.0B, below 200B
            stock_universe:mega_cap  updated  1 -> 1  (+1 -1)
              + BBB     cap 201B: in the band from 200B
              - AAA     cap 199B: out of the band from 200B
        "#]],
    );
}

#[test]
fn keeps_member_inside_buffer_zone() {
    check(
        &profile_rules("steady", &[BANDS]),
        &[
            (date(2024, 1, 2), vec![line("AAA", 201e9), line("BBB", 150e9)]),
            // Within 10 % of the breakpoint nobody moves, in either direction.
            (date(2024, 1, 3), vec![line("AAA", 181e9), line("BBB", 219e9)]),
            (date(2024, 1, 4), vec![line("AAA", 179e9), line("BBB", 221e9)]),
        ],
        expect![[r#"
            == 2024-01-02
            stock_universe:large_cap  created  0 -> 1  (+1 -0)
              + BBB     cap 150B: in the band from 10.0B, below 200B
            stock_universe:mega_cap  created  0 -> 1  (+1 -0)
              + AAA     cap 201B: in the band from 200B
            == 2024-01-03
            == 2024-01-04
            stock_universe:large_cap  updated  1 -> 1  (+1 -1)
              + AAA     cap 179B: in the band from 10.0B, below 200B
              - BBB     cap 221B: out of the band from 10.0B, below 200B
            stock_universe:mega_cap  updated  1 -> 1  (+1 -1)
              + BBB     cap 221B: in the band from 200B
              - AAA     cap 179B: out of the band from 200B
        "#]],
    );
}

#[test]
fn ranks_by_cap_then_symbol_and_keeps_the_count() {
    check(
        &rules(&[TOP_2]),
        &[
            (date(2024, 1, 2), vec![line("BBB", 5e9), line("AAA", 5e9), line("CCC", 7e9)]),
            (date(2024, 1, 3), vec![line("BBB", 6e9), line("AAA", 5e9), line("CCC", 7e9)]),
        ],
        expect![[r#"
            == 2024-01-02
            stock_universe:top_2  created  0 -> 2  (+2 -0)
              + CCC     rank 1 of 2, cap 7.00B
              + AAA     rank 2 of 2, cap 5.00B
            == 2024-01-03
            stock_universe:top_2  updated  2 -> 2  (+1 -1)
              + BBB     rank 2 of 2, cap 6.00B
              - AAA     rank 3, 2 places, cap 5.00B
        "#]],
    );
}

#[test]
fn rank_buffer_lets_a_member_stay_and_a_newcomer_wait() {
    check(
        &profile_rules("steady", &[TOP_2]),
        &[
            (date(2024, 1, 2), vec![line("AAA", 9e9), line("BBB", 8e9), line("CCC", 7e9), line("DDD", 1e9)]),
            // Third of two places with a buffer of one half: stays.
            (date(2024, 1, 3), vec![line("AAA", 9e9), line("BBB", 6e9), line("CCC", 7e9), line("DDD", 1e9)]),
            // Fourth: goes, and the best of the others takes the place.
            (date(2024, 1, 4), vec![line("AAA", 9e9), line("BBB", 6e9), line("CCC", 7e9), line("DDD", 8e9)]),
        ],
        expect![[r#"
            == 2024-01-02
            stock_universe:top_2  created  0 -> 2  (+2 -0)
              + AAA     rank 1 of 2, cap 9.00B
              + BBB     rank 2 of 2, cap 8.00B
            == 2024-01-03
            == 2024-01-04
            stock_universe:top_2  updated  2 -> 2  (+1 -1)
              + DDD     rank 2 of 2, cap 8.00B
              - BBB     rank 4, 2 places, cap 6.00B
        "#]],
    );
}

#[test]
fn recorded_cap_is_rewritten_when_it_moved_by_more_than_five_percent() {
    let recorded = |symbol, cap: f64, recorded: f64| Line { recorded_cap: Some(recorded as i64), ..line(symbol, cap) };
    let lines = [
        recorded("AAA", 105.0, 100.0),
        recorded("BBB", 106.0, 100.0),
        recorded("CCC", 94.0, 100.0),
        recorded("DDD", 95.0, 100.0),
        Line { recorded_cap: None, ..line("EEE", 1.0) },
        Line { cap: None, recorded_cap: Some(7), ..line("FFF", 0.0) },
    ];
    let plan = plan(&market(date(2024, 1, 2), &lines), &rules(&[TOP_2]), &State::default(), FULL);
    let moved: Vec<&str> = plan.caps_moved.iter().map(|l| plan.symbol(*l).as_str()).collect();
    assert_eq!(moved, ["BBB", "CCC", "EEE"]);
    assert_eq!(plan.caps[5], Some(Usd(7)), "without shares the last cap is kept");
    assert_eq!(plan.steps[0].notes, ["1 of 6 stocks keep their last cap, without shares or price: FFF"]);
    assert_eq!(plan.alerts.len(), 1, "one of six is more than a tenth");
    assert_eq!(plan.alerts[0].alert, AlertKind::CalculationFailures);
}

const RECENT: (&str, &str) = (
    "recent_ipos.toml",
    r#"
category = "ipo"
screen = "listing_age_days between 0 and 30"
[universe]
key = "recent_ipos"
name = "Recent IPOs"
[change_limit]
off = true
"#,
);

const TECH: (&str, &str) = (
    "theme_tech.toml",
    r#"
category = "theme"
screen = "sector = 'Technology' and market_cap >= 10e9"
[universe]
key = "theme_tech"
name = "Tech"
[change_limit]
off = true
"#,
);

#[test]
fn an_offering_gets_its_places_and_leaves_on_day_31() {
    let offered = Line { listed_on: Some(date(2024, 1, 2)), sector: Some("Technology"), ..line("NEW", 20e9) };
    let old = Line { listed_on: Some(date(2020, 1, 2)), sector: Some("Technology"), ..line("OLD", 20e9) };
    let rules = rules(&[RECENT, TECH]);
    let lines = vec![offered, old];
    check(
        &rules,
        &[(date(2024, 1, 2), lines.clone()), (date(2024, 2, 1), lines.clone()), (date(2024, 2, 2), lines.clone())],
        expect![[r#"
            == 2024-01-02
            stock_universe:recent_ipos  created  0 -> 1  (+1 -0)
              + NEW     listed within 30 days, cap 20.0B
            stock_universe:theme_tech  created  0 -> 2  (+2 -0)
              + NEW     meets the rule, cap 20.0B
              + OLD     meets the rule, cap 20.0B
            == 2024-02-01
            == 2024-02-02
            stock_universe:recent_ipos  updated  1 -> 0  (+0 -1)
              - NEW     no longer meets the rule, cap 20.0B
        "#]],
    );
    let plan = plan(&market(date(2024, 1, 2), &lines), &rules, &State::default(), FULL);
    assert_eq!(plan.offerings.len(), 1);
    let keys: Vec<&str> = plan.offerings[0].universes.iter().map(UniverseId::key).collect();
    assert_eq!(keys, ["recent_ipos", "theme_tech"]);
    let changes: Vec<usize> = plan.steps.iter().map(|step| step.changes).collect();
    assert_eq!(changes, [0, 2, 0, 1, 0], "the offering's places belong to its step, the other to the themes");
}

#[test]
fn delisted_listings_leave_every_universe() {
    let gone = |line: Line| Line { is_active: false, ..line };
    check(
        &rules(&[BANDS, TOP_2]),
        &[
            (date(2024, 1, 2), vec![line("AAA", 300e9), line("BBB", 20e9), line("CCC", 10e9)]),
            (date(2024, 1, 3), vec![gone(line("AAA", 300e9)), line("BBB", 20e9), line("CCC", 10e9)]),
        ],
        expect![[r#"
            == 2024-01-02
            stock_universe:large_cap  created  0 -> 2  (+2 -0)
              + BBB     cap 20.0B: in the band from 10.0B, below 200B
              + CCC     cap 10.0B: in the band from 10.0B, below 200B
            stock_universe:mega_cap  created  0 -> 1  (+1 -0)
              + AAA     cap 300B: in the band from 200B
            stock_universe:top_2  created  0 -> 2  (+2 -0)
              + AAA     rank 1 of 2, cap 300B
              + BBB     rank 2 of 2, cap 20.0B
            == 2024-01-03
            stock_universe:mega_cap  updated  1 -> 0  (+0 -1)
              - AAA     delisted
            stock_universe:top_2  updated  2 -> 2  (+1 -1)
              + CCC     rank 2 of 2, cap 10.0B
              - AAA     delisted
            delisted: AAA, out of 2 universes
        "#]],
    );
}

#[test]
fn absent_is_delisted_only_after_ten_snapshots() {
    let absent = |sessions_absent| Line { sessions_absent, ..line("AAA", 300e9) };
    let rules = rules(&[BANDS]);
    let state =
        applied(&State::default(), &plan(&market(date(2024, 1, 2), &[absent(0)]), &rules, &State::default(), FULL));
    let nine = plan(&market(date(2024, 1, 16), &[absent(9)]), &rules, &state, FULL);
    assert!(nine.is_empty(), "{}", render_diff(&nine, true));
    assert!(nine.steps[2].notes[0].contains("AAA"), "{:?}", nine.steps[2].notes);
    let ten = plan(&market(date(2024, 1, 17), &[absent(10)]), &rules, &state, FULL);
    assert_eq!(ten.delistings[0].evidence, DelistingEvidence::Absent { snapshots: 10 });
    assert_eq!(ten.delistings[0].universes.len(), 1);
}

#[test]
fn only_common_stock_and_receipts_of_it_are_stocks() {
    let kind = |symbol, kind| Line { kind, ..line(symbol, 300e9) };
    let lines: Vec<Line> = ["A", "B", "C", "D", "E", "F", "G", "H", "I", "J"]
        .into_iter()
        .zip(SecurityType::ALL)
        .map(|(symbol, of)| kind(symbol, of))
        .collect();
    let plan = plan(&market(date(2024, 1, 2), &lines), &rules(&[BANDS]), &State::default(), FULL);
    let mega = plan.universes.iter().find(|u| u.id.key() == "mega_cap").expect("planned");
    let kinds: Vec<SecurityType> = mega.members.iter().map(|l| lines[*l as usize].kind).collect();
    assert_eq!(kinds, [SecurityType::Cs, SecurityType::Adrc]);
}

#[test]
fn a_change_of_more_than_a_fifth_is_held_until_forced() {
    let limited =
        ("top.toml", "category = \"market_leader\"\n[[ranking]]\nkey = \"top_10\"\nname = \"Top 10\"\ncount = 10\n");
    let rules = rules(&[limited]);
    let names = ["A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L", "M"];
    let day = |first: usize| -> Vec<Line> {
        names.iter().enumerate().map(|(at, s)| line(s, if at < first { 1.0 } else { 1e9 - at as f64 })).collect()
    };
    let first = plan(&market(date(2024, 1, 2), &day(0)), &rules, &State::default(), FULL);
    assert!(first.alerts.is_empty(), "a new universe is not held");
    let state = applied(&State::default(), &first);

    let two = plan(&market(date(2024, 1, 3), &day(2)), &rules, &state, FULL);
    assert_eq!(two.universes[0].action, Action::Updated, "a fifth is not more than a fifth");

    let three = market(date(2024, 1, 3), &day(3));
    let held = plan(&three, &rules, &state, FULL);
    assert_eq!(held.universes[0].action, Action::Held);
    assert_eq!(held.universes[0].held.as_ref().map(|held| held.added.len()), Some(3), "what would come is shown");
    assert_eq!(held.alerts[0].alert, AlertKind::MembershipChange);
    assert_eq!(held.total_changes(), 0);
    assert!(!held.is_empty(), "the hold itself is news");
    let known = applied(&state, &held);
    assert!(plan(&three, &rules, &known, FULL).is_empty(), "the same hold again is none");
    let mut damaged = known.clone();
    damaged.universes.values_mut().for_each(|universe| universe.entry_is_intact = false);
    let mended = plan(&three, &rules, &damaged, FULL);
    assert_eq!(mended.universes[0].action, Action::Refreshed, "the entry does not wait with its members");
    assert_eq!(mended.universes[0].held, held.universes[0].held);

    let forced = plan(&three, &rules, &known, Request { holds: Holds::Release, ..FULL });
    assert_eq!(forced.universes[0].action, Action::Updated);
    assert_eq!(forced.alerts.len(), 1, "the alert is raised all the same");
}

#[test]
fn an_approval_releases_the_universes_that_it_names_and_no_other() {
    let limited = "category = \"market_leader\"\n\
        ranking = [{ key = \"top_5\", name = \"Top 5\", count = 5 }, { key = \"top_10\", name = \"Top 10\", count = 10 }]\n";
    let rules = rules(&[("top.toml", limited)]);
    let names = ["A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L", "M"];
    let day = |first: usize| -> Vec<Line> {
        names.iter().enumerate().map(|(at, s)| line(s, if at < first { 1.0 } else { 1e9 - at as f64 })).collect()
    };
    let state = applied(&State::default(), &plan(&market(date(2024, 1, 2), &day(0)), &rules, &State::default(), FULL));
    let seen = market(date(2024, 1, 3), &day(3));
    let held: Vec<_> = plan(&seen, &rules, &state, FULL).held_universes().map(|(u, _)| u.id.clone()).collect();
    assert_eq!(held.len(), 2, "both wait");

    let holds = Holds::ReleaseOnly(held[..1].iter().cloned().collect());
    let approved = plan(&seen, &rules, &state, Request { holds, ..FULL });
    let still: Vec<_> = approved.held_universes().map(|(u, _)| u.id.clone()).collect();
    let made: Vec<_> = approved.changed_universes().map(|u| u.id.clone()).collect();
    assert_eq!((made.as_slice(), still.as_slice()), held.split_at(1));
    assert!(approved.alerts[0].message.ends_with("made, because it was approved"), "{:?}", approved.alerts);
}

#[test]
fn first_members_of_an_empty_universe_are_not_held() {
    let limited = BANDS.1.replace("off = true", "share = 0.2");
    let rules = rules(&[("bands.toml", &limited)]);
    let state = applied(&State::default(), &plan(&market(date(2024, 1, 2), &[]), &rules, &State::default(), FULL));
    let first = plan(&market(date(2024, 1, 3), &[line("AAA", 300e9)]), &rules, &state, FULL);
    assert_eq!(first.universes[0].action, Action::Updated);
    assert!(first.alerts.is_empty());
}

#[test]
fn a_delisting_does_not_wait_with_a_held_change_but_many_do() {
    let limited =
        ("top.toml", "category = \"market_leader\"\n[[ranking]]\nkey = \"top_10\"\nname = \"Top 10\"\ncount = 10\n");
    let rules = rules(&[limited]);
    let names = ["A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L", "M", "N", "O"];
    let day = |small: usize, gone: usize| -> Vec<Line> {
        let of = |(at, s): (usize, &&'static str)| {
            let cap = if at < small { 1.0 } else { 1e9 - at as f64 };
            Line { is_active: at < 10 - gone || at >= 10, ..line(s, cap) }
        };
        names.iter().enumerate().map(of).collect()
    };
    let state =
        applied(&State::default(), &plan(&market(date(2024, 1, 2), &day(0, 0)), &rules, &State::default(), FULL));

    let one = plan(&market(date(2024, 1, 3), &day(3, 1)), &rules, &state, FULL);
    let top = &one.universes[0];
    assert_eq!((top.action, top.removed.len(), top.members.len()), (Action::Updated, 1, 9), "the delisted one goes");
    assert_eq!(top.held.as_ref().map(|held| held.removed.len()), Some(3), "the others wait");
    let after = applied(&state, &one);
    assert!(plan(&market(date(2024, 1, 3), &day(3, 1)), &rules, &after, FULL).is_empty());

    let many = plan(&market(date(2024, 1, 3), &day(0, 5)), &rules, &state, FULL);
    assert_eq!(many.universes[0].action, Action::Held, "five of ten are a fault until somebody looked");
    assert_eq!(many.universes[0].members.len(), 10);
}

#[test]
fn undefined_universes_are_retired_or_preserved() {
    let with = rules(&[BANDS, TOP_2]);
    let without = rules(&[BANDS]);
    let day = market(date(2024, 1, 2), &[line("AAA", 300e9)]);
    let state = applied(&State::default(), &plan(&day, &with, &State::default(), FULL));
    let retired = plan(&day, &without, &state, FULL);
    assert_eq!(retired.universes.len(), 1);
    assert_eq!((retired.universes[0].id.key(), retired.universes[0].action), ("top_2", Action::Retired));
    let kept = plan(&day, &without, &state, Request { undefined: Undefined::Preserve, ..FULL });
    assert!(kept.is_empty());
    assert!(kept.steps[0].notes.iter().any(|note| note.contains("top_2")), "{:?}", kept.steps[0].notes);
}

#[test]
fn a_universe_that_is_made_again_counts_on() {
    let seen = market(date(2024, 1, 2), &[line("AAA", 300e9), line("BBB", 20e9)]);
    let made = plan(&seen, &rules(&[TOP_2]), &State::default(), FULL);
    let state = applied(&State::default(), &made);
    let retired = plan(&seen, &rules(&[]), &state, FULL);
    let state = applied(&state, &retired);
    let again = plan(&seen, &rules(&[TOP_2]), &state, FULL);
    let sequences = [made, retired, again].map(|plan| (plan.universes[0].action, plan.universes[0].sequence));
    assert_eq!(sequences, [(Action::Created, 1), (Action::Retired, 2), (Action::Created, 3)]);
}

#[test]
fn a_group_without_listings_is_emptied_and_that_is_held() {
    let sectors = (
        "sectors.toml",
        "category = \"sector\"\n[groups]\nby = \"sector\"\nkey = \"sector_{}\"\nname = \"{} Sector\"\n[groups.names]\n\"Finance\" = \"Financials\"\n",
    );
    let rules = rules(&[sectors]);
    let of = |symbol, sector| Line { sector: Some(sector), ..line(symbol, 1e9) };
    check(
        &rules,
        &[
            (date(2022, 5, 18), vec![of("AAA", "Capital Goods"), of("BBB", "Finance"), of("CCC", "Financials")]),
            (date(2022, 5, 19), vec![of("AAA", "Industrials"), of("BBB", "Finance"), of("CCC", "Financials")]),
        ],
        expect![[r#"
            == 2022-05-18
            stock_universe:sector_capital_goods  created  0 -> 1  (+1 -0)
              + AAA     now in Capital Goods Sector
            stock_universe:sector_financials  created  0 -> 2  (+2 -0)
              + BBB     now in Financials Sector
              + CCC     now in Financials Sector
            == 2022-05-19
            stock_universe:sector_capital_goods  held  1 -> 1  (+0 -0)
              waits for approval: would have 0 members  (+0 -1)
                - AAA     no longer in the group
            stock_universe:sector_industrials  created  0 -> 1  (+1 -0)
              + AAA     now in Industrials Sector
        "#]],
    );
}

#[test]
fn a_theme_says_what_it_lacks_and_keeps_its_fixed_list() {
    let theme = (
        "theme_value.toml",
        "category = \"theme\"\nscreen = \"price_earnings < 15\"\n[universe]\nkey = \"theme_value\"\nname = \"Value\"\nsymbols = [\"BBB\", \"ZZZ\"]\n",
    );
    let rules = rules(&[theme]);
    let mut day = market(date(2024, 1, 2), &[line("AAA", 1e9), line("BBB", 1e9)]);
    let lacking = plan(&day, &rules, &State::default(), FULL);
    assert_eq!(
        render_diff(&lacking, true),
        "stock_universe:theme_value  created  0 -> 1  (+1 -0)\n  + BBB     on the rule's list\n"
    );
    let notes = &lacking.steps[3].notes;
    assert!(notes.iter().any(|note| note.contains("needs price_earnings, which is not loaded")), "{notes:?}");
    assert!(notes.iter().any(|note| note.contains("nothing is known of them: ZZZ")), "{notes:?}");

    day.push_fact(0, "price_earnings", 9.0);
    let state = applied(&State::default(), &lacking);
    let decided = plan(&day, &rules, &state, Request { holds: Holds::Release, ..FULL });
    assert_eq!(decided.universes[0].members, [0], "with the figure loaded the screen decides");
}

#[test]
fn a_failing_step_leaves_its_universes_as_they_were() {
    let theme = (
        "theme_broken.toml",
        "category = \"theme\"\nscreen = \"market_cap / volume > 1\"\n[universe]\nkey = \"theme_broken\"\nname = \"Broken\"\n",
    );
    let rules = rules(&[BANDS, theme]);
    let good = market(date(2024, 1, 2), &[line("AAA", 300e9)]);
    let state = applied(&State::default(), &plan(&good, &rules, &State::default(), FULL));
    let bad = market(date(2024, 1, 3), &[Line { volume: 0, ..line("AAA", 30e9) }]);
    let plan = plan(&bad, &rules, &state, FULL);
    let statuses: Vec<StepStatus> = plan.steps.iter().map(|step| step.status).collect();
    use StepStatus::{Failed, Success};
    assert_eq!(statuses, [Success, Success, Success, Failed, Success]);
    assert_eq!(plan.steps[3].error.as_deref(), Some("division by zero for AAA in \"market_cap / volume > 1\""));
    assert!(plan.universes.iter().all(|universe| universe.id.key() != "theme_broken"));
    assert!(plan.universes.iter().any(|universe| universe.id.key() == "large_cap"), "the other steps went on");
}

#[test]
fn one_line_stands_for_a_company_whose_classes_share_a_cap() {
    let class =
        |symbol, class: &str, cap, volume| Line { name: format!("Alphabet Inc. {class}"), volume, ..line(symbol, cap) };
    let rules = profile_rules("steady", &[BANDS]);
    let day = |c_volume| {
        vec![
            class("GOOG", "Class C Capital Stock", 1.70e12, c_volume),
            class("GOOGL", "Class A Common Stock", 1.69e12, 1_000),
            class("GAP", "Class A Common Stock", 20e9, 5),
        ]
    };
    let days = [(date(2024, 1, 2), day(900)), (date(2024, 1, 3), day(1_500)), (date(2024, 1, 4), day(4_000))];
    check(
        &rules,
        &days,
        expect![[r#"
            == 2024-01-02
            stock_universe:large_cap  created  0 -> 1  (+1 -0)
              + GAP     cap 20.0B: in the band from 10.0B, below 200B
            stock_universe:mega_cap  created  0 -> 1  (+1 -0)
              + GOOGL   cap 1.69T: in the band from 200B
            == 2024-01-03
            == 2024-01-04
            stock_universe:mega_cap  updated  1 -> 1  (+1 -1)
              + GOOG    cap 1.70T: in the band from 200B
              - GOOGL   not eligible any more, cap 1.69T
        "#]],
    );
}

#[test]
fn a_monthly_cadence_waits_for_the_month_but_not_for_a_delisting() {
    let monthly = (
        "theme_big.toml",
        "category = \"theme\"\ncadence = \"monthly\"\nscreen = \"market_cap >= 10e9\"\n[universe]\nkey = \"theme_big\"\nname = \"Big\"\n[change_limit]\noff = true\n",
    );
    let gone = |line: Line| Line { is_active: false, ..line };
    check(
        &rules(&[monthly]),
        &[
            (date(2024, 1, 30), vec![line("AAA", 20e9), line("BBB", 20e9), line("CCC", 1e9)]),
            (date(2024, 1, 31), vec![line("AAA", 20e9), gone(line("BBB", 20e9)), line("CCC", 30e9)]),
            (date(2024, 2, 1), vec![line("AAA", 20e9), gone(line("BBB", 20e9)), line("CCC", 30e9)]),
        ],
        expect![[r#"
            == 2024-01-30
            stock_universe:theme_big  created  0 -> 2  (+2 -0)
              + AAA     meets the rule, cap 20.0B
              + BBB     meets the rule, cap 20.0B
            == 2024-01-31
            stock_universe:theme_big  updated  2 -> 1  (+0 -1)
              - BBB     delisted
            delisted: BBB, out of 1 universe
            == 2024-02-01
            stock_universe:theme_big  updated  1 -> 2  (+1 -0)
              + CCC     meets the rule, cap 30.0B
        "#]],
    );
}

#[test]
fn modes_take_their_own_steps_only() {
    let lines = [Line { listed_on: Some(date(2024, 1, 2)), sector: Some("Technology"), ..line("NEW", 20e9) }];
    let all = rules(&[BANDS, RECENT, TECH]);
    let day = market(date(2024, 1, 2), &lines);
    let keys = |mode| -> Vec<String> {
        let plan = plan(&day, &all, &State::default(), Request { mode, ..FULL });
        plan.universes.iter().map(|universe| universe.id.key().to_owned()).collect()
    };
    assert_eq!(keys(Mode::MarketCap), ["large_cap", "mega_cap"]);
    assert_eq!(keys(Mode::Themes), ["theme_tech"]);
    assert_eq!(keys(Mode::Ipos), ["recent_ipos"]);
    assert_eq!(keys(Mode::Full), ["large_cap", "mega_cap", "recent_ipos", "theme_tech"]);
}

#[test]
fn rules_react_to_the_market() {
    let theme = (
        "theme_lead.toml",
        "category = \"theme\"\nscreen = \"is_active\"\n[universe]\nkey = \"theme_lead\"\nname = \"Lead\"\ncount = 2\n[[universe.when]]\nmarket = \"stressed\"\ncount = 1\n",
    );
    let rules = rules(&[theme]);
    let mut state = State::default();
    for day in 0..100_i32 {
        state.market.push(crate::market::MarketSession {
            session: date(2023, 6, 1).checked_add(jiff::Span::new().days(day)).expect("a date"),
            listings: 100,
            breadth: 0.5,
            median_return: if day % 2 == 0 { 0.001 } else { -0.001 },
            volatility: Some(0.10),
        });
    }
    let mut day = market(date(2024, 1, 2), &[line("AAA", 3e9), line("BBB", 2e9), line("CCC", 1e9)]);
    day.returns = vec![-0.08; 50];
    let plan = plan(&day, &rules, &state, FULL);
    assert_eq!(plan.market.map(|market| market.regime), Some(crate::market::Regime::Stressed));
    assert_eq!(plan.universes[0].members.len(), 1);
    let statistics = plan.universes[0].rebalance.clone().expect("a theme has statistics");
    assert_eq!((statistics.members, statistics.added, statistics.turnover), (1, 1, 0.0));
}
