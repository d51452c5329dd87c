use jiff::civil::date;

use super::*;

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("listed");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn keeps_thirty_days_by_date() {
    let directory = tempfile::tempdir().expect("a directory");
    for name in ["cache_sync_20240101.log", "cache_sync_20240102.log", "other.log", "cache_sync_x.log"] {
        fs::write(directory.path().join(name), "").expect("written");
    }
    open(directory.path(), date(2024, 2, 1)).expect("opened");
    let expected = ["cache_sync_20240102.log", "cache_sync_20240201.log", "cache_sync_x.log", "other.log"];
    assert_eq!(names(directory.path()), expected);
}

#[test]
fn a_server_that_runs_on_writes_into_the_file_of_the_day_and_removes_the_oldest() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("logs");
    let file = DailyFile::open(path.to_str().expect("text"), date(2023, 12, 31)).expect("opened");
    let mut day = date(2023, 12, 31);
    for number in 0..40 {
        for half in ["morning", "evening"] {
            writeln!(file.line(day), "{half} {number}").expect("written");
        }
        day = day.tomorrow().expect("a day");
    }
    let names = names(&path);
    assert_eq!((names.len(), names[0].as_str()), (31, "cache_sync_20240109.log"));
    assert_eq!(names[30], "cache_sync_20240208.log");
    let last = fs::read_to_string(path.join(&names[30])).expect("read");
    assert_eq!(last, "morning 39\nevening 39\n");
}

#[test]
fn a_directory_that_disappears_costs_no_line() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("logs");
    let file = DailyFile::open(path.to_str().expect("text"), date(2024, 1, 1)).expect("opened");
    // A file in the place of the directory: no file of another day can be made.
    fs::rename(&path, directory.path().join("moved")).expect("moved");
    fs::write(&path, "").expect("written");
    writeln!(file.line(date(2024, 1, 2)), "still here").expect("written");
    let kept = fs::read_to_string(directory.path().join("moved/cache_sync_20240101.log")).expect("read");
    assert_eq!(kept, "still here\n");
}
