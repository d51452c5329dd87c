//! Parquet read by column, batch by batch, so that neither a file nor a row group is held in memory.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};

use jiff::Span;
use jiff::civil::Date;
use parquet::basic::{ConvertedType, LogicalType, TimeUnit};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DataType, DoubleType, FixedLenByteArray, FixedLenByteArrayType, FloatType,
    Int32Type, Int64Type,
};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::schema::types::ColumnDescriptor;

use crate::FeedError;
use crate::cell::Cell;

/// How many rows are decoded at a time.
const BATCH_ROWS: usize = 8_192;

/// Before the end mark stand the mark of the beginning and the length of the metadata.
const SMALLEST_END_MARK_AT: u64 = 8;

const EPOCH: Date = Date::constant(1970, 1, 1);

/// An open Parquet file and its top-level columns.
pub(crate) struct ParquetFile {
    path: PathBuf,
    reader: SerializedFileReader<File>,
    headers: Vec<String>,
    /// The leaf of the schema behind each header.
    leaves: Vec<usize>,
}

impl ParquetFile {
    /// Reads the metadata.
    pub(crate) fn new(path: &Path, mut file: File) -> Result<Self, FeedError> {
        let mut magic = [0; 4];
        let end_mark_at = file.seek(SeekFrom::End(-4)).unwrap_or(0);
        let ends_well = end_mark_at >= SMALLEST_END_MARK_AT && file.read_exact(&mut magic).is_ok();
        if !ends_well || &magic != b"PAR1" {
            let detail = "the end mark of Parquet is missing".to_owned();
            return Err(FeedError::Truncated { path: path.to_owned(), detail });
        }
        let reader = guarded(path, || SerializedFileReader::new(file).map_err(|error| damaged(path, &error)))?;
        let schema = reader.metadata().file_metadata().schema_descr();
        let (mut headers, mut leaves) = (Vec::new(), Vec::new());
        for (leaf, column) in schema.columns().iter().enumerate() {
            if column.path().parts().len() == 1 && column.max_rep_level() == 0 {
                headers.push(column.name().to_owned());
                leaves.push(leaf);
            }
        }
        Ok(Self { path: path.to_owned(), reader, headers, leaves })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn headers(&self) -> &[String] {
        &self.headers
    }

    pub(crate) fn group_count(&self) -> usize {
        self.reader.num_row_groups()
    }

    pub(crate) fn group_rows(&self, group: usize) -> usize {
        usize::try_from(self.reader.metadata().row_group(group).num_rows()).unwrap_or(0)
    }

    /// Returns the smallest and largest value of a column of days or numbers, where the writer noted them.
    pub(crate) fn group_days(&self, group: usize, column: usize) -> Option<(Date, Date)> {
        let chunk = self.reader.metadata().row_group(group).column(self.leaves[column]);
        let kind = Kind::of(chunk.column_descr());
        let bounds = match chunk.statistics()? {
            parquet::file::statistics::Statistics::Int32(bounds) => {
                (kind.whole((*bounds.min_opt()?).into()), kind.whole((*bounds.max_opt()?).into()))
            }
            parquet::file::statistics::Statistics::Int64(bounds) => {
                (kind.whole(*bounds.min_opt()?), kind.whole(*bounds.max_opt()?))
            }
            _ => return None,
        };
        match bounds {
            (Cell::Day(first), Cell::Day(last)) => Some((first, last)),
            _ => None,
        }
    }

    /// Begins to read some columns of a row group.
    pub(crate) fn group(&self, group: usize, columns: &[usize]) -> Result<RowGroup, FeedError> {
        let columns = guarded(&self.path, || self.columns(group, columns))?;
        Ok(RowGroup { path: self.path.clone(), columns })
    }

    fn columns(&self, group: usize, columns: &[usize]) -> Result<Vec<Column>, FeedError> {
        let reader = self.reader.get_row_group(group).map_err(|error| damaged(&self.path, &error))?;
        let opened = columns.iter().map(|column| {
            let leaf = self.leaves[*column];
            let chunk = reader.get_column_reader(leaf).map_err(|error| damaged(&self.path, &error))?;
            let descriptor = reader.metadata().schema_descr().column(leaf);
            Column::new(&descriptor, chunk).ok_or_else(|| FeedError::Columns {
                path: self.path.clone(),
                detail: format!("{} is INT96; write it as a date or timestamp", self.headers[*column]),
                found: self.headers.clone(),
            })
        });
        opened.collect()
    }
}

/// Some columns of a row group, of which a batch of rows is decoded.
pub(crate) struct RowGroup {
    path: PathBuf,
    columns: Vec<Column>,
}

impl RowGroup {
    /// Decodes the next `rows` rows, which must be there.
    pub(crate) fn read(&mut self, rows: usize) -> Result<(), FeedError> {
        let damage = |detail: &str| FeedError::Damaged { path: self.path.clone(), detail: detail.to_owned() };
        guarded(&self.path, || {
            self.columns.iter_mut().try_for_each(|column| {
                column.read(rows).map_err(|fault| match fault {
                    ColumnFault::Driver(error) => damaged(&self.path, &error),
                    ColumnFault::Short => damage("a column has fewer rows than the file says"),
                    ColumnFault::Text => damage("a text is not UTF-8"),
                })
            })
        })
    }

