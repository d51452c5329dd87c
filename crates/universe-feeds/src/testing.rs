//! Small files for the tests of this crate.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use flate2::Compression;
use flate2::write::GzEncoder;
use parquet::data_type::{BoolType, ByteArrayType, DataType, DoubleType, Int32Type, Int64Type};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use tempfile::TempDir;

/// A folder that goes away with the test.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(TempDir::new().expect("a temporary folder"))
    }

    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, content).expect("a writable folder");
        path
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

pub(crate) fn gzip(content: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content.as_ref()).expect("memory");
    encoder.finish().expect("memory")
}

/// Returns an error and its causes, as a program prints them, without the folder of the test.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    let words: Vec<&str> = text.split(' ').map(|word| word.rsplit('/').next().unwrap_or(word)).collect();
    words.join(" ")
}

/// Returns issues as `line symbol: reason`.
pub(crate) fn lines_of(issues: &[universe_core::Issue]) -> Vec<String> {
    let line = |issue: &universe_core::Issue| issue.line.map_or("-".to_owned(), |line| line.to_string());
    let symbol = |issue: &universe_core::Issue| issue.symbol.clone().unwrap_or("-".to_owned());
    issues.iter().map(|issue| format!("{} {}: {}", line(issue), symbol(issue), issue.reason)).collect()
}

/// A column of a Parquet file; every one may hold nulls.
pub(crate) enum TestColumn {
    Days(Vec<Option<i32>>),
    Texts(Vec<Option<&'static str>>),
    Wholes(Vec<Option<i64>>),
    Numbers(Vec<Option<f64>>),
    Flags(Vec<Option<bool>>),
}

/// Returns the days since 1970 of a date, as Parquet stores it.
pub(crate) fn day(date: &str) -> Option<i32> {
    let date: jiff::civil::Date = date.parse().expect("a date");
    i32::try_from(date.duration_since(jiff::civil::Date::constant(1970, 1, 1)).as_hours() / 24).ok()
}

/// Writes row groups of the same named columns.
pub(crate) fn parquet_bytes(names: &[&str], groups: &[Vec<TestColumn>]) -> Vec<u8> {
    let kind = |column: &TestColumn| match column {
        TestColumn::Days(_) => ("int32", " (date)"),
        TestColumn::Texts(_) => ("binary", " (utf8)"),
        TestColumn::Wholes(_) => ("int64", ""),
        TestColumn::Numbers(_) => ("double", ""),
        TestColumn::Flags(_) => ("boolean", ""),
    };
    let fields: String = names
        .iter()
        .zip(&groups[0])
        .map(|(name, column)| format!("optional {} {name}{};", kind(column).0, kind(column).1))
        .collect();
    let schema = parse_message_type(&format!("message schema {{ {fields} }}")).expect("a schema");
    let mut writer = SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::default()).expect("memory");
    for columns in groups {
        let mut group = writer.next_row_group().expect("memory");
        for column in columns {
            let mut chunk = group.next_column().expect("memory").expect("a column");
            match column {
                TestColumn::Days(cells) => write_cells(chunk.typed::<Int32Type>(), cells, |day| *day),
                TestColumn::Texts(cells) => write_cells(chunk.typed::<ByteArrayType>(), cells, |text| (*text).into()),
                TestColumn::Wholes(cells) => write_cells(chunk.typed::<Int64Type>(), cells, |whole| *whole),
                TestColumn::Numbers(cells) => write_cells(chunk.typed::<DoubleType>(), cells, |number| *number),
                TestColumn::Flags(cells) => write_cells(chunk.typed::<BoolType>(), cells, |flag| *flag),
            }
            chunk.close().expect("memory");
        }
        group.close().expect("memory");
    }
    writer.into_inner().expect("memory")
}

fn write_cells<T: DataType, C>(
    writer: &mut parquet::column::writer::ColumnWriterImpl<'_, T>,
    cells: &[Option<C>],
    value: impl Fn(&C) -> T::T,
) {
    let values: Vec<T::T> = cells.iter().flatten().map(value).collect();
    let levels: Vec<i16> = cells.iter().map(|cell| i16::from(cell.is_some())).collect();
    writer.write_batch(&values, Some(&levels), None).expect("memory");
}
