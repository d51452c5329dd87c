//! Lookups: from what somebody asks for to the members of a universe, or of a combination of several.

use std::collections::BTreeMap;
use std::pin::Pin;

use jiff::Timestamp;
use jiff::civil::Date;
use universe_core::expression::{Address, SetExpression, SetExpressionError};
use universe_core::identity::SymbolChange;
use universe_core::rule::RuleSet;
use universe_core::{Symbol, UniverseId, UniverseType, nearest, session_on_or_before};
use universe_store::{MemberRecord, Store, StoreError};

use crate::identity::later_symbols;
use crate::{Footing, Past, Recorded, Standing};

/// A question about the members of a universe.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The environment of `cache_entries`.
    pub environment: &'a str,
    /// The session that the answer is for; now when none is given.
    pub as_of: Option<Date>,
    /// What was known at this instant; everything when none is given.
    pub known_at: Option<Timestamp>,
}

impl Question<'_> {
    pub(crate) fn is_past(&self) -> bool {
        self.as_of.is_some() || self.known_at.is_some()
    }
}

/// The members of what was asked for.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The universe; `None` for a combination.
    pub id: Option<UniverseId>,
    /// Its name, or the expression.
    pub name: String,
    /// The session that the answer is for.
    pub as_of: Option<Date>,
    /// The members.
    pub members: Vec<MemberRecord>,
    /// The members that have another symbol by now, with that.
    pub later_symbols: BTreeMap<Symbol, Symbol>,
    /// The first session of which anything is recorded.
    pub known_since: Option<Date>,
    /// How far the answer can be trusted.
    pub standing: Standing,
    /// What a person should know about the answer.
    pub remarks: Vec<String>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum LookupError {
    /// The expression does not parse.
    #[error("{0}")]
    Expression(#[from] SetExpressionError),
    /// No such universe.
    #[error("there is no universe {asked}{hint}")]
    Unknown {
        /// What was asked for.
        asked: String,
        /// A suggestion, as it is appended to the sentence.
        hint: String,
    },
    /// A key that both types have.
    #[error("{0} is a stock_universe and an etf_universe; write stock_universe:{0} or etf_universe:{0}")]
    Ambiguous(String),
    /// The store could not answer.
    #[error("could not look up {asked}")]
    Store {
        /// What was asked for.
        asked: String,
        /// Why.
        source: StoreError,
    },
}

/// How much is to be said of members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Who they are, in order of rank where there is one.
    Symbols,
    /// Their names, market caps and sectors too.
    Figures,
}

/// Answers a question about a universe, an alias, or a set expression.
///
/// A day that is no session is answered for the session before it, and the answer says so.
///
/// # Errors
/// When the text does not parse, names no universe, or the store fails.
pub async fn look_up(
    store: &dyn Store,
    rules: &RuleSet,
    asked: &str,
    question: Question<'_>,
) -> Result<Answer, LookupError> {
    look_up_in(Recorded { store, past: None }, rules, asked, question, Detail::Figures).await
}

