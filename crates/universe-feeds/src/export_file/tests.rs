use super::*;
use crate::testing::{Folder, TestColumn, chain, gzip, lines_of, parquet_bytes};

const DOCUMENT: &str = r#"{
"version": 1,
"environment": "DEFAULT",
"as_of": "2024-01-02",
"universes": [
{"type":"etf_universe","key":"index_broad_market","name":"Broad Market","category":"etf","rule":"etf_broad_market","count":0,"symbols":[],"metadata":{"ranked":false,"rule_version":"a1"}},
{"type":"stock_universe","key":"top_10","name":"Top 10","category":"market_leader","rule":"rankings","count":2,"symbols":["MSFT","AAPL"],"metadata":{"ranked":true,"rule_version":"b2"}}
]
}
"#;

fn read(content: impl AsRef<[u8]>) -> Result<ExportFile, String> {
    read_export(&Folder::new().file("export", content)).map_err(|error| chain(&error))
}

#[track_caller]
fn faults(content: impl AsRef<[u8]>, expected: &[&str]) {
    assert_eq!(lines_of(&read(content).expect("readable").faults), expected);
}

fn shown(file: &ExportFile) -> Vec<String> {
    let symbols =
        |universe: &ExportedUniverse| universe.symbols.iter().map(Symbol::as_str).collect::<Vec<_>>().join(" ");
    file.universes.iter().map(|universe| format!("{} {}", universe.id, symbols(universe))).collect()
}

#[test]
fn reads_the_document() {
    for content in [DOCUMENT.as_bytes().to_vec(), gzip(DOCUMENT), [b"\xef\xbb\xbf", DOCUMENT.as_bytes()].concat()] {
        let file = read(content).expect("readable");
        assert_eq!((&file.faults[..], &file.issues[..]), (&[][..], &[][..]));
        assert_eq!(file.as_of, Some(jiff::civil::date(2024, 1, 2)));
        assert_eq!(shown(&file), ["etf_universe:index_broad_market ", "stock_universe:top_10 MSFT AAPL"]);
        let top = &file.universes[1];
        assert_eq!((top.category, top.is_ranked), (Some(Category::MarketLeader), Some(true)));
        assert_eq!((top.rule.as_deref(), top.rule_version.as_deref()), (Some("rankings"), Some("b2")));
    }
}

#[test]
fn reads_rows_of_the_table_in_every_shape() {
    let rows = r#"[
        {"type":"stock_universe","key":"a","name":"A","value":["AAPL","BRK-B"],"universe_category":"theme"},
        {"type":"stock_universe","key":"b","value":{"symbols":["AAPL","BRK/B"],"count":9}},
        {"type":"stock_universe","key":"c","value":{"value":["AAPL","BRK.B"]}},
        {"type":"stock_universe","key":"d","value":{"stocks":[{"ticker":"AAPL"},{"ticker":"BRK.B"}]}},
        {"type":"etf_universe","key":"e","value":"{\"etfs\":[{\"symbol\":\"AAPL\"},{\"symbol\":\"BRK.B\"}]}"},
        {"type":"stock_universe","key":"f","value":["AAPL","BRK.B","AAPL"]},
        {"type":"app_settings","key":"g","value":{"theme":"dark"}}
    ]"#;
    let file = read(rows).expect("readable");
    assert_eq!(lines_of(&file.faults), [""; 0]);
    assert_eq!(
        lines_of(&file.issues),
        [
            "- AAPL: stock_universe:f lists it twice; taken once",
            "- -: entry 7 is of type \"app_settings\", and was left out"
        ]
    );
    assert!(file.universes.iter().all(|universe| universe.symbols.len() == 2), "{:?}", shown(&file));
    assert_eq!(file.universes[0].category, Some(Category::Theme));
}

#[test]
fn finds_every_fault_of_a_document() {
    let document = r#"{"version": 2, "as_of": "soon", "extra": 1, "universes": [
        {"type":"bond_universe","key":"a","symbols":[]},
        {"type":"stock_universe","key":"Top 10","symbols":[]},
        {"type":"stock_universe","key":"b","count":3,"symbols":["AAPL","AAPL","A B"]},
        {"type":"stock_universe","key":"b","symbols":[]},
        {"type":"stock_universe","key":"c"},
        {"type":null,"key":null,"name":"a + b","symbols":["AAPL"]},
        7
    ]}"#;
    faults(
        document,
        &[
            "- -: version 2 is not understood; this program reads version 1",
            "- -: as_of: \"soon\" is not a date (YYYY-MM-DD)",
            "- -: universes[0]: \"bond_universe\" is no type of universe; it is stock_universe or etf_universe",
            "- -: universes[1]: \"Top 10\" is no universe key; keys are snake_case: lower-case letters, digits and '_', from a letter",
            "- AAPL: stock_universe:b lists it twice",
            "- -: stock_universe:b, member 3: \"A B\" contains ' '; symbols are letters, digits, '.' and '^'",
            "- -: stock_universe:b says that it has 3 members, and lists 1",
            "- -: stock_universe:b stands in the file twice",
            "- -: stock_universe:c has no list of members under symbols, value, stocks, etfs, members",
            "- -: universes[5] (\"a + b\") has no type and key; a combination of universes cannot be imported",
            "- -: universes[6] is no object",
        ],
    );
    assert_eq!(lines_of(&read(document).expect("readable").issues), ["- -: \"extra\" is not looked at"]);
}

