//! The example of docs/maintenance.md, run by pandas and polars themselves.
//!
//! Continuous integration brings both (`scripts/install-test-servers.sh`); elsewhere the test says when they are
//! missing, and passes.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use universe_core::{next_session, sessions};

use crate::harness::{Place, texts};
use crate::market::FIRST;
use crate::transfer::{random_days, run_days};

/// Runs the statements of an example, and prints what its expressions come to.
const RUNNER: &str = r#"
import ast, datetime, json, sys
import pandas as pd
import polars as pl

example = ast.parse(sys.stdin.read())
found, names = [], {"pd": pd, "pl": pl, "datetime": datetime}
for statement in example.body:
    if isinstance(statement, ast.Expr):
        found.append(eval(compile(ast.Expression(statement.value), "example", "eval"), names))
    else:
        exec(compile(ast.Module([statement], []), "example", "exec"), names)
print(json.dumps(found, default=str))
"#;

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Returns a Python that has both; `None`, said aloud, where there is none.
fn python() -> Option<PathBuf> {
    let brought = repository().join("target/dataframes/bin/python");
    let candidates = [brought, PathBuf::from("python3")];
    let has_both = |python: &PathBuf| {
        let output = Command::new(python).args(["-c", "import pandas, polars, pyarrow"]).output();
        output.is_ok_and(|output| output.status.success())
    };
    let found = candidates.into_iter().find(has_both);
    if found.is_none() {
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "pandas and polars are missing in continuous integration"
        );
        eprintln!(
            "skipped: no Python with pandas, pyarrow and polars (scripts/install-test-servers.sh brings them in CI)"
        );
    }
    found
}

/// Runs an example in the directory of a place, and returns what its expressions come to.
fn evaluated(place: &Place, python: &PathBuf, example: &str) -> Value {
    place.write("runner.py", RUNNER);
    place.write("example.py", example);
    let output = Command::new(python)
        .arg("runner.py")
        .current_dir(place.path(""))
        .stdin(std::fs::File::open(place.path("example.py")).expect("opened"))
        .output()
        .expect("Python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn pandas_and_polars_read_exports_in_one_line() {
    let Some(python) = python() else { return };
    let docs = std::fs::read_to_string(repository().join("docs/maintenance.md")).expect("read");
    let (_, example) = docs.split_once("```python\n").expect("an example");
    let (example, _) = example.split_once("```").expect("its end");
    let days = sessions(FIRST, jiff::civil::date(2024, 1, 9)).count();
    for place in Place::on_both_stores() {
        run_days(&place, &random_days(5, days));
        for what in ["intervals", "panel"] {
            place.run(&["export", "--what", what, "--output", &format!("{what}.parquet")]).done();
            place.run(&["export", "--what", what, "--output", &format!("{what}.csv")]).done();
        }
        let expected = place.members_as_of("top_50", "2024-01-09");
        assert!(expected.len() > 10, "{expected:?}");
        let found = evaluated(&place, &python, example);
        assert_eq!(found, serde_json::json!([expected.len(), expected.len()]), "{example}");

        // The same rows from CSV, and every day as `show` has it.
        let every = "\
intervals = pd.read_parquet('intervals.parquet', dtype_backend='pyarrow')
as_text = pl.read_csv('intervals.csv', try_parse_dates=True)
as_text.height == len(intervals) and as_text['valid_from'].to_list() == intervals.valid_from.to_list()
top = intervals[intervals.key == 'top_10']
panel = pl.read_parquet('panel.parquet').filter(pl.col('key') == 'top_10')
[[str(day), sorted(top[(top.valid_from <= day) & ((top.valid_to > day) | top.valid_to.isna())].symbol)] for day in panel['session'].unique().sort()]
[[str(day), sorted(panel.filter(pl.col('session') == day)['symbol'])] for day in panel['session'].unique().sort()]
bool(panel['is_point_in_time'].all())
";
        let found = evaluated(&place, &python, every);
        assert_eq!((&found[0], &found[3]), (&Value::Bool(true), &Value::Bool(true)));
        assert_eq!(found[1], found[2], "intervals say what the panel says");
        let by_day = found[1].as_array().expect("a list");
        assert_eq!(by_day.len(), days);
        let mut day = FIRST;
        for told in by_day {
            assert_eq!(told[0], day.to_string());
            let mut shown = place.members_as_of("top_10", &day.to_string());
            shown.sort();
            assert_eq!(texts(&told[1]), shown, "{day}");
            day = next_session(day);
        }
    }
}
