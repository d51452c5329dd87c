use super::*;
use crate::testing::{Folder, chain, gzip, lines_of};

const RAW_HEADER: &str =
    "symbol,exchange,name,lastsale,netchange,pctchange,volume,marketCap,country,ipoyear,industry,sector";
const RAW_ROW: &str =
    "BRK/B,nyse,Berkshire Hathaway Inc.,$313.16,0.08,7.921%,12899,690000000000.00,United States,1996,,Finance";
const SITE: &str = "Symbol,Name,Last Sale,Net Change,% Change,Market Cap,Country,IPO Year,Volume,Sector,Industry\n\
    A,Agilent Technologies Inc. Common Stock,$133.97,1.5,1.13%,40206189117.00,United States,1999,1466876,Capital Goods,Electrical Products\n";

fn read(name: &str, content: impl AsRef<[u8]>) -> Result<Read<Snapshot>, String> {
    let folder = Folder::new();
    read_screener(&folder.file(name, content), None).map_err(|error| chain(&error))
}

fn refusal(content: impl AsRef<[u8]>) -> String {
    read("2022-05-17.csv", content).expect_err("a refusal")
}

#[test]
fn reads_the_daily_record() {
    let read = read("2022-05-17.csv.gz", gzip(format!("{RAW_HEADER}\n{RAW_ROW}\n"))).expect("readable");
    assert_eq!((read.rows, read.issues.len()), (1, 0));
    assert_eq!((read.value.session, read.value.source.as_str()), (Date::constant(2022, 5, 17), "screener"));
    let row = &read.value.rows[0];
    assert_eq!(row.listing.symbol.as_str(), "BRK.B");
    assert_eq!(row.listing.exchange.as_deref(), Some("nyse"));
    assert_eq!((row.listing.ipo_year, &row.listing.industry), (Some(1996), &None));
    assert_eq!(row.listing.weighted_shares_outstanding, Some(2_203_346_532));
}

#[test]
fn reads_the_download_of_the_website_which_has_no_exchange() {
    let read = read("20220517.csv", SITE.replace('\n', "\r\n")).expect("readable");
    let listing = &read.value.rows[0].listing;
    assert_eq!((&listing.exchange, listing.sector.as_deref()), (&None, Some("Capital Goods")));
    assert_eq!((listing.ipo_year, read.value.rows[0].volume), (Some(1999), Some(1_466_876)));
}

