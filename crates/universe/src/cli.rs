//! Commands: what can be asked, and how answers leave the program.
//!
//! Data goes to standard output, words to standard error, and the exit code tells scripts what happened.

mod adopt;
pub(crate) mod arguments;
mod client;
mod config_command;
mod correct;
mod db;
mod demo;
mod diff;
mod doctor;
pub(crate) mod export;
mod failure;
mod import;
mod import_history;
mod jobs;
mod keys;
mod load;
mod logging;
mod massive;
mod organize;
mod output;
mod overrides;
mod pending;
mod read;
mod reference;
mod restored;
mod rollback;
mod rules;
mod serve;
mod session;
mod stats;
mod sync;
mod time_machine;
mod validate;

use std::process::ExitCode;

use clap::CommandFactory as _;

pub(crate) use arguments::Arguments;
use arguments::Command;

/// Everything was done.
pub(crate) const EXIT_DONE: u8 = 0;
/// Something went wrong, and nothing was half done.
pub(crate) const EXIT_FAILED: u8 = 1;
/// The command was given wrongly.
pub(crate) const EXIT_USAGE: u8 = 2;
/// A check found something, or a change waits for approval.
pub(crate) const EXIT_HELD: u8 = 3;

/// Runs one command and returns the exit code of the process.
pub(crate) async fn run(arguments: Arguments) -> ExitCode {
    match dispatch(arguments).await {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            output::words(&failure::shown(&error));
            ExitCode::from(failure::exit_code(&error))
        }
    }
}

async fn dispatch(arguments: Arguments) -> anyhow::Result<u8> {
    let Arguments { global, command } = arguments;
    if let Command::Completions { shell } = command {
        // Into memory first: the generator panics when its reader goes away.
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Arguments::command(), "universe", &mut script);
        output::write_out(&String::from_utf8_lossy(&script))?;
        return Ok(EXIT_DONE);
    }
    if let Command::Config(command) = &command {
        return config_command::run(&global, command);
    }
    if let Command::Doctor = &command {
        return doctor::run(&global).await;
    }
    let config = global.config()?;
    logging::start(&config, &global)?;
    match command {
        Command::Demo(command) => demo::run(&global, &config, &command).await,
        Command::Load(command) => load::run(&global, &config, command).await,
        Command::Sync(command) => sync::run(&global, &config, &command).await,
        Command::List(list) => read::list(&global, &config, &list).await,
        Command::Show(command) => read::show(&global, &config, &command).await,
        Command::Diff(command) => diff::run(&global, &config, &command).await,
        Command::Explain(command) => time_machine::explain(&global, &config, &command).await,
        Command::History(command) => time_machine::history(&global, &config, &command).await,
        Command::Correct(command) => correct::run(&global, &config, &command).await,
        Command::Override(command) => overrides::run(&global, &config, &command).await,
        Command::Runs(command) => read::runs(&global, &config, &command).await,
        Command::Organize(command) => organize::run(&global, &config, &command).await,
        Command::Validate(command) => validate::run(&global, &config, &command).await,
        Command::Stats(command) => stats::run(&global, &config, &command).await,
        Command::Export(command) => export::run(&global, &config, &command).await,
        Command::Import(command) => import::run(&global, &config, &command).await,
        Command::Rollback(command) => rollback::run(&global, &config, &command).await,
        Command::Rules(command) => rules::run(&global, &config, &command).await,
        Command::Db(command) => db::run(&global, &config, &command).await,
        Command::Serve(command) => serve::run(&global, &config, &command).await,
        Command::Jobs(command) => jobs::run(&global, &config, &command).await,
        Command::Keys(command) => keys::run(&global, &config, &command).await,
        Command::Trigger(command) => client::trigger(&global, &config, &command).await,
        Command::Status(command) => client::status(&global, &config, &command).await,
        Command::Watch(command) => client::watch(&global, &config, &command).await,
        Command::Adopt(command) => adopt::run(&global, &config, &command).await,
        Command::Config(_) | Command::Completions { .. } | Command::Doctor => unreachable!("answered above"),
    }
}
