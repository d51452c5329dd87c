//! Symbols in the API's spelling, where case matters: `BRK.B`, and preferred shares as `BACpK`.

use universe_core::Symbol;

/// Returns the API's spelling of a symbol.
pub(super) fn ticker_of(symbol: &Symbol) -> String {
    match symbol.as_str().split_once('^') {
        Some((company, series)) => format!("{company}p{series}"),
        None => symbol.as_str().to_owned(),
    }
}

/// Returns the symbol that the API's spelling means; `None` for what is not listed yet (`XYZw`, when issued),
/// for rights in lower case, and for what is no symbol.
///
/// These cannot become symbols: in capitals they would be those of other listings.
pub(super) fn symbol_of(ticker: &str) -> Option<Symbol> {
    if !ticker.contains(|c: char| c.is_ascii_lowercase()) {
        return Symbol::parse(ticker).ok();
    }
    let (company, series) = ticker.split_once('p')?;
    let plain = |text: &str| !text.contains(|c: char| c.is_ascii_lowercase());
    (!company.is_empty() && plain(company) && plain(series)).then_some(())?;
    Symbol::parse(&format!("{company}^{series}")).ok()
}

#[cfg(test)]
mod tests;
