//! What kind of security a listing is.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Symbol;

mod classify;

/// The kind of a listed security, in the codes that `symbols.security_type` carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum SecurityType {
    /// Common stock, ordinary shares and units of ownership that trade as such.
    Cs,
    /// Exchange traded fund, note or vehicle.
    Etf,
    /// Depositary receipt of common stock.
    Adrc,
    /// Preferred stock, and depositary shares of it.
    Pfd,
    /// Warrant.
    Warrant,
    /// Right.
    Right,
    /// Unit of several securities.
    Unit,
    /// Debt.
    Note,
    /// Closed-end fund.
    Fund,
    /// None of these.
    Other,
}

impl SecurityType {
    /// Every kind, in the order of the enum.
    pub const ALL: [Self; 10] = [
        Self::Cs,
        Self::Etf,
        Self::Adrc,
        Self::Pfd,
        Self::Warrant,
        Self::Right,
        Self::Unit,
        Self::Note,
        Self::Fund,
        Self::Other,
    ];

    /// Returns the code that tables and answers carry.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Cs => "CS",
            Self::Etf => "ETF",
            Self::Adrc => "ADRC",
            Self::Pfd => "PFD",
            Self::Warrant => "WARRANT",
            Self::Right => "RIGHT",
            Self::Unit => "UNIT",
            Self::Note => "NOTE",
            Self::Fund => "FUND",
            Self::Other => "OTHER",
        }
    }

    /// Returns the kind that a code means, in any case: the codes of [`SecurityType::code`] and those of
    /// the Massive API's ticker types. `None` where nobody uses the code.
    ///
    /// New York registry shares are the shares themselves and count as common stock; receipts of
    /// preferreds, warrants and rights count as what they are receipts of.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        let kind = match code.trim().to_ascii_uppercase().as_str() {
            "CS" | "OS" | "NYRS" => Self::Cs,
            "ETF" | "ETN" | "ETV" | "ETS" => Self::Etf,
            "ADRC" | "GDR" => Self::Adrc,
            "PFD" | "ADRP" => Self::Pfd,
            "WARRANT" | "ADRW" => Self::Warrant,
            "RIGHT" | "ADRR" => Self::Right,
            "UNIT" => Self::Unit,
            "NOTE" | "SP" | "BOND" | "AGEN" | "EQLK" => Self::Note,
            "FUND" => Self::Fund,
            "OTHER" | "BASKET" | "LT" | "INDEX" => Self::Other,
            _ => return None,
        };
        Some(kind)
    }

    /// Tells the kind from symbol and name, where the source gives none.
    ///
    /// `industry` is the screener's own and helps to tell closed-end funds from companies; names alone
    /// do for the rest. A name that says nothing is taken for common stock.
    #[must_use]
    pub fn classify(symbol: &Symbol, name: &str, industry: Option<&str>) -> Self {
        classify::classify_text(symbol.as_str(), name, industry)
    }
}

impl fmt::Display for SecurityType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

#[cfg(test)]
mod tests;
