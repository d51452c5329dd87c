//! What leads from the members of one moment to those of another, or from one universe to another.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use universe_core::Symbol;
use universe_core::identity::{SymbolChange, identity, tenure_at};
use universe_core::rule::RuleSet;
use uuid::Uuid;

use crate::{
    Answer, Detail, LookupError, Question, Recorded, RollbackError, Standing, find_version, look_up_in, symbol_changes,
};

/// How many listings with another symbol are named for people.
const RENAMED_SHOWN: usize = 8;

/// A moment as it is asked for: a day, or what a run left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Moment {
    /// A day; one that is no session means the session before it.
    Day(Date),
    /// The id of a run, or the beginning of one.
    Run(String),
}

impl Moment {
    /// Reads a moment: a day, or what may be the beginning of a run's id.
    ///
    /// # Errors
    /// When it is neither: a mistyped day is not looked for among the runs.
    pub fn read(text: &str) -> Result<Self, NoMoment> {
        if let Ok(day) = text.parse() {
            return Ok(Self::Day(day));
        }
        let may_stand = |(at, byte): (usize, u8)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        };
        let is_id = (1..=36).contains(&text.len()) && text.bytes().enumerate().all(may_stand);
        if is_id { Ok(Self::Run(text.to_owned())) } else { Err(NoMoment(text.to_owned())) }
    }
}

/// A text that names no moment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither a day such as 2024-01-02 nor the id of a run")]
pub struct NoMoment(pub String);

/// What is compared.
#[derive(Clone, Debug)]
pub enum Compared {
    /// One universe or expression at two moments.
    Moments {
        /// The universe or expression.
        universe: String,
        /// The moment to start from.
        from: Moment,
        /// The moment to come to.
        to: Moment,
        /// What was known at this instant; a run says itself what was known.
        known_at: Option<Timestamp>,
    },
    /// Two universes or expressions at one moment.
    Universes {
        /// The one to start from.
        universe: String,
        /// The one to come to.
        with: String,
        /// The session; now when none is given.
        as_of: Option<Date>,
        /// What was known at this instant; everything when none is given.
        known_at: Option<Timestamp>,
    },
}

/// What leads from one side of a comparison to the other.
#[derive(Clone, Debug, Serialize)]
pub struct Difference {
    /// Who is only on the second side, in order.
    pub added: Vec<Symbol>,
    /// Who is only on the first side, in order.
    pub removed: Vec<Symbol>,
    /// Those of them that are one listing, by the symbol on the first side, with the one on the second.
    pub renamed: BTreeMap<Symbol, Symbol>,
    /// The first side.
    pub before: ComparedSide,
    /// The second side.
    pub after: ComparedSide,
    /// What a person should know about both.
    pub remarks: Vec<String>,
}

/// One side of a comparison, and how far it can be trusted.
#[derive(Clone, Debug, Serialize)]
pub struct ComparedSide {
    /// The universe or expression, as it was asked for.
    pub universe: String,
    /// The session that its members are as of.
    pub as_of: Option<Date>,
    /// The instant at which they were known; `None` for what is known now.
    pub known_at: Option<Timestamp>,
    /// The run that left them, where one was asked for.
    pub run_id: Option<Uuid>,
    /// How many they are.
    pub count: usize,
    /// How far they can be trusted.
    #[serde(flatten)]
    pub standing: Standing,
}

