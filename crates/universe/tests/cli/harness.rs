//! A place of its own for each test: an empty directory, a clean environment, a database, and the program.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;
use universe_testkit::{TestDatabase, test_database};

use crate::dump;

/// Where one test runs the program.
pub(crate) struct Place {
    directory: TempDir,
    postgres: Option<TestDatabase>,
}

/// What came of one run of the program.
#[derive(Debug)]
pub(crate) struct Output {
    command: String,
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Place {
    /// A directory in which nothing is configured: the database is `universe.db` in it.
    pub(crate) fn embedded() -> Self {
        Self { directory: tempfile::tempdir().expect("a directory"), postgres: None }
    }

    /// Both kinds of database, set up and empty; PostgreSQL only where there is one.
    pub(crate) fn on_both_stores() -> Vec<Self> {
        let postgres = test_database().map(|database| {
            let place = Self { directory: tempfile::tempdir().expect("a directory"), postgres: Some(database) };
            place.run(&["db", "migrate"]).done();
            place
        });
        [Some(Self::embedded()), postgres].into_iter().flatten().collect()
    }

    /// A PostgreSQL database as it was created; `None` where there is no server.
    pub(crate) fn on_empty_postgres() -> Option<Self> {
        let database = test_database()?;
        Some(Self { directory: tempfile::tempdir().expect("a directory"), postgres: Some(database) })
    }

    pub(crate) fn is_postgres(&self) -> bool {
        self.postgres.is_some()
    }

    /// Returns the address of a PostgreSQL database; `None` for the embedded one.
    pub(crate) fn postgres_uri(&self) -> Option<String> {
        self.postgres.as_ref().map(TestDatabase::uri)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn exists(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    /// Writes a file into the current directory of the program.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        if let Some(parent) = Path::new(name).parent() {
            std::fs::create_dir_all(self.path(&parent.to_string_lossy())).expect("a directory");
        }
        std::fs::write(self.path(name), content).expect("written");
    }

    /// Runs `universe` with arguments.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.run_in(&[], arguments)
    }

    /// Runs `universe` with arguments and environment variables.
    pub(crate) fn run_in(&self, environment: &[(&str, &str)], arguments: &[&str]) -> Output {
        let output = self.command(environment, arguments).output().expect("the program runs");
        let output = Output {
            command: arguments.join(" "),
            code: output.status.code().expect("an exit code"),
            stdout: String::from_utf8(output.stdout).expect("text"),
            stderr: String::from_utf8(output.stderr).expect("text"),
        };
        // True of every run: no terminal, so no colours; and never a panic.
        assert!(!output.stdout.contains('\x1b') && !output.stderr.contains('\x1b'), "colours: {output:#?}");
        assert!(!output.stderr.contains("panicked"), "{output:#?}");
        output
    }

    /// Runs `universe` and closes the other end of its standard output at once; returns code and standard error.
    pub(crate) fn run_unread(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let mut command = self.command(&[], arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program runs");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("it ends");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    fn command(&self, environment: &[(&str, &str)], arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_universe"));
        command.args(arguments).current_dir(self.directory.path()).env_clear().stdin(Stdio::null());
        if let Some(uri) = self.postgres_uri() {
            command.env("DATABASE_URI", uri);
        }
        command.envs(environment.iter().copied());
        command
    }

    /// Returns every row of every table, to compare what is stored before and after.
    pub(crate) fn dump(&self) -> String {
        match self.postgres_uri() {
            Some(uri) => dump::postgres(&uri),
            None => dump::sqlite(&self.path("universe.db")),
        }
    }

    /// Returns the members of a universe as of a day.
    pub(crate) fn members_as_of(&self, universe: &str, day: &str) -> Vec<String> {
        let answer = self.run(&["show", universe, "--as-of", day, "--format", "json"]).done().json();
        texts(&answer["symbols"])
    }

    /// Returns the members of a universe.
    pub(crate) fn members(&self, universe: &str) -> Vec<String> {
        let answer = self.run(&["show", universe, "--format", "json"]).done().json();
        texts(&answer["symbols"])
    }
}

impl Output {
    /// Checks that everything was done.
    #[track_caller]
    pub(crate) fn done(self) -> Self {
        assert_eq!(self.code, 0, "universe {}: {self:#?}", self.command);
        self
    }

    /// Checks that a change is held or something was found.
    #[track_caller]
    pub(crate) fn held(self) -> Self {
        assert_eq!(self.code, 3, "universe {}: {self:#?}", self.command);
        self
    }

    /// Checks a refusal: its exit code, nothing on standard output, and each of the fragments in what it says.
    #[track_caller]
    pub(crate) fn refused(self, code: i32, fragments: &[&str]) -> Self {
        assert_eq!(self.code, code, "universe {}: {self:#?}", self.command);
        assert_eq!(self.stdout, "", "universe {}: a failure has no data", self.command);
        let is_error = self.stderr.lines().any(|line| line.starts_with("error: "));
        assert!(is_error, "universe {}: {}", self.command, self.stderr);
        for fragment in fragments {
            assert!(
                self.stderr.contains(fragment),
                "universe {} should say {fragment:?}:\n{}",
                self.command,
                self.stderr
            );
        }
        self
    }

    /// Reads standard output as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}

/// Returns the texts of a JSON array.
#[track_caller]
pub(crate) fn texts(array: &Value) -> Vec<String> {
    let array = array.as_array().unwrap_or_else(|| panic!("{array} is no array"));
    array.iter().map(|text| text.as_str().expect("a text").to_owned()).collect()
}

/// Returns the keys of a JSON object, sorted.
#[track_caller]
pub(crate) fn keys(object: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> =
        object.as_object().unwrap_or_else(|| panic!("{object} is no object")).keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}