    /// Passes over rows without decoding them.
    pub(crate) fn skip(&mut self, rows: usize) -> Result<(), FeedError> {
        guarded(&self.path, || {
            let skip = |column: &mut Column| column.skip(rows).map_err(|error| damaged(&self.path, &error));
            self.columns.iter_mut().try_for_each(skip)
        })
    }

    /// Returns a value of the batch; `column` counts the columns that were asked for.
    pub(crate) fn cell(&self, column: usize, row: usize) -> Cell<'_> {
        self.columns[column].cell(row)
    }
}

/// A whole file, row by row.
pub(crate) struct ParquetTable {
    file: ParquetFile,
    /// Every column, or those asked for.
    columns: Vec<usize>,
    next_group: usize,
    group: Option<RowGroup>,
    left_in_group: usize,
    batch_rows: usize,
    row_in_batch: usize,
    row: u64,
}

impl ParquetTable {
    pub(crate) fn new(file: ParquetFile, columns: Vec<usize>) -> Self {
        let (left_in_group, batch_rows) = (0, 0);
        Self { file, columns, next_group: 0, group: None, left_in_group, batch_rows, row_in_batch: 0, row: 0 }
    }

    /// The number of the current row, from 1.
    pub(crate) fn row(&self) -> u64 {
        self.row
    }

    /// Moves to the next row; `false` at the end.
    pub(crate) fn advance(&mut self) -> Result<bool, FeedError> {
        self.row_in_batch += 1;
        while self.row_in_batch >= self.batch_rows {
            if !self.next_batch()? {
                return Ok(false);
            }
        }
        self.row += 1;
        Ok(true)
    }

    /// Returns a value of the current row; `column` counts the columns that were asked for.
    pub(crate) fn cell(&self, column: usize) -> Cell<'_> {
        self.group.as_ref().map_or(Cell::Null, |group| group.cell(column, self.row_in_batch))
    }

    fn next_batch(&mut self) -> Result<bool, FeedError> {
        (self.row_in_batch, self.batch_rows) = (0, 0);
        if self.left_in_group == 0 {
            if self.next_group >= self.file.group_count() {
                return Ok(false);
            }
            self.left_in_group = self.file.group_rows(self.next_group);
            self.group = Some(self.file.group(self.next_group, &self.columns)?);
            self.next_group += 1;
        }
        let rows = self.left_in_group.min(BATCH_ROWS);
        if let Some(group) = &mut self.group {
            group.read(rows)?;
        }
        self.left_in_group -= rows;
        self.batch_rows = rows;
        Ok(true)
    }
}

/// What the numbers of a column mean.
#[derive(Clone, Copy)]
enum Kind {
    Plain,
    Day,
    /// Instants, with how many of their ticks make a day.
    Instant {
        ticks_per_day: i64,
    },
    Decimal {
        scale: i32,
    },
}

