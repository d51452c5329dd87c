//! Expressions back into text, and the single questions that a screen consists of.

use std::fmt;

use super::evaluate::{Figures, number_field, text_column};
use super::{
    Arithmetic, BOOLEAN_FIELD, Comparison, Condition, DATE_FIELDS, Metric, NUMBER_FIELDS, Number, NumberField, Screen,
    TEXT_FIELDS, TextField, Truth,
};

/// A field that an expression reads, and what one listing has there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The name of the field.
    pub field: String,
    /// What the listing has, as it would be written in an expression; `None` where that is not known.
    pub value: Option<String>,
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(f, "{} = {value}", self.field),
            None => write!(f, "{} is not known", self.field),
        }
    }
}

impl Screen {
    /// Returns the questions that all must hold for the screen to hold, in their order.
    #[must_use]
    pub fn questions(&self) -> Vec<Self> {
        let mut questions = Vec::new();
        split(&self.root, &mut questions);
        questions.into_iter().map(|root| Self { source: root.to_string(), root: root.clone() }).collect()
    }

    /// Returns every field that it reads, each once, with what a listing has there.
    #[must_use]
    pub fn readings(&self, figures: Figures<'_>, listing: usize) -> Vec<Reading> {
        let mut readings = Vec::new();
        read_condition(&self.root, figures, listing, &mut readings);
        readings
    }
}

impl Metric {
    /// Returns every field that it reads, each once, with what a listing has there.
    #[must_use]
    pub fn readings(&self, figures: Figures<'_>, listing: usize) -> Vec<Reading> {
        let mut readings = Vec::new();
        read_number(&self.root, figures, listing, &mut readings);
        readings
    }
}

fn split<'c>(condition: &'c Condition, questions: &mut Vec<&'c Condition>) {
    if let Condition::And(left, right) = condition {
        split(left, questions);
        split(right, questions);
    } else {
        questions.push(condition);
    }
}

fn read_condition(condition: &Condition, figures: Figures<'_>, listing: usize, readings: &mut Vec<Reading>) {
    match condition {
        Condition::Literal(_) => {}
        Condition::IsActive => {
            let value = Some(figures.observation.is_active[listing].to_string());
            add(readings, BOOLEAN_FIELD, || value);
        }
        Condition::Not(inner) => read_condition(inner, figures, listing, readings),
        Condition::And(left, right) | Condition::Or(left, right) => {
            read_condition(left, figures, listing, readings);
            read_condition(right, figures, listing, readings);
        }
        Condition::Compare { left, right, .. } => {
            read_number(left, figures, listing, readings);
            read_number(right, figures, listing, readings);
        }
        Condition::TextIn { field, .. } | Condition::TextLike { field, .. } | Condition::TextIsNull(field) => {
            add(readings, field.name(), || text_value(*field, figures, listing));
        }
        Condition::NumberIsNull(number) => read_number(number, figures, listing, readings),
    }
}

fn read_number(number: &Number, figures: Figures<'_>, listing: usize, readings: &mut Vec<Reading>) {
    match number {
        Number::Literal(_) => {}
        Number::Field(field) => add(readings, field.name(), || number_value(field, figures, listing)),
        Number::Negated(inner) => read_number(inner, figures, listing, readings),
        Number::Arithmetic { left, right, .. } => {
            read_number(left, figures, listing, readings);
            read_number(right, figures, listing, readings);
        }
    }
}

fn add(readings: &mut Vec<Reading>, field: &str, value: impl FnOnce() -> Option<String>) {
    if readings.iter().all(|reading| reading.field != field) {
        readings.push(Reading { field: field.to_owned(), value: value() });
    }
}

fn text_value(field: TextField, figures: Figures<'_>, listing: usize) -> Option<String> {
    let seen = figures.observation;
    let value = match field {
        TextField::Symbol => Some(seen.symbol[listing].as_str()),
        TextField::SecurityType => Some(seen.security_type[listing].code()),
        _ => text_column(field, seen).and_then(|column| column.value(listing)),
    };
    value.map(quoted)
}

fn number_value(field: &NumberField, figures: Figures<'_>, listing: usize) -> Option<String> {
    let value = number_field(field, figures)[listing]?;
    Some(match field {
        NumberField::ListingDate | NumberField::FirstSeenSession => day(value),
        _ => Number::Literal(value).to_string(),
    })
}

/// Turns a number of days since 1970 into a date.
fn day(number: f64) -> String {
    let days = jiff::Span::new().try_days(number as i64).ok();
    let date = days.and_then(|days| jiff::civil::date(1970, 1, 1).checked_add(days).ok());
    date.map_or_else(|| number.to_string(), |date| format!("'{date}'"))
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

impl TextField {
    fn name(self) -> &'static str {
        TEXT_FIELDS.iter().find(|(_, field)| *field == self).map_or("", |(name, _)| name)
    }
}

impl NumberField {
    fn name(&self) -> &str {
        let named = NUMBER_FIELDS.iter().chain(&DATE_FIELDS).find(|(_, field)| field == self).map(|(name, _)| *name);
        match self {
            Self::Fact(name) => name,
            _ => named.unwrap_or_default(),
        }
    }

