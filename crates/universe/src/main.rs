//! The `universe` command: universe membership for TickStock, from the command line.

mod cli;
mod clock;
mod config;

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
        eprintln!("error: the file .env cannot be read: {error}");
        return ExitCode::from(cli::EXIT_USAGE);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: no threads could be started: {error}");
            return ExitCode::from(cli::EXIT_FAILED);
        }
    };
    runtime.block_on(cli::run(arguments))
}
