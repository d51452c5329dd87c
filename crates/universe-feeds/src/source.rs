//! Opening a file: what kind it is, told from its bytes; decompressing it; limits on all of it.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read, Seek};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use crate::FeedError;

/// The most bytes of text that are read from one file, uncompressed: fifty years of daily bars of ten
/// thousand listings are about as much as this, and a compressed bomb is more.
const TEXT_BYTES_MAX: u64 = 4 << 30;

/// The most bytes of a JSON document, which is held in memory: a screener download has 3 MB.
const JSON_BYTES_MAX: u64 = 256 << 20;

/// The longest line: a row of a screener has 300 bytes.
const LINE_BYTES_MAX: u64 = 1 << 20;

/// How much of the beginning tells the kinds of files apart.
const HEAD_BYTES: u64 = 512;

/// What some programs put before UTF-8 text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// An opened file, ready to be read as what its first bytes say it is.
pub(crate) enum Source {
    /// Columns in the Parquet format.
    Parquet(File),
    /// A JSON document.
    Json(TextSource),
    /// Lines: CSV, or a plain list.
    Lines(TextSource),
}

/// Text, decompressed where it was compressed.
pub(crate) struct TextSource {
    path: PathBuf,
    reader: Box<dyn BufRead + Send>,
    line: u64,
    buffer: Vec<u8>,
    ended_with_newline: bool,
}

/// Opens a file and looks at its first bytes; its name does not matter.
pub(crate) fn open(path: &Path) -> Result<Source, FeedError> {
    open_limited(path, TEXT_BYTES_MAX)
}

pub(crate) fn open_limited(path: &Path, bytes_max: u64) -> Result<Source, FeedError> {
    let mut file = File::open(path).map_err(|source| FeedError::Open { path: path.to_owned(), source })?;
    let unreadable = |source| FeedError::Unreadable { path: path.to_owned(), source };
    let head = head_of(&mut file).map_err(unreadable)?;
    if head.is_empty() {
        return Err(FeedError::Empty { path: path.to_owned() });
    }
    if head.starts_with(b"PAR1") {
        file.rewind().map_err(unreadable)?;
        return Ok(Source::Parquet(file));
    }
    let raw = Cursor::new(head.clone()).chain(file);
    let (head, reader): (Vec<u8>, Box<dyn Read + Send>) = if head.starts_with(&[0x1f, 0x8b]) {
        let mut decoder = MultiGzDecoder::new(BufReader::new(raw));
        let head = head_of(&mut decoder).map_err(|source| text_error(path, source))?;
        (head.clone(), Box::new(Cursor::new(head).chain(decoder)))
    } else {
        (head, Box::new(raw))
    };
    if let Some(detail) = foreign_kind(&head) {
        return Err(FeedError::Damaged { path: path.to_owned(), detail: detail.to_owned() });
    }
    let limited = Limited { inner: reader, left: bytes_max, limit: bytes_max };
    let mut text = TextSource {
        path: path.to_owned(),
        reader: Box::new(BufReader::with_capacity(64 << 10, limited)),
        line: 0,
        buffer: Vec::new(),
        ended_with_newline: true,
    };
    if head.starts_with(BYTE_ORDER_MARK) {
        text.reader.read_exact(&mut [0; 3]).map_err(|source| text_error(path, source))?;
    }
    let first = head.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&head).iter().find(|byte| !byte.is_ascii_whitespace());
    Ok(match first {
        None if (head.len() as u64) < HEAD_BYTES => return Err(FeedError::Empty { path: path.to_owned() }),
        Some(b'{' | b'[') => Source::Json(text),
        Some(_) | None => Source::Lines(text),
    })
}

impl TextSource {
    /// The file that is read.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The number of the line that was read last, from 1.
    pub(crate) fn line(&self) -> u64 {
        self.line
    }

    /// Tells whether the line that was read last ended in a newline.
    pub(crate) fn ended_with_newline(&self) -> bool {
        self.ended_with_newline
    }

