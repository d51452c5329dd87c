//! Why a listing is in a universe, or is not: the questions of its rule, and what the listing answers to each.
//!
//! The verdict is the planner's own, from the same evaluation that a run makes; the questions only spell it out,
//! so that an explanation cannot contradict a membership decided on the same inputs.

use serde::Serialize;

use super::share_class::one_line_per_company;
use super::{DELISTED_AFTER_ABSENCES, Holds, Planner, Request, Target, Undefined};
use crate::plan::{Basis, Change, Mode, Reason};
use crate::rule::{Definition, Groups, Membership, Rule, RuleSet, Selection, ShareClasses};
use crate::state::{Override, State};
use crate::{EvaluationError, Observation, Reading, Symbol, Truth, UniverseId, Usd};

/// What a rule says about one listing as of one session.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// The name of the rule; `import` for a list without one.
    pub rule: String,
    /// The fingerprint of the rule's text.
    pub rule_version: String,
    /// Whether it was a member before, which counts where the rule has a buffer.
    pub was_member: bool,
    /// Whether the rule makes it a member.
    pub is_member: bool,
    /// The code of the reason that a run would record for it (`in_band`, `not_eligible`, ...).
    pub reason: &'static str,
    /// Its rank, where the rule ranks it.
    pub rank: Option<u32>,
    /// What the rule reads, and what the listing has there.
    pub inputs: Vec<Input>,
    /// The rule's questions in order; the first that does not hold decides, else the last.
    pub questions: Vec<Question>,
}

/// A field that the rule reads, and what the listing has there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Input {
    /// The name of the field.
    pub field: String,
    /// What the listing has, as it would be written in a rule; `None` where that is not known.
    pub value: Option<String>,
}

/// One question of a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Question {
    /// What it asks for, with its threshold.
    pub asks: String,
    /// What was found.
    pub found: String,
    /// Whether that is enough; `None` where it cannot be told, which is not enough.
    pub holds: Option<bool>,
}

impl Verdict {
    /// Returns the question that decided.
    #[must_use]
    pub fn deciding(&self) -> Option<&Question> {
        self.questions.iter().find(|question| question.holds != Some(true)).or(self.questions.last())
    }
}

/// Explains what the rule of a universe says about a symbol; `None` where no rule and no import defines it.
///
/// The members in `state` are those of before the session: what a buffer favours. When a rule decides weekly
/// or more rarely, this is what it would decide now.
///
/// # Errors
/// When the rule cannot be evaluated.
pub fn explain(
    observation: &Observation,
    rules: &RuleSet,
    state: &State,
    id: &UniverseId,
    symbol: &Symbol,
) -> Result<Option<Verdict>, EvaluationError> {
    let request = Request { mode: Mode::Full, undefined: Undefined::Preserve, holds: Holds::Release };
    let mut state = state.clone();
    state.universes.values_mut().for_each(|universe| universe.reconstituted_session = None);
    let mut planner = Planner::new(observation, rules, &state, request);
    let Some((rule, mut target)) = planner.target_of(id)? else { return Ok(None) };
    planner.put_overrides(&mut target);
    let Some(listing) = observation.position(symbol) else {
        return Ok(Some(planner.unseen(rule, &target, symbol)));
    };
    Ok(Some(planner.verdict(rule, &target, listing)?))
}

impl<'a> Planner<'a> {
    /// Decides one universe as a run would, and returns its rule where a rule defines it.
    fn target_of(&mut self, id: &UniverseId) -> Result<Option<(Option<&'a Rule>, Target)>, EvaluationError> {
        let rules = self.rules;
        if let Some(rule) = rules.rule_of(id).or_else(|| rules.rules.iter().find(|rule| rule.mirrors(id))) {
            let targets = self.evaluate(rule, &mut Vec::new())?;
            let found = targets.into_iter().find(|target| target.naming.id == *id || rule.mirrors(id));
            // A rule that has no members yet, such as a list that was never imported, decides nothing.
            return Ok(found.map(|target| (Some(rule), target)));
        }
        self.add_imports_without_rule();
        if let Some(target) = self.targets.remove(id) {
            return Ok(Some((None, target)));
        }
        let groups = rules.rules.iter().filter(|rule| rule.universe_type == id.universe_type);
        for rule in groups.filter(|rule| matches!(rule.definition, Definition::Groups(_))) {
            let targets = self.evaluate(rule, &mut Vec::new())?;
            if let Some(target) = targets.into_iter().find(|target| target.naming.id == *id) {
                return Ok(Some((Some(rule), target)));
            }
            let universe = self
                .state
                .universes
                .get(id)
                .filter(|universe| universe.rule.as_ref().is_some_and(|mark| mark.name == rule.name));
            if let Some(universe) = universe {
                return Ok(Some((Some(rule), self.emptied_group(id, universe, rule))));
            }
        }
        Ok(None)
    }

