//! What is written is read back as it was, whatever stands in it.

use proptest::prelude::*;
use universe_core::{Symbol, UniverseId, UniverseType, Usd};
use universe_feeds::read_export;
use universe_service::{ExportedMembers, MemberExport, Standing};
use universe_store::MemberRecord;

use super::*;

/// Texts as people and other programs write them: names, formulas, quotes, commas, letters of any kind.
fn any_name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[A-Z][a-z]{1,8}( [A-Z&][a-z]{0,6}){0,3}",
        "[=+@'-][ -~]{0,12}[!-~]",
        "[!-~]([ -~]{0,20}[!-~])?",
        "[!-~äöü€漢字]{1,12}",
    ]
}

fn any_members() -> impl Strategy<Value = Vec<MemberRecord>> {
    prop::collection::btree_map("[A-Z]{1,5}(\\.[AB])?", (prop::option::of(any_name()), any::<Option<u32>>()), 1..20)
        .prop_map(|members| {
            members
                .into_iter()
                .map(|(symbol, (company_name, cap))| MemberRecord {
                    symbol: Symbol::from_stored(&symbol),
                    company_name,
                    rank: None,
                    market_cap: cap.map(|cap| Usd(i64::from(cap) * 1_000)),
                    sector: None,
                    since: cap.map(|_| jiff::civil::date(2024, 1, 2)),
                })
                .collect::<Vec<_>>()
        })
        .prop_shuffle()
}

/// How answers about a synchronized session stand.
const SOUND: Standing =
    Standing { is_point_in_time: true, source_age_sessions: Some(0), held: false, quarantined_count: 0 };

fn any_universe(number: usize) -> impl Strategy<Value = MemberExport> {
    (any_name(), any_members(), any::<bool>(), prop::option::of("[a-z]{3,8}"), any::<bool>(), any::<bool>()).prop_map(
        move |(name, mut members, is_ranked, rule, is_stock, held)| {
            if !is_ranked {
                members.sort_by(|a, b| a.symbol.cmp(&b.symbol));
            }
            let kind = if is_stock { UniverseType::StockUniverse } else { UniverseType::EtfUniverse };
            MemberExport {
                id: Some(UniverseId::from_stored(kind, &format!("key_{number}"))),
                name,
                category: Some("theme".to_owned()),
                rule_version: rule.as_ref().map(|rule| format!("{rule} 1")),
                rule,
                is_ranked,
                standing: Standing { held, ..SOUND },
                members,
            }
        },
    )
}

fn any_export() -> impl Strategy<Value = ExportedMembers> {
    (0..5_usize).prop_map(|count| (0..=count).collect::<Vec<_>>()).prop_flat_map(|numbers| {
        let universes: Vec<_> = numbers.into_iter().map(any_universe).collect();
        universes.prop_map(|universes| ExportedMembers {
            as_of: Some(jiff::civil::date(2024, 1, 2)),
            universes,
            remarks: Vec::new(),
        })
    })
}