/// As [`look_up`], from memory where the past is kept there; says of members what is asked for.
///
/// # Errors
/// When the text does not parse, names no universe, or the store fails.
pub async fn look_up_in(
    recorded: Recorded<'_>,
    rules: &RuleSet,
    asked: &str,
    question: Question<'_>,
    detail: Detail,
) -> Result<Answer, LookupError> {
    let expression = SetExpression::parse(asked)?;
    let session = question.as_of.map(session_on_or_before);
    let mut remarks = Vec::new();
    if let (Some(asked_for), Some(session)) = (question.as_of, session)
        && asked_for != session
    {
        remarks.push(format!("{asked_for} is not a session; this is as of {session}, the session before it"));
    }
    let question = Question { as_of: session, ..question };
    let failed = |source| LookupError::Store { asked: asked.to_owned(), source };
    let known = recorded.universe_ids(question.environment).await.map_err(failed)?;
    let read;
    let recorded = match recorded.past {
        None if question.is_past() => {
            let some: Vec<UniverseId> = expression
                .addresses()
                .into_iter()
                .map(|address| resolve(address, &known, rules))
                .collect::<Result<_, _>>()?;
            read = Past::of_some(recorded.store, question.environment, &known, &some).await.map_err(failed)?;
            Recorded { past: Some(&read), ..recorded }
        }
        _ => recorded,
    };
    let footing = recorded.footing(question).await.map_err(failed)?;
    let changes = recorded.symbol_changes(question).await.map_err(failed)?;
    let lookup = Lookup { recorded, rules, known: &known, footing: &footing, changes: &changes, question, detail };
    if let SetExpression::Universe(address) = &expression {
        let id = resolve(address, &known, rules)?;
        return lookup.one(id, remarks).await;
    }
    let mut parts = Parts { known_since: None, held: false, remarks };
    let members = lookup.combined(&expression, &mut parts).await?;
    let Parts { known_since, held, remarks } = parts;
    Ok(Answer {
        id: None,
        name: asked.to_owned(),
        as_of: session,
        later_symbols: lookup.later_symbols(members.keys()),
        members: members.into_values().collect(),
        known_since,
        standing: footing.standing(session, known_since, held),
        remarks,
    })
}

/// Finds the universe that an address means, by its key, an older spelling, or the type and key.
///
/// # Errors
/// When no universe has the address, or universes of both types do.
pub fn resolve(address: &Address, known: &[UniverseId], rules: &RuleSet) -> Result<UniverseId, LookupError> {
    let key = address.key.as_str();
    let types = UniverseType::ALL.into_iter().filter(|of| address.universe_type.is_none_or(|asked| asked == *of));
    let candidates: Vec<UniverseId> = types.map(|of| UniverseId::from_stored(of, key)).collect();
    let exists = |id: &UniverseId| known.contains(id) || rules.rule_of(id).is_some();
    let mut found: Vec<UniverseId> = candidates.iter().filter(|id| known.contains(id)).cloned().collect();
    if found.is_empty() {
        found = candidates.iter().filter(|id| exists(id)).cloned().collect();
    }
    if found.is_empty() {
        found = candidates.iter().filter_map(|id| rules.alias_target(id)).cloned().collect();
    }
    match found.len() {
        1 => Ok(found.remove(0)),
        0 if address.universe_type.is_some() => Ok(candidates[0].clone()),
        0 => Err(unknown(key, known, rules)),
        _ => Err(LookupError::Ambiguous(key.to_owned())),
    }
}

/// Answers for one universe; `as_of` has to be a session.
///
/// # Errors
/// When there never was such a universe, or the store fails.
pub(crate) async fn one(
    recorded: Recorded<'_>,
    rules: &RuleSet,
    id: UniverseId,
    question: Question<'_>,
    footing: &Footing,
    changes: &[SymbolChange],
    detail: Detail,
) -> Result<Answer, LookupError> {
    Lookup { recorded, rules, known: &[], footing, changes, question, detail }.one(id, Vec::new()).await
}

/// What answers to one question have in common.
struct Lookup<'l> {
    recorded: Recorded<'l>,
    rules: &'l RuleSet,
    known: &'l [UniverseId],
    footing: &'l Footing,
    /// The symbol changes that were known; of now nobody asks for them.
    changes: &'l [SymbolChange],
    /// Its day is a session.
    question: Question<'l>,
    detail: Detail,
}

/// Members by symbol, as they come.
type Combined<'f> = Pin<Box<dyn Future<Output = Result<BTreeMap<Symbol, MemberRecord>, LookupError>> + Send + 'f>>;

/// What the universes of an expression have in common.
struct Parts {
    /// The first session of which all of them know anything.
    known_since: Option<Date>,
    held: bool,
    remarks: Vec<String>,
}

