use super::*;
use crate::source::{self, Source};
use crate::testing::{Folder, chain};

fn table(content: &str) -> CsvTable {
    let folder = Folder::new();
    let Ok(Source::Lines(lines)) = source::open(&folder.file("list.csv", content)) else { panic!("no lines") };
    CsvTable::new(lines).expect("a header")
}

fn rows(content: &str) -> Vec<Result<Vec<String>, String>> {
    let mut table = table(content);
    let mut rows = Vec::new();
    loop {
        match table.advance().expect("readable") {
            Step::End => return rows,
            Step::Bad(reason) => rows.push(Err(reason)),
            Step::Row => rows.push(Ok((0..table.headers().len()).map(|at| table.line.field(at).to_owned()).collect())),
        }
    }
}

#[test]
fn splits_fields_with_and_without_quotes() {
    let content = "a,b,c\n1,\"Acme, Inc.\",3\n\"\",,\"say \"\"hi\"\", twice \"\"\"\n5\" pipe,\"x\"y,z\n";
    assert_eq!(
        rows(content),
        [
            Ok(vec!["1".into(), "Acme, Inc.".into(), "3".into()]),
            Ok(vec!["".into(), "".into(), "say \"hi\", twice \"".into()]),
            Ok(vec!["5\" pipe".into(), "x".into(), "z".into()]),
        ]
    );
}

#[test]
fn a_row_of_the_wrong_shape_costs_only_itself() {
    let content = "a,b\n1\n1,2,3\n\"open,2\n\n  \na,b\n1,2\n";
    assert_eq!(
        rows(content),
        [
            Err("1 fields instead of 2; the row was skipped".into()),
            Err("3 fields instead of 2; the row was skipped".into()),
            Err("a quote that is never closed, 1 fields instead of 2; the row was skipped".into()),
            Err("the header again; the line was skipped".into()),
            Ok(vec!["1".into(), "2".into()]),
        ]
    );
}

#[test]
fn a_last_line_cut_off_refuses_the_file() {
    for content in ["a,b,c\n1,2,3\n4,5", "a,b,c\n1,2,3\n4", "a,b,c\n1,2,3\n4,5,\"op"] {
        let mut table = table(content);
        assert_eq!(table.advance().expect("the first row"), Step::Row);
        let message = chain(&table.advance().expect_err("a refusal"));
        assert!(message.starts_with("list.csv is truncated: its last line, 3, ends after"), "{message}");
    }
}

#[test]
fn a_last_line_without_newline_is_a_row() {
    assert_eq!(rows("a,b\n1,2").len(), 1);
    assert_eq!(rows("a,b\n1,").len(), 1);
}

#[test]
fn lines_are_counted_with_header_and_blanks() {
    let mut table = table("\n\na,b\n\n1,2\n");
    assert_eq!(table.advance().expect("a row"), Step::Row);
    assert_eq!(table.line(), 5);
}
