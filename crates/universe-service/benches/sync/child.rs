//! Runs in a process of their own, whose memory nothing else has touched.

use std::process::Command;

use jiff::civil::Date;
use universe_store::open;

use super::market;
use super::measure::{Samples, peak_memory_mb, timed};

/// What a process found out about itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Report {
    /// What the first run took, on a connection just opened.
    pub(crate) first_ms: f64,
    /// The median of the runs after it; zero without any.
    pub(crate) again_ms: f64,
    /// The most memory that the process had.
    pub(crate) peak_mb: f64,
}

/// Runs a session once, and so many times again, in a process of its own.
pub(crate) fn spawn(uri: &str, session: Date, again: usize) -> Report {
    let program = std::env::current_exe().expect("a program");
    let output =
        Command::new(program).args(["child", uri, &session.to_string(), &again.to_string()]).output().expect("started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    let numbers: Vec<f64> = text.split_whitespace().map(|number| number.parse().expect("a number")).collect();
    Report { first_ms: numbers[0], again_ms: numbers[1], peak_mb: numbers[2] }
}

/// The process itself.
pub(crate) async fn run(uri: &str, session: &str, again: &str) {
    let store = open(&uri.parse().expect("an address")).await.expect("opened");
    let rules = market::rules(&*store).await;
    let session = session.parse().expect("a date");
    let (outcome, first) = timed(market::run(&*store, &rules, session)).await;
    drop(outcome);
    let mut samples = Samples::default();
    for _ in 0..again.parse().expect("a number") {
        let (outcome, duration) = timed(market::run(&*store, &rules, session)).await;
        assert!(!outcome.was_written);
        samples.push(duration);
    }
    let again_ms = if samples.is_empty() { 0.0 } else { samples.median_ms() };
    println!("{} {again_ms} {}", first.as_secs_f64() * 1_000.0, peak_memory_mb().unwrap_or(f64::NAN));
}
