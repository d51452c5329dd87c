use super::*;

fn symbol(text: &str) -> Symbol {
    Symbol::parse(text).expect("a symbol")
}

#[test]
fn every_spelling_of_a_share_class_is_one_symbol() {
    for spelling in ["BRK.B", "BRK/B", "BRK-B", "brk.b", " BRK/B "] {
        assert_eq!(symbol(spelling).as_str(), "BRK.B", "{spelling:?}");
    }
}

#[test]
fn preferred_shares_keep_their_caret() {
    assert_eq!(symbol("BAC^K").as_str(), "BAC^K");
}

#[test]
fn refuses_what_is_no_symbol() {
    assert_eq!(Symbol::parse("  "), Err(SymbolError::Empty));
    assert!(matches!(Symbol::parse("=HYPERLINK(1)"), Err(SymbolError::Character { found: '=', .. })));
    assert!(matches!(Symbol::parse(".A"), Err(SymbolError::Character { found: '.', .. })));
    assert!(matches!(Symbol::parse(&"A".repeat(21)), Err(SymbolError::TooLong(_))));
    assert!(matches!(Symbol::parse("ÄPFEL"), Err(SymbolError::Character { found: 'Ä', .. })));
}

#[test]
fn a_spelling_without_separator_resolves_where_it_is_unambiguous() {
    let known = [symbol("BF.B"), symbol("BRK.A"), symbol("BRK.B"), symbol("BRKR")];
    assert_eq!(resolve_symbol("BRKB", &known), Some(symbol("BRK.B")));
    assert_eq!(resolve_symbol("BRK-B", &known), Some(symbol("BRK.B")));
    assert_eq!(resolve_symbol("BRKR", &known), Some(symbol("BRKR")));
    assert_eq!(resolve_symbol("BRK", &known), None);
    let twins = [symbol("A.BC"), symbol("AB.C"), symbol("ABC")];
    assert_eq!(resolve_symbol("ABC", &twins), Some(symbol("ABC")));
    assert_eq!(resolve_symbol("A-B-C", &twins), None);
}
