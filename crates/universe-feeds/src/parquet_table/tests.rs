use super::*;
use crate::testing::{Folder, TestColumn, chain, day, parquet_bytes};

fn table(bytes: Vec<u8>, columns: Vec<usize>) -> Result<ParquetTable, FeedError> {
    let folder = Folder::new();
    let path = folder.file("list.parquet", bytes);
    let file = ParquetFile::new(&path, File::open(&path).expect("the file"))?;
    Ok(ParquetTable::new(file, columns))
}

fn sample() -> Vec<u8> {
    let group = |offset: i64| {
        vec![
            TestColumn::Texts(vec![Some("AAPL"), None, Some("MSFT")]),
            TestColumn::Days(vec![day("2022-05-17"), day("1969-12-31"), None]),
            TestColumn::Numbers(vec![None, Some(1.5), Some(f64::NAN)]),
            TestColumn::Wholes(vec![Some(offset), Some(offset + 1), None]),
            TestColumn::Flags(vec![Some(true), None, Some(false)]),
        ]
    };
    parquet_bytes(&["symbol", "date", "close", "volume", "active"], &[group(0), group(10)])
}

#[test]
fn rows_come_in_order_with_nulls_in_their_places() {
    let mut table = table(sample(), vec![3, 0, 1, 4]).expect("readable");
    let mut rows = Vec::new();
    while table.advance().expect("readable") {
        rows.push(format!("{} {:?}", table.row(), [0, 1, 2, 3].map(|column| table.cell(column).owned_text())));
    }
    let text = |cells: [&str; 4]| format!("{:?}", cells.map(|cell| (cell != "-").then_some(cell)));
    assert_eq!(
        rows,
        [
            format!("1 {}", text(["0", "AAPL", "2022-05-17", "true"])),
            format!("2 {}", text(["1", "-", "1969-12-31", "-"])),
            format!("3 {}", text(["-", "MSFT", "-", "false"])),
            format!("4 {}", text(["10", "AAPL", "2022-05-17", "true"])),
            format!("5 {}", text(["11", "-", "1969-12-31", "-"])),
            format!("6 {}", text(["-", "MSFT", "-", "false"])),
        ]
    );
}

#[test]
fn decimals_and_instants_are_understood() {
    assert_eq!(Kind::Decimal { scale: 2 }.whole(-150), Cell::Number(-1.5));
    assert_eq!(Kind::Decimal { scale: 2 }.bytes(&[0xff, 0x6a]), Cell::Number(-1.5));
    assert_eq!(Kind::Decimal { scale: 4 }.bytes(&[0, 0x3a, 0x98]), Cell::Number(1.5));
    let ticks_per_day = 86_400_000;
    let evening = Kind::Instant { ticks_per_day }.whole(ticks_per_day - 1);
    assert_eq!(evening, Cell::Day(EPOCH));
    assert_eq!(Kind::Day.whole(i64::MAX), Cell::Whole(i64::MAX));
}

#[test]
fn refuses_a_file_without_its_end() {
    let whole = sample();
    for length in [4, 8, whole.len() / 2, whole.len() - 1] {
        let error = table(whole[..length].to_vec(), vec![0]).map(drop).expect_err("a refusal");
        assert!(chain(&error).starts_with("list.parquet is truncated"), "{length} bytes");
    }
}

#[test]
fn damage_anywhere_is_an_error_and_never_a_panic() {
    let whole = sample();
    for at in 4..whole.len() - 4 {
        for byte in [0x00, 0xff, whole[at] ^ 0x10] {
            let mut bytes = whole.clone();
            bytes[at] = byte;
            if let Ok(mut table) = table(bytes, vec![0, 1, 2, 3, 4]) {
                let mut rows = 0;
                while rows < 100 && table.advance().unwrap_or(false) {
                    for column in 0..5 {
                        let _value = table.cell(column);
                    }
                    rows += 1;
                }
            }
        }
    }
}
