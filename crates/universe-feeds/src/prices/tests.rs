use super::*;
use crate::testing::{Folder, TestColumn, chain, day, gzip, lines_of, parquet_bytes};

fn read(content: impl AsRef<[u8]>) -> Result<(Vec<Bar>, Read<u64>), String> {
    let folder = Folder::new();
    let mut prices = read_prices(&folder.file("bars.csv", content)).map_err(|error| chain(&error))?;
    let mut bars = Vec::new();
    for batch in prices.by_ref() {
        let batch = batch.map_err(|error| chain(&error))?;
        assert!(batch.len() <= BAR_BATCH_ROWS);
        bars.extend(batch);
    }
    Ok((bars, prices.finish()))
}

#[test]
fn reads_whole_bars_and_closes_alone() {
    let whole = "symbol,date,open,high,low,close,volume\nBRK/B,2022-05-17,310.5,315,309.1,313.16,\"4,000\"\n";
    let alone = "close,ticker,timestamp\n313.16,BRK.B,2022-05-17T20:00:00Z\n";
    let (bars, read_of) = read(gzip(whole)).expect("readable");
    assert_eq!((read_of.value, read_of.rows, read_of.issues.len()), (1, 1, 0));
    assert_eq!(bars[0].open, Price::from_dollars(310.5));
    assert_eq!(bars[0].volume, Some(4_000));
    let closes = Bar { open: None, high: None, low: None, volume: None, ..bars[0].clone() };
    assert_eq!(read(alone).expect("readable").0, [closes]);
}

#[test]
fn rows_that_cannot_be_are_skipped() {
    let content = "symbol,date,open,high,low,close,volume\n\
        A,2022-05-17,1,2,1,0,5\nA,2022-05-17,1,2,1,-3,5\nA,2022-05-17,1,2,1,,5\nA,2022-05-17,1,1,2,1.5,5\n\
        A,2022-05-17,1,2,1,1.5,-5\nA,17.05.2022,1,2,1,1.5,5\nA,2022-05-30,1,2,1,1.5,5\n=A,2022-05-17,1,2,1,1.5,5\n\
        A,2022-05-17\nA,,1,2,1,1.5,5\nA,2022-05-17,0,x,1,1.5,\nA,9999-12-31,1,2,1,1.5,5\n";
    let (bars, read) = read(content).expect("readable");
    assert_eq!((bars.len(), read.rows), (1, 12));
    assert_eq!((bars[0].open, bars[0].high, bars[0].low), (None, None, Price::from_dollars(1.0)));
    assert_eq!(
        lines_of(&read.issues),
        [
            "2 A: the close \"0\" is no price; the row was skipped",
            "3 A: the close \"-3\" is no price; the row was skipped",
            "4 A: there is no close; the row was skipped",
            "5 A: the high 1.00 is below the low 2.00; the row was skipped",
            "6 A: the volume \"-5\" is negative; the row was skipped",
            "7 A: \"17.05.2022\" is not a date (YYYY-MM-DD); the row was skipped",
            "8 A: 2022-05-30 is not a session (Memorial Day); the session before it is 2022-05-27; the row was skipped",
            "9 =A: no usable symbol: \"=A\" contains '='; symbols are letters, digits, '.' and '^'; the row was skipped",
            "10 A: 2 fields instead of 7; the row was skipped",
            "11 A: there is no date; the row was skipped",
            "12 A: the open \"0\" is no price; it was dropped",
            "12 A: the high \"x\" is not a number; it was dropped",
            "13 A: 9999-12-31 is outside the years 1900 to 2200; the row was skipped",
        ]
    );
}

#[test]
fn duplicates_are_found_wherever_they_stand() {
    let content = "symbol,date,close\nBRK.B,2022-05-18,1\nA,2022-05-17,2\nBRK.B,1999-05-17,3\nBRK.B,2022-05-17,4\n\
        BRK/B,2022-05-18,5\nBRK-B,1999-05-17,6\nA,2022-05-18,7\nA,2023-12-15,8\nA,2022-05-17,9\n";
    let (bars, read) = read(content).expect("readable");
    let closes: Vec<f64> = bars.iter().map(|bar| bar.close.dollars()).collect();
    assert_eq!(closes, [1.0, 2.0, 3.0, 4.0, 7.0, 8.0]);
    assert_eq!(
        lines_of(&read.issues),
        [
            "6 BRK.B: BRK.B has a bar of 2022-05-18 already; the row was skipped",
            "7 BRK.B: BRK.B has a bar of 1999-05-17 already; the row was skipped",
            "10 A: A has a bar of 2022-05-17 already; the row was skipped",
        ]
    );
}

#[test]
fn large_files_come_in_batches() {
    let rows: String = (0..BAR_BATCH_ROWS + 3).map(|n| format!("S{n},2022-05-17,1\n")).collect();
    let folder = Folder::new();
    let prices = read_prices(&folder.file("bars.csv", format!("symbol,date,close\n{rows}"))).expect("readable");
    let sizes: Vec<usize> = prices.map(|batch| batch.expect("readable").len()).collect();
    assert_eq!(sizes, [BAR_BATCH_ROWS, 3]);
}

#[test]
fn damage_further_on_ends_the_reading() {
    assert!(read("symbol,date,close\nA,2022-05-17,1\nB,2022").expect_err("cut").contains("is truncated"));
    assert!(read("symbol,date\nA,2022-05-17\n").expect_err("columns").contains("missing close"));
    assert!(read("").expect_err("empty").contains("is empty"));
    let whole = gzip("symbol,date,close\nA,2022-05-17,1\n");
    assert!(read(&whole[..whole.len() - 4]).expect_err("cut").contains("is truncated"));
}

#[test]
fn reads_parquet() {
    let columns = vec![
        TestColumn::Texts(vec![Some("A"), Some("A"), None]),
        TestColumn::Days(vec![day("2022-05-17"), day("2022-05-30"), day("2022-05-17")]),
        TestColumn::Numbers(vec![Some(1.06), Some(1.0), Some(1.0)]),
        TestColumn::Wholes(vec![Some(7), None, None]),
    ];
    let (bars, read) = read(parquet_bytes(&["symbol", "date", "close", "volume"], &[columns])).expect("readable");
    assert_eq!((bars.len(), read.rows, read.issues.len()), (1, 3, 2));
    assert_eq!((bars[0].close, bars[0].volume), (Price::from_micros(1_060_000), Some(7)));
}

#[test]
fn mutations_of_a_file_never_panic() {
    let folder = Folder::new();
    let whole = "symbol,date,high,low,close,volume\nA,2022-05-17,2,\"1\",1.5,\"4,000\"\nB,20220518,,,$3,7\n".as_bytes();
    for at in 0..whole.len() {
        for byte in [0, b'"', b',', b'\n', 0xff, b'9', b'-'] {
            let mut bytes = whole.to_vec();
            bytes[at] = byte;
            for content in [&bytes[..], &bytes[..at]] {
                let prices = read_prices(&folder.file("bars.csv", content));
                let _outcome = prices.map(|prices| prices.take_while(Result::is_ok).count());
            }
        }
    }
}

#[test]
fn readers_can_move_to_other_threads() {
    fn is_send<T: Send>() {}
    is_send::<Prices>();
    is_send::<crate::Snapshots>();
}
