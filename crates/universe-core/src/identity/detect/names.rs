//! What the names of a whole market tell: which words are of few companies, and which companies are shells.

use std::collections::{BTreeMap, BTreeSet};

use super::side::Side;
use crate::planner::company_words;
use crate::{Observation, Snapshot};

/// A word that no more companies have in their names, and not one in so many, tells who is meant.
const RARE_WORD_COMPANIES: (usize, usize) = (3, 100);

/// Money waits in trust at ten dollars a share, three years at most: who is listed no longer may be a shell at such a
/// price, whatever it is called.
const TRUST: (std::ops::RangeInclusive<f64>, i16) = (9.0..=11.0, 3);

/// Shorter words are endings and articles.
const WORD_CHARS_MIN: usize = 3;

/// Words in the names of companies that were founded to be merged with another: what follows is another business.
const SHELL_WORDS: [&str; 5] = ["acquisition", "acquisitions", "merger", "spac", "special purpose"];

/// What a share of such a company is sold together with a warrant as.
const UNIT_WORDS: [&str; 4] = ["unit", "units", "subunit", "subunits"];

/// The names of what was known and of what is shown.
pub(super) struct Names {
    /// The companies with a word in their names, by their first two words.
    companies: BTreeMap<String, BTreeSet<String>>,
    /// The companies, by all their words, of which there are units.
    with_units: BTreeSet<Vec<String>>,
    /// How many companies there are.
    count: usize,
    this_year: i16,
}

impl Names {
    pub(super) fn of(known: &Observation, snapshot: &Snapshot) -> Self {
        let before = (0..known.len()).filter_map(|at| known.company_name.value(at));
        let now = snapshot.rows.iter().filter_map(|row| row.listing.company_name.as_deref());
        let mut names = Self {
            companies: BTreeMap::new(),
            with_units: BTreeSet::new(),
            count: 0,
            this_year: snapshot.session.year(),
        };
        let mut all = BTreeSet::new();
        for name in before.chain(now).collect::<BTreeSet<&str>>() {
            let mut words = company_words(name);
            let company = words.iter().take(2).cloned().collect::<Vec<_>>().join(" ");
            all.insert(company.clone());
            for word in words.iter().filter(|word| WORD_CHARS_MIN <= word.len()) {
                let companies = names.companies.entry(word.clone()).or_default();
                if companies.len() <= RARE_WORD_COMPANIES.0 {
                    companies.insert(company.clone());
                }
            }
            if let Some(at) = words.iter().position(|word| UNIT_WORDS.contains(&word.as_str())) {
                words.truncate(at);
                names.with_units.insert(words);
            }
        }
        names.count = all.len();
        names
    }

    /// Whether the names of both have a word that hardly any other company's has.
    pub(super) fn share_rare_word(&self, one: &Side<'_>, two: &Side<'_>) -> bool {
        let (count_max, one_in) = RARE_WORD_COMPANIES;
        let is_rare = |word: &String| {
            self.companies.get(word).is_some_and(|found| found.len() <= count_max && found.len() * one_in <= self.count)
        };
        let words = company_words(two.name);
        let is_number = |word: &str| word.starts_with(|c: char| c.is_ascii_digit());
        company_words(one.name).iter().any(|word| !is_number(word) && is_rare(word) && words.contains(word))
    }

    /// Whether a company was founded to be merged with another: by its name, or because it trades as units too.
    pub(super) fn is_shell(&self, side: &Side<'_>) -> bool {
        let words = company_words(side.name);
        let text = format!(" {} ", words.join(" "));
        SHELL_WORDS.iter().any(|word| text.contains(&format!(" {word} "))) || self.with_units.contains(&words)
    }

    /// Whether figures alone do not tell it from a company that was founded to be merged.
    pub(super) fn may_be_shell(&self, side: &Side<'_>) -> bool {
        let (price, years) = TRUST;
        let is_in_trust = side.close.is_some_and(|close| price.contains(&close))
            && side.ipo_year.is_some_and(|year| self.this_year - years <= year);
        is_in_trust || side.has_round_shares() || self.is_shell(side)
    }
}
