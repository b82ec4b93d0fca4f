//! How long things took: percentiles as measured, in milliseconds.

use std::time::Duration;

use hdrhistogram::Histogram;

/// Durations of one kind.
#[derive(Clone, Debug)]
pub struct Latency(Histogram<u64>);

impl Latency {
    /// Of these durations; microseconds are told apart, longer ones than ten minutes are not.
    pub fn of(durations: impl IntoIterator<Item = Duration>) -> Self {
        let mut histogram =
            Histogram::new_with_bounds(1, 600_000_000, 3).expect("valid because the bounds are ours");
        for duration in durations {
            histogram.saturating_record(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX));
        }
        Self(histogram)
    }

    /// How many there are.
    pub fn len(&self) -> u64 {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The duration that `percent` of them do not exceed, in milliseconds.
    pub fn percentile(&self, percent: f64) -> f64 {
        // At most 6e8, which a double holds exactly.
        Duration::from_micros(self.0.value_at_percentile(percent)).as_secs_f64() * 1_000.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_what_was_measured() {
        let latency = Latency::of((1..=100).map(Duration::from_millis));
        assert_eq!(latency.len(), 100);
        assert!((latency.percentile(50.0) - 50.0).abs() < 0.1);
        assert!((latency.percentile(95.0) - 95.0).abs() < 0.1);
        assert!(Latency::of([]).is_empty());
    }
}
