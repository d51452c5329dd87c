//! Conditions and numbers over the columns of an observation.

use jiff::civil::{Date, date};

use super::{
    Arithmetic, Comparison, Condition, EvaluationError, Metric, Number, NumberField, Screen, TextField, Truth,
};
use crate::observation::TextColumn;
use crate::{Observation, Usd};

/// What expressions read: an observation, and the market caps that the run decided.
#[derive(Clone, Copy, Debug)]
pub struct Figures<'a> {
    /// The observed listings.
    pub observation: &'a Observation,
    /// The market cap of each listing as this run has it.
    pub caps: &'a [Option<Usd>],
}

impl Screen {
    /// Answers for every listing.
    ///
    /// # Errors
    /// When an arithmetic expression has no value, as in SQL.
    pub fn evaluate(&self, figures: Figures<'_>) -> Result<Vec<Truth>, EvaluationError> {
        condition(&self.root, figures).map_err(|listing| division_by_zero(listing, &self.source, figures))
    }
}

impl Metric {
    /// Returns the figure of every listing; `None` where a field is absent.
    ///
    /// # Errors
    /// When an arithmetic expression has no value, as in SQL.
    pub fn evaluate(&self, figures: Figures<'_>) -> Result<Vec<Option<f64>>, EvaluationError> {
        number(&self.root, figures).map_err(|listing| division_by_zero(listing, &self.source, figures))
    }
}

/// Returns a date as a number of days, so that dates compare as numbers.
pub(super) fn day_number(of: Date) -> f64 {
    f64::from((of - date(1970, 1, 1)).get_days())
}

fn division_by_zero(listing: usize, expression: &str, figures: Figures<'_>) -> EvaluationError {
    let symbol = figures.observation.symbol[listing].to_string();
    EvaluationError::DivisionByZero { symbol, expression: expression.to_owned() }
}

/// The listing at which a division by zero happened.
type Failed = usize;

fn condition(node: &Condition, figures: Figures<'_>) -> Result<Vec<Truth>, Failed> {
    let count = figures.observation.len();
    Ok(match node {
        Condition::Literal(truth) => vec![*truth; count],
        Condition::IsActive => figures.observation.is_active.iter().map(|active| Truth::from(*active)).collect(),
        Condition::Not(inner) => {
            let mut truths = condition(inner, figures)?;
            truths.iter_mut().for_each(|truth| *truth = truth.negated());
            truths
        }
        Condition::And(left, right) => zip(condition(left, figures)?, &condition(right, figures)?, Truth::min),
        Condition::Or(left, right) => zip(condition(left, figures)?, &condition(right, figures)?, Truth::max),
        // Most comparisons are with a number, which then need not become a column.
        Condition::Compare { left, operator, right: Number::Literal(right) } => {
            let right = Some(*right);
            number(left, figures)?.into_iter().map(|left| compare(left, *operator, right)).collect()
        }
        Condition::Compare { left, operator, right } => {
            let (left, right) = (number(left, figures)?, number(right, figures)?);
            left.iter().zip(&right).map(|(l, r)| compare(*l, *operator, *r)).collect()
        }
        Condition::TextIn { field, values } => text(*field, figures, |found| values.iter().any(|value| value == found)),
        Condition::TextLike { field, pattern } => {
            let pattern: Vec<char> = pattern.chars().collect();
            text(*field, figures, |found| like(&pattern, &found.chars().collect::<Vec<_>>()))
        }
        Condition::TextIsNull(field) => {
            text(*field, figures, |_| false).into_iter().map(|t| Truth::from(t == Truth::Unknown)).collect()
        }
        Condition::NumberIsNull(inner) => {
            number(inner, figures)?.into_iter().map(|value| Truth::from(value.is_none())).collect()
        }
    })
}

fn number(node: &Number, figures: Figures<'_>) -> Result<Vec<Option<f64>>, Failed> {
    Ok(match node {
        Number::Literal(value) => vec![Some(*value); figures.observation.len()],
        Number::Field(field) => number_field(field, figures),
        Number::Negated(inner) => number(inner, figures)?.into_iter().map(|value| value.map(|v| -v)).collect(),
        Number::Arithmetic { left, operator, right } => {
            let (mut left, right) = (number(left, figures)?, number(right, figures)?);
            for (listing, (l, r)) in left.iter_mut().zip(&right).enumerate() {
                *l = match (*l, *r) {
                    (Some(_), Some(0.0)) if *operator == Arithmetic::Over => return Err(listing),
                    (Some(l), Some(r)) => Some(match operator {
                        Arithmetic::Plus => l + r,
                        Arithmetic::Minus => l - r,
                        Arithmetic::Times => l * r,
                        Arithmetic::Over => l / r,
                    }),
                    (None, _) | (_, None) => None,
                };
            }
            left
        }
    })
}

