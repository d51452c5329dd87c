//! A private PostgreSQL server, and databases in it that belong to one test each.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;
use tokio_postgres::NoTls;
use tokio_postgres::error::SqlState;

use super::certificate::Certificate;
use super::guarded_process::{GuardedProcess, Signals};
use super::redis::free_port;
use super::unprivileged::ServerUser;
use super::{ServerError, io_error, or_skip};

/// The variable with the URI of a server in which tests may create databases.
pub const POSTGRES_VARIABLE: &str = "UNIVERSE_TEST_POSTGRES";

const MISSING: ServerError = ServerError::Missing {
    server: "PostgreSQL 14 or later",
    hint: "run scripts/install-test-servers.sh, or set UNIVERSE_PG_BIN or UNIVERSE_TEST_POSTGRES",
};
const VERSION_MIN: u32 = 14;
/// A fast shutdown, and one that leaves the same work to recovery as a crash does, but no processes.
const SIGNALS: Signals = Signals { stop: "INT", kill: "QUIT" };
/// Another program may take a free port before the server does; five times in a row it is something else.
const START_ATTEMPTS: usize = 5;
/// Nothing has to survive a power failure here, but what was committed must survive [`PostgresServer::kill`]:
/// so `synchronous_commit` stays on, which costs nothing without `fsync`. The rest is as in a stock server.
const SETTINGS: &[&str] = &[
    "fsync=off",
    "full_page_writes=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    // A machine with many cores runs as many tests at once, each with a pool.
    "max_connections=400",
    "shared_buffers=128MB",
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "timezone=UTC",
];

/// A PostgreSQL server of our own; stopped and removed when dropped, or when this process dies.
#[derive(Debug)]
pub struct PostgresServer {
    process: Option<GuardedProcess>,
    binaries: PathBuf,
    user: ServerUser,
    port: u16,
    password: String,
    // Dropped last: the guard has removed it by then, unless the server was stopped before.
    directory: TempDir,
}

/// A database of one test; dropped with it, connections or not.
#[derive(Debug)]
pub struct TestDatabase {
    server_uri: String,
    name: String,
}

/// Creates an empty database for one test, or says that the test is skipped and returns `None`.
///
/// # Panics
/// When PostgreSQL is there but does not work, or is missing where [`super::servers_required`].
#[must_use]
pub fn test_database() -> Option<TestDatabase> {
    static OWN_SERVER: OnceLock<Option<PostgresServer>> = OnceLock::new();
    let server_uri = match std::env::var(POSTGRES_VARIABLE) {
        Ok(uri) => uri,
        // A static is never dropped: the guard stops this server when the process ends.
        Err(_) => OWN_SERVER.get_or_init(|| or_skip("PostgreSQL", PostgresServer::start())).as_ref()?.uri(),
    };
    or_skip("PostgreSQL", TestDatabase::create(&server_uri))
}

impl PostgresServer {
    /// Makes a new cluster and starts a server on it.
    ///
    /// # Errors
    /// When there is no PostgreSQL 14 or later, or when it does not start.
    pub fn start() -> Result<Self, ServerError> {
        let binaries = find_binaries().ok_or(MISSING)?;
        let (user, directory) = ServerUser::with_directory()?;
        let password = random_password()?;
        let mut server = Self { process: None, binaries, user, port: 0, password, directory };
        server.make_cluster()?;
        for attempt in 1.. {
            server.port = free_port()?;
            match server.restart() {
                Err(ServerError::NotReady { .. }) if attempt < START_ATTEMPTS => {}
                Err(error) => return Err(error),
                Ok(()) => break,
            }
        }
        Ok(server)
    }

    /// Starts the server again, on the same port and data, after [`Self::stop`] or [`Self::kill`].
    ///
    /// # Errors
    /// When it does not start.
    pub fn restart(&mut self) -> Result<(), ServerError> {
        self.stop();
        let data = self.data();
        let mut arguments = vec!["-D".to_owned(), data.display().to_string(), "-p".to_owned(), self.port.to_string()];
        arguments.extend(SETTINGS.iter().flat_map(|setting| ["-c".to_owned(), (*setting).to_owned()]));
        // The server's own word for it, so that no other program on the port is taken for it.
        let ready = || {
            fs::read_to_string(data.join("postmaster.pid"))
                .is_ok_and(|text| text.lines().nth(7).is_some_and(|status| status.trim() == "ready"))
        };
        let program = self.binaries.join("postgres");
        let process = GuardedProcess::start(self.user, self.directory.path(), SIGNALS, &program, &arguments, ready)?;
        self.process = Some(process);
        Ok(())
    }

