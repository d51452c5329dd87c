//! Data-load jobs as people and programs meet them: by command, over HTTP, and with servers that are killed.

mod commands;
#[path = "../cli/dump.rs"]
#[expect(dead_code, reason = "shared with the tests of the command line, which use all of it")]
mod dump;
#[path = "../cli/harness.rs"]
#[expect(dead_code, reason = "shared with the tests of the command line, which use all of it")]
mod harness;
mod killed;
mod provider;
mod routes;
#[path = "../http/server.rs"]
#[expect(dead_code, reason = "shared with the tests of the HTTP interface, which use all of it")]
mod server;
mod stored;
