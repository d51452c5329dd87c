//! Which of the listings that went goes on as which of those that came.

use super::names::Names;
use super::side::Side;
use super::{GAP_SNAPSHOTS_MAX, is_continued, is_within};

/// Lines of one company with the same shares are told apart by prices as near as this.
const SAME_LINE_PRICE_FACTOR: f64 = 1.05;

/// With a rare word in common, neither close may be more than so many times the other.
const SAME_WORD_PRICE_FACTOR: f64 = 1.2;

/// With the year of the public offering in common, neither close may be more than so many times the other.
const SAME_YEAR_PRICE_FACTOR: f64 = 1.25;

/// With the year of the public offering in common, neither volume may be more than so many times the other.
const SAME_YEAR_VOLUME_FACTOR: f64 = 30.0;

/// With nothing but size in common, neither close may be more than so many times the other.
const SAME_SIZE_PRICE_FACTOR: f64 = 1.05;

/// With nothing but size in common, neither volume may be more than so many times the other.
const SAME_SIZE_VOLUME_FACTOR: f64 = 4.0;

/// With nothing but size in common, a company must be so large: so few come in one day that none is like another.
const SAME_SIZE_CAP_MIN: i64 = 1_000_000_000;

/// Who leaves a symbol to a part of itself is worth less afterwards: neither close may be more than so many times
/// the other.
const SPLIT_OFF_PRICE_FACTOR: f64 = 3.0;

/// One line of a company is told from another when it trades at least so many times as much.
const TRADED_FACTOR: f64 = 20.0;

/// The listings that went and those that came, until they are paired.
pub(super) struct Pairing<'a, 'n> {
    gone: Vec<Side<'a>>,
    came: Vec<Side<'a>>,
    names: &'n Names,
    pub(super) pairs: Vec<(Side<'a>, Side<'a>)>,
}

impl<'a, 'n> Pairing<'a, 'n> {
    pub(super) fn new(gone: Vec<Side<'a>>, came: Vec<Side<'a>>, names: &'n Names) -> Self {
        Self { gone, came, names, pairs: Vec::new() }
    }

    /// Forgets those that went and are not paired, and goes on with others.
    pub(super) fn replace_gone(&mut self, gone: Vec<Side<'a>>) {
        self.gone = gone;
    }

    /// Who left a symbol to somebody else on the same day: with the same shares, or of the same year and first word.
    pub(super) fn by_takeover(&mut self) {
        self.take(
            |_| true,
            |old, new| {
                let first = |side: &Side<'_>| crate::planner::company_words(side.name).into_iter().next();
                let is_namesake = old.ipo_year == new.ipo_year && first(old) == first(new);
                new.age == 0
                    && old.is_of_kind(new)
                    && (old.has_shares_of(new) || is_namesake)
                    && is_within(SPLIT_OFF_PRICE_FACTOR, old.close, new.close)
            },
        );
    }

    /// One company's name, kind and class; then also where the new name is bare or the old one was.
    pub(super) fn by_name(&mut self) {
        let is_one = |old: &Side<'_>, new: &Side<'_>| {
            !old.company.is_empty()
                && old.company == new.company
                && new.age == 0
                && old.is_of_kind(new)
                && goes_on(old, new)
        };
        self.take(|_| true, |old, new| is_one(old, new) && old.class == new.class && old.kind == new.kind);
        let is_open =
            |old: &Side<'_>, new: &Side<'_>| old.class == new.class || old.class.is_empty() || new.class.is_empty();
        self.take(|_| true, |old, new| is_one(old, new) && is_open(old, new));
    }