    /// Reads the next line without its ending into `line`; `false` at the end of the file.
    pub(crate) fn read_line(&mut self, line: &mut String) -> Result<bool, FeedError> {
        line.clear();
        self.buffer.clear();
        let read = self.reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut self.buffer);
        match read.map_err(|source| text_error(&self.path, source))? {
            0 => return Ok(false),
            _ => self.line += 1,
        }
        self.ended_with_newline = self.buffer.last() == Some(&b'\n');
        if !self.ended_with_newline && self.buffer.len() as u64 >= LINE_BYTES_MAX {
            return Err(self.damaged(format!("line {} is longer than {} KiB", self.line, LINE_BYTES_MAX >> 10)));
        }
        if self.buffer.contains(&0) {
            return Err(self.damaged(format!("line {} is binary data", self.line)));
        }
        let text = std::str::from_utf8(&self.buffer).map_err(|error| FeedError::Encoding {
            path: self.path.clone(),
            line: self.line,
            byte: error.valid_up_to() + 1,
        })?;
        line.push_str(text.trim_end_matches(['\r', '\n']));
        Ok(true)
    }

    /// Reads all of a JSON document.
    pub(crate) fn read_json<T: serde::de::DeserializeOwned>(mut self) -> Result<T, FeedError> {
        let mut bytes = Vec::new();
        let read = self.reader.by_ref().take(JSON_BYTES_MAX + 1).read_to_end(&mut bytes);
        read.map_err(|source| text_error(&self.path, source))?;
        if bytes.len() as u64 > JSON_BYTES_MAX {
            return Err(too_large(&self.path, JSON_BYTES_MAX));
        }
        let text = std::str::from_utf8(&bytes).map_err(|error| {
            let before = &bytes[..error.valid_up_to()];
            let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
            let line = 1 + before.iter().filter(|byte| **byte == b'\n').count() as u64;
            FeedError::Encoding { path: self.path.clone(), line, byte: before.len() - line_start + 1 }
        })?;
        serde_json::from_str(text).map_err(|error| match error.classify() {
            serde_json::error::Category::Eof => {
                FeedError::Truncated { path: self.path.clone(), detail: format!("the JSON stops early ({error})") }
            }
            serde_json::error::Category::Io
            | serde_json::error::Category::Syntax
            | serde_json::error::Category::Data => self.damaged(format!("its JSON is not understood ({error})")),
        })
    }

    fn damaged(&self, detail: String) -> FeedError {
        FeedError::Damaged { path: self.path.clone(), detail }
    }
}

/// Refuses to hand out more than a number of bytes, so that a compressed bomb ends in an error.
struct Limited<R> {
    inner: R,
    left: u64,
    limit: u64,
}

/// Travels inside an [`io::Error`] out of the reader.
#[derive(Debug, thiserror::Error)]
#[error("more than {0} bytes")]
struct LimitPassed(u64);

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        self.left = self.left.checked_sub(read as u64).ok_or_else(|| io::Error::other(LimitPassed(self.limit)))?;
        Ok(read)
    }
}

fn head_of(reader: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    reader.take(HEAD_BYTES).read_to_end(&mut head)?;
    Ok(head)
}

/// Names a kind of file that is often handed over by mistake.
fn foreign_kind(head: &[u8]) -> Option<&'static str> {
    let kinds: [(&[u8], &str); 8] = [
        (b"PK\x03\x04", "it is a ZIP archive or a spreadsheet; unpack it or export it as CSV"),
        (b"\x28\xb5\x2f\xfd", "it is compressed with zstd; decompress it first"),
        (b"BZh", "it is compressed with bzip2; decompress it first"),
        (b"\x1f\x8b", "it is compressed twice; decompress it once"),
        (b"PAR1", "it is a compressed Parquet file; decompress it first"),
        (b"\xff\xfe", "it is UTF-16 text; save it as UTF-8 (iconv -f UTF-16 -t UTF-8)"),
        (b"\xfe\xff", "it is UTF-16 text; save it as UTF-8 (iconv -f UTF-16 -t UTF-8)"),
        (b"SQLite format 3", "it is an SQLite database"),
    ];
    let known = kinds.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, detail)| *detail);
    let is_page = head.trim_ascii_start().first() == Some(&b'<');
    let page = is_page.then_some("it is a web page, as a server sends it instead of data that it refuses");
    let binary = head.contains(&0).then_some("it is binary data");
    known.or(page).or(binary)
}

/// Tells the errors of decompression and of limits from those of the disk.
fn text_error(path: &Path, source: io::Error) -> FeedError {
    if let Some(passed) = source.get_ref().and_then(|inner| inner.downcast_ref::<LimitPassed>()) {
        return too_large(path, passed.0);
    }
    match source.kind() {
        io::ErrorKind::UnexpectedEof => {
            FeedError::Truncated { path: path.to_owned(), detail: "its compressed data stops early".to_owned() }
        }
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
            FeedError::Damaged { path: path.to_owned(), detail: format!("it cannot be decompressed ({source})") }
        }
        _ => FeedError::Unreadable { path: path.to_owned(), source },
    }
}

fn too_large(path: &Path, limit: u64) -> FeedError {
    FeedError::TooLarge { path: path.to_owned(), limit: format!("{limit} bytes uncompressed") }
}

#[cfg(test)]
mod tests;
