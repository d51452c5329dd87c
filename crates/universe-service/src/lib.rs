//! A run from end to end: observe, plan, check, apply; and a simulated market to run it on.

pub mod market_simulator;
