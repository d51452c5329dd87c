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

/// Returns the lists of a file as `type:key Name = symbols`.
fn lists(content: impl AsRef<[u8]>) -> Result<Vec<String>, String> {
    let read = read_universes(&Folder::new().file("lists", content)).map_err(|error| chain(&error))?;
    let list = |list: &MemberList| {
        let symbols: Vec<&str> = list.members.iter().map(|(symbol, _)| symbol.as_str()).collect();
        let universe = list.universe.as_ref().map_or("-".to_owned(), |universe| {
            let kind = universe.universe_type.map(|kind| format!("{kind}:")).unwrap_or_default();
            let name = universe.name.as_ref().map(|name| format!(" {name}")).unwrap_or_default();
            format!("{kind}{}{name}", universe.key)
        });
        format!("{universe} = {}", symbols.join(" "))
    };
    Ok(read.value.iter().map(list).collect())
}

#[test]
fn reads_the_lists_of_many_universes() {
    for content in [
        "universe,symbol\nindex_sp500,MSFT\nindex_sp500,AAPL\nindex_dow30,MSFT\n",
        "\u{feff}Symbol,Universe\r\nMSFT,index_sp500\r\nMSFT,index_dow30\r\naapl,index_sp500\r\n",
        "key,ticker,company\nindex_sp500,MSFT,\"x, y\"\nindex_sp500,AAPL,=cmd|' /C calc'!A0\nindex_dow30,MSFT,z\n",
        r#"{"universes": {"index_sp500": ["MSFT", "AAPL"], "index_dow30": {"value": ["MSFT"]}}}"#,
        r#"{"universes": [{"key": "index_sp500", "symbols": ["MSFT", "AAPL"]}, {"key": "index_dow30", "stocks": [{"ticker": "MSFT"}]}]}"#,
        r#"[{"key": "index_sp500", "value": ["MSFT", "AAPL"]}, {"universe": "index_dow30", "value": {"symbols": ["MSFT"]}}]"#,
    ] {
        let mut found = lists(content).expect(content);
        found.sort();
        assert_eq!(found, ["index_dow30 = MSFT", "index_sp500 = MSFT AAPL"], "{content}");
    }
}

#[test]
fn types_and_names_are_taken_where_they_stand() {
    for content in [
        "type,key,universe_name,symbol\netf_universe,sector_energy,Energy Funds,XLE\n",
        "universe,universe_name,symbol\netf_universe:sector_energy,Energy Funds,XLE\n",
        r#"{"type": "etf_universe", "key": "sector_energy", "name": "Energy Funds", "value": ["XLE"]}"#,
        r#"{"sector_energy": {"type": "etf_universe", "name": "Energy Funds", "etfs": [{"symbol": "XLE"}]}}"#,
    ] {
        assert_eq!(lists(content).expect(content), ["etf_universe:sector_energy Energy Funds = XLE"], "{content}");
    }
}

#[test]
fn a_file_that_names_no_universe_has_one_list() {
    for content in ["symbol,name\nMSFT,x\n", "MSFT\n", r#"["MSFT"]"#, r#"{"symbols": ["MSFT"]}"#] {
        assert_eq!(lists(content).expect(content), ["- = MSFT"], "{content}");
    }
}

#[test]
fn lines_are_those_of_the_file() {
    let file = "universe,symbol\nindex_a,MSFT\nindex_b,MSFT\nindex_a,msft\n,AAPL\nindex_b,=1\n";
    let read = read_universes(&Folder::new().file("lists", file)).expect("readable");
    assert_eq!(read.value[1].members, [(Symbol::from_stored("MSFT"), 3)]);
    let lines: Vec<Option<u64>> = read.issues.iter().map(|issue| issue.line).collect();
    assert_eq!((read.rows, lines), (5, vec![Some(4), Some(5), Some(6)]));
}

#[test]
fn one_wrong_universe_refuses_the_whole_file() {
    for (content, said) in [
        ("universe,symbol\nindex_a,MSFT\nIndex B,MSFT\n", "line 3: \"Index B\" is no universe key"),
        ("universe,symbol\nstocks:a,MSFT\n", "\"stocks\" is no universe type"),
        ("type,key,symbol\nCS,index_a,MSFT\n", "\"CS\" is no universe type"),
        (r#"{"index_a": ["MSFT"], "index_b": []}"#, "index_b: the list is empty"),
        ("universe,symbol\nindex_a,MSFT\nindex_b,?\n", "index_b: all 2 entries are wrong"),
        (r#"{"index_a": ["MSFT"], "count": 3}"#, "its JSON has no list"),
        (r#"[{"key": "index_a", "value": ["MSFT"]}, {"value": ["MSFT"]}]"#, "entry 2 of its JSON says no universe"),
        ("universe,name\nindex_a,x\n", "missing symbol (or ticker)"),
    ] {
        let message = lists(content).expect_err(content);
        assert!(message.contains(said), "{content}: {message}");
    }
}

#[test]
fn more_members_than_any_market_has_are_refused() {
    let mut content = String::from("symbol\n");
    for number in 0..=MEMBERS_MAX {
        content.push_str(&format!("S{number}\n"));
    }
    assert!(read(content).expect_err("too many").contains("holds more than 1000000 members"));
}
