//! What always holds of the recorded past, whatever the market did and people corrected, overrode and rolled back:
//! checked on lives made by chance.

mod lives;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::{Date, date};
use proptest::prelude::*;
use universe_core::identity::SymbolChange;
use universe_core::plan::Mode;
use universe_core::planner::{Holds, Request, Undefined};
use universe_core::rule::RuleSet;
use universe_core::state::Override;
use universe_core::{Symbol, UniverseId, next_session};
use universe_service::{
    Ambient as _, Compared, Correction, ExplainQuestion, HistoryQuestion, Moment, Recorded, SyncOutcome, SyncRequest,
    Writing, compare, correct, explain_membership, rollback, sync, universe_history,
};
use universe_store::{LoadRecord, OverrideRecord, Store, SymbolChangeRecord, open};
use universe_testkit::ManualAmbient;
use universe_testkit::builders::{ENVIRONMENT, snapshot, symbol};

use lives::{Day, Deed, SYMBOLS, TOUCHED, any_day, in_order, rows_under, sessions_ago};

type Members = BTreeMap<UniverseId, BTreeSet<Symbol>>;
/// Who came and who went.
type Difference = (BTreeSet<Symbol>, BTreeSet<Symbol>);

/// A life, and what was answered and told in the course of it.
struct Life {
    store: Arc<dyn Store>,
    rules: RuleSet,
    ambient: ManualAmbient,
    /// The symbol of each listing by now.
    symbols: Vec<String>,
    /// Every universe that there ever was.
    ids: BTreeSet<UniverseId>,
    sessions: Vec<Date>,
    /// After each run: the instant, and what was answered then as of every session.
    answered: Vec<(Timestamp, BTreeMap<Date, Members>)>,
    /// By session: what its runs said that they changed.
    told: BTreeMap<Date, BTreeMap<UniverseId, Difference>>,
    /// Where the past was corrected, and with which sessions; where something was put by hand.
    corrected: BTreeSet<(UniverseId, Date)>,
    /// Whether what a rule says of a universe as of a session need not be what is recorded.
    loose: BTreeSet<(UniverseId, Date)>,
}

impl Life {
    async fn begin() -> Self {
        let store = open(&"sqlite::memory:".parse().expect("an address")).await.expect("opened");
        let ambient = ManualAmbient::starting(date(2024, 6, 1));
        store.migrate(ambient.now()).await.expect("migrated");
        Self {
            store,
            rules: RuleSet::load("classic", &[], &[]).expect("the shipped rules are right"),
            ambient,
            symbols: SYMBOLS.map(str::to_owned).to_vec(),
            ids: BTreeSet::new(),
            sessions: Vec::new(),
            answered: Vec::new(),
            told: BTreeMap::new(),
            corrected: BTreeSet::new(),
            loose: BTreeSet::new(),
        }
    }

    fn request(&self, session: Option<Date>, holds: &Holds) -> SyncRequest {
        SyncRequest {
            environment: ENVIRONMENT.to_owned(),
            session,
            request: Request { mode: Mode::Full, undefined: Undefined::Retire, holds: holds.clone() },
            triggered_by: "cli".to_owned(),
            writing: Writing::Apply,
        }
    }

    async fn live(&mut self, day: &Day) {
        let session = match self.sessions.last() {
            Some(last) if day.is_same_session => *last,
            Some(last) => next_session(*last),
            None => date(2024, 3, 4),
        };
        if self.sessions.last() != Some(&session) {
            self.sessions.push(session);
        }
        self.before(day, session).await;
        let rows = rows_under(day, &self.symbols);
        let count = rows.len() as u64;
        let record = LoadRecord {
            kind: "test".to_owned(),
            file: "made up".to_owned(),
            session: Some(session),
            rows: count,
            loaded: count,
            issues: Vec::new(),
        };
        let now = self.ambient.now();
        self.store.snapshot_load(&snapshot(session, rows), &record, now).await.expect("loaded");
        let request = self.request(Some(session), &day.holds);
        let outcome = sync(&*self.store, &self.rules, &request, &self.ambient, &|_, _| {}).await.expect("synchronized");
        self.tell(session, &outcome);
        self.answer().await;
        if let Deed::Correct { listing, universe, was_member, ago, sessions } = day.deed {
            let from = sessions_ago(&self.sessions, ago);
            let until = (0..sessions).fold(from, |day, _| next_session(day)).min(session);
            self.correct(listing, universe, was_member, from, until).await;
            self.answer().await;
        }
    }

