//! The program as people and scripts meet it: run as a process, judged by what it prints, returns and stores.

mod bad_data;
mod bad_usage;
mod configuration;
mod day;
mod dump;
mod harness;
mod help;
mod market;
mod reading;
mod real_data;
mod reference;
mod shapes;
mod streams;
mod syncing;
