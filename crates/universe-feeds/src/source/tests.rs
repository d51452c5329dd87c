use super::*;
use crate::testing::{Folder, chain, gzip};

fn refusal(content: impl AsRef<[u8]>) -> String {
    let folder = Folder::new();
    let path = folder.file("list.csv", content);
    let error = open(&path).map(read_all).and_then(|read| read).expect_err("a refusal");
    assert!(!error.is_transient());
    chain(&error)
}

fn read_all(source: Source) -> Result<Vec<String>, FeedError> {
    let (Source::Lines(mut text) | Source::Json(mut text)) = source else { panic!("no text") };
    let (mut lines, mut line) = (Vec::new(), String::new());
    while text.read_line(&mut line)? {
        lines.push(line.clone());
    }
    Ok(lines)
}

#[test]
fn reads_lines_whatever_ends_them_and_whatever_begins_the_file() {
    let folder = Folder::new();
    for content in ["a,b\nc,d\n", "a,b\r\nc,d\r\n", "\u{feff}a,b\nc,d"] {
        for (name, bytes) in [("plain", content.as_bytes().to_vec()), ("packed", gzip(content))] {
            let lines = open(&folder.file(name, bytes)).and_then(read_all).expect("readable");
            assert_eq!(lines, ["a,b", "c,d"]);
        }
    }
}

#[test]
fn reads_gzip_of_several_members() {
    let folder = Folder::new();
    let path = folder.file("two.csv.gz", [gzip("a\n"), gzip("b\n")].concat());
    assert_eq!(open(&path).and_then(read_all).expect("readable"), ["a", "b"]);
}

#[test]
fn refuses_what_is_not_there() {
    let error = open(&Folder::new().path("none.csv")).map(drop).expect_err("a refusal");
    assert!(chain(&error).starts_with("cannot open none.csv; check the path and the permissions: No such file"));
}

#[test]
fn refuses_nothing_at_all() {
    let message = "list.csv is empty; fetch it again";
    assert_eq!(refusal(""), message);
    assert_eq!(refusal(" \r\n\n"), message);
    assert_eq!(refusal("\u{feff}"), message);
    assert_eq!(refusal(gzip("")), message);
}

#[test]
fn refuses_gzip_that_stops_early_or_is_damaged() {
    let noise: String = (0..20_000_u32).map(|n| format!("{}\n", n.wrapping_mul(2_654_435_761))).collect();
    let whole = gzip(noise);
    let message = "list.csv is truncated: its compressed data stops early; fetch it again";
    for length in [5, 30, whole.len() / 2, whole.len() - 1] {
        assert_eq!(refusal(&whole[..length]), message, "{length} bytes");
    }
    let mut damaged = whole.clone();
    let middle = damaged.len() / 2;
    damaged[middle..middle + 64].fill(0x55);
    assert!(refusal(damaged).contains("cannot be decompressed"));
}

#[test]
fn refuses_other_kinds_of_files() {
    assert!(refusal(b"PK\x03\x04 more").contains("ZIP archive"));
    assert!(refusal(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR").contains("binary data"));
    assert!(refusal(b"\xff\xfes\0y\0m\0").contains("UTF-16"));
    assert!(refusal("<html><body>Access denied").contains("web page"));
    assert!(refusal(gzip(gzip("a\n"))).contains("compressed twice"));
    assert!(refusal("a\n".repeat(600) + "\0").contains("line 601 is binary data"));
}

#[test]
fn names_the_byte_that_is_not_utf_8() {
    assert_eq!(
        refusal(b"symbol,name\nNSRGY,Nestl\xe9\n"),
        "list.csv is not UTF-8: line 2, byte 12; save it as UTF-8 (iconv -t UTF-8)"
    );
}

#[test]
fn refuses_lines_and_files_without_end() {
    assert!(refusal("x".repeat(2 << 20)).contains("line 1 is longer than 1024 KiB"));
    let folder = Folder::new();
    let bomb = folder.file("bomb.gz", gzip("a\n".repeat(10_000)));
    let error = open_limited(&bomb, 4_096).and_then(read_all).expect_err("a refusal");
    assert_eq!(
        chain(&error),
        "bomb.gz holds more than 4096 bytes uncompressed; no file of this kind is so large, check what it is"
    );
}

#[test]
fn tells_json_from_lines() {
    let folder = Folder::new();
    let is_json = |content: &str| matches!(open(&folder.file("file", content)), Ok(Source::Json(_)));
    assert!(is_json(" \n{\"data\": 1}") && is_json("\u{feff}[1]"));
    assert!(!is_json("symbol\n{}"));
}

#[test]
fn says_where_json_is_not_understood() {
    let folder = Folder::new();
    let read = |content: &[u8]| {
        let Ok(Source::Json(text)) = open(&folder.file("file.json", content)) else { panic!("no JSON") };
        chain(&text.read_json::<serde_json::Value>().expect_err("a refusal"))
    };
    assert!(read(b"[1, 2").starts_with("file.json is truncated: the JSON stops early (EOF while parsing a list"));
    assert!(read(b"[1, 2}").contains("line 1 column 6"));
    assert!(read(b"[\n\"\xff\"]").contains("line 2, byte 2"));
}

#[test]
fn busy_disks_are_transient_and_missing_files_are_not() {
    let with = |kind: io::ErrorKind| FeedError::Open { path: "x".into(), source: kind.into() }.is_transient();
    assert!(with(io::ErrorKind::TimedOut));
    assert!(!with(io::ErrorKind::NotFound));
}
