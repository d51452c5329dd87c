use super::*;

#[test]
fn preferred_shares_go_there_and_back() {
    for (ours, theirs) in [("BAC^K", "BACpK"), ("BRK.B", "BRK.B"), ("AAPL", "AAPL"), ("PSA^", "PSAp")] {
        let symbol = Symbol::parse(ours).expect("a symbol");
        assert_eq!(ticker_of(&symbol), theirs);
        assert_eq!(symbol_of(theirs), Some(symbol));
    }
}

#[test]
fn what_is_when_issued_does_not_become_another_listing() {
    for ticker in ["GEVw", "XYZr", "ABCrw", "BACpKw", "p", "", "A B"] {
        assert_eq!(symbol_of(ticker), None, "{ticker}");
    }
}
