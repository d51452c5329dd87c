//! The listings that a market starts with, and the companies behind them.

use jiff::ToSpan;
use jiff::civil::Date;
use universe_core::{Price, SecurityType, Symbol, session_on_or_before};

use super::naming::{Naming, legal_name};
use super::random::{Random, exp};
use super::reference::{
    BLANK_CHECKS, ETFS, Etf, FINANCE, FOREIGN_COUNTRIES, FUND_INDUSTRIES, REAL_ESTATE, SECTORS, UNITED_STATES,
    UTILITIES,
};

/// A company: what its lines have in common.
#[derive(Clone, Debug)]
pub(super) struct Company {
    /// The legal name (`Velara Systems Inc.`).
    pub(super) name: String,
    /// The symbol of its first line, from which the others are derived.
    pub(super) symbol: Symbol,
    /// Its sector, as a place in [`SECTORS`]; ETFs have none.
    pub(super) sector: Option<usize>,
    pub(super) industry: Option<&'static str>,
    pub(super) country: &'static str,
    pub(super) exchange: &'static str,
    pub(super) listing_date: Option<Date>,
    /// How much it moves with the market.
    pub(super) beta: f64,
    /// The standard deviation of what it does on its own in a session.
    pub(super) volatility: f64,
    /// How many lines it has; only companies with one change their symbol.
    pub(super) lines: u8,
}

/// One listing.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) symbol: Symbol,
    /// A place in the market's companies.
    pub(super) company: usize,
    pub(super) name: String,
    pub(super) security_type: SecurityType,
    /// The unrounded price: what is published is rounded to the tick.
    pub(super) price: f64,
    pub(super) previous: Option<Price>,
    pub(super) shares: i64,
    /// How much it moves when its company does.
    pub(super) sensitivity: f64,
    /// Whether the source shows its cap already.
    pub(super) cap_known: bool,
    pub(super) delisted: bool,
    pub(super) etf: Option<&'static Etf>,
}

/// What a market is made of at any time.
#[derive(Clone, Debug)]
pub(super) struct Population {
    pub(super) companies: Vec<Company>,
    /// Sorted by symbol.
    pub(super) lines: Vec<Line>,
    pub(super) naming: Naming,
}

/// The share of listings, in thousandths, that are of each kind; what is left over are closed-end funds.
const COMMON_STOCK: usize = 725;
const DEPOSITARY_RECEIPTS: usize = 55;
const SECOND_CLASSES: usize = 8;
const PREFERRED: usize = 62;
const WARRANTS: usize = 55;
const UNITS: usize = 24;
const RIGHTS: usize = 6;
const NOTES: usize = 18;
/// Markets with fewer listings than this have only their best-known ETFs.
const LISTINGS_PER_ETF: usize = 10;
/// How often a company that may issue something is looked for.
const TRIES: usize = 400;
const MEGA_CAP: f64 = 200e9;
const LARGEST_CAP: f64 = 3e12;
/// The share of companies above [`MEGA_CAP`].
const MEGA_SHARE: f64 = 0.0135;
/// The share of companies that are the very largest, all of them at home.
const GIANTS_SHARE: f64 = 0.004;
/// Caps below the largest: which share of companies is above which cap, and its natural logarithm.
const CAPS: [(f64, f64); 8] = [
    (MEGA_SHARE, 26.0217),
    (0.115, 23.0259), // 10B
    (0.28, 21.5117),  // 2.2B
    (0.50, 20.0301),  // 500M
    (0.62, 19.1138),  // 200M
    (0.80, 17.7275),  // 50M
    (0.93, 16.3004),  // 12M
    (1.0, 14.5087),   // 2M
];

impl Population {
    /// Makes a population of as many listings as asked for, as of a session.
    pub(super) fn new(random: &mut Random, listings: usize, first_session: Date) -> Self {
        let mut population =
            Self { companies: Vec::new(), lines: Vec::with_capacity(listings), naming: Naming::default() };
        for etf in &ETFS[..ETFS.len().min(listings / LISTINGS_PER_ETF)] {
            population.add_etf(etf);
        }
        population.add_companies(random, listings, first_session);
        population.add_further_lines(random, listings, first_session);
        while population.lines.len() < listings {
            population.add_fund(random);
        }
        population.lines.sort_by(|a, b| a.symbol.cmp(&b.symbol));
        population
    }