impl Kind {
    fn of(column: &ColumnDescriptor) -> Self {
        const MILLIS_PER_DAY: i64 = 86_400_000;
        match (column.logical_type_ref(), column.converted_type()) {
            (Some(LogicalType::Date), _) | (_, ConvertedType::DATE) => Self::Day,
            (Some(LogicalType::Timestamp(stamp)), _) if stamp.unit == TimeUnit::NANOS => {
                Self::Instant { ticks_per_day: MILLIS_PER_DAY * 1_000_000 }
            }
            (_, ConvertedType::TIMESTAMP_MICROS) => Self::Instant { ticks_per_day: MILLIS_PER_DAY * 1_000 },
            (_, ConvertedType::TIMESTAMP_MILLIS) => Self::Instant { ticks_per_day: MILLIS_PER_DAY },
            (Some(LogicalType::Decimal(_)), _) | (_, ConvertedType::DECIMAL) => {
                Self::Decimal { scale: column.type_scale() }
            }
            _ => Self::Plain,
        }
    }

    fn whole<'a>(self, value: i64) -> Cell<'a> {
        let day = |days: i64| EPOCH.checked_add(Span::new().try_days(days).ok()?).ok();
        match self {
            Self::Plain => Cell::Whole(value),
            Self::Day => day(value).map_or(Cell::Whole(value), Cell::Day),
            // Bars of a day are stamped at midnight in New York or at its close; both are that day in UTC.
            Self::Instant { ticks_per_day } => {
                day(value.div_euclid(ticks_per_day)).map_or(Cell::Whole(value), Cell::Day)
            }
            Self::Decimal { scale } => Cell::Number(value as f64 / 10f64.powi(scale)),
        }
    }

    fn bytes(self, bytes: &[u8]) -> Cell<'_> {
        match self {
            Self::Decimal { scale } => {
                let negative = bytes.first().is_some_and(|byte| byte & 0x80 != 0);
                let start: i128 = if negative { -1 } else { 0 };
                let value = bytes.iter().fold(start, |value, byte| (value << 8) | i128::from(*byte));
                Cell::Number(value as f64 / 10f64.powi(scale))
            }
            Self::Plain | Self::Day | Self::Instant { .. } => std::str::from_utf8(bytes).map_or(Cell::Null, Cell::Text),
        }
    }
}

/// One column: its decoder and the decoded values that are not null.
enum Values {
    Flags(ColumnReaderImpl<BoolType>, Vec<bool>),
    Int32(ColumnReaderImpl<Int32Type>, Vec<i32>),
    Int64(ColumnReaderImpl<Int64Type>, Vec<i64>),
    Float(ColumnReaderImpl<FloatType>, Vec<f32>),
    Double(ColumnReaderImpl<DoubleType>, Vec<f64>),
    Bytes(ColumnReaderImpl<ByteArrayType>, Vec<ByteArray>),
    Fixed(ColumnReaderImpl<FixedLenByteArrayType>, Vec<FixedLenByteArray>),
}

struct Column {
    kind: Kind,
    values: Values,
    /// Only present where the column may hold nulls.
    levels: Option<Vec<i16>>,
    level_of_values: i16,
    /// For each row the index of its value, [`NULL`] where it has none.
    slots: Vec<u32>,
}

const NULL: u32 = u32::MAX;

enum ColumnFault {
    Driver(ParquetError),
    Short,
    Text,
}

impl Column {
    fn new(descriptor: &ColumnDescriptor, reader: ColumnReader) -> Option<Self> {
        let values = match reader {
            ColumnReader::BoolColumnReader(reader) => Values::Flags(reader, Vec::new()),
            ColumnReader::Int32ColumnReader(reader) => Values::Int32(reader, Vec::new()),
            ColumnReader::Int64ColumnReader(reader) => Values::Int64(reader, Vec::new()),
            ColumnReader::FloatColumnReader(reader) => Values::Float(reader, Vec::new()),
            ColumnReader::DoubleColumnReader(reader) => Values::Double(reader, Vec::new()),
            ColumnReader::ByteArrayColumnReader(reader) => Values::Bytes(reader, Vec::new()),
            ColumnReader::FixedLenByteArrayColumnReader(reader) => Values::Fixed(reader, Vec::new()),
            ColumnReader::Int96ColumnReader(_) => return None,
        };
        let level_of_values = descriptor.max_def_level();
        let levels = (level_of_values > 0).then(Vec::new);
        Some(Self { kind: Kind::of(descriptor), values, levels, level_of_values, slots: Vec::new() })
    }

