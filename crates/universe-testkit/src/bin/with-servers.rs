//! Runs a command with private PostgreSQL and Redis servers, and returns its exit code.
//!
//! `with-servers COMMAND [ARGUMENT...]` passes the servers on in `UNIVERSE_TEST_POSTGRES` and
//! `UNIVERSE_TEST_REDIS`. A server that is named there already is used as it is.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitCode, ExitStatus};

use tokio::signal::unix::{SignalKind, signal};
use universe_testkit::{POSTGRES_VARIABLE, PostgresServer, REDIS_VARIABLE, RedisServer, ServerError, servers_required};

/// What a shell answers when it cannot run a program.
const CANNOT_RUN: u8 = 127;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let Some(program) = arguments.next() else {
        eprintln!("usage: with-servers COMMAND [ARGUMENT...]");
        return ExitCode::from(2);
    };
    let mut command = Command::new(&program);
    command.args(arguments);

    let started = start(POSTGRES_VARIABLE, PostgresServer::start).and_then(|postgres| {
        let redis = start(REDIS_VARIABLE, RedisServer::start)?;
        Ok((postgres, redis))
    });
    // The servers live until the end of this function: until the command has ended.
    let (postgres, redis) = match started {
        Ok(servers) => servers,
        Err(message) => {
            eprintln!("error: {message}");
            return ExitCode::FAILURE;
        }
    };
    if let Some(server) = &postgres {
        command.env(POSTGRES_VARIABLE, server.uri());
    }
    if let Some(server) = &redis {
        command.env(REDIS_VARIABLE, server.uri());
    }
    match run(command) {
        // A command that died of a signal: as a shell reports it.
        Ok(status) => ExitCode::from(status.code().unwrap_or(128 + status.signal().unwrap_or(0)) as u8),
        Err(error) => {
            eprintln!("error: could not run {}: {error}", program.to_string_lossy());
            ExitCode::from(CANNOT_RUN)
        }
    }
}

/// Runs a command to its end, so that no signal takes its servers away while it still runs.
fn run(command: Command) -> std::io::Result<ExitStatus> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut terminated = signal(SignalKind::terminate())?;
        let mut interrupted = signal(SignalKind::interrupt())?;
        let mut child = tokio::process::Command::from(command).spawn()?;
        let process_id = child.id().map(|id| id.to_string());
        loop {
            tokio::select! {
                status = child.wait() => return status,
                // Ctrl-C in a terminal has reached the command as well.
                _ = interrupted.recv() => {}
                _ = terminated.recv() => {
                    Command::new("kill").args(&process_id).status()?;
                }
            }
        }
    })
}

/// Starts a server unless the environment names one; `None` also when it is missing and may be.
fn start<S>(variable: &str, start: fn() -> Result<S, ServerError>) -> Result<Option<S>, String> {
    if std::env::var_os(variable).is_some() {
        return Ok(None);
    }
    match start() {
        Ok(server) => Ok(Some(server)),
        Err(error @ ServerError::Missing { .. }) if !servers_required() => {
            eprintln!("warning: {error}; tests that need it are skipped");
            Ok(None)
        }
        Err(error) => {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            Err(format!("{error}{cause}"))
        }
    }
}
