use super::*;

fn number(text: &str) -> Result<Option<f64>, String> {
    Cell::Text(text).number().map_err(|fault| fault.0)
}

#[test]
fn reads_numbers_as_screeners_write_them() {
    let read =
        ["$1.09", "7.921%", "34442461.00", "0.00", "1,234", "$1,234,567.89", "-0.0078", "-$1.5", "$-1.5", " 12 "]
            .map(|text| number(text).expect("a number").expect("not blank"));
    assert_eq!(read, [1.09, 7.921, 34_442_461.0, 0.0, 1_234.0, 1_234_567.89, -0.0078, -1.5, -1.5, 12.0]);
}

#[test]
fn blank_and_not_available_are_no_number() {
    for text in ["", "  ", "N/A", "NA", "--"] {
        assert_eq!(number(text), Ok(None), "{text:?}");
    }
    assert_eq!(Cell::Null.number(), Ok(None));
    assert_eq!(Cell::Number(f64::NAN).number(), Ok(None));
}

#[test]
fn refuses_what_only_looks_like_a_number() {
    for text in
        ["abc", "1,2", "1,23,456", "12,345,67", "--5", "inf", "NaN", "1e999", "1.2.3", "$", "-", "1.234,56", "=1+1"]
    {
        assert!(number(text).is_err(), "{text:?}");
    }
    assert_eq!(number("1,2"), Err("\"1,2\" is not a number".to_owned()));
    assert!(Cell::Number(f64::INFINITY).number().is_err());
    assert!(Cell::Text("1e30").whole().is_err());
}

#[test]
fn reads_days_in_the_usual_formats() {
    let expected = Ok(Some(Date::constant(2022, 5, 17)));
    for text in ["2022-05-17", "20220517", "2022-05-17T00:00:00Z", "2022-05-17 16:00:00", "2022-05-17T16:00:00-04:00"] {
        assert_eq!(Cell::Text(text).day(), expected, "{text:?}");
    }
    assert_eq!(Cell::Whole(20_220_517).day(), expected);
    assert_eq!(Cell::Text(" ").day(), Ok(None));
    for text in ["2022-02-30", "17.05.2022", "05/17/2022", "20221345", "2022-05-17x", "é022-05-17", "1"] {
        assert!(Cell::Text(text).day().is_err(), "{text:?}");
    }
}

#[test]
fn reads_flags_in_the_usual_spellings() {
    assert_eq!(["true", "T", "1", "Yes"].map(|text| Cell::Text(text).flag()), [const { Ok(Some(true)) }; 4]);
    assert_eq!(["false", "f", "0", "NO"].map(|text| Cell::Text(text).flag()), [const { Ok(Some(false)) }; 4]);
    assert_eq!(Cell::Text("").flag(), Ok(None));
    assert!(Cell::Text("maybe").flag().is_err());
}

#[test]
fn text_is_trimmed_and_blank_is_none() {
    assert_eq!(Cell::Text(" Energy ").text().as_deref(), Some("Energy"));
    assert_eq!(Cell::Text("n/a").text(), None);
    assert_eq!(Cell::Text("\u{a0}").text(), None);
}
