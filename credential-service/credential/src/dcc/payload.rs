//! The certificate: who, and one entry. Field names follow the schema's descriptions, codes stay codes.
//!
//! Everything in here is personal: it prints nothing, is wiped on drop, and cannot be serialised except
//! by asking for [`Payload::to_json`].

use std::fmt;

use did_registry::{Date, Secret, Timestamp};
use serde_json::{Map, Value};

use super::Kind;

/// A personal text, without white space around it.
pub struct Text(Secret<String>);

impl Text {
    pub(super) fn new(text: String) -> Self {
        Self(Secret::new(text))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        self.0.expose()
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Text(…)")
    }
}

/// A date or time as the issuer wrote it. National systems write dates in several ways, so the text is
/// kept and read on demand.
#[derive(Debug)]
pub struct DateText(Text);

impl DateText {
    pub(super) fn new(text: String) -> Self {
        Self(Text::new(text))
    }

    /// As written; may be empty, a year, or a year and month where it is a birth date.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The calendar day of `YYYY-MM-DD`, alone or before a time of day; `None` for anything less exact.
    /// With a time, the day is the one written, at the issuer's place.
    pub fn day(&self) -> Option<Date> {
        let (day, rest) = self.as_str().split_at_checked(10)?;
        if rest.is_empty() || rest.starts_with(['T', 't', ' ']) { day.parse().ok() } else { None }
    }

    /// The moment of an ISO 8601 date and time with an offset (`Z`, `+hh:mm`, `+hhmm` or `+hh`); `None`
    /// without an offset, because then it could be any of 27 hours.
    pub fn moment(&self) -> Option<Timestamp> {
        moment(self.as_str(), None)
    }
}

/// Reads a moment as [`DateText::moment`] does; `zone` is the offset where none is written.
pub(crate) fn moment(text: &str, zone: Option<&str>) -> Option<Timestamp> {
    let (day, time) = text.split_at_checked(10)?;
    let time = time.strip_prefix(['T', 't', ' '])?;
    let (clock, offset) = match time.find(['Z', 'z', '+', '-']) {
        Some(place) => time.split_at(place),
        None => (time, zone?),
    };
    let digits = offset.get(1..)?;
    let minutes = match (offset, digits.len()) {
        ("Z" | "z", 0) => return format!("{day}T{clock}Z").parse().ok(),
        (_, 2) => "00",
        (_, 4) => digits.get(2..)?,
        (_, 5) => digits.get(2..)?.strip_prefix(':')?,
        _ => return None,
    };
    let (sign, hours) = (offset.get(..1)?, digits.get(..2)?);
    format!("{day}T{clock}{sign}{hours}:{minutes}").parse().ok()
}

/// The holder's name.
#[derive(Debug)]
pub struct Name {
    /// `fn`, the surname.
    pub surname: Option<Text>,
    /// `fnt`, the surname as in a passport's machine-readable zone.
    pub surname_standard: Option<Text>,
    /// `gn`, the forename.
    pub forename: Option<Text>,
    /// `gnt`, the forename as in a passport's machine-readable zone.
    pub forename_standard: Option<Text>,
}

/// A test.
pub struct TestEntry {
    /// `tg`, code of the disease.
    pub target: Text,
    /// `tt`, code of the kind of test.
    pub test_type: Text,
    /// `nm`, name of a nucleic acid amplification test.
    pub test_name: Option<Text>,
    /// `ma`, code of a rapid test's device.
    pub device: Option<Text>,
    /// `sc`, when the sample was taken.
    pub sampled: DateText,
    /// `tr`, code of the result.
    pub result: Text,
    /// `tc`, where.
    pub centre: Option<Text>,
    /// `co`, country code.
    pub country: Text,
    /// `is`, who issued the certificate.
    pub issuer: Text,
    /// `ci`, unique certificate identifier.
    pub identifier: Text,
}

/// A vaccination.
pub struct VaccinationEntry {
    /// `tg`, code of the disease.
    pub target: Text,
    /// `vp`, code of the vaccine or prophylaxis.
    pub prophylaxis: Text,
    /// `mp`, code of the medicinal product.
    pub product: Text,
    /// `ma`, code of the marketing authorisation holder or maker.
    pub maker: Text,
    /// `dn`, number of this dose, from 1.
    pub dose: u32,
    /// `sd`, doses in the series, from 1.
    pub doses: u32,
    /// `dt`, when.
    pub day: DateText,
    /// `co`, country code.
    pub country: Text,
    /// `is`, who issued the certificate.
    pub issuer: Text,
    /// `ci`, unique certificate identifier.
    pub identifier: Text,
}

/// A recovery.
pub struct RecoveryEntry {
    /// `tg`, code of the disease.
    pub target: Text,
    /// `fr`, day of the first positive test.
    pub first_positive: DateText,
    /// `df`, first day of validity.
    pub valid_from: DateText,
    /// `du`, last day of validity.
    pub valid_until: DateText,
    /// `co`, country code.
    pub country: Text,
    /// `is`, who issued the certificate.
    pub issuer: Text,
    /// `ci`, unique certificate identifier.
    pub identifier: Text,
}

/// The one entry of a certificate. Prints its kind only.
pub enum Entry {
    /// `t`
    Test(TestEntry),
    /// `v`
    Vaccination(VaccinationEntry),
    /// `r`
    Recovery(RecoveryEntry),
}

