use super::*;

fn bars(results: &str) -> Vec<RawBar> {
    let text = format!(r#"{{"ticker":"AAPL","status":"OK","results":{results}}}"#);
    let envelope: Envelope<Vec<RawBar>> = serde_json::from_str(&text).expect("an answer");
    envelope.results.unwrap_or_default()
}

#[test]
fn reads_a_bar_as_the_api_documents_it() {
    // The documentation's own example.
    let read = bars(
        r#"[{"c":75.0875,"h":75.15,"l":73.7975,"n":1,"o":74.06,"t":1577941200000,"v":135647456,"vw":74.6099,"otc":true}]"#,
    );
    let number = |value| Number(Some(value));
    let expected = RawBar {
        t: number(1_577_941_200_000.0),
        o: number(74.06),
        h: number(75.15),
        l: number(73.7975),
        c: number(75.0875),
        v: number(135_647_456.0),
    };
    assert_eq!(read, [expected]);
}

#[test]
fn a_wrong_value_is_none_and_spoils_nothing_else() {
    let read = bars(r#"[{"o":"74.06","h":null,"l":[1],"c":{"x":1},"v":true,"t":5},null,"x",7,[1],false,{"c":1.5}]"#);
    assert_eq!(read.len(), 7);
    assert_eq!(read[0], RawBar { t: Number(Some(5.0)), ..RawBar::default() });
    assert!(read[1..6].iter().all(|bar| *bar == RawBar::default()));
    assert_eq!(read[6].c, Number(Some(1.5)));
}

#[test]
fn results_may_be_absent_or_null() {
    let absent: Envelope<Vec<RawBar>> = serde_json::from_str(r#"{"status":"OK","resultsCount":0}"#).expect("an answer");
    assert!(absent.results.is_none());
    let null: Envelope<Vec<RawBar>> = serde_json::from_str(r#"{"results":null}"#).expect("an answer");
    assert!(null.results.is_none());
}

#[test]
fn delayed_data_is_data_and_an_error_is_an_error() {
    let fault = |text: &str| {
        let envelope: Envelope<Vec<RawBar>> = serde_json::from_str(text).expect("an answer");
        envelope.fault().map(str::to_owned)
    };
    assert_eq!(fault(r#"{"status":"DELAYED"}"#), None);
    assert_eq!(fault(r#"{"status":"ERROR","error":"no"}"#), Some("no".to_owned()));
    assert_eq!(fault(r#"{"status":"NOT_AUTHORIZED"}"#), Some("NOT_AUTHORIZED".to_owned()));
}
