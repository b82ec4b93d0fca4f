//! The certificate's schema, release 1.3.0, with the lenience that real certificates need.
//!
//! Written by hand, not run by a JSON Schema engine. With the lenience below, nearly every keyword of the
//! published schema would have to be rewritten at load, and what would stay is types and required fields;
//! reading into typed fields checks exactly these, costs a few microseconds, and also checks what the
//! published schema leaves to annotations (dates). A test holds this reader against the published schema
//! under an engine, field by field.
//!
//! Where it is more lenient than the published schema:
//! 1. null counts as absent;
//! 2. white space around a text is dropped;
//! 3. whole numbers may be written as floats;
//! 4. a date is any text of up to 64 characters with a year in it: with a time, without a day, in another
//!    order; a birth date may be empty or absent, and its month and day 00;
//! 5. standardised names may have any characters, and the surname's may be absent where any other name stands;
//! 6. texts may have 512 characters instead of 80;
//! 7. an empty list of entries counts as absent;
//! 8. a country may be any text, as the value set decides on it;
//! 9. a version is any text that begins with a digit.
//!
//! Where it is stricter: an entry's date is not empty; what is written as a day of the calendar is one; no text
//! has control characters but tabs and line ends; a dose number fits 32 bits.

use did_registry::Date;
use serde_json::{Map, Value};

use super::Kind;
use super::payload::{DateText, Entry, Name, Payload, RecoveryEntry, TestEntry, Text, VaccinationEntry};
use crate::{Finding, Reason};

/// Characters of a text. The schema's 80 is broken by test centres with full postal names.
const TEXT_LIMIT: usize = 512;

/// Characters of a date.
const DATE_LIMIT: usize = 64;

/// The kinds of entry that a certificate holds, before anything else of it is checked; what key use is
/// decided on.
pub fn kinds(certificate: &Value) -> Vec<Kind> {
    let holds = |kind: &Kind| {
        certificate.get(kind.key()).and_then(Value::as_array).is_some_and(|list| !list.is_empty())
    };
    Kind::ALL.into_iter().filter(holds).collect()
}

/// Reads a certificate.
///
/// # Errors
/// [`Reason::Schema`] with the first field that does not fit, [`Reason::MultipleEntries`] if all entries
/// fit but there is more than one.
pub fn read(certificate: Value) -> Result<Payload, Finding> {
    let mut fields = Fields::new(certificate, "the certificate")?;
    let version = fields.version()?;
    let name = fields.name()?;
    let birth = fields.birth()?;
    let mut entries = Vec::new();
    for kind in Kind::ALL {
        for entry in fields.entries(kind)? {
            let fields = Fields::new(entry, kind.key())?;
            entries.push(match kind {
                Kind::Test => Entry::Test(test(fields)?),
                Kind::Vaccination => Entry::Vaccination(vaccination(fields)?),
                Kind::Recovery => Entry::Recovery(recovery(fields)?),
            });
        }
    }
    let entry = entries.pop().ok_or_else(|| refuse("the certificate", "has an entry in v, t or r"))?;
    if !entries.is_empty() {
        return Err(Finding::new(Reason::MultipleEntries, "a certificate has exactly one entry"));
    }
    Ok(Payload::new(version, name, birth, entry))
}

fn test(mut fields: Fields) -> Result<TestEntry, Finding> {
    Ok(TestEntry {
        target: fields.text("tg")?,
        test_type: fields.text("tt")?,
        test_name: fields.optional_text("nm")?,
        device: fields.optional_text("ma")?,
        sampled: fields.date("sc")?,
        result: fields.text("tr")?,
        centre: fields.optional_text("tc")?,
        country: fields.text("co")?,
        issuer: fields.text("is")?,
        identifier: fields.text("ci")?,
    })
}

fn vaccination(mut fields: Fields) -> Result<VaccinationEntry, Finding> {
    Ok(VaccinationEntry {
        target: fields.text("tg")?,
        prophylaxis: fields.text("vp")?,
        product: fields.text("mp")?,
        maker: fields.text("ma")?,
        dose: fields.count("dn")?,
        doses: fields.count("sd")?,
        day: fields.date("dt")?,
        country: fields.text("co")?,
        issuer: fields.text("is")?,
        identifier: fields.text("ci")?,
    })
}

fn recovery(mut fields: Fields) -> Result<RecoveryEntry, Finding> {
    Ok(RecoveryEntry {
        target: fields.text("tg")?,
        first_positive: fields.date("fr")?,
        valid_from: fields.date("df")?,
        valid_until: fields.date("du")?,
        country: fields.text("co")?,
        issuer: fields.text("is")?,
        identifier: fields.text("ci")?,
    })
}

/// An object's fields, taken out one by one so that no text is copied.
struct Fields {
    object: Map<String, Value>,
    place: &'static str,
}

impl Fields {
    fn new(value: Value, place: &'static str) -> Result<Self, Finding> {
        match value {
            Value::Object(object) => Ok(Self { object, place }),
            _ => Err(refuse(place, "is a map")),
        }
    }

