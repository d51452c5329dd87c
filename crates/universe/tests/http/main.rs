//! The server as other programs meet it: a real process, asked through real sockets, on both stores.

mod admin_page;
mod alerts;
mod browser;
mod changes;
#[path = "../cli/dump.rs"]
#[expect(dead_code, reason = "shared with the tests of the command line, which use all of it")]
mod dump;
mod events;
mod export;
#[path = "../cli/harness.rs"]
#[expect(dead_code, reason = "shared with the tests of the command line, which use all of it")]
mod harness;
mod imports;
mod keys;
mod lane;
mod logs;
mod lookups;
#[path = "../cli/market.rs"]
mod market;
mod openapi;
mod overrides;
mod refusals;
mod restoring;
mod runs;
mod server;
mod time_machine;