fn selection() -> Selection {
    Selection { environment: "DEFAULT".to_owned(), universes: Vec::new(), as_of: None, known_at: None }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_document_reads_back_as_it_was(exported in any_export()) {
        let place = tempfile::tempdir().expect("a directory");
        let file = place.path().join("universes.json");
        let mut target = Target::open(Place::Path(&file)).expect("opens");
        members::write_document(&mut target, &selection(), &exported).expect("writes");
        target.commit().expect("commits");
        let read = read_export(&file).expect("reads");
        prop_assert!(read.faults.is_empty() && read.issues.is_empty(), "{:?} {:?}", read.faults, read.issues);
        prop_assert_eq!(read.as_of, exported.as_of);
        prop_assert_eq!(read.universes.len(), exported.universes.len());
        for (read, was) in read.universes.iter().zip(&exported.universes) {
            prop_assert_eq!(Some(&read.id), was.id.as_ref());
            prop_assert_eq!(read.name.as_deref(), Some(was.name.as_str()));
            prop_assert_eq!(read.category.map(|category| category.as_str().to_owned()), was.category.clone());
            prop_assert_eq!((&read.rule, &read.rule_version), (&was.rule, &was.rule_version));
            prop_assert_eq!((read.is_ranked, read.held), (Some(was.is_ranked), was.standing.held));
            prop_assert!(read.symbols.iter().eq(was.members.iter().map(|member| &member.symbol)));
        }
    }

    #[test]
    fn rows_read_back_as_they_were(exported in any_export(), is_parquet: bool) {
        let place = tempfile::tempdir().expect("a directory");
        let file = place.path().join("universes");
        let form = if is_parquet { Form::Parquet } else { Form::Csv };
        let mut rows = rows_to(Place::Path(&file), form, members::COLUMNS).expect("opens");
        for universe in &exported.universes {
            members::push_members(&mut rows, universe, exported.as_of).expect("writes");
        }
        rows.finish().expect("finishes");
        let read = read_export(&file).expect("reads");
        prop_assert!(read.faults.is_empty() && read.issues.is_empty(), "{:?} {:?}", read.faults, read.issues);
        prop_assert_eq!(read.as_of, exported.as_of);
        for (read, was) in read.universes.iter().zip(&exported.universes) {
            prop_assert_eq!(Some(&read.id), was.id.as_ref());
            prop_assert_eq!(read.name.as_deref(), Some(was.name.as_str()));
            prop_assert_eq!((&read.rule, read.is_ranked), (&was.rule, Some(was.is_ranked)));
            prop_assert_eq!(read.held, was.standing.held);
            prop_assert_eq!(read.category.map(|category| category.as_str().to_owned()), was.category.clone());
            prop_assert!(read.symbols.iter().eq(was.members.iter().map(|member| &member.symbol)));
        }
    }
}

#[test]
fn nothing_in_csv_is_a_formula() {
    let place = tempfile::tempdir().expect("a directory");
    let file = place.path().join("rows.csv");
    const COLUMNS: &[Column] =
        &[Column { name: "text", kind: rows::Kind::Text }, Column { name: "number", kind: rows::Kind::Whole }];
    let mut rows = rows_to(Place::Path(&file), Form::Csv, COLUMNS).expect("opens");
    for text in ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\r=x", "'quoted", "plain", "two\nlines", "a,\"b\""] {
        rows.push(&[rows::Cell::Text(text), rows::Cell::Whole(-5)]).expect("writes");
    }
    rows.finish().expect("finishes");
    let text = std::fs::read_to_string(&file).expect("reads");
    let expected = "text,number\n'=1+1,-5\n'+1,-5\n'-1,-5\n'@SUM(A1),-5\n'\tx,-5\n' =x,-5\n''quoted,-5\nplain,-5\n\
                    two lines,-5\n\"a,\"\"b\"\"\",-5\n";
    assert_eq!(text, expected);
}

#[test]
fn what_is_not_committed_leaves_the_file_as_it_was() {
    let place = tempfile::tempdir().expect("a directory");
    let file = place.path().join("universes.csv");
    std::fs::write(&file, "before").expect("writes");
    let mut rows = rows_to(Place::Path(&file), Form::Csv, members::COLUMNS).expect("opens");
    rows.push(&[rows::Cell::Null; 15]).expect("writes");
    drop(rows);
    assert_eq!(std::fs::read_to_string(&file).expect("reads"), "before");
    let names: Vec<_> =
        std::fs::read_dir(place.path()).expect("lists").map(|entry| entry.expect("one").file_name()).collect();
    assert_eq!(names, ["universes.csv"], "nothing else is left");
}

#[test]
fn a_link_stays_a_link() {
    let place = tempfile::tempdir().expect("a directory");
    let (file, link) = (place.path().join("real.json"), place.path().join("link.json"));
    std::fs::write(&file, "before").expect("writes");
    std::os::unix::fs::symlink(&file, &link).expect("links");
    let mut target = Target::open(Place::Path(&link)).expect("opens");
    std::io::Write::write_all(&mut target, b"after").expect("writes");
    target.commit().expect("commits");
    assert!(link.is_symlink());
    assert_eq!(std::fs::read_to_string(&file).expect("reads"), "after");
}
