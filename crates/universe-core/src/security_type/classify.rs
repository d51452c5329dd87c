//! Tells the kind of a security from its name, where the source does not say.
//!
//! Names are an issuer followed by a description of the security, in the spelling of whoever typed them.
//! The first word that names a kind decides: a unit "consisting of one share of common stock and one
//! warrant" is a unit, a warrant "to purchase common stock" a warrant. What describes itself as common
//! stock, or not at all, may still be a closed-end fund. There are no rules about single securities.

use super::SecurityType;

/// The industry under which screeners file closed-end funds, and little else.
const FUND_INDUSTRY: &str = "Trusts Except Educational Religious and Charitable";

/// Industries that closed-end funds share with companies: they only confirm what a name suggests.
const FUND_INDUSTRIES: [&str; 5] = [
    FUND_INDUSTRY,
    "Investment Managers",
    "Finance/Investors Services",
    "Finance Companies",
    "Investment Bankers/Brokers/Service",
];

/// Families of closed-end funds: a name that begins so is a fund when a [`FUND_WORDS`] word follows.
const FUND_FAMILIES: [&str; 34] = [
    "aberdeen",
    "abrdn",
    "advent",
    "alliancebernstein",
    "allspring",
    "angel oak",
    "barings",
    "blackrock",
    "blackstone",
    "bny mellon",
    "calamos",
    "clearbridge",
    "cohen steers",
    "delaware",
    "doubleline",
    "dws",
    "eagle point",
    "eaton vance",
    "first trust",
    "flaherty crumrine",
    "franklin",
    "gabelli",
    "guggenheim",
    "invesco",
    "john hancock",
    "kayne anderson",
    "mfs",
    "nuveen",
    "pimco",
    "putnam",
    "royce",
    "tekla",
    "virtus",
    "western asset",
];

/// Words of fund names that the managers of those families, and companies of like name, do not use.
const FUND_WORDS: [&str; 13] = [
    "allocation",
    "corporate",
    "credit",
    "dividend",
    "income",
    "investors",
    "participation",
    "portfolio",
    "return",
    "strategies",
    "trust",
    "universal",
    "yield",
];

/// Closed-end funds whose names are those of companies; registered under the Investment Company Act of 1940.
const FUNDS_NAMED_AS_COMPANIES: [&str; 13] = [
    "180 degree capital",
    "arrowmark financial",
    "central securities",
    "destiny tech100",
    "fs credit opportunities",
    "general american investors",
    "kayne anderson nextgen",
    "ofs credit",
    "oxford lane capital",
    "source capital",
    "stonecastle financial",
    "tortoise energy infrastructure",
    "tri continental",
];

/// Words before "Trust" that make it a fund whatever the family.
const FUND_TRUST_WORDS: [&str; 9] =
    ["allocation", "bond", "dividend", "income", "opportunities", "opportunity", "term", "value", "focus"];

/// Words of companies whose names otherwise look like those of funds: property trusts, lenders, banks.
const COMPANY_WORDS: [&str; 24] = [
    "acquisition",
    "apartment",
    "bancorp",
    "bancshares",
    "bank",
    "bdc",
    "estate",
    "hospitality",
    "hotel",
    "hotels",
    "land",
    "lending",
    "lodging",
    "logistics",
    "mortgage",
    "office",
    "properties",
    "property",
    "realty",
    "reit",
    "residential",
    "royalty",
    "storage",
    "tcp",
];

/// What a description says first.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mention {
    Common,
    AmericanDepositary,
    Depositary,
    Kind(SecurityType),
}

/// Returns the kind of the security, common stock where nothing speaks against it.
pub(super) fn classify_text(symbol: &str, name: &str, industry: Option<&str>) -> SecurityType {
    let lower = name.to_lowercase();
    let words: Vec<&str> =
        lower.split(|c: char| !c.is_alphanumeric() && c != '%').filter(|word| !word.is_empty()).collect();
    let mention = first_mention(&words);

    if symbol.contains('^') {
        // The caret is for preferreds; notes and equity units of the same issuer borrow it.
        return match mention {
            Some(Mention::Kind(kind @ (SecurityType::Note | SecurityType::Unit))) => kind,
            Some(_) | None => SecurityType::Pfd,
        };
    }
    if let Some(kind) = kind_by_suffix(symbol) {
        return kind;
    }
    let described = match mention {
        Some(Mention::Kind(kind)) => kind,
        Some(Mention::AmericanDepositary) => depositary_receipt(symbol, &words),
        Some(Mention::Depositary) => depositary_share(&words),
        Some(Mention::Common) => SecurityType::Cs,
        None => undescribed(symbol, &words),
    };
    match described {
        SecurityType::Cs if is_when_issued(symbol, &words) => SecurityType::Other,
        SecurityType::Cs if is_fund(&words, industry.map(str::trim)) => SecurityType::Fund,
        kind => kind,
    }
}

