//! What is restored is what was wanted, whatever was before it.

use jiff::civil::date;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::plan::{Action, Reason};
use crate::planner::{Holds, plan};
use crate::rule::RuleFile;
use crate::state::UniverseState;
use crate::{ObservedListing, Price, SecurityType, UniverseType, Usd};

const ROLLBACK: Cause = Cause::Rollback { run_id: Uuid::from_u128(7) };
const SYMBOLS: [&str; 8] = ["AA", "BB", "CC", "DD", "EE", "FF", "GG", "HH"];

fn rules() -> RuleSet {
    let file = |name: &str, text: &str| RuleFile { name: name.to_owned(), text: text.to_owned() };
    let files = [
        file(
            "rankings.toml",
            "category = \"market_leader\"\n[[ranking]]\nkey = \"top_3\"\nname = \"Top 3\"\ncount = 3\n",
        ),
        file("index.toml", "category = \"index\"\n[universe]\nkey = \"index_x\"\nname = \"X\"\nimported = true\n"),
    ];
    RuleSet::from_files("classic", files, &[]).expect("the rules are right")
}

/// Listings with these caps, in millions of dollars.
fn market(caps: &[i64]) -> Observation {
    let mut seen = Observation::empty(date(2024, 3, 4));
    for (symbol, cap) in SYMBOLS.iter().zip(caps) {
        seen.push(ObservedListing {
            security_type: Some(SecurityType::Cs.code()),
            recorded_cap: Some(Usd(cap * 1_000_000)),
            shares: Some(cap * 1_000_000),
            close: Price::from_dollars(1.0),
            ..ObservedListing::new(Symbol::from_stored(symbol))
        });
    }
    seen
}

fn id(key: &str) -> UniverseId {
    UniverseId::from_stored(UniverseType::StockUniverse, key)
}

fn wanted(key: &str, rule: &str, members: &[&str]) -> WantedMembers {
    WantedMembers {
        id: id(key),
        name: key.to_owned(),
        category: Category::Theme,
        rule: RuleMark { name: rule.to_owned(), version: "v1".to_owned() },
        is_ranked: rule == "rankings",
        members: members.iter().map(|symbol| Symbol::from_stored(symbol)).collect(),
    }
}

/// What a store would hold after the plan was applied.
fn applied(state: &State, plan: &Plan) -> State {
    let mut next = state.clone();
    next.version += 1;
    for universe in &plan.universes {
        next.universes.remove(&universe.id);
        if universe.action == Action::Retired {
            next.retired.insert(universe.id.clone(), universe.sequence);
            continue;
        }
        let after = UniverseState {
            name: universe.name.clone(),
            category: Some(universe.category),
            rule: Some(RuleMark { name: universe.rule.clone(), version: universe.rule_version.clone() }),
            members: plan.member_symbols(universe).cloned().collect(),
            sequence: universe.sequence,
            reconstituted_session: Some(universe.reconstituted_session),
            entry_is_intact: true,
        };
        next.universes.insert(universe.id.clone(), after);
    }
    for change in &plan.lists {
        match &change.list {
            Some(list) => next.imports.insert(change.id.clone(), list.clone()),
            None => next.imports.remove(&change.id),
        };
    }
    next
}

fn restored(state: &State, wanted: &[Wanted], cause: Cause) -> State {
    applied(state, &plan_restore(&market(&[1; 8]), &rules(), state, wanted, cause))
}

#[test]
fn a_rules_universe_is_put_back_until_the_rule_decides_again() {
    let (seen, rules) = (market(&[8, 7, 6, 5]), rules());
    let request = Request { mode: Mode::Full, undefined: Undefined::Retire, holds: Holds::Release };
    let state = applied(&State::default(), &plan(&seen, &rules, &State::default(), request.clone()));
    let asked = [Wanted::Members(wanted("top_3", "rankings", &["DD", "AA", "CC"]))];
    let back = plan_restore(&seen, &rules, &state, &asked, ROLLBACK);
    assert_eq!(back.lists, [], "a rule needs no list");
    let universe = &back.universes[0];
    assert_eq!((universe.action, universe.sequence), (Action::Updated, 2));
    assert!(universe.added.iter().chain(&universe.removed).all(|change| change.reason == Reason::Restored));
    assert_eq!(back.total_changes(), 2);
    let members: Vec<&str> = back.member_symbols(universe).map(Symbol::as_str).collect();
    assert_eq!(members, ["DD", "AA", "CC"], "in the order that was asked for");
    let next = plan(&seen, &rules, &applied(&state, &back), request);
    assert_eq!(next.universes[0].members, [0, 1, 2], "the next run decides by the rule");
}

#[test]
fn a_list_is_stored_with_the_members_that_it_decides() {
    for (key, rule) in [("index_x", "index"), ("my_list", "import"), ("lost_rule", "gone")] {
        let asked = [Wanted::Members(wanted(key, rule, &["CC", "AA"]))];
        let plan = plan_restore(&market(&[1; 8]), &rules(), &State::default(), &asked, ROLLBACK);
        let list = plan.lists[0].list.as_ref().expect("a list");
        assert_eq!(list.symbols.iter().map(Symbol::as_str).collect::<Vec<_>>(), ["AA", "CC"]);
        let state = applied(&State::default(), &plan);
        let again = plan_restore(&market(&[1; 8]), &rules(), &state, &asked, ROLLBACK);
        assert!(again.universes.is_empty() && again.lists.is_empty(), "{key}: {again:?}");
        let request = Request { mode: Mode::Full, undefined: Undefined::Retire, holds: Holds::Wait };
        let next = super::super::plan(&market(&[1; 8]), &rules(), &state, request);
        let touched: Vec<_> = next.universes.iter().filter(|universe| universe.id == id(key)).collect();
        assert!(touched.is_empty(), "the next run leaves {key} as it is: {touched:?}");
    }
}

