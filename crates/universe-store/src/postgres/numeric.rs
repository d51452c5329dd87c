//! Prices from the server's binary `numeric`, without a detour over text or floating point.

use std::error::Error;

use tokio_postgres::types::{FromSql, Type, accepts};
use universe_core::Price;

/// A `numeric` as a price, rounded to millionths; `None` where it is no number or too large for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NumericPrice(pub(super) Option<Price>);

/// Groups of four decimal digits, the unit of the format.
const BASE: i128 = 10_000;
/// From eight places, which two groups behind the point have, to the six of a price.
const SCALED_PER_MICRO: i128 = 100;
/// More groups than this before the point overflow a price anyway.
const WEIGHT_MAX: i16 = 4;
const NEGATIVE: u16 = 0x4000;
const POSITIVE: u16 = 0x0000;

impl<'a> FromSql<'a> for NumericPrice {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        let group = |at: usize| raw.get(at * 2..at * 2 + 2).map(|b| u16::from_be_bytes([b[0], b[1]]));
        let header = || Some((group(0)?, group(1)?.cast_signed(), group(2)?));
        let (count, weight, sign) = header().ok_or("a numeric without its header")?;
        // Neither not-a-number nor infinities are prices.
        if !matches!(sign, POSITIVE | NEGATIVE) || weight > WEIGHT_MAX {
            return Ok(Self(None));
        }
        let mut scaled: i128 = 0;
        for digit in 0..count {
            let value = i128::from(group(4 + usize::from(digit)).ok_or("a numeric that ends too early")?);
            let exponent = i32::from(weight) - i32::from(digit);
            // Groups further behind cannot change the sixth place: halves are rounded up with or without them.
            if exponent < -2 {
                break;
            }
            scaled += value * BASE.pow((exponent + 2).cast_unsigned());
        }
        let micros = (scaled + SCALED_PER_MICRO / 2) / SCALED_PER_MICRO;
        let signed = if sign == NEGATIVE { -micros } else { micros };
        Ok(Self(i64::try_from(signed).ok().map(Price::from_micros)))
    }

    accepts!(NUMERIC);
}

#[cfg(test)]
mod tests;
