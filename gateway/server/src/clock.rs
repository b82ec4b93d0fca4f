//! The one place where time enters. Everything else is handed a [`Timestamp`].

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use did_registry::Timestamp;

/// Where the time comes from: the system, or whatever function a test or the demo supplies.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// The system's clock. A clock set before 1970 reads as the epoch, which makes every list stale
    /// and so refuses: the safe side.
    pub fn system() -> Self {
        Self::new(|| {
            let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
            Timestamp::default().plus(seconds)
        })
    }

    /// A clock that asks `now`.
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// A clock that stands still.
    pub fn fixed(at: Timestamp) -> Self {
        Self::new(move || at)
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", self.now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_whatever_function_it_is_given() {
        let noon: Timestamp = "2021-06-01T12:00:00Z".parse().unwrap();
        assert_eq!(Clock::fixed(noon).now(), noon);
        assert!(Clock::system().now() > noon, "the machine's clock is set before this code was written");
    }
}
