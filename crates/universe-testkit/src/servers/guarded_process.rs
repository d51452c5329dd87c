//! A server process that cannot outlive us, however we end.
//!
//! The server runs under a small shell that reads a pipe from us. When the pipe closes, because we let go of it
//! or because we were killed, the shell stops the server and removes its directory. Nothing else of ours
//! holds the pipe: Rust opens it close-on-exec.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use super::unprivileged::ServerUser;
use super::{ServerError, io_error};

/// How long a server may take to start: generous, because a loaded machine is no reason to fail.
const START_SECONDS_MAX: u64 = 60;
const POLL: Duration = Duration::from_millis(10);

/// Runs in the server's directory; `$1` and `$2` are the signals that stop and kill, the rest is the server.
const GUARD: &str = r#"
stop=$1 kill=$2; shift 2
rm -f pid exited
( sh -c 'echo $$ >pid; exec "$@"' sh "$@"; echo $? >exited ) </dev/null >>log 2>&1 &
read -r order
until [ -s pid ]; do sleep 0.1; done
if [ "$order" = kill ]; then signal=$kill; else signal=$stop; fi
[ -e exited ] || kill -"$signal" "$(cat pid)"
wait
if [ -z "$order" ]; then rm -rf "$PWD"; fi
"#;

/// A running server and the shell that guards it.
#[derive(Debug)]
pub(super) struct GuardedProcess {
    guard: Child,
}

/// The signals with which a kind of server is ended, as `kill` names them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Signals {
    pub(super) stop: &'static str,
    pub(super) kill: &'static str,
}

impl GuardedProcess {
    /// Starts a server in its directory and waits until `ready` says that it answers.
    pub(super) fn start(
        user: ServerUser,
        directory: &Path,
        signals: Signals,
        program: &Path,
        arguments: &[String],
        ready: impl Fn() -> bool,
    ) -> Result<Self, ServerError> {
        // What a previous start in this directory left must not be taken for the new server's.
        let _ = std::fs::remove_file(directory.join("exited"));
        let guard = user
            .command("sh")
            .args(["-c", GUARD, "universe-test-server", signals.stop, signals.kill])
            .arg(program)
            .args(arguments)
            .current_dir(directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C in a terminal goes to the whole group: the guard must live to clean up.
            .process_group(0)
            .spawn()
            .map_err(io_error(format!("start {}", program.display())))?;
        let server = Self { guard };
        let polls = START_SECONDS_MAX * 1000 / POLL.as_millis() as u64;
        for _ in 0..polls {
            let ended = directory.join("exited").exists();
            if !ended && ready() {
                return Ok(server);
            }
            if ended {
                break;
            }
            std::thread::sleep(POLL);
        }
        let log = log_end(directory);
        server.end("stop");
        Err(ServerError::NotReady { program: program.to_owned(), log })
    }

    /// Stops the server in an orderly way and keeps its directory.
    pub(super) fn stop(self) {
        self.end("stop");
    }

    /// Ends the server as a crash would and keeps its directory.
    pub(super) fn kill(self) {
        self.end("kill");
    }

    fn end(mut self, order: &str) {
        if let Some(mut pipe) = self.guard.stdin.take() {
            // A guard that is gone has nothing left to be told.
            let _ = writeln!(pipe, "{order}");
        }
    }
}

/// Stops the server and removes its directory, unless it was stopped or killed before.
impl Drop for GuardedProcess {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}

fn log_end(directory: &Path) -> String {
    let log = std::fs::read_to_string(directory.join("log")).unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(12)..].join("\n")
}
