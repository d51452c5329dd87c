//! Screens and metrics: expressions in SQL syntax over the fields of a listing, checked when loaded.
//!
//! A screen is compiled once into typed nodes and evaluated a column at a time, with SQL's three-valued
//! logic: a listing whose field is absent is neither matched nor matched by the negation.

mod evaluate;
mod parse;
mod render;

use std::fmt;

use compact_str::CompactString;

pub use evaluate::Figures;
pub use render::Reading;

/// How deeply an expression may be nested; deeper ones are mistakes, and would exhaust the stack.
const EXPRESSION_DEPTH_MAX: usize = 40;

/// A yes/no question about a listing.
#[derive(Clone, Debug, PartialEq)]
pub struct Screen {
    source: String,
    root: Condition,
}

/// A figure of a listing.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    source: String,
    root: Number,
}

/// What is wrong with an expression, and where in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: {message}")]
pub struct ExpressionError {
    /// The character, counted from 1, at which the trouble starts.
    pub column: usize,
    /// What is wrong, with a suggestion where there is one.
    pub message: String,
}

/// Why a checked expression could not be evaluated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvaluationError {
    /// As in SQL, and unlike in floating point, this is an error.
    #[error("division by zero for {symbol} in {expression:?}")]
    DivisionByZero {
        /// The listing.
        symbol: String,
        /// The expression.
        expression: String,
    },
}

/// The truth of a condition for one listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// It does not hold.
    False,
    /// It cannot be told, since a field is absent.
    Unknown,
    /// It holds.
    True,
}

#[derive(Clone, Debug, PartialEq)]
enum Condition {
    Literal(Truth),
    IsActive,
    Not(Box<Condition>),
    And(Box<Condition>, Box<Condition>),
    Or(Box<Condition>, Box<Condition>),
    Compare { left: Number, operator: Comparison, right: Number },
    TextIn { field: TextField, values: Vec<CompactString> },
    TextLike { field: TextField, pattern: String },
    TextIsNull(TextField),
    NumberIsNull(Number),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Less,
    LessOrEqual,
    Equal,
    NotEqual,
    GreaterOrEqual,
    Greater,
}