    /// The verdict on a symbol of which nothing is known: it can only be on a list.
    fn unseen(&self, rule: Option<&Rule>, target: &Target, symbol: &Symbol) -> Verdict {
        let is_symbol = |listing: &u32| self.numbering.symbol(*listing) == symbol;
        let is_member = target.members.iter().any(is_symbol);
        let list = self.list_question(target, symbol);
        let known = Question {
            asks: format!("known as of {}", self.observation.session),
            found: format!("no source has shown {symbol}"),
            holds: Some(false),
        };
        Verdict {
            rule: rule.map_or("import", |rule| rule.name.as_str()).to_owned(),
            rule_version: target.rule_version.clone(),
            was_member: self.before.get(&target.naming.id).is_some_and(|members| members.iter().any(is_symbol)),
            is_member,
            reason: if is_member { Reason::Listed } else { Reason::NotEligible }.code(),
            rank: None,
            inputs: Vec::new(),
            // A list is enough where nothing else is known, as with funds in a feed of stocks.
            questions: list.into_iter().chain((!is_member).then_some(known)).collect(),
        }
    }

    fn verdict(&self, rule: Option<&Rule>, target: &Target, listing: usize) -> Result<Verdict, EvaluationError> {
        let number = u32::try_from(listing).expect("numbered");
        let is_member = target.members.contains(&number);
        let before = self.before.get(&target.naming.id);
        let was_member = before.is_some_and(|members| members.contains(&number));
        let Change { reason, .. } =
            if is_member { self.addition(target, number) } else { self.removal(target, number) };
        let mut questions = vec![self.listed_question(listing)];
        let mut inputs = Vec::new();
        if let Some(entry) = self.override_of(target, number) {
            questions.insert(usize::from(is_member), override_question(entry));
        } else if let Some(list) = self.list_question(target, &self.observation.symbol[listing]) {
            questions.insert(0, list);
        } else if let Some(lacking) = rule.and_then(|rule| self.lacking(rule)) {
            let found = if was_member { "it was a member" } else { "it was none" };
            let asks = format!("a member before: members stay as they were until {lacking} is loaded");
            questions.push(Question { asks, found: found.to_owned(), holds: Some(was_member) });
        } else if let Some(rule) = rule {
            self.eligibility(rule, listing, &mut questions, &mut inputs)?;
            self.place(rule, target, listing, was_member, is_member, &mut questions, &mut inputs)?;
        }
        let rank = target.ranks.as_ref().map(|ranks| ranks[listing]).filter(|rank| *rank > 0);
        Ok(Verdict {
            rule: target.rule.clone(),
            rule_version: target.rule_version.clone(),
            was_member,
            is_member,
            reason: reason.code(),
            rank,
            inputs,
            questions,
        })
    }

    /// The question of a universe whose members are listed; `None` for every other.
    fn list_question(&self, target: &Target, symbol: &Symbol) -> Option<Question> {
        let (asks, list) = match target.basis {
            Basis::Fixed => {
                ("on the list of the rule".to_owned(), self.rule(&target.rule).map_or(&[][..], Rule::listed_symbols))
            }
            Basis::Imported => {
                let list = self.state.imports.get(&target.naming.id)?;
                (format!("on the list imported from {}", list.source), list.symbols.as_slice())
            }
            Basis::Band { .. } | Basis::Rank { .. } | Basis::Screen | Basis::Group(_) | Basis::Nothing => return None,
        };
        let is_named = list.contains(symbol);
        let found = if is_named { "it is" } else { "it is not" };
        Some(Question { asks, found: found.to_owned(), holds: Some(is_named) })
    }

