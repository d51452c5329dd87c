//! Durations, their medians, and the targets that they are held against.

use std::future::Future;
use std::time::{Duration, Instant};

/// Durations of one thing, measured several times.
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

    pub(crate) fn median_ms(&self) -> f64 {
        self.sorted_ms(|samples| samples.len() / 2)
    }

    /// Says the median, and between what it lies.
    pub(crate) fn shown(&self) -> String {
        let (least, most) = (self.sorted_ms(|_| 0), self.sorted_ms(|samples| samples.len() - 1));
        format!("{:.3} ({least:.3}..{most:.3})", self.median_ms())
    }

    fn sorted_ms(&self, at: impl FnOnce(&[Duration]) -> usize) -> f64 {
        let mut samples = self.0.clone();
        samples.sort();
        samples[at(&samples)].as_secs_f64() * 1_000.0
    }
}

/// What is measured, and what it may take.
pub(crate) struct Target<'a> {
    pub(crate) name: &'a str,
    /// What the requirement allows, where it says something.
    pub(crate) seed_ms: Option<f64>,
    /// What we allow ourselves.
    pub(crate) ours_ms: f64,
}

impl Target<'_> {
    pub(crate) fn print_heading() {
        println!("| what | median, ms | required, ms | aim, ms | of the aim |");
        println!("|---|---:|---:|---:|---:|");
    }

    pub(crate) fn print(&self, samples: &Samples) {
        let required = self.seed_ms.map_or("-".to_owned(), |ms| ms.to_string());
        let share = samples.median_ms() / self.ours_ms;
        let missed = if share < 1.0 { "" } else { " missed" };
        println!("| {} | {} | {required} | {} | {share:.2}{missed} |", self.name, samples.shown(), self.ours_ms);
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn now() -> Instant {
    Instant::now()
}
