//! Days and times as rules spell them, and sums of them.

use std::fmt;

use time::{Date, Month, OffsetDateTime};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
/// 1970-01-01 in the library's count of days.
const EPOCH: i64 = 2_440_588;

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Moment(i64);

/// What `plusTime` counts in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Unit {
    Year,
    Month,
    Day,
    Hour,
}

impl Unit {
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "year" => Self::Year,
            "month" => Self::Month,
            "day" => Self::Day,
            "hour" => Self::Hour,
            _ => return None,
        })
    }
}

/// Takes so many digits from the front of a text.
fn digits(text: &mut &str, count: usize) -> Option<i64> {
    let (number, rest) = text.split_at_checked(count)?;
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    *text = rest;
    number.parse().ok()
}

fn mark(text: &mut &str, mark: char) -> Option<()> {
    *text = text.strip_prefix(mark)?;
    Some(())
}

fn midnight(day: Date) -> i64 {
    (i64::from(day.to_julian_day()) - EPOCH) * DAY
}

fn day(year: i64, month: i64, day: i64) -> Option<Date> {
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    Date::from_calendar_date(i32::try_from(year).ok()?, month, u8::try_from(day).ok()?).ok()
}

/// The last day that a year, or a month of it, has.
fn last_day(year: i64, month: Option<i64>) -> Option<Date> {
    let month = month.unwrap_or(12);
    (28..=31).rev().find_map(|last| day(year, month, last))
}

impl Moment {
    /// `YYYY`, `YYYY-MM` (their last days), `YYYY-MM-DD`, or a day and time with an optional fraction and zone; without a
    /// zone it is UTC.
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text.split_once('T') {
            None => Self::of_birth(text),
            Some((date, time)) => {
                let (Self(midnight), mut rest) = (Self::on_day(date)?, time);
                let hour = digits(&mut rest, 2)?;
                mark(&mut rest, ':')?;
                let minute = digits(&mut rest, 2)?;
                mark(&mut rest, ':')?;
                let second = digits(&mut rest, 2)?;
                if hour > 23 || minute > 59 || second > 59 {
                    return None;
                }
                let fraction = fraction(&mut rest)?;
                let zone = zone(rest)?;
                Some(Self(midnight + hour * HOUR + (minute - zone) * 60_000 + second * 1_000 + fraction))
            }
        }
    }

    /// `YYYY`, `YYYY-MM` or `YYYY-MM-DD`: the last day that it can mean.
    pub(super) fn of_birth(text: &str) -> Option<Self> {
        let mut rest = text;
        let year = digits(&mut rest, 4)?;
        if rest.is_empty() {
            return last_day(year, None).map(|day| Self(midnight(day)));
        }
        mark(&mut rest, '-')?;
        let month = digits(&mut rest, 2)?;
        if rest.is_empty() {
            return last_day(year, Some(month)).map(|day| Self(midnight(day)));
        }
        Self::on_day(text)
    }

    fn on_day(text: &str) -> Option<Self> {
        let mut rest = text;
        let year = digits(&mut rest, 4)?;
        mark(&mut rest, '-')?;
        let month = digits(&mut rest, 2)?;
        mark(&mut rest, '-')?;
        let day = day(year, month, digits(&mut rest, 2)?)?;
        rest.is_empty().then(|| Self(midnight(day)))
    }

    /// So much later, or earlier. Years and months change the field and keep the number of the day: one that does not exist
    /// runs over into the next month.
    pub(super) fn plus(self, amount: i64, unit: Unit) -> Option<Self> {
        let later = match unit {
            Unit::Hour => self.0.checked_add(amount.checked_mul(HOUR)?)?,
            Unit::Day => self.0.checked_add(amount.checked_mul(DAY)?)?,
            Unit::Month | Unit::Year => {
                let (days, rest) = (self.0.div_euclid(DAY), self.0.rem_euclid(DAY));
                let now = Date::from_julian_day(i32::try_from(days + EPOCH).ok()?).ok()?;
                let months = if unit == Unit::Year { amount.checked_mul(12)? } else { amount };
                let months = (i64::from(now.year()) * 12 + i64::from(u8::from(now.month())) - 1)
                    .checked_add(months)?;
                let first = day(months.div_euclid(12), months.rem_euclid(12) + 1, 1)?;
                midnight(first) + i64::from(now.day() - 1) * DAY + rest
            }
        };
        // A text has four digits for its year.
        let bounds = midnight(day(0, 1, 1)?)..=midnight(day(9999, 12, 31)?) + DAY - 1;
        bounds.contains(&later).then_some(Self(later))
    }
}

/// A dot and digits: milliseconds, the rest is cut.
fn fraction(rest: &mut &str) -> Option<i64> {
    let Some(after) = rest.strip_prefix('.') else { return Some(0) };
    let end = after.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(after.len());
    let (digits, left) = after.split_at(end);
    *rest = left;
    let thousandths = digits.bytes().chain(std::iter::repeat(b'0')).take(3);
    let value = thousandths.fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    (!digits.is_empty()).then_some(value)
}

/// Minutes ahead of UTC: nothing, `Z`, or a sign with one to four digits, a colon before the last two or not.
fn zone(text: &str) -> Option<i64> {
    let (sign, rest) = match text.as_bytes() {
        [] | b"Z" => return Some(0),
        [b'+', ..] => (1, text.get(1..)?),
        [b'-', ..] => (-1, text.get(1..)?),
        _ => return None,
    };
    let (hours, minutes) = match rest.split_once(':') {
        Some((hours, minutes)) if minutes.len() == 2 => (hours, minutes),
        Some(_) => return None,
        None if rest.len() > 2 => rest.split_at_checked(rest.len() - 2)?,
        None => (rest, "00"),
    };
    let number = |text: &str| {
        let plain = (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| text.parse::<i64>().ok())?
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes))
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = OffsetDateTime::from_unix_timestamp(self.0.div_euclid(1_000)).map_err(|_| fmt::Error)?;
        let (month, second) = (u8::from(time.month()), time.second());
        let (year, day, hour, minute) = (time.year(), time.day(), time.hour(), time.minute());
        let thousandths = self.0.rem_euclid(1_000);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{thousandths:03}Z")
    }
}
