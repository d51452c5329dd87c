//! The time machine on real days: every answer about the past equals what the file of that day says, and what was
//! answered once can be asked for again, whatever was corrected since.
//!
//! Reads `../shared/data/us-daily`; where that is absent the tests say so and pass. `UNIVERSE_LONG_TESTS=1` lives through all
//! days instead of some weeks, on both databases; `UNIVERSE_TEST_SEED` chooses other days to look at.

mod corrections;
mod lived;
mod recomputed;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use corrections::{NeverWas, history, import, index, supersede_one};
use jiff::Timestamp;
use jiff::civil::{Date, date};
use lived::{ENVIRONMENT, Lived, digest, live, members};
use recomputed::{Days, Expected, RANKINGS, fixed_lists, stocks};
use universe_core::identity::SymbolChange;
use universe_core::planner::Holds;
use universe_core::rule::RuleSet;
use universe_core::{Symbol, UniverseId};
use universe_feeds::{FeedError, read_snapshots};
use universe_service::{Ambient as _, LoadError, Question, load_snapshots, look_up};
use universe_store::{Store, open};
use universe_testkit::ManualAmbient;

/// From where to where, and at how many of these days everything is compared.
#[derive(Clone, Copy, Debug)]
struct Extent {
    from: Date,
    to: Date,
    looks: usize,
}

/// With the vendor's change of taxonomy (19 May), a holiday with a snapshot (30 May), and a split told wrong (6 June).
const SOME_WEEKS: Extent = Extent { from: date(2022, 5, 12), to: date(2022, 6, 10), looks: 4 };
const ALL_DAYS: Extent = Extent { from: date(2022, 1, 1), to: date(2023, 12, 31), looks: 25 };

/// No session, and in the files.
const HOLIDAY: Date = date(2022, 5, 30);

fn is_long() -> bool {
    std::env::var_os("UNIVERSE_LONG_TESTS").is_some_and(|value| value == "1")
}

/// Returns the files, in order.
fn files() -> Option<Vec<PathBuf>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/us-daily");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        eprintln!("skipped: ../shared/data is not there");
        return None;
    };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("a listing").path()).collect();
    files.retain(|file| file.extension().is_some_and(|ending| ending == "parquet"));
    files.sort();
    Some(files)
}