    /// The figures that a rule needs and nobody loaded; `None` when it can be decided.
    fn lacking(&self, rule: &Rule) -> Option<String> {
        let facts = rule.facts();
        let lacking: Vec<&str> =
            facts.iter().map(String::as_str).filter(|fact| !self.observation.facts.contains_key(*fact)).collect();
        (!lacking.is_empty()).then(|| lacking.join(", "))
    }

    fn listed_question(&self, listing: usize) -> Question {
        let seen = self.observation;
        let since = seen.listing_date[listing].or(seen.first_seen_session[listing]);
        let found = match (seen.delisted_date[listing], since, seen.sessions_absent[listing]) {
            (Some(delisted), ..) if delisted <= seen.session => format!("delisted on {delisted}"),
            _ if !seen.is_active[listing] => "no longer active".to_owned(),
            (_, Some(since), _) if since > seen.session => format!("listed later, on {since}"),
            (.., 1) => "missing from the last snapshot".to_owned(),
            (.., absent) if absent > 0 => format!("missing from the last {absent} snapshots"),
            (_, Some(since), _) => format!("listed since {since}"),
            (_, None, _) => "listed".to_owned(),
        };
        Question {
            asks: format!("listed on {} (missing from {DELISTED_AFTER_ABSENCES} snapshots is not)", seen.session),
            found,
            holds: Some(self.listed[listing]),
        }
    }

    /// Asks whether the rule looks at the listing at all: kind, line of the company, screen.
    fn eligibility(
        &self,
        rule: &Rule,
        listing: usize,
        questions: &mut Vec<Question>,
        inputs: &mut Vec<Input>,
    ) -> Result<(), EvaluationError> {
        let seen = self.observation;
        let kind = seen.security_type[listing];
        let kinds: Vec<&str> = rule.securities.iter().map(|kind| kind.code()).collect();
        questions.push(Question {
            asks: format!("security_type is {}", kinds.join(" or ")),
            found: kind.code().to_owned(),
            holds: Some(rule.securities.contains(&kind)),
        });
        if rule.share_classes == ShareClasses::OnePerCompany {
            questions.push(self.line_question(rule, listing));
        }
        for question in rule.screen.iter().flat_map(crate::Screen::questions) {
            let readings = question.readings(self.figures(), listing);
            let truth = question.evaluate(self.figures())?[listing];
            let found: Vec<String> = readings.iter().map(Reading::to_string).collect();
            questions.push(Question { asks: question.to_string(), found: found.join(", "), holds: known(truth) });
            add(inputs, readings);
        }
        Ok(())
    }

    fn line_question(&self, rule: &Rule, listing: usize) -> Question {
        let seen = self.observation;
        let of_kind: Vec<bool> =
            (0..seen.len()).map(|i| self.listed[i] && rule.securities.contains(&seen.security_type[i])).collect();
        let members: Vec<u32> =
            rule.defined_addresses().iter().filter_map(|id| self.before.get(id)).flatten().copied().collect();
        let stands = one_line_per_company(seen, &self.caps, &of_kind, |i| members.contains(&(i as u32)))[listing];
        let found = match (of_kind[listing], stands) {
            (false, _) => "not asked",
            (true, true) => "it is the only one, or the most traded",
            (true, false) => "another line is traded more",
        };
        let holds = Some(stands || !of_kind[listing]);
        Question { asks: "stands for its company, one line of each".to_owned(), found: found.to_owned(), holds }
    }

