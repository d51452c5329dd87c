//! What the history takes on disk, beside the same changes as lines of text.

use std::fmt::Write as _;

use universe_store::MembershipRecord;

use crate::floor::Bytes;

/// How many times as much as its CSV the history may take.
const AIM: f64 = 5.0;

/// Prints what was stored, and its ratio to the CSV.
pub(crate) fn print(bytes: Bytes, rows: &[MembershipRecord]) {
    let csv = changes_csv(rows);
    let lines = csv.lines().count() - 1;
    let mb = |bytes: f64| bytes / 1e6;
    println!("\n| on disk | MB | times the CSV | aim |");
    println!("|---|---:|---:|---:|");
    println!("| {lines} changes as CSV | {:.1} | 1.00 | |", mb(csv.len() as f64));
    let stored = [
        ("memberships with their index", bytes.memberships, true),
        ("all that changes leave: memberships, audit, events, runs, universes, entries", bytes.changes, false),
        ("the whole database, with prices", bytes.database, false),
    ];
    for (name, size, is_held_to_aim) in stored {
        let ratio = size as f64 / csv.len() as f64;
        let aim = match is_held_to_aim {
            true if ratio <= AIM => format!("{AIM}"),
            true => format!("{AIM} missed"),
            false => String::new(),
        };
        println!("| {name} | {:.1} | {ratio:.2} | {aim} |", mb(size as f64));
    }
}

/// Writes each change as a line: when, where, who, and why.
fn changes_csv(rows: &[MembershipRecord]) -> String {
    let mut csv = "session,universe,symbol,change,reason\n".to_owned();
    for row in rows {
        let _ = writeln!(csv, "{},{},{},added,{}", row.valid_from, row.universe, row.symbol, row.opened_reason);
        if let (Some(until), reason) = (row.valid_to, row.closed_reason.as_deref().unwrap_or_default()) {
            let _ = writeln!(csv, "{until},{},{},removed,{reason}", row.universe, row.symbol);
        }
    }
    csv
}
