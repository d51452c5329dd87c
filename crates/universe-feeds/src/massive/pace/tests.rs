use std::sync::Arc;

use governor::clock::FakeRelativeClock;

use super::*;

#[test]
fn no_minute_has_more_requests_than_the_limit_and_few_turns_are_lost() {
    const MILLI: Duration = Duration::from_millis(1);
    for limit in [1_usize, 5, 60, 600, 6_000] {
        let clock = FakeRelativeClock::default();
        let limiter = RateLimiter::direct_with_clock(quota(limit as u32).expect("a limit"), clock.clone());
        // Three minutes of somebody who always has another request.
        let mut times = Vec::new();
        for at in 0..180_000_usize {
            while limiter.check().is_ok() {
                times.push(at);
            }
            clock.advance(MILLI);
        }
        let busiest = times.iter().map(|from| times.iter().filter(|at| (*from..*from + 60_000).contains(*at)).count());
        let busiest =
            if limit > 600 { times.iter().filter(|at| **at < 60_000).count() } else { busiest.max().unwrap_or(0) };
        assert!(busiest <= limit, "{busiest} in a minute of {limit}");
        assert!(times.len() * 100 >= limit * 3 * 97, "{} requests in three minutes of {limit}", times.len());
    }
}

#[tokio::test]
async fn a_pause_holds_back_everybody_and_the_longest_one_counts() {
    let pace = Arc::new(Pace::new(0, 1));
    let start = Instant::now();
    pace.pause(Duration::from_millis(80));
    pace.pause(Duration::from_millis(3));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let pace = Arc::clone(&pace);
        tasks.spawn(async move { pace.turn().await });
    }
    tasks.join_all().await;
    assert!(start.elapsed() >= Duration::from_millis(80));
}

#[tokio::test]
async fn a_pause_that_comes_while_waiting_counts_too() {
    let pace = Arc::new(Pace::new(6_000, 1));
    let start = Instant::now();
    pace.pause(Duration::from_millis(20));
    let waiting = tokio::spawn({
        let pace = Arc::clone(&pace);
        async move { pace.turn().await }
    });
    tokio::task::yield_now().await;
    pace.pause(Duration::from_millis(80));
    waiting.await.expect("it ends");
    assert!(start.elapsed() >= Duration::from_millis(80));
}

#[tokio::test]
async fn waits_double_up_to_the_longest_and_differ() {
    let pace = Pace::new(0, 7);
    let (first, longest) = (Duration::from_millis(500), Duration::from_secs(8));
    for (tries, full) in [(1, 500), (2, 1_000), (3, 2_000), (5, 8_000), (9, 8_000), (u32::MAX, 8_000)] {
        let wait = pace.backoff(first, longest, tries).as_millis();
        assert!(full / 2 <= wait && wait <= full, "{wait} ms at try {tries}");
    }
    assert_ne!(pace.backoff(first, longest, 1), pace.backoff(first, longest, 1));
}
