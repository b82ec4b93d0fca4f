//! How a figure is taken and told.

use std::io::Write as _;
use std::time::{Duration, Instant};

use anyhow::ensure;
use serde::Serialize;

/// Runs that count, of which the median is told.
const ROUNDS: usize = 7;
/// How long to warm up, and how long a run takes, about.
const WARM_UP: Duration = Duration::from_millis(300);
const ROUND: Duration = Duration::from_millis(400);

/// One line of the output.
#[derive(Serialize)]
struct Figure<'a> {
    name: &'a str,
    value: f64,
    unit: &'a str,
    samples: usize,
}

/// Tells figures as they come, as far as they are wanted.
pub(super) struct Report {
    only: String,
    told: Vec<String>,
}

impl Report {
    /// A report of the figures whose names begin with `only`.
    pub(super) fn new(only: &str) -> Self {
        Self { only: only.to_owned(), told: Vec::new() }
    }

    /// Whether any of these figures is wanted.
    pub(super) fn wants(&self, names: &[&str]) -> bool {
        names.iter().any(|name| name.starts_with(&self.only))
    }

    /// Tells a figure; more than two decimals would be noise.
    pub(super) fn figure(
        &mut self,
        name: &str,
        value: f64,
        unit: &str,
        samples: usize,
    ) -> anyhow::Result<()> {
        ensure!(value.is_finite(), "{name} was not measured");
        if self.wants(&[name]) {
            let value = if value < 1_000.0 { (value * 100.0).round() / 100.0 } else { value.round() };
            let line = serde_json::to_string(&Figure { name, value, unit, samples })?;
            writeln!(std::io::stdout().lock(), "{line}")?;
            self.told.push(name.to_owned());
        }
        Ok(())
    }

    /// Says something beside the figures.
    pub(super) fn note(&self, text: &str) {
        eprintln!("bench: {text}");
    }

    /// Whether a figure was told.
    pub(super) fn told(&self, name: &str) -> bool {
        self.told.iter().any(|told| told == name)
    }
}

/// Calls a second on one thread, the median of several runs, and the calls that were counted.
///
/// # Errors
/// The first call's that fails.
pub(super) fn rate(work: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<(f64, usize)> {
    rate_of(ROUNDS, work)
}

/// The same from a single run, for notes beside the figures.
///
/// # Errors
/// The first call's that fails.
pub(super) fn glance(work: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    Ok(rate_of(1, work)?.0)
}

fn rate_of(rounds: usize, mut work: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<(f64, usize)> {
    let (mut calls, begun) = (0, Instant::now());
    while begun.elapsed() < WARM_UP {
        work()?;
        calls += 1u128;
    }
    // A run has as many calls as fit by the warm-up's pace: no clock is read within it.
    let calls = usize::try_from(calls * ROUND.as_nanos() / begun.elapsed().as_nanos())?.max(1);
    let mut rates = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let begun = Instant::now();
        for _ in 0..calls {
            work()?;
        }
        rates.push(per_second(calls, begun.elapsed()));
    }
    Ok((median(&mut rates), rounds * calls))
}

/// So many in that time, a second.
pub(super) fn per_second(count: usize, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}

/// The middle one; the upper of two.
pub(super) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The value that `percent` of all do not exceed (nearest rank), as a number of `unit`s.
pub(super) fn percentile(times: &mut [Duration], percent: usize, unit: Duration) -> f64 {
    times.sort_unstable();
    let rank = (times.len() * percent).div_ceil(100).saturating_sub(1);
    times.get(rank).map_or(f64::NAN, |time| time.as_secs_f64() / unit.as_secs_f64())
}

/// A millisecond.
pub(super) const MS: Duration = Duration::from_millis(1);
/// A microsecond.
pub(super) const US: Duration = Duration::from_micros(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_percentiles_are_of_what_was_measured() {
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&mut [4.0, 1.0, 2.0, 3.0]), 3.0);
        assert!(median(&mut []).is_nan());
        let mut times: Vec<Duration> = (1..=100).rev().map(Duration::from_millis).collect();
        assert_eq!(percentile(&mut times, 95, MS), 95.0);
        assert_eq!(percentile(&mut times, 50, MS), 50.0);
        assert_eq!(percentile(&mut times, 100, MS), 100.0);
        assert!((percentile(&mut [MS], 95, US) - 1000.0).abs() < 1e-6);
        assert!(percentile(&mut [], 95, US).is_nan());
    }

    #[test]
    fn a_prefix_chooses_figures() {
        let report = Report::new("ledger.");
        assert!(report.wants(&["did.resolve_us", "ledger.solo.tx_per_s"]));
        assert!(!report.wants(&["did.resolve_us"]));
        assert!(Report::new("").wants(&["did.resolve_us"]));
    }

    #[test]
    fn a_call_that_fails_ends_the_measurement() {
        let mut calls = 0;
        let failed = rate(|| {
            calls += 1;
            anyhow::ensure!(calls < 10, "the tenth");
            Ok(())
        });
        assert_eq!(failed.unwrap_err().to_string(), "the tenth");
    }
}