/// Returns the kind that a suffix of the CQS symbology names, as in `ABC.WS`, `ABC.U`, `ABC.RT`, `ABC.PRA`.
fn kind_by_suffix(symbol: &str) -> Option<SecurityType> {
    let (_, suffix) = symbol.split_once('.')?;
    match suffix.as_bytes() {
        [b'W', b'S', ..] => Some(SecurityType::Warrant),
        [b'U'] | [b'U', b'N'] => Some(SecurityType::Unit),
        [b'R', b'T', ..] => Some(SecurityType::Right),
        [b'P', b'R', ..] | [b'P', _] => Some(SecurityType::Pfd),
        [b'W', b'I'] => Some(SecurityType::Other),
        _ => None,
    }
}

/// Returns the first thing that the description says about the kind. A first word is the issuer's own
/// ("Unit Corporation", "Preferred Bank") and says nothing.
fn first_mention(words: &[&str]) -> Option<Mention> {
    if matches!(words.first(), Some(&("ishares" | "spdr" | "proshares"))) {
        return Some(Mention::Kind(SecurityType::Etf));
    }
    (1..words.len()).find_map(|at| mention_at(words, at))
}

fn mention_at(words: &[&str], at: usize) -> Option<Mention> {
    let word = words[at];
    let previous = words[at - 1];
    let next = words.get(at + 1).copied().unwrap_or_default();
    let kind = match word {
        "etf" | "etfs" | "etn" | "etns" | "nextshares" => SecurityType::Etf,
        "physical" if matches!(next, "gold" | "silver" | "platinum" | "palladium") => SecurityType::Etf,
        "exchange" if next == "traded" => SecurityType::Etf,
        _ if is_warrant(word) => SecurityType::Warrant,
        // "each representing the right to receive one share" describes a receipt.
        "right" | "rights" if previous != "the" => SecurityType::Right,
        "unit" | "units" if is_ownership_unit(words, at) => return Some(Mention::Common),
        "unit" | "units" | "subunit" | "subunits" | "teu" | "teus" => SecurityType::Unit,
        "preferred" | "preference" | "pfd" | "pref" | "trups" if is_preferred(words, next) => SecurityType::Pfd,
        "capital" if next != "stock" => return None,
        "common" | "ordinary" | "capital" | "voting" if is_share(next) => return Some(common_unless_last(words)),
        "ads" | "adss" | "adr" | "adrs" | "gdr" | "gdrs" => return Some(Mention::AmericanDepositary),
        "american" | "global" | "sponsored" if next.starts_with("dep") => {
            return Some(Mention::AmericanDepositary);
        }
        "depositary" | "depository" | "dep" if is_share(next) => return Some(Mention::Depositary),
        "debenture" | "debentures" | "notes" | "zones" | "corts" | "strats" | "saturns" | "quibs" => SecurityType::Note,
        "ctf" | "ctfs" | "certs" | "certificates" => SecurityType::Note,
        "note" | "bond" | "bonds" | "obligation" | "obligations" if has_terms_of_debt(words) => SecurityType::Note,
        _ => return None,
    };
    Some(Mention::Kind(kind))
}

/// Tells a warrant, also as screeners misspell it ("Warrrant").
fn is_warrant(word: &str) -> bool {
    word.starts_with("warr") && (word.ends_with("ant") || word.ends_with("ants"))
}

fn is_share(word: &str) -> bool {
    matches!(word, "stock" | "share" | "shares" | "shs" | "shr" | "sh" | "stk" | "unit" | "units" | "interest")
}

/// Tells units that are the ownership itself, of partnerships and of trusts, from bundles of securities.
fn is_ownership_unit(words: &[&str], at: usize) -> bool {
    let previous = words[at - 1];
    let after_partnership = previous == "lp" || (previous == "p" && at >= 2 && words[at - 2] == "l");
    after_partnership
        || matches!(previous, "common" | "depositary" | "partnership" | "trust" | "beneficial")
        || words.contains(&"llc")
        || has_pair(words, "limited", "partner")
        || has_pair(words, "limited", "partnership")
        || has_pair(words, "beneficial", "interest")
}

/// Tells the preferred that a security is from the preferreds that a fund holds.
fn is_preferred(words: &[&str], next: &str) -> bool {
    let ends_as_common = matches!(words, [.., "common" | "ordinary", last] if is_share(last));
    is_share(next) || !(ends_as_common || words.contains(&"fund") || matches!(next, "and" | "income" | "opportunities"))
}