impl Entry {
    /// Its kind.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Test(_) => Kind::Test,
            Self::Vaccination(_) => Kind::Vaccination,
            Self::Recovery(_) => Kind::Recovery,
        }
    }

    /// `ci`, the unique certificate identifier.
    pub const fn identifier(&self) -> &Text {
        match self {
            Self::Test(entry) => &entry.identifier,
            Self::Vaccination(entry) => &entry.identifier,
            Self::Recovery(entry) => &entry.identifier,
        }
    }

    /// `tg`, code of the disease.
    pub const fn target(&self) -> &Text {
        match self {
            Self::Test(entry) => &entry.target,
            Self::Vaccination(entry) => &entry.target,
            Self::Recovery(entry) => &entry.target,
        }
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Entry({}, …)", self.kind())
    }
}

/// A certificate that fits the schema. Only [`super::Verifier`] says that it was signed.
#[derive(Debug)]
pub struct Payload {
    version: String,
    name: Name,
    birth: DateText,
    entry: Entry,
}

impl Payload {
    pub(super) const fn new(version: String, name: Name, birth: DateText, entry: Entry) -> Self {
        Self { version, name, birth, entry }
    }

    /// `ver`, the schema version the issuer used.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// `nam`, the holder's name.
    pub const fn name(&self) -> &Name {
        &self.name
    }

    /// `dob`, the holder's birth date; may be only a year, and is empty where it is not known or not said.
    pub const fn birth(&self) -> &DateText {
        &self.birth
    }

    /// The entry.
    pub const fn entry(&self) -> &Entry {
        &self.entry
    }

    /// The certificate as JSON in schema 1.3.0, for rules: without null, without white space around
    /// texts, dose numbers whole, fields outside the schema left out.
    pub fn to_json(&self) -> Value {
        let name = [
            ("fn", self.name.surname.as_ref()),
            ("fnt", self.name.surname_standard.as_ref()),
            ("gn", self.name.forename.as_ref()),
            ("gnt", self.name.forename_standard.as_ref()),
        ];
        let entry = match &self.entry {
            Entry::Test(entry) => texts([
                ("tg", Some(&entry.target)),
                ("tt", Some(&entry.test_type)),
                ("nm", entry.test_name.as_ref()),
                ("ma", entry.device.as_ref()),
                ("sc", Some(&entry.sampled.0)),
                ("tr", Some(&entry.result)),
                ("tc", entry.centre.as_ref()),
                ("co", Some(&entry.country)),
                ("is", Some(&entry.issuer)),
                ("ci", Some(&entry.identifier)),
            ]),
            Entry::Vaccination(entry) => {
                let mut object = texts([
                    ("tg", Some(&entry.target)),
                    ("vp", Some(&entry.prophylaxis)),
                    ("mp", Some(&entry.product)),
                    ("ma", Some(&entry.maker)),
                    ("dt", Some(&entry.day.0)),
                    ("co", Some(&entry.country)),
                    ("is", Some(&entry.issuer)),
                    ("ci", Some(&entry.identifier)),
                ]);
                object.insert("dn".into(), entry.dose.into());
                object.insert("sd".into(), entry.doses.into());
                object
            }
            Entry::Recovery(entry) => texts([
                ("tg", Some(&entry.target)),
                ("fr", Some(&entry.first_positive.0)),
                ("df", Some(&entry.valid_from.0)),
                ("du", Some(&entry.valid_until.0)),
                ("co", Some(&entry.country)),
                ("is", Some(&entry.issuer)),
                ("ci", Some(&entry.identifier)),
            ]),
        };
        let mut object = texts([("dob", Some(&self.birth.0))]);
        object.insert("ver".into(), self.version.as_str().into());
        object.insert("nam".into(), texts(name).into());
        object.insert(self.entry.kind().key().into(), Value::Array(vec![entry.into()]));
        object.into()
    }
}

fn texts<const N: usize>(fields: [(&str, Option<&Text>); N]) -> Map<String, Value> {
    let present =
        fields.into_iter().filter_map(|(key, text)| text.map(|text| (key.to_owned(), text.as_str().into())));
    present.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_moments_as_issuers_write_them() {
        let read = |text: &str| {
            let text = DateText::new(text.into());
            (text.day().map(|day| day.to_string()), text.moment().map(|moment| moment.to_string()))
        };
        let day = Some("2021-05-18".to_owned());
        let moment = Some("2021-05-18T06:10:00Z".to_owned());
        assert_eq!(read("2021-05-18"), (day.clone(), None));
        assert_eq!(read("2021-05-18T00:00:00"), (day.clone(), None), "no offset, no moment");
        for text in [
            "2021-05-18T08:10:00+02:00",
            "2021-05-18T08:10:00.000+02:00",
            "2021-05-18T08:10:00+0200",
            "2021-05-18T08:10:00+02",
            "2021-05-18 06:10:00Z",
            "2021-05-18T01:40:00-04:30",
        ] {
            assert_eq!(read(text), (day.clone(), moment.clone()), "{text}");
        }
        for text in
            ["", "1958", "1958-11", "2021-13-18", "18.05.2021", "2021-05-18x", "2021-05-1é", "2021-05-1éZ"]
        {
            assert_eq!(read(text), (None, None), "{text}");
        }
        assert_eq!(read("2021-05-18T08:10:00+2"), (day, None));
    }
}