    fn add_companies(&mut self, random: &mut Random, listings: usize, first_session: Date) {
        let mut second_classes = listings * SECOND_CLASSES / 1000;
        let receipts = listings * DEPOSITARY_RECEIPTS / 1000;
        let count = (listings * COMMON_STOCK / 1000).saturating_sub(second_classes) + receipts;
        let mut ranks: Vec<usize> = (0..count).collect();
        random.shuffle(&mut ranks);
        for (place, rank) in ranks.into_iter().enumerate() {
            let from_top = (rank as f64 + 0.5) / count as f64;
            let cap = cap_at(from_top, count) * exp(0.04 * random.normal());
            let listed_on = random.chance(0.45).then(|| {
                let days = 1 + random.below(3650) as i64;
                session_on_or_before(first_session.saturating_sub(days.days()))
            });
            let is_receipt = place < receipts && from_top > GIANTS_SHARE;
            let company = self.add_company(random, cap, from_top, is_receipt, listed_on);
            let nyse = self.companies[company].exchange == "nyse";
            if second_classes > 0 && !is_receipt && nyse && random.chance(0.06) && self.split_classes(random, company) {
                second_classes -= 1;
            }
        }
    }

    /// Adds a company with its first line, and returns its place.
    pub(super) fn add_company(
        &mut self,
        random: &mut Random,
        cap: f64,
        from_top: f64,
        is_receipt: bool,
        listing_date: Option<Date>,
    ) -> usize {
        let large = from_top < 0.05;
        let sector =
            random.weighted(SECTORS.iter().map(|sector| if large { sector.weight_large } else { sector.weight }));
        let foreign_chance = match from_top {
            _ if from_top < GIANTS_SHARE => 0.0,
            _ if large => 0.05,
            _ => 0.14,
        };
        let country = match is_receipt || random.chance(foreign_chance) {
            true => {
                let places = FOREIGN_COUNTRIES.iter().map(|(_, weight)| *weight);
                FOREIGN_COUNTRIES[random.weighted(places)].0
            }
            false => UNITED_STATES,
        };
        let blank_check = !is_receipt && (0.5..0.8).contains(&from_top) && random.chance(0.18);
        let nouns = if blank_check { &["Acquisition", "Merger", "Capital Acquisition"] } else { SECTORS[sector].nouns };
        let (name, industry, sector) = if blank_check {
            (self.naming.company(random, nouns), BLANK_CHECKS, FINANCE)
        } else {
            let industries = SECTORS[sector].industries;
            let industry = industries[random.weighted(industries.iter().map(|(_, weight)| *weight))].0;
            (self.naming.company(random, nouns), industry, sector)
        };
        let (legal, shares_called) = legal_name(random, &name, country);
        let shares_called = if is_receipt { "American Depositary Shares" } else { shares_called };
        let price = if blank_check { random.between(10.0, 11.2) } else { price_for(random, cap) };
        let exchange = exchange_for(random, cap, blank_check);
        let symbol = self.naming.symbol(random, &name);
        let (beta, volatility) = match cap {
            _ if blank_check => (0.02, 0.002),
            _ if cap >= MEGA_CAP => (random.between(0.7, 1.4), 0.011),
            _ if cap >= 10e9 => (random.between(0.5, 1.6), 0.014),
            _ if cap >= 2e9 => (random.between(0.5, 1.7), 0.019),
            _ if cap >= 300e6 => (random.between(0.4, 1.8), 0.026),
            _ => (random.between(0.2, 1.6), 0.038),
        };
        self.companies.push(Company {
            name: legal,
            symbol: symbol.clone(),
            sector: Some(sector),
            industry: Some(industry),
            country,
            exchange,
            listing_date,
            beta,
            volatility,
            lines: 0,
        });
        let company = self.companies.len() - 1;
        let security_type = if is_receipt { SecurityType::Adrc } else { SecurityType::Cs };
        self.add_line(company, symbol, shares_called, security_type, price, cap / price, 1.0);
        company
    }

    /// Turns the newest line into class A and adds class B; both carry the whole company's cap, as sources show it.
    fn split_classes(&mut self, random: &mut Random, company: usize) -> bool {
        let base = self.companies[company].symbol.clone();
        let (Some(a), Some(b)) = (self.naming.take(&format!("{base}.A")), self.naming.take(&format!("{base}.B")))
        else {
            return false;
        };
        let Some(first) = self.lines.last_mut() else { return false };
        first.symbol = a.clone();
        first.name = format!("{} Class A Common Stock", self.companies[company].name);
        let cap = first.price * first.shares as f64;
        let price = first.price * random.between(0.9, 1.1);
        self.companies[company].symbol = a;
        self.add_line(company, b, "Class B Common Stock", SecurityType::Cs, price, cap / price, 1.0);
        true
    }