/// Returns what begins with "common stock": that, unless it goes on to "purchase warrant" or "ADR".
fn common_unless_last(words: &[&str]) -> Mention {
    let purchase_warrant = words.windows(2).any(|pair| pair[0] == "purchase" && is_warrant(pair[1]));
    match words.last() {
        Some(last) if purchase_warrant || is_warrant(last) => Mention::Kind(SecurityType::Warrant),
        Some(&("adr" | "ads")) => Mention::AmericanDepositary,
        Some(_) | None => Mention::Common,
    }
}

fn has_terms_of_debt(words: &[&str]) -> bool {
    words.contains(&"due") || words.iter().any(|word| word.contains('%'))
}

fn has_pair(words: &[&str], first: &str, second_starts: &str) -> bool {
    words.windows(2).any(|pair| pair[0] == first && pair[1].starts_with(second_starts))
}

fn depositary_receipt(symbol: &str, words: &[&str]) -> SecurityType {
    if words.iter().any(|word| matches!(*word, "preferred" | "preference" | "pfd")) {
        SecurityType::Pfd
    } else if fifth_letter(symbol) == Some(b'W') && words.contains(&"adw") {
        SecurityType::Warrant
    } else {
        SecurityType::Adrc
    }
}

/// American companies issue depositary shares of preferreds only, and often leave that unsaid.
fn depositary_share(words: &[&str]) -> SecurityType {
    let of_preferred = words.iter().any(|word| matches!(*word, "preferred" | "preference" | "pfd"));
    if !of_preferred && (words.contains(&"ordinary") || words.contains(&"common")) {
        SecurityType::Adrc
    } else if !of_preferred && has_pair(words, "limited", "partner") {
        SecurityType::Cs
    } else {
        SecurityType::Pfd
    }
}

/// Returns the kind of a security whose name has no description: a coupon, or the letter that NASDAQ
/// appends to four-letter symbols, still tells.
fn undescribed(symbol: &str, words: &[&str]) -> SecurityType {
    if words.iter().any(|word| word.contains('%')) {
        return if words.contains(&"due") { SecurityType::Note } else { SecurityType::Pfd };
    }
    if words.contains(&"synthetic") && words.contains(&"securities") {
        return SecurityType::Note;
    }
    // Trusts that companies set up to issue trust preferreds are numbered.
    if matches!(words, [.., "capital", "trust", number] if number.chars().all(|c| matches!(c, 'i' | 'v' | 'x'))) {
        return SecurityType::Pfd;
    }
    match fifth_letter(symbol) {
        Some(b'W') => SecurityType::Warrant,
        Some(b'U') => SecurityType::Unit,
        Some(b'R') => SecurityType::Right,
        Some(_) | None => SecurityType::Cs,
    }
}

/// Tells the temporary second line in which a security trades before it is issued or distributed.
fn is_when_issued(symbol: &str, words: &[&str]) -> bool {
    fifth_letter(symbol) == Some(b'V') && has_pair(words, "when", "issued")
}

fn fifth_letter(symbol: &str) -> Option<u8> {
    (symbol.len() == 5 && !symbol.contains('.')).then(|| symbol.as_bytes()[4])
}

/// Tells closed-end funds from companies, among what calls itself common stock.
///
/// Business development companies and property trusts are companies, also where they call themselves
/// funds or trusts.
fn is_fund(words: &[&str], industry: Option<&str>) -> bool {
    if words.iter().any(|word| matches!(*word, "lending" | "bdc")) {
        return false;
    }
    let says_fund = words.iter().any(|word| matches!(*word, "fund" | "funds"))
        || has_pair(words, "closed", "end")
        || words
            .iter()
            .any(|word| word.starts_with("muni") && !word.starts_with("munic") || word.starts_with("municipal"));
    if says_fund || industry == Some(FUND_INDUSTRY) || FUNDS_NAMED_AS_COMPANIES.iter().any(|fund| begins(words, fund)) {
        return true;
    }
    let is_property = industry.is_some_and(|industry| industry.starts_with("Real Estate"));
    if is_property || words.iter().any(|word| COMPANY_WORDS.contains(word)) {
        return false;
    }
    let beneficial_interest = has_pair(words, "of", "beneficial");
    let in_fund_industry = industry.is_some_and(|industry| FUND_INDUSTRIES.contains(&industry));
    words.windows(2).any(|pair| pair[1] == "trust" && FUND_TRUST_WORDS.contains(&pair[0]))
        || (beneficial_interest && in_fund_industry)
        || (FUND_FAMILIES.iter().any(|family| begins(words, family))
            && (beneficial_interest || words.iter().any(|word| FUND_WORDS.contains(word))))
}

/// Tells whether a name begins with the words of `prefix`, a leading "The" aside.
fn begins(words: &[&str], prefix: &str) -> bool {
    let words = words.strip_prefix(&["the"]).unwrap_or(words);
    let mut name = words.iter();
    prefix.split(' ').all(|part| name.next() == Some(&part))
}
