//! Rows as Parquet, one row group at a time, so that memory holds no more than that.

use std::sync::Arc;

use jiff::civil::{Date, date};
use parquet::basic::{Compression, ConvertedType, LogicalType, Repetition, Type as PhysicalType};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, Int32Type, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;

use super::rows::{Cell, Column, Kind};
use super::target::Target;

/// How many rows are held before they are written: a few megabytes.
const GROUP_ROWS: usize = 100_000;

const EPOCH: Date = date(1970, 1, 1);

/// Collects rows in columns, and writes them group by group.
pub(super) struct ParquetRows {
    writer: SerializedFileWriter<Target>,
    columns: Vec<Buffer>,
    rows: usize,
}

/// The values of one column, and for each row whether it has one.
struct Buffer {
    values: Values,
    levels: Vec<i16>,
}

enum Values {
    Text(Vec<ByteArray>),
    Whole(Vec<i64>),
    Day(Vec<i32>),
    Flag(Vec<bool>),
}

impl ParquetRows {
    pub(super) fn new(out: Target, columns: &[Column]) -> anyhow::Result<Self> {
        let fields = columns.iter().map(|column| {
            let (physical, logical, converted) = match column.kind {
                Kind::Text => (PhysicalType::BYTE_ARRAY, Some(LogicalType::String), ConvertedType::UTF8),
                Kind::Whole => (PhysicalType::INT64, None, ConvertedType::NONE),
                Kind::Day => (PhysicalType::INT32, Some(LogicalType::Date), ConvertedType::DATE),
                Kind::Flag => (PhysicalType::BOOLEAN, None, ConvertedType::NONE),
            };
            let field = Type::primitive_type_builder(column.name, physical)
                .with_repetition(Repetition::OPTIONAL)
                .with_logical_type(logical)
                .with_converted_type(converted);
            Ok(Arc::new(field.build()?))
        });
        let fields = fields.collect::<anyhow::Result<Vec<_>>>()?;
        let schema = Type::group_type_builder("universe").with_fields(fields).build()?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by("tickstock-universe".to_owned());
        let writer = SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties.build()))?;
        let buffer = |column: &Column| Buffer {
            values: match column.kind {
                Kind::Text => Values::Text(Vec::new()),
                Kind::Whole => Values::Whole(Vec::new()),
                Kind::Day => Values::Day(Vec::new()),
                Kind::Flag => Values::Flag(Vec::new()),
            },
            levels: Vec::new(),
        };
        Ok(Self { writer, columns: columns.iter().map(buffer).collect(), rows: 0 })
    }

    pub(super) fn push(&mut self, cells: &[Cell<'_>]) -> anyhow::Result<()> {
        for (buffer, cell) in self.columns.iter_mut().zip(cells) {
            let is_there = match (&mut buffer.values, cell) {
                (_, Cell::Null) => false,
                (Values::Text(values), Cell::Text(text)) => {
                    values.push(ByteArray::from(*text));
                    true
                }
                (Values::Whole(values), Cell::Whole(number)) => {
                    values.push(*number);
                    true
                }
                (Values::Day(values), Cell::Day(day)) => {
                    values.push(days(*day)?);
                    true
                }
                (Values::Flag(values), Cell::Flag(flag)) => {
                    values.push(*flag);
                    true
                }
                (Values::Text(_) | Values::Whole(_) | Values::Day(_) | Values::Flag(_), cell) => {
                    anyhow::bail!("{cell:?} is not of the kind of its column")
                }
            };
            buffer.levels.push(i16::from(is_there));
        }
        self.rows += 1;
        if self.rows == GROUP_ROWS { self.write_group() } else { Ok(()) }
    }

    pub(super) fn finish(mut self) -> anyhow::Result<Target> {
        if self.rows > 0 {
            self.write_group()?;
        }
        Ok(self.writer.into_inner()?)
    }

    fn write_group(&mut self) -> anyhow::Result<()> {
        let mut group = self.writer.next_row_group()?;
        for buffer in &mut self.columns {
            let Some(mut column) = group.next_column()? else { break };
            let levels = Some(buffer.levels.as_slice());
            match (&mut buffer.values, column.untyped()) {
                (Values::Text(values), ColumnWriter::ByteArrayColumnWriter(_)) => {
                    column.typed::<ByteArrayType>().write_batch(values, levels, None)?;
                    values.clear();
                }
                (Values::Whole(values), ColumnWriter::Int64ColumnWriter(_)) => {
                    column.typed::<Int64Type>().write_batch(values, levels, None)?;
                    values.clear();
                }
                (Values::Day(values), ColumnWriter::Int32ColumnWriter(_)) => {
                    column.typed::<Int32Type>().write_batch(values, levels, None)?;
                    values.clear();
                }
                (Values::Flag(values), ColumnWriter::BoolColumnWriter(_)) => {
                    column.typed::<BoolType>().write_batch(values, levels, None)?;
                    values.clear();
                }
                (Values::Text(_) | Values::Whole(_) | Values::Day(_) | Values::Flag(_), _) => {
                    anyhow::bail!("a column is of another kind than it was declared")
                }
            }
            buffer.levels.clear();
            column.close()?;
        }
        group.close()?;
        self.rows = 0;
        Ok(())
    }
}

/// Returns a date as Parquet has it: days since 1970.
fn days(day: Date) -> anyhow::Result<i32> {
    Ok((day - EPOCH).get_days())
}