    #[expect(clippy::too_many_arguments, reason = "the arguments are the fields of a line")]
    fn add_line(
        &mut self,
        company: usize,
        symbol: Symbol,
        called: &str,
        security_type: SecurityType,
        price: f64,
        shares: f64,
        sensitivity: f64,
    ) {
        self.companies[company].lines = self.companies[company].lines.saturating_add(1);
        self.lines.push(Line {
            symbol,
            company,
            name: format!("{} {called}", self.companies[company].name),
            security_type,
            price,
            previous: None,
            shares: (shares as i64).max(1),
            sensitivity,
            cap_known: true,
            delisted: false,
            etf: None,
        });
    }

    /// Adds preferred shares, warrants, units, rights and notes to companies that would have issued them.
    fn add_further_lines(&mut self, random: &mut Random, listings: usize, first_session: Date) {
        let issuers = self.companies.len();
        for (security_type, thousandths) in [
            (SecurityType::Pfd, PREFERRED),
            (SecurityType::Warrant, WARRANTS),
            (SecurityType::Unit, UNITS),
            (SecurityType::Right, RIGHTS),
            (SecurityType::Note, NOTES),
        ] {
            for _ in 0..listings * thousandths / 1000 {
                if issuers == 0 || self.lines.len() >= listings {
                    return;
                }
                let issued = (0..TRIES).any(|_| {
                    let company = random.below(issuers);
                    self.issue(random, company, security_type, first_session)
                });
                if !issued {
                    break;
                }
            }
        }
    }

    /// Adds a line of a kind to a company, if it would issue one and the symbol is free.
    fn issue(&mut self, random: &mut Random, company: usize, kind: SecurityType, first_session: Date) -> bool {
        let issuer = &self.companies[company];
        let blank_check = issuer.industry == Some(BLANK_CHECKS);
        let pays = matches!(issuer.sector, Some(FINANCE | REAL_ESTATE | UTILITIES)) && !blank_check;
        let willing = match kind {
            SecurityType::Pfd | SecurityType::Note => pays,
            SecurityType::Warrant => blank_check || issuer.volatility > 0.03,
            SecurityType::Unit | SecurityType::Right => blank_check,
            SecurityType::Cs | SecurityType::Etf | SecurityType::Adrc | SecurityType::Fund | SecurityType::Other => {
                false
            }
        };
        if !willing || issuer.country != UNITED_STATES && pays {
            return false;
        }
        let nasdaq = issuer.exchange == "nasdaq";
        // Share classes end in a letter of their own; what is derived from them starts without it.
        let base = issuer.symbol.as_str().split('.').next().unwrap_or_default().to_owned();
        let endings: &[&str] = match (kind, nasdaq) {
            (SecurityType::Pfd, true) => &["P", "O", "N", "M"],
            (SecurityType::Pfd, false) => &["^A", "^B", "^C", "^D", "^E", "^F"],
            (SecurityType::Warrant, true) => &["W"],
            (SecurityType::Warrant, false) => &[".WS"],
            (SecurityType::Unit, true) => &["U"],
            (SecurityType::Unit, false) => &[".U"],
            (SecurityType::Right, true) => &["R"],
            (SecurityType::Right, false) => &[".RT"],
            (_, true) => &["L", "Z", "G"],
            (_, false) => &[""],
        };
        let free = endings.iter().enumerate().find_map(|(n, ending)| {
            let symbol = if ending.is_empty() {
                self.naming.symbol(random, &issuer.name)
            } else {
                self.naming.take(&format!("{base}{ending}"))?
            };
            Some((n, symbol))
        });
        let Some((number, symbol)) = free else { return false };
        let series = char::from(b'A' + number as u8);
        let rate = 4.0 + 0.125 * random.below(40) as f64;
        let (called, price, shares, sensitivity) = match kind {
            SecurityType::Pfd if random.chance(0.5) => (
                format!(
                    "Depositary Shares Each Representing a 1/1000th Interest in a Share of {rate}% Non-Cumulative \
                     Perpetual Preferred Stock Series {series}"
                ),
                random.between(17.0, 26.0),
                random.between(2e6, 4e7),
                0.08,
            ),
            SecurityType::Pfd => (
                format!("{rate}% Series {series} Cumulative Redeemable Preferred Stock"),
                random.between(17.0, 26.0),
                random.between(1e6, 2e7),
                0.1,
            ),
            SecurityType::Note => {
                let due = first_session.year() + 2 + random.below(30) as i16;
                (format!("{rate}% Senior Notes due {due}"), random.between(21.0, 25.5), random.between(2e6, 2e7), 0.04)
            }
            SecurityType::Warrant => ("Warrant".to_owned(), random.between(0.02, 1.5), random.between(4e6, 3e7), 1.6),
            SecurityType::Unit => ("Unit".to_owned(), random.between(10.1, 11.5), random.between(1e6, 2e7), 1.0),
            SecurityType::Right => ("Right".to_owned(), random.between(0.08, 0.4), random.between(4e6, 2e7), 1.5),
            SecurityType::Cs | SecurityType::Etf | SecurityType::Adrc | SecurityType::Fund | SecurityType::Other => {
                return false;
            }
        };
        self.add_line(company, symbol, &called, kind, price, shares, sensitivity);
        true
    }

