use super::*;
use crate::testing::{Folder, chain, gzip, lines_of};

fn read(content: impl AsRef<[u8]>) -> Result<Read<Vec<Symbol>>, String> {
    read_universe(&Folder::new().file("members", content)).map_err(|error| chain(&error))
}

fn symbols(content: impl AsRef<[u8]>) -> Vec<String> {
    read(content).expect("readable").value.iter().map(Symbol::to_string).collect()
}

#[test]
fn reads_every_shape_that_was_ever_stored() {
    for content in [
        r#"["MSFT","AAPL","BRK.B"]"#,
        r#"{"symbols":["MSFT","AAPL","BRK-B"],"count":3}"#,
        r#"{"value":["MSFT","AAPL","BRK/B"]}"#,
        r#"{"value":{"symbols":["MSFT","AAPL","BRK.B"]}}"#,
        r#"{"stocks":[{"ticker":"MSFT","name":"x"},{"ticker":"AAPL"},{"ticker":"BRK.B"}]}"#,
        r#"{"etfs":[{"symbol":"MSFT"},{"symbol":"AAPL"},{"symbol":"BRK.B"}]}"#,
        "Name,Symbol\nMicrosoft,MSFT\n\"Apple, Inc.\",AAPL\nx,BRK.B\n",
        "ticker\nMSFT\nAAPL\nBRK.B",
        "msft\r\naapl\r\n\r\nbrk/b\r\n",
    ] {
        assert_eq!(symbols(content), ["MSFT", "AAPL", "BRK.B"], "{content}");
        assert_eq!(symbols(gzip(content)), ["MSFT", "AAPL", "BRK.B"], "{content}");
    }
}

#[test]
fn keeps_the_first_of_duplicates_and_names_the_bad() {
    let read = read("symbol\nB\nA\nb\n=1+1\n\"\"\n").expect("readable");
    assert_eq!(read.rows, 5);
    assert_eq!(read.value.len(), 2);
    assert_eq!(
        lines_of(&read.issues),
        [
            "4 B: B is on line 2 already; line 4 was skipped",
            "5 =1+1: no usable symbol: \"=1+1\" contains '='; symbols are letters, digits, '.' and '^'; the row was skipped",
            "6 -: no symbol; the row was skipped",
        ]
    );
}

#[test]
fn entries_that_name_no_symbol_are_issues() {
    let read = read(r#"["A", 7, null, {"name": "x"}, ["B"]]"#).expect("readable");
    assert_eq!((read.value.len(), read.issues.len()), (2, 3));
}

#[test]
fn an_empty_list_is_refused() {
    for content in ["[]", r#"{"symbols":[]}"#, "symbol\n", "ticker,name\n"] {
        let message = read(content).expect_err(content);
        assert!(message.contains("no universe is emptied by a file"), "{message}");
    }
    assert!(read("").expect_err("empty").contains("is empty"));
    assert!(read("?\n!\n").expect_err("no symbols").contains("all 2 entries are wrong"));
}

#[test]
fn refuses_lists_without_symbols() {
    assert!(read("name,weight\nx,1\n").expect_err("columns").contains("missing symbol (or ticker)"));
    assert!(read(r#"{"count": 3}"#).expect_err("no list").contains("its JSON has no list"));
    assert!(read(r#"["A", "#).expect_err("cut").contains("is truncated"));
}
