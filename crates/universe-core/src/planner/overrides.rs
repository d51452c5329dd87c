//! Members that are put in or left out by hand, whatever the rule says.

use super::{Planner, Target};
use crate::UniverseId;
use crate::state::Override;

impl<'a> Planner<'a> {
    /// Puts members in and takes them out; what is not on the market stays out.
    pub(super) fn put_overrides(&self, target: &mut Target) {
        let mut comes = false;
        let entries: Vec<&Override> = self.overrides_of(&target.naming.id).collect();
        for entry in entries {
            let listing = self.goes_on_as(self.numbering.number(&entry.symbol));
            let place = target.members.iter().position(|member| *member == listing);
            match (entry.is_member, place) {
                (true, None) if self.is_listed(listing) => {
                    target.members.push(listing);
                    comes = true;
                }
                (false, Some(place)) => {
                    target.members.remove(place);
                }
                (true, _) | (false, None) => {}
            }
        }
        if !comes {
            return;
        }
        match (target.is_ranked, &target.ranks) {
            // Behind those with a rank, by symbol.
            (true, Some(ranks)) => {
                let rank = |l: &u32| ranks.get(*l as usize).copied().filter(|rank| *rank > 0).unwrap_or(u32::MAX);
                target.members.sort_by(|a, b| {
                    rank(a).cmp(&rank(b)).then_with(|| self.numbering.symbol(*a).cmp(self.numbering.symbol(*b)))
                });
            }
            (true, None) => {}
            (false, _) => self.numbering.sort(&mut target.members),
        }
    }

    /// Returns what somebody says of a listing by hand; the newest word counts.
    pub(super) fn override_of(&self, target: &Target, listing: u32) -> Option<&'a Override> {
        if self.state.overrides.is_empty() || self.cause.is_some() {
            return None;
        }
        let is_meant = |entry: &&Override| self.goes_on_as(self.numbering.number(&entry.symbol)) == listing;
        self.overrides_of(&target.naming.id).filter(is_meant).last()
    }

    fn overrides_of<'i>(&self, id: &'i UniverseId) -> impl Iterator<Item = &'a Override> + use<'a, 'i> {
        let session = self.observation.session;
        self.state.overrides.iter().filter(move |entry| entry.universe == *id && entry.holds(session))
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::{Date, date};

    use crate::plan::{Action, Reason};
    use crate::planner::tests::{FULL, applied, line, market};
    use crate::planner::{Holds, Request, explain::explain, plan};
    use crate::rule::RuleSet;
    use crate::state::{Override, State};
    use crate::{Symbol, UniverseId};

    const DAY: Date = date(2024, 3, 1);

    fn put(symbol: &str, is_member: bool, until: Option<Date>) -> Override {
        Override {
            universe: "stock_universe:top_10".parse().expect("an address"),
            symbol: Symbol::from_stored(symbol),
            is_member,
            from: DAY,
            until,
            reason: "the committee decided".to_owned(),
            actor: "anna".to_owned(),
        }
    }

    fn top(state: &State) -> Vec<&str> {
        let id: UniverseId = "stock_universe:top_10".parse().expect("an address");
        state.universes[&id].members.iter().map(Symbol::as_str).collect()
    }

    #[test]
    fn the_word_of_a_person_counts_until_it_ends() {
        let rules = RuleSet::load("classic", &[], &[]).expect("the shipped rules are right");
        let warrant = crate::planner::tests::Line { kind: crate::SecurityType::Warrant, ..line("WW", 9e9) };
        let lines = [line("AA", 5e9), line("BB", 4e9), warrant];
        let until = date(2024, 3, 5);
        let mut state = State {
            // The later word of two about one symbol counts.
            overrides: vec![put("BB", true, None), put("WW", true, Some(until)), put("BB", false, Some(until))],
            ..State::default()
        };
        let first = plan(&market(DAY, &lines), &rules, &state, FULL);
        let overrides = std::mem::take(&mut state.overrides);
        state = applied(&state, &first);
        assert_eq!(top(&state), ["AA", "WW"], "without a rank behind those with one");
        let universe = first.universes.iter().find(|u| u.id.key() == "top_10").expect("planned");
        let reasons: Vec<Reason> = universe.added.iter().map(|change| change.reason).collect();
        assert_eq!(reasons, [Reason::RankReached(1), Reason::Overridden]);

        state.overrides = overrides;
        let id = &universe.id;
        let told = |symbol: &str| {
            let verdict = explain(&market(DAY, &lines), &rules, &state, id, &Symbol::from_stored(symbol));
            let verdict = verdict.expect("evaluates").expect("defined");
            let question = verdict.deciding().expect("a question").clone();
            (verdict.is_member, question.asks, question.found)
        };
        let found = "anna says so from 2024-03-01 until 2024-03-05: the committee decided".to_owned();
        assert_eq!(told("WW"), (true, "put in by hand".to_owned(), found.clone()));
        assert_eq!(told("BB"), (false, "not left out by hand".to_owned(), found));

        let forced = Request { holds: Holds::Release, ..FULL };
        let second = plan(&market(until, &lines), &rules, &state, forced);
        state = applied(&state, &second);
        assert_eq!(top(&state), ["AA", "BB"], "then the rule counts again, and the first word agrees with it");
        let gone = second.universes.iter().find(|u| u.id.key() == "top_10").expect("planned");
        assert_eq!((gone.action, gone.removed[0].reason), (Action::Updated, Reason::NotEligible));
    }
}