    fn add_fund(&mut self, random: &mut Random) {
        let subjects =
            ["Municipal Income", "High Income", "Global Equity", "Floating Rate", "Credit Opportunities", "Tax-Free"];
        let name = self.naming.company(random, &subjects);
        let (form, called) = match random.chance(0.5) {
            true => ("Fund Inc.", "Common Stock"),
            false => ("Trust", "Common Shares of Beneficial Interest"),
        };
        let symbol = self.naming.symbol(random, &name);
        self.companies.push(Company {
            name: format!("{name} {form}"),
            symbol: symbol.clone(),
            sector: Some(FINANCE),
            industry: Some(*random.pick(&FUND_INDUSTRIES)),
            country: UNITED_STATES,
            exchange: "nyse",
            listing_date: None,
            beta: 0.3,
            volatility: 0.005,
            lines: 0,
        });
        let price = random.between(5.0, 25.0);
        let shares = random.between(4e6, 8e7);
        self.add_line(self.companies.len() - 1, symbol, called, SecurityType::Fund, price, shares, 1.0);
    }

    fn add_etf(&mut self, etf: &'static Etf) {
        let Some(symbol) = self.naming.take(etf.symbol) else { return };
        let (beta, volatility) = match etf.etf_type {
            "bond" => (0.05, 0.003),
            "crypto" => (0.8, 0.03),
            _ => (1.0, 0.003),
        };
        self.companies.push(Company {
            name: etf.name.to_owned(),
            symbol: symbol.clone(),
            sector: None,
            industry: None,
            country: UNITED_STATES,
            exchange: if etf.symbol == "QQQ" || etf.symbol == "TLT" { "nasdaq" } else { "nyse" },
            listing_date: None,
            beta,
            volatility,
            lines: 0,
        });
        let units = f64::from(etf.aum_millions) * 1e6 / etf.price;
        self.add_line(self.companies.len() - 1, symbol, "", SecurityType::Etf, etf.price, units, 1.0);
        if let Some(line) = self.lines.last_mut() {
            line.name = etf.name.to_owned();
            line.etf = Some(etf);
        }
    }
}

/// Returns the cap that a share `from_top` of `count` companies exceeds.
fn cap_at(from_top: f64, count: usize) -> f64 {
    if from_top < MEGA_SHARE {
        // A power law with exponent 1/2, scaled so that the very largest is the same in markets of any size.
        let excess = |from_top: f64| (MEGA_SHARE / from_top).sqrt() - 1.0;
        let largest = excess(0.5 / count as f64);
        return MEGA_CAP + (LARGEST_CAP - MEGA_CAP) * excess(from_top) / largest;
    }
    let above = CAPS.partition_point(|(share, _)| *share <= from_top).clamp(1, CAPS.len() - 1);
    let ((from, high), (to, low)) = (CAPS[above - 1], CAPS[above]);
    exp(high + (low - high) * (from_top - from) / (to - from))
}

fn price_for(random: &mut Random, cap: f64) -> f64 {
    // Natural logarithms of the usual lowest and highest price for the size.
    let (low, high) = match cap {
        _ if cap >= MEGA_CAP => (4.4, 6.4),
        _ if cap >= 10e9 => (3.0, 6.0),
        _ if cap >= 2e9 => (2.2, 5.2),
        _ if cap >= 300e6 => (1.1, 4.2),
        _ if cap >= 50e6 => (-0.1, 3.0),
        _ => (-1.6, 2.0),
    };
    exp(random.between(low, high))
}

fn exchange_for(random: &mut Random, cap: f64, blank_check: bool) -> &'static str {
    let nasdaq = if blank_check {
        0.8
    } else if cap >= 10e9 {
        0.35
    } else {
        0.62
    };
    let amex = if cap < 300e6 { 0.08 } else { 0.005 };
    match random.unit() {
        draw if draw < nasdaq => "nasdaq",
        draw if draw < nasdaq + amex => "amex",
        _ => "nyse",
    }
}