    /// What is said before the run of a session.
    async fn before(&mut self, day: &Day, session: Date) {
        match day.deed {
            Deed::Rename { listing } if day.rows[listing].is_some() && !day.is_same_session => {
                let from = symbol(&self.symbols[listing]);
                self.symbols[listing].push('X');
                let to = symbol(&self.symbols[listing]);
                let change = SymbolChange { date: session, from, to: Some(to) };
                let record =
                    SymbolChangeRecord { change, source: "a table".to_owned(), recorded_at: self.ambient.now() };
                self.store.symbol_change_put(&[record], &[]).await.expect("kept");
            }
            Deed::Override { listing, universe, is_member, sessions } => {
                let until = (0..sessions).fold(session, |day, _| next_session(day));
                let content = Override {
                    universe: touched(universe),
                    symbol: symbol(&self.symbols[listing]),
                    is_member,
                    from: session,
                    until: Some(until),
                    reason: "by chance".to_owned(),
                    actor: "somebody".to_owned(),
                };
                let override_id = self.ambient.new_run_id();
                let entry = OverrideRecord { override_id, content, recorded_at: self.ambient.now(), withdrawn: None };
                self.store.override_put(ENVIRONMENT, &entry, None).await.expect("kept");
            }
            Deed::Nothing | Deed::Rename { .. } | Deed::Correct { .. } => {}
        }
    }

    async fn correct(&mut self, listing: usize, universe: usize, was_member: bool, from: Date, until: Date) {
        let (id, symbol) = (touched(universe), symbol(&self.symbols[listing]));
        let exists = self.ids.contains(&id);
        if from >= until || !exists {
            return;
        }
        let correction =
            Correction { universe: &id, symbol: &symbol, was_member, from, until: Some(until), reason: "by chance" };
        let request = self.request(None, &Holds::Release);
        let outcome = correct(&*self.store, &self.rules, &request, correction, &self.ambient).await;
        // A universe may be younger than the days.
        let Ok(outcome) = outcome else { return };
        if outcome.was_written {
            for session in self.sessions.iter().filter(|session| from <= **session && **session < until) {
                self.corrected.insert((id.clone(), *session));
            }
        }
    }

    fn tell(&mut self, session: Date, outcome: &SyncOutcome) {
        let told = self.told.entry(session).or_default();
        for universe in outcome.plan.changed_universes() {
            let named = |changes: &[universe_core::plan::Change]| {
                changes.iter().map(|change| outcome.plan.symbol(change.listing).clone()).collect::<BTreeSet<_>>()
            };
            let before = told.entry(universe.id.clone()).or_default();
            *before = composed(before, &(named(&universe.added), named(&universe.removed)));
        }
        for universe in &outcome.plan.universes {
            if universe.held.is_some() {
                self.loose.insert((universe.id.clone(), session));
            }
        }
    }

    /// Keeps what is answered by now.
    async fn answer(&mut self) {
        let known = self.store.universe_list(ENVIRONMENT).await.expect("listed");
        self.ids.extend(known.into_iter().map(|universe| universe.id));
        let mut answers = BTreeMap::new();
        for session in &self.sessions {
            answers.insert(*session, self.members(*session, None).await);
        }
        self.answered.push((self.ambient.now(), answers));
    }

    async fn members(&self, as_of: Date, known_at: Option<Timestamp>) -> Members {
        let mut all = BTreeMap::new();
        for id in &self.ids {
            let found = self.store.member_list(ENVIRONMENT, id, Some(as_of), known_at).await.expect("read");
            let symbols = found.into_iter().flat_map(|found| found.members).map(|member| member.symbol).collect();
            all.insert(id.clone(), symbols);
        }
        all
    }

    async fn now(&self) -> Members {
        let mut all = BTreeMap::new();
        for id in &self.ids {
            let found = self.store.member_list(ENVIRONMENT, id, None, None).await.expect("read");
            let symbols = found.into_iter().flat_map(|found| found.members).map(|member| member.symbol).collect();
            all.insert(id.clone(), symbols);
        }
        all
    }

