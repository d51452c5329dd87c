use super::*;

/// Decodes the groups of a number whose first group counts 10000 to the `weight`.
fn decode(weight: i16, sign: u16, groups: &[u16]) -> Option<i64> {
    let mut raw = Vec::new();
    let count = u16::try_from(groups.len()).expect("few groups");
    for value in [count, weight.cast_unsigned(), sign, 0].iter().chain(groups) {
        raw.extend_from_slice(&value.to_be_bytes());
    }
    let decoded = NumericPrice::from_sql(&Type::NUMERIC, &raw).expect("a numeric");
    decoded.0.map(Price::micros)
}

#[test]
fn decodes_prices_exactly() {
    assert_eq!(decode(0, POSITIVE, &[]), Some(0));
    assert_eq!(decode(0, POSITIVE, &[189, 9800]), Some(189_980_000), "189.98");
    assert_eq!(decode(1, POSITIVE, &[54, 3210, 1234, 5600]), Some(543_210_123_456), "543210.123456");
    assert_eq!(decode(-1, POSITIVE, &[1]), Some(100), "0.0001");
    assert_eq!(decode(-2, POSITIVE, &[100]), Some(1), "0.000001");
    assert_eq!(decode(0, NEGATIVE, &[1, 5000]), Some(-1_500_000), "-1.5");
    assert_eq!(decode(1, POSITIVE, &[50]), Some(500_000_000_000), "500000, whose last group is not sent");
}

#[test]
fn rounds_to_the_sixth_place() {
    assert_eq!(decode(0, POSITIVE, &[1, 0, 49]), Some(1_000_000));
    assert_eq!(decode(0, POSITIVE, &[1, 0, 50]), Some(1_000_001));
    assert_eq!(decode(-3, POSITIVE, &[9999]), Some(0));
}

#[test]
fn what_is_no_price_is_none() {
    assert_eq!(decode(0, 0xC000, &[]), None, "not a number");
    assert_eq!(decode(0, 0xD000, &[]), None, "infinity");
    assert_eq!(decode(4, POSITIVE, &[9999]), None, "too large for millionths");
    assert_eq!(decode(100, POSITIVE, &[1]), None);
    assert!(NumericPrice::from_sql(&Type::NUMERIC, &[0, 1]).is_err());
}
