use super::*;

fn applied(version: i32, checksum: String) -> AppliedMigration {
    AppliedMigration { version, name: "x".to_owned(), checksum, applied_at: Timestamp::UNIX_EPOCH }
}

#[test]
fn numbers_rise_by_one() {
    for (at, migration) in (1..).zip(MIGRATIONS) {
        assert_eq!(migration.version, at, "{}", migration.name);
    }
}

#[test]
fn what_is_applied_is_not_pending() {
    let first = applied(1, MIGRATIONS[0].checksum(Backend::Sqlite));
    assert_eq!(pending(Backend::Sqlite, &[first]).map(|p| p.len()).ok(), Some(MIGRATIONS.len() - 1));
    assert_eq!(pending(Backend::Sqlite, &[]).map(|p| p.len()).ok(), Some(MIGRATIONS.len()));
}

#[test]
fn refuses_other_statements_and_newer_programs() {
    for foreign in [applied(1, "other".to_owned()), applied(9_999, String::new())] {
        assert!(matches!(pending(Backend::Postgres, &[foreign]), Err(StoreError::Schema(_))));
    }
}

#[test]
fn tells_a_changed_migration_from_an_intact_one() {
    assert!(!states(Backend::Sqlite, &[applied(1, "other".to_owned())])[0].is_intact);
    assert!(states(Backend::Sqlite, &[])[0].is_intact);
}
