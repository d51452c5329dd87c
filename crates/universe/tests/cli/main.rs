//! The program as people and scripts meet it: run as a process, judged by what it prints, returns and stores.

mod adopt;
mod bad_data;
mod bad_usage;
mod configuration;
mod day;
mod doctor;
mod dump;
mod harness;
mod help;
mod identity;
mod index_history;
mod maintenance;
mod market;
mod reading;
mod real_data;
mod reference;
mod seed_checklist;
mod shapes;
mod streams;
mod syncing;
mod time_machine;
mod transfer;
mod transfer_bad;
mod transfer_history;
mod transfer_recovery;
mod transfer_rollback;