#[test]
fn what_did_not_exist_goes_and_takes_its_list_along() {
    let state = restored(&State::default(), &[Wanted::Members(wanted("my_list", "import", &["AA"]))], ROLLBACK);
    let gone = restored(&state, &[Wanted::Gone(id("my_list")), Wanted::Gone(id("never_was"))], ROLLBACK);
    assert!(gone.universes.is_empty() && gone.imports.is_empty());
    assert_eq!(gone.retired[&id("my_list")], 2);
}

#[test]
fn members_are_ordered_as_the_rule_ranks_them() {
    let rules = rules();
    let seen = market(&[5, 9, 5, 1]);
    let mut members: Vec<Symbol> = ["CC", "ZZ", "AA", "BB"].map(Symbol::from_stored).into();
    assert!(order_members(&seen, rules.rule_of(&id("top_3")), &mut members));
    assert_eq!(members.iter().map(Symbol::as_str).collect::<Vec<_>>(), ["BB", "AA", "CC", "ZZ"]);
    assert!(!order_members(&seen, None, &mut members));
    assert_eq!(members.iter().map(Symbol::as_str).collect::<Vec<_>>(), ["AA", "BB", "CC", "ZZ"]);
}

/// Universes of every kind, each there or not, with any members in any order.
fn any_universes() -> impl Strategy<Value = Vec<Wanted>> {
    let kinds = [("top_3", "rankings"), ("index_x", "index"), ("my_list", "import"), ("lost_rule", "gone")];
    let members = || prop::sample::subsequence(SYMBOLS.to_vec(), 0..=SYMBOLS.len()).prop_shuffle();
    kinds
        .into_iter()
        .map(|(key, rule)| {
            prop::option::weighted(0.8, members()).prop_map(move |members| match members {
                Some(members) => Wanted::Members(wanted(key, rule, &members)),
                None => Wanted::Gone(id(key)),
            })
        })
        .collect::<Vec<_>>()
}

fn members_of(state: &State) -> Vec<(UniverseId, Vec<Symbol>)> {
    state.universes.iter().map(|(id, universe)| (id.clone(), universe.members.clone())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn back_and_forward_again_is_where_one_was(earlier in any_universes(), later in any_universes()) {
        let first = restored(&State::default(), &earlier, ROLLBACK);
        let second = restored(&first, &later, ROLLBACK);
        let back = restored(&second, &earlier, ROLLBACK);
        prop_assert_eq!(members_of(&back), members_of(&first));
        let forward = restored(&back, &later, ROLLBACK);
        prop_assert_eq!(members_of(&forward), members_of(&second));
        prop_assert_eq!(&forward.imports, &second.imports);
    }

    #[test]
    fn what_was_restored_is_not_restored_again(before in any_universes(), asked in any_universes()) {
        let state = restored(&restored(&State::default(), &before, ROLLBACK), &asked, ROLLBACK);
        let again = plan_restore(&market(&[1; 8]), &rules(), &state, &asked, ROLLBACK);
        prop_assert!(again.universes.is_empty() && again.lists.is_empty(), "{:?}", again);
    }

    #[test]
    fn numbers_of_changes_have_no_gaps(before in any_universes(), asked in any_universes()) {
        let state = restored(&State::default(), &before, ROLLBACK);
        let plan = plan_restore(&market(&[1; 8]), &rules(), &state, &asked, ROLLBACK);
        for universe in &plan.universes {
            let present = state.universes.get(&universe.id).map_or(0, |universe| universe.sequence);
            let last = present.max(state.retired.get(&universe.id).copied().unwrap_or(0));
            prop_assert_eq!(universe.sequence, last + u64::from(universe.action.changes_members()));
        }
    }
}

#[test]
fn a_key_tells_the_group_that_it_is_of() {
    let file = |name: &str, key: &str| RuleFile {
        name: format!("{name}.toml"),
        text: format!("category = \"sector\"\n[groups]\nby = \"sector\"\nkey = \"{key}\"\nname = \"{{}} {name}\"\n"),
    };
    let files = [file("leaders", "sector_{}_leaders"), file("sectors", "sector_{}")];
    let rules = RuleSet::from_files("classic", files, &[]).expect("the rules are right");
    let decides = |key: &str, made_by| deciding_rule(&rules, &id(key), made_by).map(|rule| rule.name.as_str());
    assert_eq!(decides("sector_energy", None), Some("sectors"));
    assert_eq!(decides("sector_energy_leaders", None), Some("leaders"));
    assert_eq!(decides("sector_energy_leaders", Some("sectors")), Some("sectors"));
    assert_eq!(decides("sector_energy", Some("import")), None);
    assert_eq!(decides("sector_", None), None);
    assert_eq!(decides("my_list", None), None);
}