    fn read(&mut self, rows: usize) -> Result<(), ColumnFault> {
        fn decode<T: DataType>(
            reader: &mut ColumnReaderImpl<T>,
            values: &mut Vec<T::T>,
            mut levels: Option<&mut Vec<i16>>,
            rows: usize,
        ) -> Result<(), ColumnFault> {
            values.clear();
            if let Some(levels) = levels.as_deref_mut() {
                levels.clear();
            }
            let (read, ..) = reader.read_records(rows, levels, None, values).map_err(ColumnFault::Driver)?;
            if read == rows { Ok(()) } else { Err(ColumnFault::Short) }
        }
        let levels = self.levels.as_mut();
        match &mut self.values {
            Values::Flags(reader, values) => decode(reader, values, levels, rows),
            Values::Int32(reader, values) => decode(reader, values, levels, rows),
            Values::Int64(reader, values) => decode(reader, values, levels, rows),
            Values::Float(reader, values) => decode(reader, values, levels, rows),
            Values::Double(reader, values) => decode(reader, values, levels, rows),
            Values::Bytes(reader, values) => {
                decode(reader, values, levels, rows)?;
                let is_text = |value: &ByteArray| std::str::from_utf8(value.data()).is_ok();
                let is_number = matches!(self.kind, Kind::Decimal { .. });
                if is_number || values.iter().all(is_text) { Ok(()) } else { Err(ColumnFault::Text) }
            }
            Values::Fixed(reader, values) => decode(reader, values, levels, rows),
        }?;
        self.slots.clear();
        match &self.levels {
            None => self.slots.extend(0..u32::try_from(rows).unwrap_or(0)),
            Some(levels) => {
                let mut next = 0;
                self.slots.extend(levels.iter().map(|level| {
                    let slot = if *level == self.level_of_values { next } else { NULL };
                    next += u32::from(slot != NULL);
                    slot
                }));
            }
        }
        Ok(())
    }

    fn skip(&mut self, rows: usize) -> Result<(), ParquetError> {
        match &mut self.values {
            Values::Flags(reader, _) => reader.skip_records(rows),
            Values::Int32(reader, _) => reader.skip_records(rows),
            Values::Int64(reader, _) => reader.skip_records(rows),
            Values::Float(reader, _) => reader.skip_records(rows),
            Values::Double(reader, _) => reader.skip_records(rows),
            Values::Bytes(reader, _) => reader.skip_records(rows),
            Values::Fixed(reader, _) => reader.skip_records(rows),
        }
        .map(drop)
    }

    fn cell(&self, row: usize) -> Cell<'_> {
        let slot = self.slots.get(row).copied().unwrap_or(NULL);
        if slot == NULL {
            return Cell::Null;
        }
        let slot = slot as usize;
        match &self.values {
            Values::Flags(_, values) => Cell::Flag(values[slot]),
            Values::Int32(_, values) => self.kind.whole(values[slot].into()),
            Values::Int64(_, values) => self.kind.whole(values[slot]),
            Values::Float(_, values) => Cell::Number(values[slot].into()),
            Values::Double(_, values) => Cell::Number(values[slot]),
            Values::Bytes(_, values) => self.kind.bytes(values[slot].data()),
            Values::Fixed(_, values) => self.kind.bytes(values[slot].data()),
        }
    }
}

/// Turns a panic of the Parquet library into an error: it asserts where damaged pages are read.
///
/// What was being read must not be used afterwards, and no reader here goes on after an error.
fn guarded<T>(path: &Path, read: impl FnOnce() -> Result<T, FeedError>) -> Result<T, FeedError> {
    std::panic::catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| {
        Err(FeedError::Damaged { path: path.to_owned(), detail: "its Parquet pages are not readable".to_owned() })
    })
}

fn damaged(path: &Path, error: &ParquetError) -> FeedError {
    FeedError::Damaged { path: path.to_owned(), detail: format!("its Parquet is not understood ({error})") }
}

#[cfg(test)]
mod tests;