#[derive(Clone, Debug, PartialEq)]
enum Number {
    Literal(f64),
    Field(NumberField),
    Negated(Box<Number>),
    Arithmetic { left: Box<Number>, operator: Arithmetic, right: Box<Number> },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Arithmetic {
    Plus,
    Minus,
    Times,
    Over,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TextField {
    Symbol,
    CompanyName,
    SecurityType,
    Exchange,
    Sector,
    Industry,
    Country,
    Currency,
    EtfType,
    Issuer,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum NumberField {
    MarketCap,
    Price,
    Shares,
    Volume,
    DollarVolume,
    ListingAgeDays,
    IpoYear,
    AumMillions,
    ListingDate,
    FirstSeenSession,
    Fact(String),
}

const TEXT_FIELDS: [(&str, TextField); 10] = [
    ("symbol", TextField::Symbol),
    ("company_name", TextField::CompanyName),
    ("security_type", TextField::SecurityType),
    ("exchange", TextField::Exchange),
    ("sector", TextField::Sector),
    ("industry", TextField::Industry),
    ("country", TextField::Country),
    ("currency", TextField::Currency),
    ("etf_type", TextField::EtfType),
    ("issuer", TextField::Issuer),
];

const NUMBER_FIELDS: [(&str, NumberField); 8] = [
    ("market_cap", NumberField::MarketCap),
    ("price", NumberField::Price),
    ("weighted_shares_outstanding", NumberField::Shares),
    ("volume", NumberField::Volume),
    ("dollar_volume", NumberField::DollarVolume),
    ("listing_age_days", NumberField::ListingAgeDays),
    ("ipo_year", NumberField::IpoYear),
    ("aum_millions", NumberField::AumMillions),
];

const DATE_FIELDS: [(&str, NumberField); 2] =
    [("listing_date", NumberField::ListingDate), ("first_seen_session", NumberField::FirstSeenSession)];

const BOOLEAN_FIELD: &str = "is_active";

/// Figures that the default rules use though no standard field carries them: names known in advance, so
/// that a misspelt field is still an error where they are not loaded.
pub const WELL_KNOWN_FACTS: [&str; 12] = [
    "beta",
    "dividend_growth_years",
    "dividend_yield",
    "earnings_growth",
    "esg_score",
    "free_float",
    "payout_ratio",
    "price_book",
    "price_earnings",
    "price_sales",
    "return_on_equity",
    "revenue_growth",
];

impl Screen {
    /// Compiles an expression in SQL syntax; `facts` are the loadable fields beyond the standard ones.
    ///
    /// # Errors
    /// When it does not parse, names an unknown field, or its types do not fit.
    pub fn compile(source: &str, facts: &[String]) -> Result<Self, ExpressionError> {
        Ok(Self { source: source.to_owned(), root: parse::condition(source, facts)? })
    }

    /// Returns the loaded figures that it reads, each once, sorted.
    #[must_use]
    pub fn facts(&self) -> Vec<String> {
        let mut facts = Vec::new();
        collect_condition(&self.root, &mut |number| collect_facts(number, &mut facts));
        facts.sort();
        facts.dedup();
        facts
    }

    /// Returns whether it reads the names of securities, which are loaded only on demand.
    #[must_use]
    pub fn reads_company_name(&self) -> bool {
        let mut found = false;
        collect_text(&self.root, &mut |field| found |= *field == TextField::CompanyName);
        found
    }

    /// Returns whether it reads what few rules look at, and what is therefore loaded only on demand:
    /// exchange, country, currency, and what is known of funds.
    #[must_use]
    pub fn reads_details(&self) -> bool {
        let mut found = false;
        collect_text(&self.root, &mut |field| {
            found |= match field {
                TextField::Exchange
                | TextField::Country
                | TextField::Currency
                | TextField::EtfType
                | TextField::Issuer => true,
                TextField::Symbol
                | TextField::CompanyName
                | TextField::SecurityType
                | TextField::Sector
                | TextField::Industry => false,
            };
        });
        collect_condition(&self.root, &mut |number| found |= reads_aum(number));
        found
    }
}

impl Metric {
    /// Compiles a numeric expression in SQL syntax; `facts` as for [`Screen::compile`].
    ///
    /// # Errors
    /// When it does not parse, names an unknown field, or is not a number.
    pub fn compile(source: &str, facts: &[String]) -> Result<Self, ExpressionError> {
        Ok(Self { source: source.to_owned(), root: parse::number(source, facts)? })
    }

    /// Returns the loaded figures that it reads, each once, sorted.
    #[must_use]
    pub fn facts(&self) -> Vec<String> {
        let mut facts = Vec::new();
        collect_facts(&self.root, &mut facts);
        facts.sort();
        facts.dedup();
        facts
    }

    /// Returns whether it reads what is loaded only on demand; see [`Screen::reads_details`].
    #[must_use]
    pub fn reads_details(&self) -> bool {
        reads_aum(&self.root)
    }

    /// Returns whether it is the market cap and nothing else.
    #[must_use]
    pub fn is_market_cap(&self) -> bool {
        self.root == Number::Field(NumberField::MarketCap)
    }
}

impl fmt::Display for Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

fn reads_aum(number: &Number) -> bool {
    match number {
        Number::Field(field) => *field == NumberField::AumMillions,
        Number::Literal(_) => false,
        Number::Negated(inner) => reads_aum(inner),
        Number::Arithmetic { left, right, .. } => reads_aum(left) || reads_aum(right),
    }
}

fn collect_facts(number: &Number, facts: &mut Vec<String>) {
    match number {
        Number::Field(NumberField::Fact(name)) => facts.push(name.clone()),
        Number::Literal(_) | Number::Field(_) => {}
        Number::Negated(inner) => collect_facts(inner, facts),
        Number::Arithmetic { left, right, .. } => {
            collect_facts(left, facts);
            collect_facts(right, facts);
        }
    }
}

fn collect_condition(condition: &Condition, visit: &mut impl FnMut(&Number)) {
    match condition {
        Condition::Not(inner) => collect_condition(inner, visit),
        Condition::And(left, right) | Condition::Or(left, right) => {
            collect_condition(left, visit);
            collect_condition(right, visit);
        }
        Condition::Compare { left, right, .. } => {
            visit(left);
            visit(right);
        }
        Condition::NumberIsNull(number) => visit(number),
        Condition::Literal(_)
        | Condition::IsActive
        | Condition::TextIn { .. }
        | Condition::TextLike { .. }
        | Condition::TextIsNull(_) => {}
    }
}

fn collect_text(condition: &Condition, visit: &mut impl FnMut(&TextField)) {
    match condition {
        Condition::Not(inner) => collect_text(inner, visit),
        Condition::And(left, right) | Condition::Or(left, right) => {
            collect_text(left, visit);
            collect_text(right, visit);
        }
        Condition::TextIn { field, .. } | Condition::TextLike { field, .. } | Condition::TextIsNull(field) => {
            visit(field)
        }
        Condition::Literal(_) | Condition::IsActive | Condition::Compare { .. } | Condition::NumberIsNull(_) => {}
    }
}

#[cfg(test)]
mod tests;
