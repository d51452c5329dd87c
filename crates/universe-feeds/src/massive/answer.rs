//! The documented answers, read so that one wrong value spoils one row and not its page.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// What every answer has around its results.
#[derive(Debug, serde::Deserialize)]
pub(super) struct Envelope<T> {
    /// `OK`, `DELAYED`, or a word for what went wrong.
    pub(super) status: Option<String>,
    /// What went wrong.
    pub(super) error: Option<String>,
    /// The same under another name.
    pub(super) message: Option<String>,
    /// The symbol that bars are of.
    pub(super) ticker: Option<String>,
    /// How many bars the page should have.
    #[serde(rename = "resultsCount", default)]
    pub(super) results_count: Number,
    /// Absent where there is nothing.
    pub(super) results: Option<T>,
    /// Where the next page is.
    pub(super) next_url: Option<String>,
}

impl<T> Envelope<T> {
    /// Returns what the API says went wrong, although it answered with success.
    pub(super) fn fault(&self) -> Option<&str> {
        match self.status.as_deref() {
            None | Some("OK" | "DELAYED") => None,
            Some(status) => Some(self.error.as_deref().or(self.message.as_deref()).unwrap_or(status)),
        }
    }
}

/// A number, or `None` for anything else that stands in its place.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Number(pub(super) Option<f64>);

/// One bar as it stands in the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct RawBar {
    /// Milliseconds since 1970 in UTC at which its time begins.
    pub(super) t: Number,
    pub(super) o: Number,
    pub(super) h: Number,
    pub(super) l: Number,
    pub(super) c: Number,
    pub(super) v: Number,
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberVisitor)
    }
}

struct NumberVisitor;

impl<'de> Visitor<'de> for NumberVisitor {
    type Value = Number;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_f64<E>(self, value: f64) -> Result<Number, E> {
        Ok(Number(Some(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Number, E> {
        Ok(Number(Some(value as f64)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Number, E> {
        Ok(Number(Some(value as f64)))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Number, E> {
        Ok(Number(None))
    }

    fn visit_str<E>(self, _: &str) -> Result<Number, E> {
        Ok(Number(None))
    }

    fn visit_unit<E>(self) -> Result<Number, E> {
        Ok(Number(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Number, A::Error> {
        drained(items).map(|()| Number(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Number, A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Number(None))
    }
}

impl<'de> Deserialize<'de> for RawBar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(BarVisitor)
    }
}

struct BarVisitor;

impl<'de> Visitor<'de> for BarVisitor {
    type Value = RawBar;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a bar")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<RawBar, A::Error> {
        let mut bar = RawBar::default();
        while let Some(key) = entries.next_key::<Field>()? {
            let value = entries.next_value::<Number>()?;
            match key {
                Field::T => bar.t = value,
                Field::O => bar.o = value,
                Field::H => bar.h = value,
                Field::L => bar.l = value,
                Field::C => bar.c = value,
                Field::V => bar.v = value,
                Field::Other => {}
            }
        }
        Ok(bar)
    }

    fn visit_f64<E>(self, _: f64) -> Result<RawBar, E> {
        Ok(RawBar::default())
    }

    fn visit_i64<E>(self, _: i64) -> Result<RawBar, E> {
        Ok(RawBar::default())
    }

    fn visit_u64<E>(self, _: u64) -> Result<RawBar, E> {
        Ok(RawBar::default())
    }

    fn visit_bool<E>(self, _: bool) -> Result<RawBar, E> {
        Ok(RawBar::default())
    }

    fn visit_str<E>(self, _: &str) -> Result<RawBar, E> {
        Ok(RawBar::default())
    }

    fn visit_unit<E>(self) -> Result<RawBar, E> {
        Ok(RawBar::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<RawBar, A::Error> {
        drained(items).map(|()| RawBar::default())
    }
}

#[derive(serde::Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Field {
    T,
    O,
    H,
    L,
    C,
    V,
    #[serde(other)]
    Other,
}

fn drained<'de, A: SeqAccess<'de>>(mut items: A) -> Result<(), A::Error> {
    while items.next_element::<IgnoredAny>()?.is_some() {}
    Ok(())
}

#[cfg(test)]
mod tests;
