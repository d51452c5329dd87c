//! A private Redis server.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;

use super::certificate::Certificate;
use super::guarded_process::{GuardedProcess, Signals};
use super::unprivileged::ServerUser;
use super::{ServerError, io_error, or_skip};

/// The variable with the URI of the Redis server that a whole test run shares.
pub const REDIS_VARIABLE: &str = "UNIVERSE_TEST_REDIS";

const MISSING: ServerError = ServerError::Missing {
    server: "redis-server",
    hint: "run scripts/install-test-servers.sh, or set UNIVERSE_REDIS_BIN to the program",
};
const SIGNALS: Signals = Signals { stop: "TERM", kill: "KILL" };
const START_ATTEMPTS: usize = 5;
const CERTIFICATE: &str = "server.crt";
const KEY: &str = "server.key";
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

/// A Redis server of our own, without persistence; gone when dropped, or when this process dies.
#[derive(Debug)]
pub struct RedisServer {
    process: Option<GuardedProcess>,
    program: PathBuf,
    user: ServerUser,
    port: u16,
    is_encrypted: bool,
    directory: TempDir,
}

/// Starts a Redis server for one test, or says that the test is skipped and returns `None`.
///
/// Every test has its own: channels reach across the databases of a server, and a start takes 20 ms.
///
/// # Panics
/// When Redis is there but does not start, or is missing where [`super::servers_required`].
#[must_use]
pub fn test_redis() -> Option<RedisServer> {
    or_skip("Redis", RedisServer::start())
}

impl RedisServer {
    /// Starts a server on a free port.
    ///
    /// # Errors
    /// When there is no `redis-server`, or when it does not start.
    pub fn start() -> Result<Self, ServerError> {
        let program = find_program().ok_or(MISSING)?;
        let (user, directory) = ServerUser::with_directory()?;
        let mut server = Self { process: None, program, user, port: 0, is_encrypted: false, directory };
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

    /// Starts the server again on the same port, empty, after [`Self::stop`] or [`Self::kill`].
    ///
    /// # Errors
    /// When it does not start.
    pub fn restart(&mut self) -> Result<(), ServerError> {
        self.stop();
        let port = self.port.to_string();
        let mut arguments = vec!["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
        match self.is_encrypted {
            false => arguments.extend(["--port", &port]),
            true => arguments.extend(["--port", "0", "--tls-port", &port, "--tls-auth-clients", "no"]),
        }
        let file = |name: &str| self.directory.path().join(name).display().to_string();
        let (certificate, key) = (file(CERTIFICATE), file(KEY));
        if self.is_encrypted {
            // Nobody trusts clients here; the server insists on knowing whom it would.
            arguments.extend([
                "--tls-cert-file",
                &certificate,
                "--tls-key-file",
                &key,
                "--tls-ca-cert-file",
                &certificate,
            ]);
        }
        let arguments: Vec<String> = arguments.into_iter().map(str::to_owned).collect();
        let ready = || if self.is_encrypted { listens(self.port) } else { answers(self.port) };
        let process =
            GuardedProcess::start(self.user, self.directory.path(), SIGNALS, &self.program, &arguments, ready)?;
        self.process = Some(process);
        Ok(())
    }

    /// Restarts the server with a certificate; from then on it takes no connection that is not encrypted.
    ///
    /// # Errors
    /// When a file cannot be written, or it does not start: it may be built without encryption.
    pub fn require_encryption(&mut self, certificate: &Certificate) -> Result<(), ServerError> {
        for (name, text) in [(CERTIFICATE, &certificate.pem), (KEY, &certificate.key_pem)] {
            let path = self.directory.path().join(name);
            std::fs::write(&path, text).map_err(io_error(format!("write {}", path.display())))?;
            self.user.own(&path)?;
        }
        self.is_encrypted = true;
        self.restart()
    }

    /// Stops the server in an orderly way.
    pub fn stop(&mut self) {
        if let Some(process) = self.process.take() {
            process.stop();
        }
    }

    /// Ends the server at once, as a crash would.
    pub fn kill(&mut self) {
        if let Some(process) = self.process.take() {
            process.kill();
        }
    }

    /// Returns the server's URI.
    #[must_use]
    pub fn uri(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Returns the server's port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

/// Returns a port that nobody listens on right now.
pub(super) fn free_port() -> Result<u16, ServerError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(io_error("find a free port"))?;
    Ok(listener.local_addr().map_err(io_error("find a free port"))?.port())
}

/// Returns whether somebody listens on a port; what it says is encrypted.
fn listens(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}

fn answers(port: u16) -> bool {
    let ping = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
        stream.write_all(b"PING\r\n")?;
        let mut answer = [0_u8; 5];
        stream.read_exact(&mut answer)?;
        Ok(&answer == b"+PONG")
    };
    ping().unwrap_or(false)
}

fn find_program() -> Option<PathBuf> {
    if let Some(program) = std::env::var_os("UNIVERSE_REDIS_BIN") {
        return Some(program.into());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    ["redis-server", "valkey-server"]
        .iter()
        .flat_map(|name| std::env::split_paths(&path).map(move |directory| directory.join(name)))
        .find(|program| program.exists())
}
