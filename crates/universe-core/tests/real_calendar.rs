//! Proves the calendar against the published sessions, day by day.

use std::path::Path;

use jiff::civil::Date;
use universe_core::{DayKind, day_kind, previous_session, session_close, session_open, sessions, sessions_between};

struct Published {
    session: Date,
    open_utc: String,
    close_utc: String,
    early_close: bool,
}

fn published() -> Option<Vec<Published>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/calendar/xnys_sessions.csv");
    let Ok(text) = std::fs::read_to_string(path) else {
        println!("skipped: ../shared/data is not there");
        return None;
    };
    let rows = text.lines().skip(1).map(|line| {
        let fields: Vec<&str> = line.split(',').collect();
        let session: Date = fields[0].parse().expect("a date");
        Published {
            session,
            open_utc: format!("{session}T{}:00Z", fields[1]),
            close_utc: format!("{session}T{}:00Z", fields[2]),
            early_close: fields[3] == "1",
        }
    });
    Some(rows.collect())
}

#[test]
fn knows_exactly_the_published_sessions() {
    let Some(rows) = published() else { return };
    let expected: Vec<Date> = rows.iter().map(|row| row.session).collect();
    let (first, last) = (expected[0], expected[expected.len() - 1]);
    let found: Vec<Date> = sessions(first, last).collect();
    assert!(found.len() > 9_000);
    assert_eq!(found, expected);
    assert_eq!(sessions_between(previous_session(first), last), expected.len());
}

#[test]
fn knows_open_close_and_early_close_of_every_session() {
    let Some(rows) = published() else { return };
    for row in rows {
        assert_eq!(day_kind(row.session), DayKind::Session { early_close: row.early_close }, "{}", row.session);
        assert_eq!(session_open(row.session).expect("a session").to_string(), row.open_utc);
        assert_eq!(session_close(row.session).expect("a session").to_string(), row.close_utc);
    }
}
