use jiff::civil::date;

use super::*;
use crate::testing::{Folder, chain, gzip, lines_of};

fn read(name: &str, content: impl AsRef<[u8]>) -> Result<Read<ConstituentFile>, String> {
    let folder = Folder::new();
    read_constituents(&folder.file(name, content)).map_err(|error| chain(&error))
}

fn symbol(text: &str) -> Symbol {
    Symbol::from_stored(text)
}

#[test]
fn the_kind_is_told_from_the_columns() {
    let intervals = read("a.csv", "ticker,start_date,end_date\r\nA,2000-06-05,\r\nBRK-B,2001-01-02,2002-01-02\r\n");
    let ConstituentFile::Intervals(lines) = intervals.expect("intervals").value else { panic!("intervals") };
    let second =
        IntervalLine { line: 3, symbol: symbol("BRK.B"), from: date(2001, 1, 2), until: Some(date(2002, 1, 2)) };
    assert_eq!((lines.len(), &lines[1], lines[0].until), (2, &second, None));

    let changes = read("b.csv", "\u{feff}effective_date,action,symbol\n2015-03-23,add,WBA\n2015-03-23,remove,EQIX\n");
    let ConstituentFile::Changes(lines) = changes.expect("changes").value else { panic!("changes") };
    assert_eq!(lines.iter().map(|line| line.is_added).collect::<Vec<_>>(), [true, false]);

    let lists = read("c.csv", "date,symbol\n2024-01-02,A\n2024-01-02,B\n2024-01-03,A\n");
    let ConstituentFile::Lists(lists) = lists.expect("lists").value else { panic!("lists") };
    assert_eq!(lists.iter().map(|list| list.symbols.len()).collect::<Vec<_>>(), [2, 1]);

    let lines = "{\"date\": \"2024-01-02\", \"n\": 2, \"symbols\": [\"A\", \"B\"]}\n{\"date\": \"2024-01-03\", \"symbols\": []}\n";
    let lists = read("d.jsonl.gz", gzip(lines)).expect("lists");
    let ConstituentFile::Lists(found) = lists.value else { panic!("lists") };
    assert_eq!((found.len(), found[1].symbols.len(), lists.issues.len()), (2, 0, 0), "judging it is not the reader's");
}

#[test]
fn bad_rows_are_issues_and_say_what_is_incomplete() {
    let text = "date,action,symbol\n2024-01-02,add,American Airlines Group\n2024-01-02,swap,A\nsoon,add,B\n2024-01-02,remove,AAL\n";
    let changes = read("a.csv", text).expect("changes");
    let ConstituentFile::Changes(lines) = changes.value else { panic!("changes") };
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0].symbol, None, "the change is known, its symbol is not");
    assert_eq!(
        lines_of(&changes.issues),
        [
            "2 \"American Airlines Group\": no usable symbol: \"American Airlines Gr\" is longer than 20 characters",
            "3 -: \"swap\" is neither add nor remove; the row was skipped",
            "4 -: \"soon\" is not a date (YYYY-MM-DD); the row was skipped",
        ]
    );
    let lists = read("b.jsonl", "{\"date\": \"2024-01-02\", \"symbols\": [\"A\", \"\"]}\nno\n{}\n").expect("lists");
    let ConstituentFile::Lists(found) = lists.value else { panic!("lists") };
    assert!(!found[0].is_complete);
    assert_eq!(lists.issues.len(), 3);
}

#[test]
fn other_files_are_refused_with_a_word() {
    let told = |content: &str| read("a.csv", content).expect_err("refused");
    assert!(told("").contains("is empty"), "{}", told(""));
    assert!(told("symbol,name\nA,x\n").contains("neither start_date and end_date"), "{}", told("symbol,name\nA,x\n"));
    assert!(told("date,action\n2024-01-02,add\n").contains("missing symbol"));
    assert!(told("symbol,date\n").contains("no usable row"));
    assert!(told("{\"date\": \"2024-01-02\", \"symb").contains("truncated"));
    let latin = read("a.csv", b"symbol,date\n\xe9,2024-01-02\n").expect_err("refused");
    assert!(latin.contains("not UTF-8"), "{latin}");
}
