//! Durations, their median and 99th percentile beside what they may be, and places drawn by chance.

use std::future::Future;
use std::time::{Duration, Instant};

/// Durations of one thing, measured many times.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples(Vec<Duration>);

impl Samples {
    /// Measures what something takes.
    pub(crate) fn time<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let began = now();
        let done = work();
        self.0.push(began.elapsed());
        done
    }

    /// Measures what a future takes.
    pub(crate) async fn time_async<T>(&mut self, work: impl Future<Output = T>) -> T {
        let began = now();
        let done = work.await;
        self.0.push(began.elapsed());
        done
    }

    /// Returns the duration that so many of a hundred do not pass.
    fn percentile_ms(&self, percent: usize) -> f64 {
        let mut samples = self.0.clone();
        samples.sort();
        samples[(samples.len() * percent / 100).min(samples.len() - 1)].as_secs_f64() * 1_000.0
    }
}

/// A line of the table.
pub(crate) struct Line<'a> {
    pub(crate) name: &'a str,
    /// What the 99th percentile may be.
    pub(crate) aim_ms: f64,
    /// What the barest SQL takes for the same rows, in turns with ours.
    pub(crate) floor: Option<&'a Samples>,
}

impl Line<'_> {
    pub(crate) fn print_heading() {
        println!("| lookup | p50, ms | p99, ms | aim, ms | p99 of the aim | barest SQL p50, ms | p50 of that |");
        println!("|---|---:|---:|---:|---:|---:|---:|");
    }

    pub(crate) fn print(&self, samples: &Samples) {
        let (p50, p99) = (samples.percentile_ms(50), samples.percentile_ms(99));
        let missed = if p99 < self.aim_ms { "" } else { " missed" };
        let floor = match self.floor {
            Some(floor) => {
                let floor = floor.percentile_ms(50);
                format!("{floor:.3} | {:.2}", p50 / floor)
            }
            None => "- | -".to_owned(),
        };
        let share = p99 / self.aim_ms;
        println!("| {} | {p50:.3} | {p99:.3} | {} | {share:.2}{missed} | {floor} |", self.name, self.aim_ms);
    }
}

/// Draws by chance, and the same every time (SplitMix64).
pub(crate) struct Draw(u64);

impl Draw {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        &all[((mixed ^ (mixed >> 31)) % all.len() as u64) as usize]
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn now() -> Instant {
    Instant::now()
}