/// Chooses different places out of so many, the same for the same seed.
fn chosen(count: usize, looks: usize) -> BTreeSet<usize> {
    let seed = std::env::var("UNIVERSE_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20_220_519_u64);
    eprintln!("UNIVERSE_TEST_SEED={seed}");
    let mut state = seed;
    let mut places = BTreeSet::new();
    while places.len() < looks.min(count) {
        // SplitMix64.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        places.insert(((mixed ^ (mixed >> 31)) % count as u64) as usize);
    }
    places
}

/// What was lived through, and what the files say of some of the days.
struct Life {
    lived: Vec<Lived>,
    looks: BTreeMap<Date, Days>,
    never_was: NeverWas,
    /// After the last run, and before the corrections.
    before_corrections: Timestamp,
    imported_at: Timestamp,
}

const AGES_AGO: Date = date(2020, 1, 2);

async fn live_through(store: &dyn Store, rules: &RuleSet, files: &[PathBuf], extent: Extent, holds: Holds) -> Life {
    let ambient = ManualAmbient::starting(date(2024, 1, 1));
    store.migrate(ambient.now()).await.expect("migrated");
    let Extent { from, to, looks } = extent;
    let mut sessions = Vec::new();
    for file in files {
        match read_snapshots(std::slice::from_ref(file), Some(from), Some(to)) {
            Ok(snapshots) => sessions.extend(snapshots.map(|read| read.expect("readable").value.session)),
            Err(FeedError::NoSnapshot { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
    let chosen = chosen(sessions.len(), looks);
    let (mut lived, mut kept, mut days) = (Vec::new(), BTreeMap::new(), Days::default());
    let mut imported_at = None;
    for file in files {
        let Ok(snapshots) = read_snapshots(std::slice::from_ref(file), Some(from), Some(to)) else { continue };
        for read in snapshots {
            let snapshot = read.expect("readable").value;
            days.take(&snapshot);
            if chosen.contains(&lived.len()) {
                kept.insert(snapshot.session, days.clone());
            }
            lived.push(live(store, rules, file, snapshot.session, holds.clone(), &ambient).await);
            if lived.len() == sessions.len() / 2 {
                let first = history(&[("AAPL", AGES_AGO, None), ("KO", AGES_AGO, None)], snapshot.session);
                import(store, rules, &first, snapshot.session, &ambient).await;
                imported_at = Some(ambient.now());
            }
        }
    }
    let imported_at = imported_at.expect("more than two sessions");
    let before_corrections = ambient.now();
    let last = lived[lived.len() - 1].session;
    let second = [("AAPL", AGES_AGO, None), ("KO", AGES_AGO, Some(date(2021, 3, 1))), ("MSFT", date(2021, 3, 1), None)];
    import(store, rules, &history(&second, last), last, &ambient).await;
    let never_was = supersede_one(store, rules, last, holds, &ambient).await;
    Life { lived, looks: kept, never_was, before_corrections, imported_at }
}

/// Compares the answers for the chosen days with what the files say of them; returns how many were compared, and how
/// many were not because the run had held the universe back.
async fn compare_with_files(store: &dyn Store, rules: &RuleSet, life: &Life) -> (usize, usize) {
    let lists = fixed_lists(rules);
    let known: BTreeSet<UniverseId> =
        store.universe_list(ENVIRONMENT).await.expect("listed").into_iter().map(|universe| universe.id).collect();
    let changes = store.symbol_change_list().await.expect("listed");
    let changes: Vec<SymbolChange> = changes.into_iter().map(|record| record.change).collect();
    let (mut compared, mut held) = (0, 0);
    for (session, days) in &life.looks {
        let days = days.clone().following(&changes);
        let run = life.lived.iter().find(|lived| lived.session == *session).expect("lived through");
        let expected = days.members(&lists);
        let nobody = Expected::These(BTreeSet::new());
        let ids: BTreeSet<&UniverseId> = known.iter().chain(expected.keys()).collect();
        // The index is not decided by what the files say; its own test is below.
        for id in ids.into_iter().filter(|id| **id != index() && !life.never_was.concerns(id, *session)) {
            if run.held.contains(id) {
                held += 1;
                continue;
            }
            let answer = members(store, id, Some(*session), None).await;
            let expected = expected.get(id).unwrap_or(&nobody);
            assert!(expected.admits(&answer), "{id} as of {session}: {}", expected.difference(&answer));
            compared += 1;
        }
        for (key, count) in RANKINGS {
            if run.held.contains(&stocks(key)) || life.never_was.concerns(&stocks(key), *session) {
                continue;
            }
            let question = Question { environment: ENVIRONMENT, as_of: Some(*session), known_at: None };
            let answer = look_up(store, rules, key, question).await.expect("an answer");
            let order: Vec<Symbol> = answer.members.into_iter().map(|member| member.symbol).collect();
            assert_eq!(order, days.ranking(count), "the order of {key} as of {session}");
        }
    }
    (compared, held)
}

/// Asks again what was answered after runs, of all universes.
async fn ask_again(store: &dyn Store, life: &Life, looks: usize) -> usize {
    let mut asked = 0;
    for at in chosen(life.lived.len(), looks) {
        let Lived { session, at, answers, .. } = &life.lived[at];
        for (id, answered) in answers {
            let again = members(store, id, None, Some(*at)).await;
            assert_eq!(digest(&again), *answered, "{id} as known after the run of {session}");
            let of_session = members(store, id, Some(*session), Some(*at)).await;
            assert_eq!(of_session, again, "{id} as of {session}, as known after its run");
            asked += 1;
        }
    }
    asked
}

/// Compares the answers about the index before and after its history was corrected.
async fn compare_index(store: &dyn Store, life: &Life) {
    let named = |symbols: &[&str]| -> BTreeSet<Symbol> { symbols.iter().map(|s| s.parse().expect("valid")).collect() };
    let (long_ago, last) = (date(2021, 6, 1), life.lived[life.lived.len() - 1].session);
    for (as_of, known_at, expected) in [
        (date(2020, 6, 1), None, named(&["AAPL", "KO"])),
        (long_ago, None, named(&["AAPL", "MSFT"])),
        (last, None, named(&["AAPL", "MSFT"])),
        (long_ago, Some(life.before_corrections), named(&["AAPL", "KO"])),
        (last, Some(life.before_corrections), named(&["AAPL", "KO"])),
        (long_ago, Some(life.imported_at), named(&["AAPL", "KO"])),
        (long_ago, Some(life.lived[0].at), named(&[])),
    ] {
        assert_eq!(members(store, &index(), Some(as_of), known_at).await, expected, "as of {as_of}, at {known_at:?}");
    }
}

async fn prove(store: &dyn Store, files: &[PathBuf], extent: Extent, holds: Holds) {
    let rules = RuleSet::load("classic", &[], &[]).expect("the shipped rules are right");
    let ambient = ManualAmbient::starting(date(2024, 1, 1));
    let life = live_through(store, &rules, files, extent, holds.clone()).await;
    let refused = load_snapshots(store, &files[1..2], Some(HOLIDAY), Some(HOLIDAY), &ambient, &|_| {}).await;
    assert!(matches!(refused, Err(LoadError::Feed(FeedError::NotASession { .. }))), "{refused:?}");
    assert_eq!(store.inconsistency_list(ENVIRONMENT).await.expect("compared"), []);

    let (compared, held) = compare_with_files(store, &rules, &life).await;
    assert!(200 * life.looks.len() < compared + held, "some 215 universes, and each was looked at");
    let asked = ask_again(store, &life, extent.looks).await;
    compare_index(store, &life).await;
    life.never_was.check(store, life.before_corrections).await;
    let days: Vec<String> = life.looks.keys().map(ToString::to_string).collect();
    eprintln!(
        "{:?}, {} sessions, {holds:?}: {compared} answers as of {} are what the files say; left out are {held} of \
         universes that the run held back, which kept the members of an earlier day, and {}, which is imported; \
         {asked} answers of earlier runs were given again",
        store.backend(),
        life.lived.len(),
        days.join(" "),
        index(),
    );
    let held_ever = life.lived.iter().any(|lived| !lived.held.is_empty());
    assert_eq!(held_ever, holds == Holds::Wait, "the change of taxonomy is held where holds are not released");
}

async fn prove_everywhere(name: &str, holds: Holds) {
    let Some(files) = files() else { return };
    let extent = if is_long() { ALL_DAYS } else { SOME_WEEKS };
    let folder = tempfile::tempdir().expect("a folder");
    let uri = format!("sqlite:{}", folder.path().join(name).display());
    let sqlite: Arc<dyn Store> = open(&uri.parse().expect("an address")).await.expect("opened");
    prove(&*sqlite, &files, extent, holds.clone()).await;
    if !is_long() {
        return;
    }
    let Some(database) = universe_testkit::test_database() else { return };
    let postgres = open(&database.uri().parse().expect("an address")).await.expect("opened");
    prove(&*postgres, &files, extent, holds).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_those_of_the_files_when_every_change_is_made() {
    prove_everywhere("released.db", Holds::Release).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_those_of_the_files_when_large_changes_wait() {
    prove_everywhere("waiting.db", Holds::Wait).await;
}
