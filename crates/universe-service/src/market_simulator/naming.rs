//! Invented companies and their symbols, each used once.

use std::collections::HashSet;

use universe_core::Symbol;

use super::random::Random;

const STARTS: [&str; 40] = [
    "Al", "Ar", "Bel", "Bran", "Cal", "Cor", "Dal", "Dor", "El", "Em", "Fal", "Fen", "Gal", "Gren", "Hal", "Har", "Il",
    "Is", "Jar", "Kel", "Kor", "Lam", "Lor", "Mar", "Mer", "Nor", "Nov", "Ol", "Or", "Pel", "Quin", "Ral", "Ser",
    "Sol", "Tal", "Tor", "Ul", "Vel", "Wes", "Zan",
];
const MIDDLES: [&str; 28] = [
    "a", "ab", "ade", "an", "ar", "bi", "ci", "da", "do", "e", "em", "en", "ga", "i", "ib", "in", "la", "li", "mo",
    "na", "ni", "o", "or", "ri", "ta", "ti", "u", "vi",
];
const ENDS: [&str; 30] = [
    "bex", "core", "dane", "dex", "don", "dora", "field", "gate", "gen", "kor", "lane", "lyte", "mark", "mere", "mont",
    "nix", "nova", "phor", "quest", "ran", "ridge", "sant", "stone", "tara", "thon", "tis", "vane", "via", "well",
    "yx",
];
/// How often a name or symbol that is taken is tried again before a longer form is used.
const TRIES: usize = 12;
/// The last letters of five-letter symbols of common stock: the others mean warrants, units, rights and the like.
const FIFTH_LETTERS: &[u8] = b"ABCDEGHIJKMSTXZ";

/// The names and symbols that are taken; those of delisted companies stay taken.
#[derive(Clone, Debug, Default)]
pub(super) struct Naming {
    names: HashSet<String>,
    symbols: HashSet<Symbol>,
}

impl Naming {
    /// Invents a company name without its legal form (`Velara Systems`).
    pub(super) fn company(&mut self, random: &mut Random, nouns: &[&str]) -> String {
        for attempt in 0.. {
            let mut name = invented_word(random);
            name.push(' ');
            name.push_str(nouns[random.below(nouns.len())]);
            if attempt >= TRIES {
                name = format!("{} {name}", invented_word(random));
            }
            if self.names.insert(name.clone()) {
                return name;
            }
        }
        unreachable!("two invented words make more names than there are listings")
    }

    /// Takes a symbol, as it is; tells whether it was free.
    pub(super) fn take(&mut self, symbol: &str) -> Option<Symbol> {
        let symbol = Symbol::from_stored(symbol);
        self.symbols.insert(symbol.clone()).then_some(symbol)
    }

    /// Finds a free symbol that looks like a name, of three to five letters.
    pub(super) fn symbol(&mut self, random: &mut Random, name: &str) -> Symbol {
        let letters: Vec<u8> = name.bytes().filter(u8::is_ascii_alphabetic).map(|b| b.to_ascii_uppercase()).collect();
        let noun = name.rsplit(' ').next().and_then(|word| word.bytes().next()).unwrap_or(b'X').to_ascii_uppercase();
        let length = if random.chance(0.3) { 3 } else { 4 };
        let similar = [
            letters[..length].to_vec(),
            [&letters[..3], &[noun]].concat(),
            [&letters[..2], &[letters[3], noun]].concat(),
        ];
        for candidate in similar {
            if let Some(symbol) = self.take_bytes(&candidate) {
                return symbol;
            }
        }
        for attempt in 0.. {
            let further = if length == 3 && attempt < 2 { 2 } else { 3 };
            let mut candidate = vec![letters[0]];
            candidate.extend((0..further).map(|_| b'A' + random.below(26) as u8));
            if attempt >= TRIES {
                candidate.push(*random.pick(FIFTH_LETTERS));
            }
            // A million listings exhaust the five letters after one initial.
            if attempt >= 4 * TRIES {
                candidate[0] = b'A' + random.below(26) as u8;
            }
            if let Some(symbol) = self.take_bytes(&candidate) {
                return symbol;
            }
        }
        unreachable!("five letters make more symbols than there are listings")
    }

    fn take_bytes(&mut self, letters: &[u8]) -> Option<Symbol> {
        self.take(std::str::from_utf8(letters).ok()?)
    }
}

/// Invents a word like `Corinnova`, of at least four letters.
fn invented_word(random: &mut Random) -> String {
    [*random.pick(&STARTS), *random.pick(&MIDDLES), *random.pick(&ENDS)].concat()
}

/// Returns a company's legal name and what its shares are called, as its country has them.
pub(super) fn legal_name(random: &mut Random, name: &str, country: &str) -> (String, &'static str) {
    let forms: &[(&str, &str)] = match country {
        "United States" => &[
            ("Inc.", "Common Stock"),
            ("Inc.", "Common Stock"),
            ("Inc.", "Common Stock"),
            ("Inc.", "Class A Common Stock"),
            ("Corporation", "Common Stock"),
            ("Corporation", "Common Stock"),
            ("Corp.", "Common Stock"),
            ("Company", "Common Stock"),
        ],
        "Canada" => &[("Inc.", "Common Shares"), ("Corp.", "Common Shares"), ("Ltd.", "Common Stock")],
        "United Kingdom" | "Ireland" => &[("plc", "Ordinary Shares"), ("plc", "Class A Ordinary Shares")],
        "Netherlands" => &[("N.V.", "Common Shares"), ("N.V.", "Ordinary Shares")],
        "Brazil" => &[("S.A.", "Common Shares"), ("Ltd.", "Class A Common Shares")],
        "Switzerland" | "Germany" => &[("AG", "Ordinary Shares"), ("SE", "Ordinary Shares")],
        _ => &[("Ltd.", "Ordinary Shares"), ("Limited", "Ordinary Shares"), ("Limited", "Class A Ordinary Shares")],
    };
    let (form, shares) = *random.pick(forms);
    (format!("{name} {form}"), shares)
}
