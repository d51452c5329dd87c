//! The server at its worst moments: killed, without Redis, without PostgreSQL, beside another one.
//!
//! The real program runs as a process on private servers. What each test does to it is drawn from a seed that
//! it prints, and that `UNIVERSE_KILL_SEED` repeats; moments are real time, so that only the draws repeat.
//! With `UNIVERSE_LONG_TESTS=1` each test takes minutes instead of seconds.

mod beside_a_command;
mod listener;
mod postgres_away;
mod postgres_restarted;
mod random;
mod redis_killed;
mod server;
mod server_killed;
mod two_servers;
mod verdict;
mod world;
