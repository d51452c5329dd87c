//! Moving in from an older TickStock database, and out again, on a real server.

mod harness;
mod moving_in;
mod moving_out;
mod refusals;