    async fn intervals_do_not_overlap(&self) -> Result<(), TestCaseError> {
        let mut spans: BTreeMap<(UniverseId, Symbol), Vec<(Date, Date)>> = BTreeMap::new();
        for row in self.store.membership_list(ENVIRONMENT, None, None).await.expect("listed") {
            let until = row.valid_to.unwrap_or(Date::MAX);
            prop_assert!(row.valid_from <= until);
            if row.is_in_force() {
                spans.entry((row.universe, row.symbol)).or_default().push((row.valid_from, until));
            }
        }
        for (of, mut spans) in spans {
            spans.sort();
            prop_assert!(spans.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{:?}: {:?}", of, spans);
        }
        prop_assert_eq!(self.store.inconsistency_list(ENVIRONMENT).await.expect("compared"), []);
        Ok(())
    }

    /// What was answered once is the answer still, to whoever asks what was known then; and to everybody, where the
    /// past was not corrected since.
    async fn answers_are_remembered(&self) -> Result<(), TestCaseError> {
        for (at, answers) in &self.answered {
            for (session, then) in answers {
                let known = self.members(*session, Some(*at)).await;
                let today = self.members(*session, None).await;
                for (id, symbols) in then {
                    prop_assert_eq!(&known[id], symbols, "{} as of {}, known at {}", id, session, at);
                    let is_newest = self.answered.last().is_some_and(|(_, last)| last[session][id] == *symbols);
                    let is_touched = self.corrected.contains(&(id.clone(), *session));
                    // A session that is synchronized again is decided anew.
                    let is_over = answers.keys().next_back() != Some(session);
                    prop_assert!(is_newest || is_touched || !is_over, "{} as of {} became another", id, session);
                    prop_assert!(!is_newest || today[id] == *symbols);
                }
            }
        }
        Ok(())
    }

    /// From A to B and on to C leads where A to C leads, and so do the lines of the history; and what runs said is what
    /// became different.
    async fn differences_compose(&self) -> Result<(), TestCaseError> {
        let of_then: BTreeMap<Date, &Members> = self
            .sessions
            .iter()
            .map(|session| {
                let first = self.answered.iter().rfind(|(_, answers)| answers.keys().next_back() == Some(session));
                (*session, &first.expect("answered").1[session])
            })
            .collect();
        let nobody = BTreeSet::new();
        for id in &self.ids {
            for pair in self.sessions.windows(2) {
                let on = |session: Date| of_then[&session].get(id).unwrap_or(&nobody);
                let changed = self.told[&pair[1]].get(id).cloned().unwrap_or_default();
                // A correction between the two runs changes what the second one is compared with.
                if !self.corrected.contains(&(id.clone(), pair[0])) {
                    prop_assert_eq!(difference(on(pair[0]), on(pair[1])), changed, "{} in {}", id, pair[1]);
                }
            }
        }
        for id in TOUCHED.map(universe).iter().filter(|id| self.ids.contains(id)) {
            let question =
                HistoryQuestion { environment: ENVIRONMENT, universe: id, from: None, to: None, known_at: None };
            let history = universe_history(&*self.store, question).await.expect("read");
            for (at, a) in self.sessions.iter().enumerate() {
                for c in &self.sessions[at..] {
                    let whole = self.compared(id, *a, *c).await;
                    let b = self.sessions[(at + self.sessions.len()) / 2].clamp(*a, *c);
                    let parts = composed(&self.compared(id, *a, b).await, &self.compared(id, b, *c).await);
                    prop_assert_eq!(&whole, &parts, "{} from {} to {} by way of {}", id, a, c, b);
                    let lines =
                        history.changes.iter().filter(|line| *a < line.change.session && line.change.session <= *c);
                    let by_lines = lines.fold(Difference::default(), |before, line| {
                        let one = BTreeSet::from([line.symbol.clone()]);
                        let step =
                            if line.change.action == "added" { (one, nobody.clone()) } else { (nobody.clone(), one) };
                        composed(&before, &step)
                    });
                    prop_assert_eq!(&whole, &by_lines, "{} from {} to {} by its history", id, a, c);
                }
            }
        }
        Ok(())
    }

    async fn compared(&self, id: &UniverseId, from: Date, to: Date) -> Difference {
        let compared = Compared::Moments {
            universe: id.to_string(),
            from: Moment::Day(from),
            to: Moment::Day(to),
            known_at: None,
        };
        let found = compare(Recorded { store: &*self.store, past: None }, &self.rules, ENVIRONMENT, &compared)
            .await
            .expect("compared");
        (found.added.into_iter().collect(), found.removed.into_iter().collect())
    }

    /// An explanation says of membership what is recorded; and where the rule says otherwise, it says why.
    async fn explanations_agree_with_memberships(&self) -> Result<(), TestCaseError> {
        for (at, session) in self.sessions.iter().enumerate() {
            let members = self.members(*session, None).await;
            for id in TOUCHED.map(universe).iter().filter(|id| self.ids.contains(id)) {
                // Some of them, others in each session: an explanation looks at everything.
                for text in self.symbols.iter().skip(at % 3).step_by(3) {
                    let asked = symbol(text);
                    let question = ExplainQuestion {
                        environment: ENVIRONMENT,
                        universe: id,
                        symbol: &asked,
                        as_of: Some(*session),
                        known_at: None,
                    };
                    let why = explain_membership(&*self.store, &self.rules, question).await.expect("explained");
                    let said = format!("{asked} in {id} as of {session}: {why:?}");
                    prop_assert_eq!(why.is_member, members[id].contains(&asked), "{}", said);
                    prop_assert_eq!(why.since.is_some(), why.is_member, "{}", said);
                    let added = why.recorded.as_ref().is_some_and(|recorded| recorded.action == "added");
                    prop_assert_eq!(added, why.is_member, "{}", said);
                    let Some(verdict) = &why.by_rule else { continue };
                    let is_told = why.remarks.iter().any(|remark| remark.contains("by the rule as it stands"));
                    prop_assert_eq!(verdict.is_member != why.is_member, is_told, "{}", said);
                    let by_hand =
                        self.corrected.iter().any(|(of, _)| of == id) || self.loose.iter().any(|(of, _)| of == id);
                    prop_assert!(by_hand || !is_told, "nothing was held or corrected: {}", said);
                }
            }
        }
        Ok(())
    }

    /// Going back and forward again is as if nothing had happened.
    async fn rolling_back_and_forward_is_the_identity(&mut self, to: usize) -> Result<(), TestCaseError> {
        let versions = self.store.version_list(ENVIRONMENT).await.expect("listed");
        let (back, forward) = (&versions[to % versions.len()], versions.last().expect("a run"));
        let (before, past) = (self.now().await, self.past().await);
        let request = self.request(None, &Holds::Wait);
        for version in [back, forward] {
            let id = version.run_id.to_string();
            let done = rollback(&*self.store, &self.rules, &request, &id, &[], &self.ambient, &|_| true).await;
            done.expect("rolled back");
            self.intervals_do_not_overlap().await?;
        }
        prop_assert_eq!(self.now().await, before);
        prop_assert_eq!(self.past().await, past, "of the past nothing was touched on the way");
        Ok(())
    }

    /// What is answered of every session but the newest one.
    async fn past(&self) -> Vec<Members> {
        let mut past = Vec::new();
        for session in &self.sessions[..self.sessions.len() - 1] {
            past.push(self.members(*session, None).await);
        }
        past
    }
}

fn universe(key: &str) -> UniverseId {
    format!("stock_universe:{key}").parse().expect("an address")
}

fn touched(at: usize) -> UniverseId {
    universe(TOUCHED[at])
}

fn difference(from: &BTreeSet<Symbol>, to: &BTreeSet<Symbol>) -> Difference {
    (to - from, from - to)
}

/// One difference after another: who came and went again did neither.
fn composed(first: &Difference, second: &Difference) -> Difference {
    let added = &(&first.0 - &second.1) | &(&second.0 - &first.1);
    let removed = &(&first.1 - &second.0) | &(&second.1 - &first.0);
    (added, removed)
}

async fn check(days: &[Day], to: usize) -> Result<(), TestCaseError> {
    let mut life = Life::begin().await;
    for day in days {
        life.live(day).await;
    }
    life.intervals_do_not_overlap().await?;
    life.answers_are_remembered().await?;
    life.differences_compose().await?;
    life.explanations_agree_with_memberships().await?;
    life.rolling_back_and_forward_is_the_identity(to).await
}

proptest! {
    // Each case is some runs on a database.
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_past_is_whole_whatever_happens(
        days in prop::collection::vec(any_day(), 2..7).prop_map(in_order),
        to in any::<usize>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(check(&days, to))?;
    }
}