#[test]
fn reads_what_the_api_answers() {
    let row = r#"{"symbol":"A","name":"Agilent Technologies Inc. Common Stock","lastsale":"$133.97","netchange":"1.5","pctchange":"1.13%","volume":"1466876","marketCap":"40206189117.00","country":"United States","ipoyear":"1999","industry":"Electrical Products","sector":"Capital Goods","url":"/market-activity/stocks/a"}"#;
    let of_site = read("2022-05-17.csv", SITE).expect("readable").value;
    for document in [
        format!(
            r#"{{"data":{{"asOf":null,"headers":{{"symbol":"Symbol"}},"rows":[{row}]}},"status":{{"rCode":200}}}}"#
        ),
        format!(r#"{{"data":{{"table":{{"rows":[{row}]}}}}}}"#),
        format!("[{row}]"),
    ] {
        for content in [document.clone().into_bytes(), gzip(&document)] {
            let read = read("2022-05-17.json", content).expect("readable");
            assert_eq!((read.value, read.issues.len()), (of_site.clone(), 0));
        }
    }
}

#[test]
fn the_table_for_display_leaves_out_columns() {
    let row = r#"{"symbol":"A","name":"Agilent","lastsale":133.97,"marketCap":"40,206,189,117"}"#;
    let read_one = |document: String| read("2022-05-17.json", document);
    let shown = read_one(format!(r#"{{"data":{{"table":{{"rows":[{row}, 7]}}}}}}"#)).expect("readable");
    assert_eq!(shown.value.rows[0].listing.market_cap.map(|cap| cap.0), Some(40_206_189_117));
    assert_eq!(lines_of(&shown.issues), ["2 -: the row is not an object; it was skipped"]);
    let message = read_one(format!(r#"{{"data":{{"rows":[{row}]}}}}"#)).expect_err("a refusal");
    assert!(message.contains("missing volume, country, ipoyear, industry, sector"), "{message}");
}

#[test]
fn an_answer_without_rows_is_refused() {
    for document in
        [r#"{"data":null,"status":{"rCode":400}}"#, r#"{"data":{"rows":null}}"#, "{}", "[]", r#"{"data":{"rows":[]}}"#]
    {
        let message = read("2022-05-17.json", document).expect_err(document);
        assert!(message.starts_with("2022-05-17.json has no usable row"), "{message}");
    }
    assert!(read("2022-05-17.json", r#"{"data":{"rows":[{"symbol":"A"#).expect_err("cut").contains("is truncated"));
}

#[test]
fn says_which_columns_are_missing_and_which_were_found() {
    assert_eq!(
        refusal("Ticker,Name,Last Sale,Volume,Country,IPO Year,Sector,Industry\nA,B,1,1,C,D,E,F\n"),
        "2022-05-17.csv has the wrong columns: missing symbol, marketCap; found \"Ticker\", \"Name\", \"Last Sale\", \
         \"Volume\", \"Country\", \"IPO Year\", \"Sector\", \"Industry\""
    );
    let twice = format!("{RAW_HEADER},Symbol\n{RAW_ROW},X\n");
    assert!(refusal(twice).contains("more than one column for symbol"));
}

#[test]
fn a_header_alone_is_refused() {
    let message = "2022-05-17.csv has no usable row: there is a header and nothing else; fetch it again";
    assert_eq!(refusal(format!("{RAW_HEADER}\n")), message);
    assert_eq!(refusal(RAW_HEADER), message);
}

#[test]
fn a_file_of_bad_rows_only_is_refused() {
    let message = refusal(format!("{RAW_HEADER}\nA,B\n?,,,,,,,,,,,\n"));
    assert!(message.contains("all 2 rows are wrong, the first because 2 fields instead of 12"), "{message}");
}

#[test]
fn bad_rows_cost_only_themselves() {
    let content = format!("{RAW_HEADER}\nX,nyse,short\n{RAW_ROW}\n=cmd{}\n{RAW_ROW}\n", &RAW_ROW[5..]);
    let read = read("2022-05-17.csv", content).expect("readable");
    assert_eq!((read.rows, read.value.rows.len()), (4, 1));
    assert_eq!(
        lines_of(&read.issues),
        [
            "2 X: 3 fields instead of 12; the row was skipped",
            "4 =cmd: no usable symbol: \"=cmd\" contains '='; symbols are letters, digits, '.' and '^'; the row was skipped",
            "5 BRK.B: BRK.B is on line 3 already; line 5 was skipped",
        ]
    );
}

#[test]
fn a_file_cut_off_in_a_row_is_refused() {
    assert!(refusal(format!("{RAW_HEADER}\n{RAW_ROW}\nBRK/A,nyse,Berk")).contains("is truncated: its last line, 3,"));
    let packed = gzip(format!("{RAW_HEADER}\n{RAW_ROW}\n"));
    assert!(refusal(&packed[..packed.len() - 9]).contains("is truncated"));
}

#[test]
fn a_day_that_is_no_session_is_refused_before_anything_is_read() {
    let message = read("2022-05-30.csv.gz", "").expect_err("Memorial Day");
    assert!(message.contains("2022-05-30 is not a session (Memorial Day)"), "{message}");
}

#[test]
fn parquet_is_sent_to_the_other_command() {
    assert!(refusal(b"PAR1....PAR1").contains("`load snapshots`"));
}

#[test]
fn mutations_of_a_file_never_panic() {
    let folder = Folder::new();
    let whole =
        format!("\u{feff}{RAW_HEADER}\n{RAW_ROW}\nA,nyse,\"Ag, \"\"x\"\"\",$1,1,1%,1,1,US,1999,,\n").into_bytes();
    for at in 0..whole.len() {
        for byte in [0, b'"', b',', b'\n', 0xff, b'{', b'-'] {
            let mut bytes = whole.clone();
            bytes[at] = byte;
            for content in [&bytes[..], &bytes[..at]] {
                let path = folder.file("2022-05-17.csv", content);
                let _outcome = read_screener(&path, None);
            }
        }
    }
}
