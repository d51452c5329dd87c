use std::collections::BTreeMap;

use jiff::civil::date;
use proptest::prelude::*;

use super::*;
use crate::plan::Basis;
use crate::planner::explain::explain;

const SYMBOLS: [&str; 24] = [
    "AA", "AB", "AC", "AD", "AE", "AF", "AG", "AH", "AI", "AJ", "AK", "AL", "AM", "AN", "AO", "AP", "AQ", "AR", "AS",
    "AT", "AU", "AV", "AW", "AX",
];
const SECTORS: [&str; 3] = ["Technology", "Finance", "Energy"];

prop_compose! {
    fn any_line(symbol: &'static str)(
        // Few distinct caps around the breakpoints, so that ties and crossings are common.
        cap in prop::option::weighted(0.9, prop::sample::select(vec![
            49e6, 50e6, 51e6, 299e6, 300e6, 310e6, 1.9e9, 2e9, 2.1e9, 9.5e9, 10e9, 10.5e9, 190e9, 200e9, 215e9, 3e12,
        ])),
        sector in prop::option::of(prop::sample::select(SECTORS.to_vec())),
        kind in prop::sample::select(SecurityType::ALL.to_vec()),
        common in prop::bool::weighted(0.8),
        is_active in prop::bool::weighted(0.9),
        sessions_absent in prop_oneof![9 => Just(0_u16), 1 => 1..12_u16],
        age in prop::option::weighted(0.3, 0..60_i32),
    ) -> Line {
        let listed_on = age.map(|days| date(2024, 3, 1).checked_sub(jiff::Span::new().days(days)).expect("a date"));
        Line {
            cap: cap.map(|cap: f64| cap as i64),
            sector,
            kind: if common { SecurityType::Cs } else { kind },
            is_active,
            sessions_absent,
            listed_on,
            ..line(symbol, 0.0)
        }
    }
}

fn any_market() -> impl Strategy<Value = Vec<Line>> {
    SYMBOLS.into_iter().map(any_line).collect::<Vec<_>>()
}

fn shipped(profile: &str) -> RuleSet {
    RuleSet::load(profile, &[], &[]).expect("the shipped rules are right")
}

const FORCED: Request = Request { holds: Holds::Release, ..FULL };

