use super::*;

#[test]
fn dates_are_as_http_wants_them() {
    let at = |second| {
        let mut out = Vec::new();
        date::write(jiff::Timestamp::from_second(second).expect("in range"), &mut out);
        String::from_utf8(out).expect("text")
    };
    assert_eq!(at(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_eq!(at(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_eq!(at(0), "Thu, 01 Jan 1970 00:00:00 GMT");
}