    fn refuse(&self, field: &str, rule: &str) -> Finding {
        refuse(&format!("{}.{field}", self.place), rule)
    }

    /// A field that is there and not null.
    fn take(&mut self, field: &str) -> Option<Value> {
        self.object.remove(field).filter(|value| !value.is_null())
    }

    fn optional_string(&mut self, field: &str) -> Result<Option<String>, Finding> {
        let text = match self.take(field) {
            None => return Ok(None),
            Some(Value::String(text)) => text,
            Some(_) => return Err(self.refuse(field, "is a text")),
        };
        let trimmed = text.trim();
        if trimmed.chars().count() > TEXT_LIMIT {
            return Err(self.refuse(field, "has at most 512 characters"));
        }
        if trimmed.bytes().any(|byte| byte.is_ascii_control() && !b"\t\n\r".contains(&byte)) {
            return Err(self.refuse(field, "has no control characters but tabs and line ends"));
        }
        Ok(Some(if trimmed.len() == text.len() { text } else { trimmed.to_owned() }))
    }

    fn string(&mut self, field: &str) -> Result<String, Finding> {
        self.optional_string(field)?.ok_or_else(|| self.refuse(field, "is required"))
    }

    fn optional_text(&mut self, field: &str) -> Result<Option<Text>, Finding> {
        Ok(self.optional_string(field)?.map(Text::new))
    }

    fn text(&mut self, field: &str) -> Result<Text, Finding> {
        self.string(field).map(Text::new)
    }

    fn date(&mut self, field: &str) -> Result<DateText, Finding> {
        let text = self.string(field)?;
        let fits = has_year(&text) && day(&text).is_none_or(|day| day.parse::<Date>().is_ok());
        if fits { Ok(DateText::new(text)) } else { Err(self.refuse(field, "is a date")) }
    }

    /// A month and a day that nobody knows are left out, or written 00.
    fn birth(&mut self) -> Result<DateText, Finding> {
        let text = self.optional_string("dob")?.unwrap_or_default();
        let is_day = |day: &str| day.replace("-00", "-01").parse::<Date>().is_ok();
        let fits = text.is_empty() || has_year(&text) && day(&text).is_none_or(is_day);
        if fits { Ok(DateText::new(text)) } else { Err(self.refuse("dob", "is a date or empty")) }
    }

    fn count(&mut self, field: &str) -> Result<u32, Finding> {
        let number = self.take(field).ok_or_else(|| self.refuse(field, "is required"))?;
        let whole = number.as_u64().or_else(|| number.as_f64().and_then(whole));
        let whole = whole.and_then(|number| u32::try_from(number).ok()).filter(|number| *number >= 1);
        whole.ok_or_else(|| self.refuse(field, "is a whole number of at least 1"))
    }

    fn version(&mut self) -> Result<String, Finding> {
        let text = self.string("ver")?;
        let fits = text.starts_with(|first: char| first.is_ascii_digit());
        if fits { Ok(text) } else { Err(self.refuse("ver", "begins with a number")) }
    }

    fn name(&mut self) -> Result<Name, Finding> {
        let name = self.take("nam").ok_or_else(|| self.refuse("nam", "is required"))?;
        let mut fields = Fields::new(name, "nam")?;
        let name = Name {
            surname: fields.optional_text("fn")?,
            surname_standard: fields.optional_text("fnt")?,
            forename: fields.optional_text("gn")?,
            forename_standard: fields.optional_text("gnt")?,
        };
        let parts = [&name.surname, &name.surname_standard, &name.forename, &name.forename_standard];
        if parts.iter().any(|part| part.is_some()) { Ok(name) } else { Err(refuse("nam", "holds a name")) }
    }

    fn entries(&mut self, kind: Kind) -> Result<Vec<Value>, Finding> {
        match self.take(kind.key()) {
            None => Ok(Vec::new()),
            Some(Value::Array(entries)) => Ok(entries),
            Some(_) => Err(self.refuse(kind.key(), "is a list")),
        }
    }
}

fn has_year(text: &str) -> bool {
    text.len() <= DATE_LIMIT && text.as_bytes().windows(4).any(|four| four.iter().all(u8::is_ascii_digit))
}

/// The beginning of a text that is written as a day of the calendar.
fn day(text: &str) -> Option<&str> {
    let day = text.get(..10)?;
    let is_written =
        |(letter, form): (u8, u8)| if form == b'0' { letter.is_ascii_digit() } else { letter == form };
    day.bytes().zip(*b"0000-00-00").all(is_written).then_some(day)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "whole and in range, as checked before"
)]
fn whole(number: f64) -> Option<u64> {
    (number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number)).then_some(number as u64)
}

fn refuse(what: &str, rule: &str) -> Finding {
    Finding::new(Reason::Schema, format!("{what} {rule}"))
}

#[cfg(test)]
mod tests;