    /// Restarts the server with a certificate; from then on it takes no connection that is not encrypted.
    ///
    /// # Errors
    /// When a file cannot be written, or it does not start.
    pub fn require_encryption(&mut self, certificate: &Certificate) -> Result<(), ServerError> {
        let data = self.data();
        let access = "hostssl all all 127.0.0.1/32 password\nhostssl all all ::1/128 password\n";
        for (name, text) in
            [("server.crt", certificate.pem.as_str()), ("server.key", &certificate.key_pem), ("pg_hba.conf", access)]
        {
            let path = data.join(name);
            fs::write(&path, text).map_err(io_error(format!("write {}", path.display())))?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).map_err(io_error("protect a key"))?;
            self.user.own(&path)?;
        }
        let settings = data.join("postgresql.auto.conf");
        fs::write(&settings, "ssl = on\n").map_err(io_error(format!("write {}", settings.display())))?;
        self.user.own(&settings)?;
        self.restart()
    }

    /// Stops the server in an orderly way; its databases stay.
    pub fn stop(&mut self) {
        if let Some(process) = self.process.take() {
            process.stop();
        }
    }

    /// Ends the server as a crash would; the next start recovers its databases.
    pub fn kill(&mut self) {
        if let Some(process) = self.process.take() {
            process.kill();
        }
    }

    /// Returns the URI of the server's maintenance database.
    #[must_use]
    pub fn uri(&self) -> String {
        format!("postgresql://postgres:{}@127.0.0.1:{}/postgres", self.password, self.port)
    }

    /// Creates an empty, uniquely named database and returns its URI; it goes with the server.
    ///
    /// # Errors
    /// When the server refuses.
    pub fn database(&self) -> Result<String, ServerError> {
        let database = TestDatabase::create(&self.uri())?;
        let uri = database.uri();
        std::mem::forget(database);
        Ok(uri)
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    fn make_cluster(&self) -> Result<(), ServerError> {
        let password_file = self.directory.path().join("password");
        fs::write(&password_file, &self.password).map_err(io_error("write the password file"))?;
        self.user.own(&password_file)?;
        let program = self.binaries.join("initdb");
        let output = self
            .user
            .command(&program)
            .current_dir(self.directory.path())
            .args(["--no-sync", "--encoding=UTF8", "--locale=C", "--username=postgres", "--auth=password"])
            .arg(format!("--pwfile={}", password_file.display()))
            .arg("-D")
            .arg(self.data())
            .output()
            .map_err(io_error(format!("run {}", program.display())))?;
        if output.status.success() {
            return Ok(());
        }
        Err(ServerError::NotReady { program, log: String::from_utf8_lossy(&output.stderr).into_owned() })
    }
}

impl TestDatabase {
    /// Creates an empty, uniquely named database in a server.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
    pub fn create(server_uri: &str) -> Result<Self, ServerError> {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        loop {
            let number = COUNTER.fetch_add(1, Ordering::Relaxed);
            let name = format!("universe_test_{}_{number}", std::process::id());
            // From template0, which nobody can be connected to: creations then never wait for each other.
            match execute(server_uri, format!("create database {name} template template0")) {
                // Left by a process of the same id that was killed, or another machine's: take the next name.
                Err((Some(SqlState::DUPLICATE_DATABASE), _)) => {}
                Err((_, message)) => return Err(ServerError::Refused(message)),
                Ok(()) => return Ok(Self { server_uri: server_uri.to_owned(), name }),
            }
        }
    }

    /// Returns the database's URI.
    #[must_use]
    pub fn uri(&self) -> String {
        database_uri(&self.server_uri, &self.name)
    }

    /// Returns the database's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        // The server may be gone already, in a test about that; the database is gone with it then.
        let _ = execute(&self.server_uri, format!("drop database if exists {} with (force)", self.name));
    }
}

/// Puts a database's name into the URI of a server.
fn database_uri(server_uri: &str, name: &str) -> String {
    let (location, query) = server_uri.split_once('?').map_or((server_uri, None), |(l, q)| (l, Some(q)));
    let host_at = location.find("://").map_or(0, |at| at + 3);
    let host_end = location[host_at..].find('/').map_or(location.len(), |at| host_at + at);
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    format!("{}/{name}{query}", &location[..host_end])
}

/// Runs one statement on a thread of its own: the caller may be inside a runtime or not.
fn execute(uri: &str, statement: String) -> Result<(), (Option<SqlState>, String)> {
    let uri = uri.to_owned();
    let run = move || -> Result<(), (Option<SqlState>, String)> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| (None, error.to_string()))?;
        let result = runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(&uri, NoTls).await?;
            let driver = tokio::spawn(connection);
            let result = client.batch_execute(&statement).await;
            drop(client);
            let _ = driver.await;
            result
        });
        result.map_err(|error| {
            let message = error.as_db_error().map_or_else(|| error.to_string(), |e| e.message().to_owned());
            (error.code().cloned(), format!("{statement}: {message}"))
        })
    };
    std::thread::spawn(run).join().expect("the thread does not panic")
}

/// Finds the directory with `postgres` and `initdb`: the one asked for, the one in PATH, the newest installed.
fn find_binaries() -> Option<PathBuf> {
    if let Some(directory) = std::env::var_os("UNIVERSE_PG_BIN") {
        return version_of(Path::new(&directory)).map(|_| directory.into());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let in_path = std::env::split_paths(&path).find_map(|directory| {
        // A link to `postgres` alone is common: `initdb` is beside what it points to.
        let program = fs::canonicalize(directory.join("postgres")).ok()?;
        program.parent().filter(|parent| version_of(parent).is_some()).map(Path::to_owned)
    });
    in_path.or_else(|| {
        let versions = ["/usr/lib/postgresql", "/usr/local/lib/postgresql", "/opt/homebrew/opt", "/usr/local/opt"];
        let installed = versions.iter().filter_map(|root| fs::read_dir(root).ok()).flatten().flatten();
        let directories = installed.map(|entry| entry.path().join("bin"));
        directories.filter_map(|directory| Some((version_of(&directory)?, directory))).max().map(|(_, found)| found)
    })
}

/// Returns the major version of the server in a directory, if it is complete and recent enough.
fn version_of(directory: &Path) -> Option<u32> {
    directory.join("initdb").exists().then_some(())?;
    let output = Command::new(directory.join("postgres")).arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let number = text.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    let major: u32 = number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()?;
    (major >= VERSION_MIN).then_some(major)
}

/// Other users of the machine can reach the port, and the database user could run programs as us.
fn random_password() -> Result<String, ServerError> {
    use std::io::Read;
    let mut bytes = [0_u8; 16];
    let mut source = fs::File::open("/dev/urandom").map_err(io_error("open /dev/urandom"))?;
    source.read_exact(&mut bytes).map_err(io_error("read /dev/urandom"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests;
