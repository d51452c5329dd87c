use serde_json::json;
use universe_core::Timeframe;

use super::*;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn read(message: &Value) -> Result<DataLoadOrder, BadMessage> {
    read_message(message.to_string().as_bytes(), "DEFAULT", NOW)
}

/// A good message with some fields replaced, or taken out by null.
fn with(changes: Value) -> Value {
    let mut message = json!({
        "job_id": "job-1", "job_type": "csv_universe_load", "universe_key": "etf_core", "years": 2,
        "requested_by": "admin", "timestamp": "2025-12-02T10:00:00Z",
    });
    for (name, value) in changes.as_object().expect("fields") {
        message[name] = value.clone();
    }
    message
}

#[track_caller]
fn check_bad(changes: Value, job_id: Option<&str>, reason: &str) {
    let bad = read(&with(changes)).expect_err("bad");
    assert_eq!(bad.reason, reason);
    assert_eq!(bad.order.as_ref().map(|order| order.job_id.as_str()), job_id);
}

#[test]
fn a_message_asks_for_daily_bars_unless_it_says_otherwise() {
    let order = read(&with(json!({}))).expect("good");
    assert_eq!((order.job_id.as_str(), order.requested_by.as_str()), ("job-1", "admin"));
    assert_eq!(order.request.universe_key.as_deref(), Some("etf_core"));
    assert_eq!((order.request.years, &order.request.timeframes[..]), (2, &[Timeframe::Day][..]));
    assert!(order.request.include_ohlcv);
}

#[test]
fn every_way_to_say_the_same_is_taken() {
    let message = with(json!({
        "job_id": 17, "universe_key": "", "symbols": "aapl, BRK-B,AAPL", "years": "5",
        "timeframes": ["day", "1min", "day"], "include_ohlcv": false, "extra": {"x": 1}, "requested_by": null,
    }));
    let order = read(&message).expect("good");
    assert_eq!((order.job_id.as_str(), order.requested_by.as_str()), ("17", "unknown"));
    let symbols: Vec<&str> = order.request.symbols.iter().map(AsRef::as_ref).collect();
    assert_eq!(symbols, ["AAPL", "BRK.B"]);
    assert_eq!(order.request.timeframes, [Timeframe::Minute, Timeframe::Day]);
    assert_eq!((order.request.years, order.request.include_ohlcv), (5, false));
    let joined = read(&with(json!({"universe_key": "SPY_like:etf_core & top_500", "csv_file": "etfs.csv"})));
    assert_eq!(joined.expect("good").request.csv_file.as_deref(), Some("etfs.csv"));
}

#[test]
fn everything_that_is_wrong_is_named() {
    check_bad(json!({"years": null}), Some("job-1"), "it lacks years");
    check_bad(json!({"job_type": null}), Some("job-1"), "it lacks job_type");
    check_bad(json!({"job_id": null, "years": 99}), None, "it lacks job_id; years is 99; it must be from 1 to 50");
    check_bad(
        json!({"job_type": "index_load", "years": -1, "timeframes": ["5min"]}),
        Some("job-1"),
        "job_type is \"index_load\"; \"csv_universe_load\" is the only one; years is no whole number from 1 to 50; \
         timeframes: \"5min\" is no timeframe; use 1min, hour, day, week or month",
    );
    check_bad(json!({"years": 1.5}), Some("job-1"), "years is no whole number from 1 to 50");
    check_bad(json!({"years": 0}), Some("job-1"), "years is no whole number from 1 to 50");
    check_bad(
        json!({"job_id": "two words"}),
        None,
        "job_id is no id: up to 100 characters of ASCII without spaces are one",
    );
    check_bad(json!({"job_id": {}}), None, "job_id is no text");
    check_bad(json!({"universe_key": null}), Some("job-1"), "one of universe_key, csv_file and symbols is needed");
    check_bad(json!({"symbols": ["AAPL"]}), Some("job-1"), "symbols goes with neither universe_key nor csv_file");
    check_bad(
        json!({"symbols": [1], "universe_key": null}),
        Some("job-1"),
        "symbols is no list of texts; one of universe_key, csv_file and symbols is needed",
    );
    check_bad(json!({"timeframes": []}), Some("job-1"), "timeframes is no list of texts");
    check_bad(json!({"include_ohlcv": "yes"}), Some("job-1"), "include_ohlcv is neither true nor false");
}

#[test]
fn files_are_those_of_one_directory() {
    for file in ["../secret.csv", "/etc/passwd", "a/b.csv", "..", ".hidden", "a\\b.csv"] {
        let bad = read(&with(json!({"csv_file": file}))).expect_err("outside");
        assert_eq!(bad.reason, format!("csv_file is {file:?}; it must be the name of a file, without a directory"));
    }
}

#[test]
fn what_is_no_message_has_no_job() {
    for (text, reason) in [
        ("hello", "the message is no JSON: expected value at line 1 column 1"),
        ("", "the message is no JSON: EOF while parsing a value at line 1 column 0"),
        ("[1]", "the message is JSON, but no object"),
        ("{\"job_id\": \"a\"", "the message is no JSON: EOF while parsing an object at line 1 column 14"),
    ] {
        let bad = read_message(text.as_bytes(), "DEFAULT", NOW).expect_err("bad");
        assert_eq!((bad.order, bad.reason.as_str()), (None, reason));
    }
    let bad = read_message(&[0xff, 0xfe], "DEFAULT", NOW).expect_err("bad");
    assert!(bad.reason.starts_with("the message is no JSON"), "{bad}");
    let bad = read_message(&vec![b' '; MESSAGE_BYTES_MAX + 1], "DEFAULT", NOW).expect_err("bad");
    assert_eq!(bad.reason, "the message has 1048577 bytes, at most 1048576");
}