#[test]
fn reads_rows() {
    let csv = "type,key,name,rank,symbol,company_name,market_cap,since\r\n\
        stock_universe,top_10,Top 10,2,AAPL,\"Apple, Inc.\",3,2024-01-02\r\n\
        stock_universe,top_10,Top 10,1,MSFT,'=1+1,3,\r\n\
        etf_universe,mine,'=Mine,,SPY,,,\r\n";
    let file = read(csv).expect("readable");
    assert_eq!((&file.faults[..], &file.issues[..]), (&[][..], &[][..]));
    assert_eq!(shown(&file), ["stock_universe:top_10 MSFT AAPL", "etf_universe:mine SPY"], "in order of rank");
    assert_eq!(file.universes[1].name.as_deref(), Some("=Mine"));
    let texts = |texts: &[&'static str]| TestColumn::Texts(texts.iter().copied().map(Some).collect());
    let columns = vec![texts(&["stock_universe"; 2]), texts(&["a"; 2]), texts(&["'=A"; 2]), texts(&["MSFT", "AAPL"])];
    let file = read(parquet_bytes(&["type", "key", "name", "symbol"], &[columns])).expect("readable");
    assert_eq!(shown(&file), ["stock_universe:a MSFT AAPL"]);
    assert_eq!(file.universes[0].name.as_deref(), Some("'=A"), "nothing is guarded in Parquet");
}

#[test]
fn finds_every_fault_of_rows() {
    let csv = "type,key,name,rank,symbol,colour\n\
        stock_universe,a,A,1,AAPL,red\n\
        stock_universe,a,B,3,MSFT,red\n\
        stock_universe,a,A,4,AAPL,red\n\
        stock_universe,a,A,x,NVDA,red\n\
        stock_universe,a,A,5,,red\n\
        stock_universe,a,A,5,A B,red\n\
        bond_universe,a,A,5,AMD,red\n\
        ,a,A,5,AMD,red\n\
        stock_universe,a\n";
    faults(
        csv,
        &[
            "- MSFT: stock_universe:a: nobody has rank 2, or two have; rows are missing",
            "3 -: stock_universe:a is called \"B\" here, and \"A\" before",
            "4 AAPL: stock_universe:a lists it twice, first in line 2",
            "5 NVDA: rank: \"x\" is not a number",
            "6 -: a row of stock_universe:a has no symbol",
            "7 A B: \"A B\" contains ' '; symbols are letters, digits, '.' and '^'",
            "8 -: \"bond_universe\" is no type of universe; it is stock_universe or etf_universe",
            "9 -: the row has no type and key",
            "10 -: 2 fields instead of 6; the row was skipped",
        ],
    );
    assert_eq!(lines_of(&read(csv).expect("readable").issues), ["- -: the column \"colour\" is not looked at"]);
}

#[test]
fn refuses_what_is_no_export() {
    let parquet = parquet_bytes(&["type"], &[vec![TestColumn::Texts(vec![Some("x")])]]);
    let cut = &parquet[..parquet.len() - 6];
    for (content, words) in [
        (&b""[..], "export is empty"),
        (b"\xff\xfe\x00", "UTF-16"),
        (b"type,key,symbol\nstock_universe,a,\xe9\n", "not UTF-8: line 2"),
        (b"a,b\n1,2\n", "missing type, key, symbol"),
        (b"type,key,symbol\n", "no universe stands in it"),
        (b"{\"version\": 1, \"universes\": [", "truncated"),
        (b"{\"version\": 1, \"universes\": 7}", "is no list"),
        (b"{\"version\": 1, \"universes\": []}", "no universe stands in it"),
        (b"{\"symbols\": [\"AAPL\"]}", "`universe load universe FILE --universe U`"),
        (b"[\"AAPL\"]", "`universe load universe FILE --universe U`"),
        (b"type,key,symbol\nstock_universe,a,AA\nstock_univ", "truncated"),
        (cut, "truncated"),
        (b"PAR1", "truncated"),
    ] {
        let error = read(content).expect_err(words);
        assert!(error.contains(words), "{words}: {error}");
    }
}
