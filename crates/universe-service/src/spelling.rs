//! Symbols as people spell them.

use universe_core::Symbol;
use universe_store::{Store, StoreError};

/// Returns the symbol that somebody means who spelt it without its dot: `BRKB` is `BRK.B` where a listing has that
/// symbol and none has the other. Any other one is returned as it is, known or not.
///
/// # Errors
/// When the store cannot be read.
pub async fn meant_symbol(store: &dyn Store, symbol: Symbol) -> Result<Symbol, StoreError> {
    let Some(dotted) = with_dot(&symbol) else { return Ok(symbol) };
    let names = store.company_name_list(&[symbol.clone(), dotted.clone()]).await?;
    Ok(if matches!(&names[..], [None, Some(_)]) { dotted } else { symbol })
}

/// Puts a dot before the last letter, which may name a class of shares.
fn with_dot(symbol: &Symbol) -> Option<Symbol> {
    let text = symbol.as_str();
    let (root, class) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let is_bare = !root.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase());
    if is_bare { Symbol::parse(&format!("{root}.{class}")).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_letter_may_be_a_class() {
        let dotted = |text: &str| with_dot(&Symbol::parse(text).expect("a symbol")).map(|symbol| symbol.to_string());
        assert_eq!(dotted("BRKB"), Some("BRK.B".to_owned()));
        assert_eq!(dotted("BRK.B"), None);
        assert_eq!(dotted("F"), None);
        assert_eq!(dotted("BAC^K"), None);
    }
}