    /// Two lines of one company that nothing else tells apart, each as much traded as before.
    pub(super) fn by_volume(&mut self) {
        let traded = |side: &Side<'_>| side.close.unwrap_or(0.0) * side.volume.unwrap_or(0) as f64;
        let is_more =
            |more: &Side<'_>, less: &Side<'_>| traded(less) > 0.0 && traded(more) >= TRADED_FACTOR * traded(less);
        // The two lines of one company, the more traded one first.
        let two_of = |sides: &[Side<'a>], one: &Side<'_>| -> Option<(Side<'a>, Side<'a>)> {
            let mut lines =
                sides.iter().filter(|side| side.company == one.company && side.kind == one.kind && side.age == 0);
            let (Some(first), Some(second), None) = (lines.next(), lines.next(), lines.next()) else { return None };
            let (more, less) = if traded(first) < traded(second) { (second, first) } else { (first, second) };
            (is_more(more, less) && more.class == less.class).then(|| (more.clone(), less.clone()))
        };
        let mut found = Vec::new();
        for side in self.gone.iter().filter(|side| !side.company.is_empty()) {
            if let (Some(old), Some(new)) = (two_of(&self.gone, side), two_of(&self.came, side))
                && old.0.symbol == side.symbol
                && goes_on(&old.0, &new.0)
                && goes_on(&old.1, &new.1)
            {
                found.extend([(old.0, new.0), (old.1, new.1)]);
            }
        }
        self.keep(found);
    }

    /// Exactly the same shares, and a price that goes on; with several lines first the nearest prices.
    pub(super) fn by_shares(&mut self) {
        let names = self.names;
        let fits = |old: &Side<'_>, new: &Side<'_>| {
            old.has_shares_of(new)
                && !old.has_round_shares()
                && old.is_of_kind(new)
                && old.may_be_of_class(new)
                && follows(old, new, GAP_SNAPSHOTS_MAX)
        };
        let is_meant = |side: &Side<'_>| !names.may_be_shell(side);
        self.take(is_meant, |old, new| is_within(SAME_LINE_PRICE_FACTOR, old.close, new.close) && fits(old, new));
        self.take(is_meant, |old, new| is_continued(old.close, new.close) && fits(old, new));
    }

    /// A word in common that hardly any other company has, at once and nearly at one price.
    pub(super) fn by_word(&mut self) {
        let names = self.names;
        let is_meant = |side: &Side<'_>| !names.is_shell(side);
        self.take(is_meant, |old, new| {
            is_within(SAME_WORD_PRICE_FACTOR, old.close, new.close)
                && (old.is_stock() || new.is_bare())
                && old.is_of_kind(new)
                && old.may_be_of_class(new)
                && old.may_be_of_year(new)
                && new.age == 0
                && follows(old, new, 0)
                && names.share_rare_word(old, new)
        });
    }

    /// A newcomer that was offered to the public years ago, and one of the same exchange and year: at once, nearly at
    /// one price, and about as much traded.
    pub(super) fn by_year(&mut self, this_year: i16) {
        let names = self.names;
        self.take(
            |side| is_established(side, names),
            |old, new| {
                old.ipo_year.is_some_and(|year| year < this_year)
                    && old.ipo_year == new.ipo_year
                    && is_near(old, new, SAME_YEAR_PRICE_FACTOR, SAME_YEAR_VOLUME_FACTOR)
            },
        );
    }

    /// A large company and a newcomer to its exchange: at once, at one price, and as much traded.
    pub(super) fn by_size(&mut self) {
        let names = self.names;
        self.take(
            |side| is_established(side, names),
            |old, new| {
                old.cap.is_some_and(|cap| cap.0 >= SAME_SIZE_CAP_MIN)
                    && old.may_be_of_year(new)
                    && is_near(old, new, SAME_SIZE_PRICE_FACTOR, SAME_SIZE_VOLUME_FACTOR)
            },
        );
    }

    /// The other lines of a company of which one was paired: with the rest of the name and nearly one price.
    pub(super) fn by_company(&mut self) {
        let renamed: Vec<(String, String)> = self
            .pairs
            .iter()
            .filter(|(old, new)| old.company != new.company && !old.company.is_empty() && !new.company.is_empty())
            .map(|(old, new)| (old.company.clone(), new.company.clone()))
            .collect();
        self.take(
            |_| true,
            |old, new| {
                let is_of = |(before, after): &(String, String)| {
                    let rests = old.company.strip_prefix(before).zip(new.company.strip_prefix(after));
                    rests.is_some_and(|(old_rest, new_rest)| {
                        (old_rest == new_rest && old.class == new.class)
                            || (new_rest.is_empty() && new.class.is_empty())
                    })
                };
                new.age == 0 && old.is_of_kind(new) && is_continued(old.close, new.close) && renamed.iter().any(is_of)
            },
        );
    }

    /// Pairs what fits nothing else, in both directions. Those that are not meant are candidates all the same: then
    /// nothing is certain.
    fn take(&mut self, is_meant: impl Fn(&Side<'_>) -> bool, fits: impl Fn(&Side<'_>, &Side<'_>) -> bool) {
        let mut found = Vec::new();
        for old in self.gone.iter().filter(|side| is_meant(side)) {
            let mut fitting = self.came.iter().filter(|new| fits(old, new));
            if let (Some(new), None) = (fitting.next(), fitting.next())
                && is_meant(new)
                && self.gone.iter().filter(|other| fits(other, new)).count() == 1
            {
                found.push((old.clone(), new.clone()));
            }
        }
        self.keep(found);
    }

    fn keep(&mut self, found: Vec<(Side<'a>, Side<'a>)>) {
        self.gone.retain(|side| found.iter().all(|(old, _)| old.symbol != side.symbol));
        self.came.retain(|side| found.iter().all(|(_, new)| new.symbol != side.symbol));
        self.pairs.extend(found);
    }
}

/// Whether the price or the cap goes on, or the shares do.
fn goes_on(old: &Side<'_>, new: &Side<'_>) -> bool {
    let cap = |side: &Side<'_>| side.cap.map(|cap| cap.0 as f64);
    is_continued(old.close, new.close) || is_continued(cap(old), cap(new)) || old.has_shares_of(new)
}

/// Whether it is stock of a company that was not founded to be merged.
fn is_established(side: &Side<'_>, names: &Names) -> bool {
    side.is_stock() && !names.may_be_shell(side)
}

/// Whether the one comes to the exchange of the other when that goes, at nearly one price and volume.
fn is_near(old: &Side<'_>, new: &Side<'_>, price_factor: f64, volume_factor: f64) -> bool {
    let volume = |side: &Side<'_>| side.volume.map(|volume| volume as f64);
    is_within(price_factor, old.close, new.close)
        && is_within(volume_factor, volume(old), volume(new))
        && old.exchange.is_some()
        && old.exchange == new.exchange
        && old.may_be_of_class(new)
        && new.age == 0
        && follows(old, new, 0)
}

/// Whether the one went when the other came, with not more than so many snapshots in between.
fn follows(old: &Side<'_>, new: &Side<'_>, gap_max: u16) -> bool {
    new.age <= old.absent && old.absent - new.age <= gap_max
}
