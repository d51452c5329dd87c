//! Durations, their medians, and the peak of a process's memory.

use std::future::Future;
use std::time::{Duration, Instant};

/// Durations of one thing, measured several times.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples(Vec<Duration>);

impl Samples {
    pub(crate) fn push(&mut self, duration: Duration) {
        self.0.push(duration);
        self.0.sort();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn median_ms(&self) -> f64 {
        let (lower, upper) = (self.0[(self.0.len() - 1) / 2], self.0[self.0.len() / 2]);
        (lower + upper).as_secs_f64() * 500.0
    }

    /// Says the median, and between what it lies.
    pub(crate) fn shown(&self) -> String {
        let ms = |duration: Option<&Duration>| duration.map_or(0.0, |d| d.as_secs_f64() * 1_000.0);
        format!("{:7.1} ({:.1}..{:.1})", self.median_ms(), ms(self.0.first()), ms(self.0.last()))
    }
}

/// What a run took, and what its rows alone take.
pub(crate) struct Comparison {
    pub(crate) name: String,
    pub(crate) ours: Samples,
    pub(crate) floor: Samples,
    pub(crate) rows: String,
}

impl Comparison {
    pub(crate) fn print_heading() {
        println!("| run | ours, ms | floor, ms | ratio | rows read and written |");
        println!("|---|---:|---:|---:|---|");
    }

    pub(crate) fn print(&self) {
        let ratio = self.ours.median_ms() / self.floor.median_ms();
        let (ours, floor) = (self.ours.shown(), self.floor.shown());
        println!("| {} | {ours} | {floor} | {ratio:.2} | {} |", self.name, self.rows);
    }
}

/// Measures what a future takes.
pub(crate) async fn timed<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let began = now();
    let done = work.await;
    (done, began.elapsed())
}

#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Returns the most memory that this process ever had, in MB; `None` where the system does not say.
pub(crate) fn peak_memory_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<f64>().ok()? / 1024.0)
}
