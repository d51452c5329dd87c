use super::*;

#[track_caller]
fn shows(text: &str, shown: &str) {
    let uri: DatabaseUri = text.parse().expect("an address");
    assert_eq!(uri.to_string(), shown);
    assert_eq!(format!("{uri:?}"), format!("DatabaseUri({shown})"));
}

#[test]
fn passwords_are_not_shown() {
    shows("postgresql://app:s3cret@db.example/tickstock", "postgresql://app:***@db.example/tickstock");
    shows("postgres://app:a@b/c:d@host:5432/x", "postgres://app:***@host:5432/x");
    shows(
        "postgresql://host/x?user=a&password=b&sslmode=disable",
        "postgresql://host/x?user=a&password=***&sslmode=disable",
    );
    shows("postgresql://app@host/x", "postgresql://app@host/x");
}

#[test]
fn files_and_memory_are_told_apart() {
    shows("sqlite:universe.db", "sqlite:universe.db");
    shows("sqlite:///var/lib/universe.db", "sqlite:/var/lib/universe.db");
    shows("sqlite://universe.db", "sqlite:universe.db");
    shows("sqlite::memory:", "sqlite::memory:");
}

#[test]
fn refuses_other_schemes_without_repeating_them() {
    assert_eq!("mysql://app:s3cret@host/x".parse::<DatabaseUri>(), Err(UriError::Scheme));
    assert_eq!("".parse::<DatabaseUri>(), Err(UriError::Scheme));
    assert_eq!("sqlite:".parse::<DatabaseUri>(), Err(UriError::Path));
}

#[tokio::test]
async fn opens_a_file_that_was_not_there() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("universe.db");
    let store = open(&DatabaseUri::sqlite_file(&path)).await.expect("opens");
    assert_eq!(store.backend(), crate::Backend::Sqlite);
    assert!(path.is_file());
}