fn members<'p>(plan: &'p Plan, key: &str) -> Vec<&'p Symbol> {
    plan.universes.iter().filter(|u| u.id.key() == key).flat_map(|u| plan.member_symbols(u)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn bands_partition_what_is_above_the_last_breakpoint(before in any_market(), now in any_market(), steady: bool) {
        let rules = shipped(if steady { "steady" } else { "classic" });
        let first = plan(&market(date(2024, 2, 29), &before), &rules, &State::default(), FORCED);
        let state = applied(&State::default(), &first);
        let seen = market(date(2024, 3, 1), &now);
        let second = plan(&seen, &rules, &state, FORCED);
        let after = applied(&state, &second);
        let mut bands: BTreeMap<&Symbol, usize> = BTreeMap::new();
        for key in ["mega_cap", "large_cap", "mid_cap", "small_cap", "micro_cap"] {
            let (_, universe) = after.universes.iter().find(|(id, _)| id.key() == key).expect("every band exists");
            for member in &universe.members {
                *bands.entry(member).or_default() += 1;
            }
        }
        for (at, line) in now.iter().enumerate() {
            let symbol = &seen.symbol[at];
            let stock = matches!(line.kind, SecurityType::Cs | SecurityType::Adrc);
            let listed = line.is_active && line.sessions_absent < 10;
            let count = bands.get(symbol).copied().unwrap_or(0);
            prop_assert!(count <= 1, "{symbol} is in {count} bands");
            if !steady {
                let expected = stock && listed && line.cap.or(line.recorded_cap).is_some_and(|cap| cap >= 50_000_000);
                prop_assert_eq!(count == 1, expected, "{}", symbol);
            }
        }
    }

    #[test]
    fn a_second_plan_finds_nothing_to_do(lines in any_market(), steady: bool) {
        let rules = shipped(if steady { "steady" } else { "classic" });
        let seen = market(date(2024, 3, 1), &lines);
        let first = plan(&seen, &rules, &State::default(), FORCED);
        let second = plan(&written_back(&seen, &first), &rules, &applied(&State::default(), &first), FORCED);
        prop_assert!(second.is_empty(), "{}", render_diff(&second, true));
    }

    #[test]
    fn the_order_of_input_does_not_matter(lines in any_market(), seed in any::<u64>()) {
        let rules = shipped("classic");
        let mut shuffled = lines.clone();
        let mut random = seed | 1;
        for at in (1..shuffled.len()).rev() {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            shuffled.swap(at, (random >> 33) as usize % (at + 1));
        }
        let mut files = RuleSet::default_files();
        files.reverse();
        let reversed = RuleSet::load("classic", &files, &[]).expect("the same rules");
        let one = plan(&market(date(2024, 3, 1), &lines), &rules, &State::default(), FORCED);
        let other = plan(&market(date(2024, 3, 1), &shuffled), &reversed, &State::default(), FORCED);
        prop_assert_eq!(format!("{one:?}"), format!("{other:?}"));
    }

    #[test]
    fn rankings_are_ordered_nested_and_full(lines in any_market()) {
        let rules = shipped("classic");
        let plan = plan(&market(date(2024, 3, 1), &lines), &rules, &State::default(), FORCED);
        let all = members(&plan, "top_2000");
        prop_assert_eq!(&members(&plan, "top_10")[..], &all[..all.len().min(10)]);
        for pair in all.windows(2) {
            let cap = |s: &Symbol| lines.iter().find(|l| l.symbol == s.as_str()).and_then(|l| l.cap.or(l.recorded_cap));
            prop_assert!((cap(pair[0]), pair[1]) > (cap(pair[1]), pair[0]), "{} before {}", pair[0], pair[1]);
        }
    }

    #[test]
    fn steps_account_for_every_change(before in any_market(), now in any_market()) {
        let rules = shipped("classic");
        let state = applied(&State::default(), &plan(&market(date(2024, 2, 29), &before), &rules, &State::default(), FORCED));
        let second = plan(&market(date(2024, 3, 1), &now), &rules, &state, FORCED);
        let memberships: usize = second.universes.iter().map(|u| u.added.len() + u.removed.len()).sum();
        prop_assert!(second.total_changes() >= memberships);
        for universe in &second.universes {
            let expected = universe.count_before + universe.added.len() - universe.removed.len();
            prop_assert_eq!(universe.members.len(), expected, "{}", universe.id);
            if let Basis::Rank { count } = universe.basis {
                prop_assert!(universe.members.len() <= count);
            }
        }
    }

    #[test]
    fn taking_steps_one_by_one_is_planning(lines in any_market()) {
        let rules = shipped("classic");
        let seen = market(date(2024, 3, 1), &lines);
        let state = State::default();
        let mut planner = Planner::new(&seen, &rules, &state, FULL);
        Step::ALL.into_iter().for_each(|step| planner.take(step));
        prop_assert_eq!(planner.finish(), plan(&seen, &rules, &state, FULL));
    }
}

proptest! {
    // Each case asks a thousand times.
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn explanations_never_contradict_memberships(before in any_market(), now in any_market(), steady: bool) {
        let rules = shipped(if steady { "steady" } else { "classic" });
        let first = plan(&market(date(2024, 2, 29), &before), &rules, &State::default(), FORCED);
        let state = applied(&State::default(), &first);
        let seen = market(date(2024, 3, 1), &now);
        let second = plan(&seen, &rules, &state, FORCED);
        let after = applied(&state, &second);
        for (id, universe) in &after.universes {
            let planned = second.universes.iter().find(|planned| planned.id == *id);
            for symbol in &seen.symbol {
                let verdict = explain(&seen, &rules, &state, id, symbol).expect("evaluates").expect("defined");
                let is_member = universe.members.contains(symbol);
                let deciding = verdict.deciding().expect("a question");
                prop_assert_eq!(verdict.is_member, is_member, "{} in {}: {:?}", symbol, id, &verdict);
                prop_assert_eq!(deciding.holds == Some(true), is_member, "{} in {}: {:?}", symbol, id, &verdict);
                let changes = planned.into_iter().flat_map(|planned| planned.added.iter().chain(&planned.removed));
                if let Some(change) = changes.into_iter().find(|change| second.symbol(change.listing) == symbol) {
                    prop_assert_eq!(verdict.reason, change.reason.code(), "{} in {}", symbol, id);
                }
            }
        }
    }
}
