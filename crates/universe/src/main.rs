//! The `universe` command: universe membership for TickStock, from the command line.

mod cli;
mod clock;
mod config;
mod http;

use std::process::ExitCode;

use clap::Parser as _;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Reads `.env` into the environment, which must happen before there are threads.
    let dotenv = dotenvy::dotenv();
    let arguments = cli::Arguments::parse();
    if let Err(error) = dotenv
        && !error.not_found()
    {
        eprintln!("error: {}", dotenv_complaint(&error));
        return ExitCode::from(cli::EXIT_USAGE);
    }
    let runtime = match threads(&arguments).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: no threads could be started: {error}");
            return ExitCode::from(cli::EXIT_FAILED);
        }
    };
    runtime.block_on(cli::run(arguments))
}

/// Returns as many threads as a command can use: a server every core, the others hardly more than one.
fn threads(arguments: &cli::Arguments) -> tokio::runtime::Builder {
    let mut threads = tokio::runtime::Builder::new_multi_thread();
    if !arguments.is_server() {
        threads.worker_threads(2);
    }
    threads
}

/// Says what is wrong with `.env` without repeating a line of it, which may be a password.
fn dotenv_complaint(error: &dotenvy::Error) -> String {
    match error {
        dotenvy::Error::LineParse(line, _) => {
            let name = line.split_once('=').map(|(name, _)| name.trim());
            let is_name = |name: &&str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            match name.filter(is_name) {
                Some(name) => {
                    format!("the file .env is not right: the value of {name} does not parse; check its quotes")
                }
                None => "the file .env is not right: a line of it is not NAME=value".to_owned(),
            }
        }
        other => format!("the file .env cannot be read: {other}"),
    }
}