/// Why there is no comparison.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// The days are the wrong way round.
    #[error("{from} is after {to}: give the earlier day first")]
    Backwards {
        /// The first day given.
        from: Date,
        /// The second one.
        to: Date,
    },
    /// A run and an instant are asked for at once.
    #[error("run {0} says itself what was known: give days, or leave the instant out")]
    KnownTwice(String),
    /// A side cannot be looked up.
    #[error(transparent)]
    Lookup(#[from] LookupError),
    /// There is no such run, or it left nothing.
    #[error(transparent)]
    Run(#[from] RollbackError),
}

/// Compares the members of a universe at two moments, or of two universes at one.
///
/// # Errors
/// When the days are the wrong way round, a universe or a run is unknown, or the store fails.
pub async fn compare(
    recorded: Recorded<'_>,
    rules: &RuleSet,
    environment: &str,
    compared: &Compared,
) -> Result<Difference, CompareError> {
    let sides = Sides { recorded, rules, environment };
    let (first, second) = match compared {
        Compared::Moments { universe, from, to, known_at } => {
            if let (Moment::Day(from), Moment::Day(to)) = (from, to)
                && to < from
            {
                return Err(CompareError::Backwards { from: *from, to: *to });
            }
            (sides.at(universe, from, *known_at).await?, sides.at(universe, to, *known_at).await?)
        }
        Compared::Universes { universe, with, as_of, known_at } => {
            let question = Question { environment, as_of: *as_of, known_at: *known_at };
            (sides.of(universe, question, None).await?, sides.of(with, question, None).await?)
        }
    };
    let Side { members: before, told: told_before, mut remarks } = first;
    let Side { members: after, told: told_after, remarks: more } = second;
    remarks.extend(more.into_iter().filter(|remark| !remarks.contains(remark)).collect::<Vec<_>>());
    let added: Vec<Symbol> = after.difference(&before).cloned().collect();
    let removed: Vec<Symbol> = before.difference(&after).cloned().collect();
    let renamed = match added.is_empty() || removed.is_empty() {
        true => BTreeMap::new(),
        false => {
            let known_at = told_before.known_at.zip(told_after.known_at).map(|(a, b)| a.max(b));
            let failed = |source| LookupError::Store { asked: "the changes of symbols".to_owned(), source };
            let changes = symbol_changes(recorded.store, known_at).await.map_err(failed)?;
            renamed(&changes, &removed, told_before.as_of.unwrap_or(Date::MAX), &added)
        }
    };
    remarks.extend(renamed_remark(&renamed));
    Ok(Difference { added, removed, renamed, before: told_before, after: told_after, remarks })
}

/// Finds the listings that went under one symbol and came under another.
fn renamed(changes: &[SymbolChange], removed: &[Symbol], day: Date, added: &[Symbol]) -> BTreeMap<Symbol, Symbol> {
    let new_symbol = |symbol: &Symbol| {
        let symbols = identity(changes, &tenure_at(changes, symbol, day));
        symbols.into_iter().rev().map(|tenure| tenure.symbol).find(|symbol| added.binary_search(symbol).is_ok())
    };
    removed.iter().filter_map(|symbol| Some((symbol.clone(), new_symbol(symbol)?))).collect()
}

/// Says for people which listings only have another symbol.
fn renamed_remark(renamed: &BTreeMap<Symbol, Symbol>) -> Option<String> {
    let shown: Vec<String> = renamed.iter().take(RENAMED_SHOWN).map(|(old, new)| format!("{old} ({new})")).collect();
    let more = match renamed.len().saturating_sub(RENAMED_SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    (!shown.is_empty()).then(|| format!("under another symbol on the second side: {}{more}", shown.join(", ")))
}

/// Where both sides are looked up.
struct Sides<'s> {
    recorded: Recorded<'s>,
    rules: &'s RuleSet,
    environment: &'s str,
}

/// The members of one side.
struct Side {
    members: BTreeSet<Symbol>,
    told: ComparedSide,
    remarks: Vec<String>,
}

impl Sides<'_> {
    async fn at(&self, asked: &str, moment: &Moment, known_at: Option<Timestamp>) -> Result<Side, CompareError> {
        let environment = self.environment;
        match moment {
            Moment::Day(day) => self.of(asked, Question { environment, as_of: Some(*day), known_at }, None).await,
            Moment::Run(run) if known_at.is_some() => Err(CompareError::KnownTwice(run.clone())),
            Moment::Run(run) => {
                let version = find_version(self.recorded.store, environment, run).await?;
                let question = Question { environment, as_of: version.session, known_at: Some(version.recorded_at) };
                self.of(asked, question, Some(version.run_id)).await
            }
        }
    }

    async fn of(&self, asked: &str, question: Question<'_>, run_id: Option<Uuid>) -> Result<Side, CompareError> {
        let Answer { members, as_of, standing, remarks, .. } =
            look_up_in(self.recorded, self.rules, asked, question, Detail::Symbols).await?;
        let told = ComparedSide {
            universe: asked.to_owned(),
            as_of,
            known_at: question.known_at,
            run_id,
            count: members.len(),
            standing,
        };
        Ok(Side { members: members.into_iter().map(|member| member.symbol).collect(), told, remarks })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_day_is_no_run() {
        let run = |text: &str| Ok(Moment::Run(text.to_owned()));
        for text in ["01a1", "01a1f972-9b13", "01A1F972-9B13-73E8-9771-F932D773BADF", "12345678"] {
            assert!(Moment::read(text) == run(text) || matches!(Moment::read(text), Ok(Moment::Day(_))), "{text}");
        }
        assert_eq!(Moment::read("2024-01-02"), Ok(Moment::Day(jiff::civil::date(2024, 1, 2))));
        for text in ["2024-02-30", "-9999-01-01", "yesterday", "", "01a1f972-9b13-73e8-9771-f932d773badf0"] {
            assert_eq!(Moment::read(text), Err(NoMoment(text.to_owned())));
        }
    }
}