    /// Asks whether the listing's figure, rank or group is the universe's.
    #[expect(clippy::too_many_arguments, reason = "one place that writes into both lists")]
    fn place(
        &self,
        rule: &Rule,
        target: &Target,
        listing: usize,
        was_member: bool,
        is_member: bool,
        questions: &mut Vec<Question>,
        inputs: &mut Vec<Input>,
    ) -> Result<(), EvaluationError> {
        let metric = rule.metric.evaluate(self.figures())?[listing];
        let shown =
            |value: f64| if rule.metric.is_market_cap() { Usd(value as i64).to_string() } else { value.to_string() };
        let found = metric.map_or_else(|| "not known".to_owned(), shown);
        let buffer = if was_member { rule.buffer } else { 0.0 };
        let widened =
            if buffer > 0.0 { format!(", {:.0} % further for a member", buffer * 100.0) } else { String::new() };
        let bounds = |selection: Selection| {
            let Selection { at_least, below, .. } = selection;
            let low = at_least.map(|low| format!(">= {}", shown(low)));
            let high = below.map(|high| format!("< {}", shown(high)));
            let bounds: Vec<String> = low.into_iter().chain(high).collect();
            format!("{} {}{widened}", rule.metric, bounds.join(" and "))
        };
        let selection = self.selection(rule).unwrap_or_default();
        let reads_metric = match target.basis {
            Basis::Group(_) | Basis::Nothing => false,
            Basis::Screen => selection != Selection::default(),
            Basis::Band { .. } | Basis::Rank { .. } | Basis::Fixed | Basis::Imported => true,
        };
        if reads_metric {
            add(inputs, rule.metric.readings(self.figures(), listing));
        }
        if selection.at_least.is_some() || selection.below.is_some() {
            let holds = metric.map(|metric| selection.admits(metric, buffer));
            questions.push(Question { asks: bounds(selection), found: found.clone(), holds });
        }
        if let Definition::Groups(groups) = &rule.definition {
            questions.push(self.group_question(rule, groups, target, listing));
        }
        match &target.basis {
            Basis::Band { at_least, below } => {
                let band = Selection { count: None, at_least: Some(*at_least), below: *below };
                // Within the buffer of two bands, the one that it is in keeps it.
                questions.push(Question { asks: bounds(band), found, holds: metric.map(|_| is_member) });
            }
            Basis::Rank { count } => {
                let ranks = target.ranks.as_ref();
                let of = ranks.map_or(0, |ranks| ranks.iter().filter(|rank| **rank > 0).count());
                let found = match ranks.map(|ranks| ranks[listing]).filter(|rank| *rank > 0) {
                    Some(rank) => format!("rank {rank} of {of}, with {found}"),
                    None => format!("no rank among {of}"),
                };
                let asks = format!("among the first {count} by {}{}", rule.metric, self.rank_buffer(rule, *count));
                questions.push(Question { asks, found, holds: Some(is_member) });
            }
            Basis::Screen | Basis::Group(_) | Basis::Fixed | Basis::Imported | Basis::Nothing => {}
        }
        Ok(())
    }

    fn rank_buffer(&self, rule: &Rule, count: usize) -> String {
        if rule.buffer == 0.0 {
            return String::new();
        }
        let (enter, stay) = (count as f64 * (1.0 - rule.buffer), count as f64 * (1.0 + rule.buffer));
        format!(" (others enter up to {:.0}, members stay up to {:.0})", enter.round(), stay.round())
    }

    fn group_question(&self, rule: &Rule, groups: &Groups, target: &Target, listing: usize) -> Question {
        let value = groups.by.column(self.observation).value(listing);
        let group = value.map(|value| groups.group_name(value));
        let own = group.and_then(|group| groups.naming(rule.universe_type, group));
        Question {
            asks: format!("{} belongs to {}", groups.by.name(), target.naming.name),
            found: value.map_or_else(|| "not known".to_owned(), ToOwned::to_owned),
            holds: value.map(|_| own.is_some_and(|own| own.id == target.naming.id)),
        }
    }

    /// The bounds and the size that a screened universe has in the present market.
    fn selection(&self, rule: &Rule) -> Option<Selection> {
        let Definition::Single(single) = &rule.definition else { return None };
        let Membership::Screened { selection, when, .. } = &single.membership else { return None };
        let regime = self.market.map(|market| market.regime);
        Some(when.iter().find(|(of, _)| Some(*of) == regime).map_or(*selection, |(_, other)| *other))
    }
}

fn override_question(entry: &Override) -> Question {
    let until = entry.until.map(|until| format!(" until {until}")).unwrap_or_default();
    let found = format!("{} says so from {}{until}: {}", entry.actor, entry.from, entry.reason);
    let (asks, holds) = match entry.is_member {
        true => ("put in by hand", true),
        false => ("not left out by hand", false),
    };
    Question { asks: asks.to_owned(), found, holds: Some(holds) }
}

fn known(truth: Truth) -> Option<bool> {
    match truth {
        Truth::True => Some(true),
        Truth::False => Some(false),
        Truth::Unknown => None,
    }
}

fn add(inputs: &mut Vec<Input>, readings: Vec<Reading>) {
    for Reading { field, value } in readings {
        if inputs.iter().all(|input| input.field != field) {
            inputs.push(Input { field, value });
        }
    }
}

#[cfg(test)]
mod tests;