    fn is_date(&self) -> bool {
        matches!(self, Self::ListingDate | Self::FirstSeenSession)
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(Truth::True) => f.write_str("true"),
            Self::Literal(Truth::False) => f.write_str("false"),
            Self::Literal(Truth::Unknown) => f.write_str("null"),
            Self::IsActive => f.write_str(BOOLEAN_FIELD),
            Self::Not(inner) => match inner.as_ref() {
                Self::TextIsNull(field) => write!(f, "{} is not null", field.name()),
                Self::NumberIsNull(number) => write!(f, "{number} is not null"),
                Self::TextLike { field, pattern } => write!(f, "{} not like {}", field.name(), quoted(pattern)),
                Self::TextIn { field, values } => write_one_of(f, *field, values, true),
                other => write!(f, "not ({other})"),
            },
            Self::And(left, right) => write!(f, "{} and {}", Side(left), Side(right)),
            Self::Or(left, right) => write!(f, "{} or {}", Side(left), Side(right)),
            Self::Compare { left: Number::Field(field), operator, right: Number::Literal(value) }
                if field.is_date() =>
            {
                write!(f, "{} {} {}", field.name(), operator.sign(), day(*value))
            }
            Self::Compare { left, operator, right } => write!(f, "{left} {} {right}", operator.sign()),
            Self::TextIn { field, values } => write_one_of(f, *field, values, false),
            Self::TextLike { field, pattern } => write!(f, "{} like {}", field.name(), quoted(pattern)),
            Self::TextIsNull(field) => write!(f, "{} is null", field.name()),
            Self::NumberIsNull(number) => write!(f, "{number} is null"),
        }
    }
}

fn write_one_of(
    f: &mut fmt::Formatter<'_>,
    field: TextField,
    values: &[compact_str::CompactString],
    is_negated: bool,
) -> fmt::Result {
    let name = field.name();
    match values {
        [value] => write!(f, "{name} {} {}", if is_negated { "<>" } else { "=" }, quoted(value)),
        values => {
            let values: Vec<String> = values.iter().map(|value| quoted(value)).collect();
            write!(f, "{name} {}in ({})", if is_negated { "not " } else { "" }, values.join(", "))
        }
    }
}

/// One side of a conjunction or disjunction: in parentheses where it is one itself.
struct Side<'c>(&'c Condition);

impl fmt::Display for Side<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            inner @ (Condition::And(..) | Condition::Or(..)) => write!(f, "({inner})"),
            inner => write!(f, "{inner}"),
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(value) => write!(f, "{value}"),
            Self::Field(field) => f.write_str(field.name()),
            Self::Negated(inner) => write!(f, "-{}", Operand(inner)),
            Self::Arithmetic { left, operator, right } => {
                write!(f, "{} {} {}", Operand(left), operator.sign(), Operand(right))
            }
        }
    }
}

/// A part of an arithmetic expression: in parentheses where it is one itself.
struct Operand<'n>(&'n Number);

impl fmt::Display for Operand<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            inner @ Number::Arithmetic { .. } => write!(f, "({inner})"),
            inner => write!(f, "{inner}"),
        }
    }
}

impl Comparison {
    const fn sign(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Equal => "=",
            Self::NotEqual => "<>",
            Self::GreaterOrEqual => ">=",
            Self::Greater => ">",
        }
    }
}

impl Arithmetic {
    const fn sign(self) -> &'static str {
        match self {
            Self::Plus => "+",
            Self::Minus => "-",
            Self::Times => "*",
            Self::Over => "/",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is rendered must compile to the same expression again.
    #[test]
    fn rendered_screens_mean_the_same() {
        let facts = vec!["dividend_yield".to_owned()];
        for source in [
            "security_type in ('CS', 'ADRC') and market_cap >= 2e9",
            "not (sector = 'Energy' or price between 1 and 5.5)",
            "company_name like '%Trust''s%' and industry is not null and aum_millions is null",
            "listing_date >= '2022-01-03' or -volume * 2 + 1 < (market_cap - 1) / 3",
            "is_active and not sector in ('A', 'B') and dividend_yield > 0.02",
            "exchange not like 'N%' and sector <> 'Energy'",
        ] {
            let screen = Screen::compile(source, &facts).expect("compiles");
            let rendered = screen.root.to_string();
            let again = Screen::compile(&rendered, &facts).unwrap_or_else(|e| panic!("{rendered}: {e}"));
            assert_eq!(again.root, screen.root, "{source} became {rendered}");
        }
    }

    #[test]
    fn questions_are_the_parts_that_all_must_hold() {
        let screen = Screen::compile("sector = 'Energy' and (price > 1 or price < 0) and market_cap > 5", &[]);
        let questions: Vec<String> = screen.expect("compiles").questions().iter().map(ToString::to_string).collect();
        assert_eq!(questions, ["sector = 'Energy'", "price > 1 or price < 0", "market_cap > 5"]);
    }
}
