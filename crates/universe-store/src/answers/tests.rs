use jiff::civil::date;
use serde_json::json;
use universe_core::UniverseType;

use super::*;

fn day(day: i8) -> Date {
    date(2024, 3, day)
}

fn universe(entry: &Value, count: u64, intervals: &[(&str, i8, Option<i8>)]) -> UniverseEvidence {
    UniverseEvidence {
        row: UniverseRow {
            id: UniverseId::from_stored(UniverseType::StockUniverse, "top_2"),
            name: "Top 2".to_owned(),
            category: "market_leader".to_owned(),
            rule: "rankings".to_owned(),
            rule_version: String::new(),
            is_ranked: true,
            sequence: 0,
            members: "NVDA AAPL".to_owned(),
            member_count: 2,
            reconstituted_session: None,
            entry_updated_at: None,
            is_retired: false,
        },
        entry: Some((entry.clone(), json!({"count": count}))),
        intervals: intervals
            .iter()
            .map(|(symbol, from, to)| IntervalEvidence {
                symbol: Symbol::from_stored(symbol),
                valid_from: day(*from),
                valid_to: to.map(day),
            })
            .collect(),
    }
}

fn checks(evidence: &Evidence) -> Vec<&'static str> {
    inconsistencies(evidence).iter().map(|found| found.check).collect()
}

#[test]
fn each_check_finds_its_damage_and_nothing_else() {
    let open = [("NVDA", 4, None), ("AAPL", 4, None)];
    let of = |universe| checks(&Evidence { universes: vec![universe], ..Evidence::default() });
    assert_eq!(of(universe(&json!(["NVDA", "AAPL"]), 2, &open)), [""; 0]);
    assert_eq!(of(universe(&json!(["AAPL", "NVDA"]), 2, &open)), ["entry_equals_intervals"]);
    assert_eq!(of(universe(&json!(["NVDA", "AAPL"]), 2, &open[..1])), ["entry_equals_intervals"]);
    assert_eq!(of(universe(&json!(["NVDA", "AAPL"]), 3, &open)), ["entry_count"]);
    let overlap = [("NVDA", 4, Some(8)), ("NVDA", 7, None), ("AAPL", 4, None), ("NVDA", 5, Some(5))];
    assert_eq!(of(universe(&json!(["NVDA", "AAPL"]), 2, &overlap)), ["intervals_overlap"]);
}

#[test]
fn numbers_have_no_gaps() {
    let audit = |found: &[i64], last| {
        checks(&Evidence { audit: Numbers { found: found.to_vec(), pruned: 0, last }, ..Evidence::default() })
    };
    assert_eq!(audit(&[1, 2, 3], 3), [""; 0]);
    assert_eq!(audit(&[], 0), [""; 0]);
    for (found, last) in [(&[1, 3][..], 3), (&[2, 3], 3), (&[1, 2], 3), (&[], 1)] {
        assert_eq!(audit(found, last), ["audit_gap"], "{found:?}");
    }
}

#[test]
fn what_was_deleted_on_purpose_is_no_gap() {
    let outbox = |found: &[i64], sequences: &[u64]| {
        let id = UniverseId::from_stored(UniverseType::StockUniverse, "top_2");
        let sequences = sequences.iter().map(|sequence| (id.clone(), *sequence)).collect();
        checks(&Evidence {
            outbox: Numbers { found: found.to_vec(), pruned: 2, last: 4 },
            sequences,
            ..Evidence::default()
        })
    };
    assert_eq!(outbox(&[3, 4], &[5, 6]), [""; 0]);
    assert_eq!(outbox(&[4], &[]), ["outbox_gap"]);
    assert_eq!(outbox(&[2, 3, 4], &[]), ["outbox_gap"]);
    assert_eq!(outbox(&[3, 4], &[5, 7]), ["sequence_gap"]);
}

#[test]
fn sequences_rise_by_one_and_never_begin_anew() {
    let id = UniverseId::from_stored(UniverseType::StockUniverse, "top_2");
    let of = |sequences: &[u64]| {
        checks(&Evidence { sequences: sequences.iter().map(|s| (id.clone(), *s)).collect(), ..Evidence::default() })
    };
    assert_eq!(of(&[1, 2, 3]), [""; 0]);
    assert_eq!(of(&[1, 2, 1]), ["sequence_gap"]);
    assert_eq!(of(&[1, 3]), ["sequence_gap"]);
    assert_eq!(of(&[2]), ["sequence_gap"]);
}