pub(super) fn number_field(field: &NumberField, figures: Figures<'_>) -> Vec<Option<f64>> {
    let seen = figures.observation;
    let per_listing = |value: &dyn Fn(usize) -> Option<f64>| (0..seen.len()).map(value).collect();
    match field {
        // Caps stay far below 2^53, so that no dollar is lost.
        NumberField::MarketCap => figures.caps.iter().map(|cap| cap.map(|cap| cap.0 as f64)).collect(),
        NumberField::Price => seen.close.iter().map(|close| close.map(crate::Price::dollars)).collect(),
        NumberField::Shares => seen.shares.iter().map(|shares| shares.map(|s| s as f64)).collect(),
        NumberField::Volume => seen.volume.iter().map(|volume| volume.map(|v| v as f64)).collect(),
        NumberField::DollarVolume => per_listing(&|i| Some(seen.close[i]?.dollars() * seen.volume[i]? as f64)),
        NumberField::ListingAgeDays => per_listing(&|i| seen.listing_age_days(i).map(f64::from)),
        NumberField::IpoYear => seen.ipo_year.iter().map(|year| year.map(f64::from)).collect(),
        NumberField::AumMillions => seen.aum_millions.clone(),
        NumberField::ListingDate => seen.listing_date.iter().map(|day| day.map(day_number)).collect(),
        NumberField::FirstSeenSession => seen.first_seen_session.iter().map(|day| day.map(day_number)).collect(),
        NumberField::Fact(name) => seen.facts.get(name).cloned().unwrap_or_else(|| vec![None; seen.len()]),
    }
}

/// Answers a question about a text once per distinct value, then looks it up per listing.
fn text(field: TextField, figures: Figures<'_>, holds: impl Fn(&str) -> bool) -> Vec<Truth> {
    let seen = figures.observation;
    let column = match field {
        TextField::Symbol => return seen.symbol.iter().map(|symbol| Truth::from(holds(symbol.as_str()))).collect(),
        TextField::SecurityType => {
            return seen.security_type.iter().map(|kind| Truth::from(holds(kind.code()))).collect();
        }
        _ => text_column(field, seen).expect("every other text is a column"),
    };
    let answers: Vec<Truth> = column.values().iter().map(|value| Truth::from(holds(value))).collect();
    (0..seen.len()).map(|i| column.code(i).map_or(Truth::Unknown, |code| answers[code])).collect()
}

/// Returns the column of a text; `None` for those that listings have otherwise.
pub(super) fn text_column(field: TextField, seen: &Observation) -> Option<&TextColumn> {
    match field {
        TextField::Symbol | TextField::SecurityType => None,
        TextField::CompanyName => Some(&seen.company_name),
        TextField::Exchange => Some(&seen.exchange),
        TextField::Sector => Some(&seen.sector),
        TextField::Industry => Some(&seen.industry),
        TextField::Country => Some(&seen.country),
        TextField::Currency => Some(&seen.currency),
        TextField::EtfType => Some(&seen.etf_type),
        TextField::Issuer => Some(&seen.issuer),
    }
}

fn zip(mut left: Vec<Truth>, right: &[Truth], combine: fn(Truth, Truth) -> Truth) -> Vec<Truth> {
    left.iter_mut().zip(right).for_each(|(l, r)| *l = combine(*l, *r));
    left
}

fn compare(left: Option<f64>, operator: Comparison, right: Option<f64>) -> Truth {
    let (Some(left), Some(right)) = (left, right) else { return Truth::Unknown };
    Truth::from(match operator {
        Comparison::Less => left < right,
        Comparison::LessOrEqual => left <= right,
        Comparison::Equal => left == right,
        Comparison::NotEqual => left != right,
        Comparison::GreaterOrEqual => left >= right,
        Comparison::Greater => left > right,
    })
}

/// SQL's LIKE: `%` stands for any run of characters, `_` for one.
fn like(pattern: &[char], text: &[char]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('%') => {
                retry = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '_' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            Some(_) | None => match retry {
                Some((percent, taken)) => {
                    retry = Some((percent, taken + 1));
                    p = percent + 1;
                    t = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '%')
}

impl Truth {
    /// Returns whether it is known to hold.
    #[must_use]
    pub fn holds(self) -> bool {
        self == Self::True
    }

    fn negated(self) -> Self {
        match self {
            Self::False => Self::True,
            Self::Unknown => Self::Unknown,
            Self::True => Self::False,
        }
    }

    fn min(self, other: Self) -> Self {
        if (self as u8) < (other as u8) { self } else { other }
    }

    fn max(self, other: Self) -> Self {
        if (self as u8) > (other as u8) { self } else { other }
    }
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }
}
