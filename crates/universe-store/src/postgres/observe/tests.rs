use super::*;

#[test]
fn joined_texts_come_apart_again() {
    let joined = "CS\u{1f}nasdaq\u{1f}Finance\u{1f}\u{1e}\u{1f}\u{1f}USD";
    assert_eq!(
        texts(joined),
        Some([Some("CS"), Some("nasdaq"), Some("Finance"), None, Some(""), Some("USD")]),
        "an empty text is not an absent one",
    );
}

#[test]
fn another_number_of_texts_is_refused() {
    assert_eq!(texts("CS\u{1f}nasdaq"), None);
    assert_eq!(texts("CS\u{1f}a\u{1f}b\u{1f}c\u{1f}d\u{1f}e\u{1f}f"), None);
}