impl Lookup<'_> {
    fn later_symbols<'s>(&self, symbols: impl IntoIterator<Item = &'s Symbol>) -> BTreeMap<Symbol, Symbol> {
        self.question.as_of.map(|as_of| later_symbols(self.changes, symbols, as_of)).unwrap_or_default()
    }

    /// Answers for one universe.
    async fn one(&self, id: UniverseId, mut remarks: Vec<String>) -> Result<Answer, LookupError> {
        let (question, footing) = (self.question, self.footing);
        let failed = |source| LookupError::Store { asked: id.to_string(), source };
        let found =
            self.recorded.members(self.rules, &id, question, self.detail, self.changes).await.map_err(failed)?;
        let Some(found) = found else {
            return Err(LookupError::Unknown { asked: id.to_string(), hint: hint(id.key(), self.known.iter()) });
        };
        if let (Some(as_of), Some(since)) = (found.as_of, found.known_since)
            && as_of < since
        {
            remarks.push(format!("nothing is known of {id} before {since}, so this is no answer for {as_of}"));
        }
        let standing = footing.standing(question.as_of, found.known_since, footing.holds(&id));
        if let (Some(as_of), Some(1..), Some(source)) = (question.as_of, standing.source_age_sessions, footing.session)
        {
            remarks.push(format!("{as_of} was not synchronized; these are the members as of {source}"));
        }
        Ok(Answer {
            name: found.universe.name,
            id: Some(id),
            as_of: found.as_of,
            later_symbols: self.later_symbols(found.members.iter().map(|member| &member.symbol)),
            members: found.members,
            known_since: found.known_since,
            standing,
            remarks,
        })
    }

    /// Combines universes. The recursion is as deep as the expression, which its parser limits.
    fn combined<'f>(&'f self, expression: &'f SetExpression, parts: &'f mut Parts) -> Combined<'f> {
        Box::pin(async move {
            let (left, right) = match expression {
                SetExpression::Universe(address) => {
                    let id = resolve(address, self.known, self.rules)?;
                    let answer = self.one(id, Vec::new()).await?;
                    parts.held |= answer.standing.held;
                    parts.known_since = parts.known_since.max(answer.known_since);
                    for remark in answer.remarks {
                        if !parts.remarks.contains(&remark) {
                            parts.remarks.push(remark);
                        }
                    }
                    // A rank within one universe means nothing in a combination.
                    let members = answer.members.into_iter();
                    return Ok(members.map(|m| (m.symbol.clone(), MemberRecord { rank: None, ..m })).collect());
                }
                SetExpression::Union(left, right)
                | SetExpression::Intersection(left, right)
                | SetExpression::Difference(left, right) => (left, right),
            };
            let mut members = self.combined(left, parts).await?;
            let others = self.combined(right, parts).await?;
            combine(expression, &mut members, others);
            Ok(members)
        })
    }
}

/// Turns the members of the left side into those of the whole expression, given those of the right side.
pub(crate) fn combine(
    expression: &SetExpression,
    members: &mut BTreeMap<Symbol, MemberRecord>,
    others: BTreeMap<Symbol, MemberRecord>,
) {
    match expression {
        SetExpression::Universe(_) => {}
        SetExpression::Union(..) => {
            for (symbol, member) in others {
                members.entry(symbol).or_insert(member);
            }
        }
        SetExpression::Intersection(..) => members.retain(|symbol, _| others.contains_key(symbol)),
        SetExpression::Difference(..) => members.retain(|symbol, _| !others.contains_key(symbol)),
    }
}

fn unknown(key: &str, known: &[UniverseId], rules: &RuleSet) -> LookupError {
    let candidates = known.iter().chain(rules.addresses()).chain(rules.aliases().keys());
    LookupError::Unknown { asked: key.to_owned(), hint: hint(key, candidates) }
}

fn hint<'a>(key: &str, candidates: impl Iterator<Item = &'a UniverseId>) -> String {
    nearest(key, candidates.map(UniverseId::key))
        .map_or_else(|| "; `universe list` shows them all".to_owned(), |near| format!("; did you mean {near:?}?"))
}
