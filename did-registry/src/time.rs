//! Seconds and days. The values only; reading a clock is the shell's work.

use std::fmt;

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::RegistryError;
use crate::canonical::invalid;

/// Seconds since 1970-01-01T00:00:00Z, up to the year 9999; RFC 3339 text in JSON.
#[derive(
    Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, Serialize, Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp(u64);

/// A calendar day as days since 1970-01-01, years 0 to 9999; `YYYY-MM-DD` in JSON.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Date(i32);

const LAST_SECOND: u64 = 253_402_300_799; // 9999-12-31T23:59:59Z
const FIRST_DAY: i32 = -719_528; // 0000-01-01
const LAST_DAY: i32 = 2_932_896; // 9999-12-31

impl Timestamp {
    /// Seconds since the epoch.
    ///
    /// # Errors
    /// [`RegistryError::Malformed`] after the year 9999.
    pub fn from_seconds(seconds: u64) -> Result<Self, RegistryError> {
        if seconds > LAST_SECOND {
            return Err(RegistryError::Malformed("a time lies before the year 10000".into()));
        }
        Ok(Self(seconds))
    }

    /// Seconds since the epoch.
    pub const fn seconds(self) -> u64 {
        self.0
    }

    /// This time and `seconds` more, at most the last second of the year 9999.
    #[must_use]
    pub fn plus(self, seconds: u64) -> Self {
        Self(self.0.saturating_add(seconds).min(LAST_SECOND))
    }

    /// This time less `seconds`, at least the epoch.
    #[must_use]
    pub fn minus(self, seconds: u64) -> Self {
        Self(self.0.saturating_sub(seconds))
    }

    /// Seconds from `earlier` to this time; zero if that lies in the future.
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The UTC day that holds this time.
    pub fn date(self) -> Date {
        Date(i32::try_from(self.0 / 86_400).expect("fits because years end at 9999"))
    }

    fn civil(self) -> OffsetDateTime {
        let seconds = i64::try_from(self.0).expect("fits because years end at 9999");
        OffsetDateTime::from_unix_timestamp(seconds).expect("in range because years end at 9999")
    }
}

impl Date {
    /// Days since the epoch, negative before it.
    ///
    /// # Errors
    /// [`RegistryError::Malformed`] outside the years 0 to 9999.
    pub fn from_days(days: i32) -> Result<Self, RegistryError> {
        if !(FIRST_DAY..=LAST_DAY).contains(&days) {
            return Err(RegistryError::Malformed("a date lies in the years 0 to 9999".into()));
        }
        Ok(Self(days))
    }

    /// Days since the epoch, negative before it.
    pub const fn days(self) -> i32 {
        self.0
    }

    /// The day `days` later (or earlier, if negative), kept within the years 0 to 9999.
    #[must_use]
    pub fn plus_days(self, days: i32) -> Self {
        Self(self.0.saturating_add(days).clamp(FIRST_DAY, LAST_DAY))
    }

    /// Midnight UTC at the start of this day; the epoch for earlier days.
    pub fn midnight(self) -> Timestamp {
        Timestamp(u64::try_from(i64::from(self.0) * 86_400).unwrap_or(0))
    }

    fn civil(self) -> time::Date {
        time::Date::from_julian_day(self.0 + 2_440_588).expect("in range because years end at 9999")
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.civil().format(&Rfc3339).expect("formats because years have four digits"))
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let day = self.civil();
        write!(f, "{:04}-{:02}-{:02}", day.year(), u8::from(day.month()), day.day())
    }
}

impl std::str::FromStr for Timestamp {
    type Err = RegistryError;
    fn from_str(text: &str) -> Result<Self, RegistryError> {
        let rule = || RegistryError::Malformed("a time is RFC 3339, for example 2021-06-01T00:00:00Z".into());
        if text.len() > 40 {
            return Err(rule());
        }
        let parsed = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| rule())?;
        Self::from_seconds(u64::try_from(parsed.unix_timestamp()).map_err(|_| rule())?)
    }
}

impl std::str::FromStr for Date {
    type Err = RegistryError;
    fn from_str(text: &str) -> Result<Self, RegistryError> {
        let rule = || RegistryError::Malformed("a date is YYYY-MM-DD".into());
        let mut parts = text.split('-');
        let (Some(year), Some(month), Some(day), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(rule());
        };
        let digits = |part: &str, width: usize| {
            (part.len() == width && part.bytes().all(|byte| byte.is_ascii_digit()))
                .then(|| part.parse::<u16>().ok())
        };
        let number = |part, width| digits(part, width).flatten().ok_or_else(rule);
        let (year, month, day) = (number(year, 4)?, number(month, 2)?, number(day, 2)?);
        let month = u8::try_from(month).ok().and_then(|m| time::Month::try_from(m).ok()).ok_or_else(rule)?;
        let day = u8::try_from(day).map_err(|_| rule())?;
        let date = time::Date::from_calendar_date(i32::from(year), month, day).map_err(|_| rule())?;
        Self::from_days(date.to_julian_day() - 2_440_588)
    }
}

/// The same text form, JSON form, debug form and checked borsh form for both types.
macro_rules! forms {
    ($type:ty, $repr:ty, $check:path) => {
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
        impl TryFrom<String> for $type {
            type Error = RegistryError;
            fn try_from(text: String) -> Result<Self, RegistryError> {
                text.parse()
            }
        }
        impl From<$type> for String {
            fn from(value: $type) -> Self {
                value.to_string()
            }
        }
        impl BorshDeserialize for $type {
            fn deserialize_reader<R: borsh::io::Read>(reader: &mut R) -> borsh::io::Result<Self> {
                $check(<$repr>::deserialize_reader(reader)?).map_err(invalid)
            }
        }
    };
}
forms!(Timestamp, u64, Timestamp::from_seconds);
forms!(Date, i32, Date::from_days);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_number_agree() {
        let time: Timestamp = "2021-06-01T00:00:00+02:00".parse().expect("valid");
        assert_eq!(time.seconds(), 1_622_498_400);
        assert_eq!(time.to_string(), "2021-05-31T22:00:00Z");
        let date: Date = "2024-02-29".parse().expect("valid");
        assert_eq!(date.plus_days(1).to_string(), "2024-03-01");
        assert_eq!(date.midnight().date(), date);
        for bad in ["2023-02-29", "2023-2-01", "+023-02-01", "2023-02-01 ", "", "2023-13-01"] {
            assert!(bad.parse::<Date>().is_err(), "{bad}");
        }
    }
}
