//! Lines of one company: several share classes that each show the whole company's market cap.

use std::collections::BTreeMap;

use crate::{Observation, Usd};

/// Words after which the name of a security no longer names its company.
const CLASS_WORDS: [&str; 11] = [
    " class ",
    " common",
    " capital stock",
    " ordinary",
    " american depositary",
    " depositary",
    " series ",
    " subordinate",
    " voting",
    " non-voting",
    " cl ",
];

/// Two caps this near are one company's, shown twice: sources round prices, and classes trade apart a little.
const SAME_CAP_SHARE: f64 = 0.05;

/// How many times as much another line must trade to take a member's place.
const INCUMBENT_FACTOR: f64 = 3.0;

/// Returns, for each eligible listing, whether it stands for its company: where several lines of one
/// company show one cap, the most traded one does, with an advantage for a line that is a member already.
pub(super) fn one_line_per_company(
    seen: &Observation,
    caps: &[Option<Usd>],
    eligible: &[bool],
    is_member: impl Fn(usize) -> bool,
) -> Vec<bool> {
    let mut stands = eligible.to_vec();
    let mut companies: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for listing in (0..seen.len()).filter(|i| eligible[*i] && caps[*i].is_some()) {
        if let Some(name) = seen.company_name.value(listing) {
            companies.entry(company_key(name)).or_default().push(listing);
        }
    }
    for lines in companies.values().filter(|lines| lines.len() > 1) {
        let traded = |i: usize| {
            let dollars = seen.close[i].map_or(0.0, crate::Price::dollars) * seen.volume[i].unwrap_or(0) as f64;
            if is_member(i) { dollars * INCUMBENT_FACTOR } else { dollars }
        };
        let mut ordered = lines.clone();
        ordered.sort_by(|a, b| traded(*b).total_cmp(&traded(*a)).then(a.cmp(b)));
        for (place, line) in ordered.iter().enumerate() {
            stands[*line] = !ordered[..place].iter().any(|better| stands[*better] && same_cap(caps, *better, *line));
        }
    }
    stands
}

fn same_cap(caps: &[Option<Usd>], a: usize, b: usize) -> bool {
    let (Some(a), Some(b)) = (caps[a], caps[b]) else { return false };
    (a.0 as f64 - b.0 as f64).abs() <= SAME_CAP_SHARE * a.0.max(b.0) as f64
}

/// Returns what is left of a security's name when kind and class are taken off.
fn company_key(name: &str) -> String {
    company_and_class(name).0
}

/// Returns the company in a security's name, and the kind and class behind it, both without spaces and signs.
pub(crate) fn company_and_class(name: &str) -> (String, String) {
    let lower = format!("{} ", name.to_lowercase());
    let (company, class) = lower.split_at(company_end(&lower));
    let plain = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect();
    (plain(company), plain(class))
}

/// Returns the words of the company in a security's name, in order and in small letters.
pub(crate) fn company_words(name: &str) -> Vec<String> {
    let lower = format!("{} ", name.to_lowercase());
    let company = &lower[..company_end(&lower)];
    company.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn company_end(lower: &str) -> usize {
    CLASS_WORDS.iter().filter_map(|word| lower.find(word)).min().unwrap_or(lower.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_of_a_company_have_one_key() {
        assert_eq!(
            company_key("Alphabet Inc. Class A Common Stock"),
            company_key("Alphabet Inc. Class C Capital Stock")
        );
        assert_eq!(company_key("Berkshire Hathaway Inc. Common Stock"), "berkshirehathawayinc");
        assert_ne!(company_key("Fox Factory Holding Corp. Common Stock"), company_key("Fox Corporation Class A"));
    }
}
