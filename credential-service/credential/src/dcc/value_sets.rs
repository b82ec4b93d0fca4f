//! Value sets: the published codes that certificates speak in.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::ListError;
use super::payload::{Entry, Payload, Text};
use crate::{Finding, Reason};

/// Bytes of one value set.
const LIMIT: usize = 1 << 20;

/// Codes of one value set.
const CODES: usize = 10_000;

/// The eight lists, by the names of their files.
const NAMES: [&str; 8] = [
    "vaccine-mah-manf",
    "vaccine-medicinal-product",
    "vaccine-prophylaxis",
    "test-manf-example",
    "test-type",
    "test-result",
    "disease-agent-targeted",
    "country-2-codes",
];

/// The codes of the eight lists.
#[derive(Clone, PartialEq, Eq)]
pub struct ValueSets {
    makers: BTreeSet<String>,
    products: BTreeSet<String>,
    prophylaxes: BTreeSet<String>,
    devices: BTreeSet<String>,
    test_types: BTreeSet<String>,
    results: BTreeSet<String>,
    diseases: BTreeSet<String>,
    countries: BTreeSet<String>,
}

#[derive(Deserialize)]
struct File {
    #[serde(rename = "valueSetValues")]
    values: std::collections::BTreeMap<String, IgnoredAny>,
}

impl ValueSets {
    /// Reads the eight files `vaccine-mah-manf`, `vaccine-medicinal-product`, `vaccine-prophylaxis`,
    /// `test-manf-example`, `test-type`, `test-result`, `disease-agent-targeted` and `country-2-codes`,
    /// each with or without `.json`. Files of other names are not read. At most 1 MiB and 10,000 codes each.
    ///
    /// A code marked inactive counts: certificates that name it were issued while it was active.
    ///
    /// # Errors
    /// [`ListError`] if a file is missing, given twice, empty, of another form or over a bound. A missing
    /// list would leave its codes unchecked, so there is no partial load.
    pub fn from_files<'a>(files: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Result<Self, ListError> {
        let mut lists: [Option<BTreeSet<String>>; 8] = Default::default();
        for (name, json) in files {
            let stem = name.strip_suffix(".json").unwrap_or(name);
            let known = NAMES.iter().zip(&mut lists).find(|(known, _)| **known == stem);
            let Some((name, list)) = known else { continue };
            if list.replace(read(name, json)?).is_some() {
                return Err(ListError::Repeated(name));
            }
        }
        if let Some((name, _)) = NAMES.iter().zip(&lists).find(|(_, list)| list.is_none()) {
            return Err(ListError::Missing(name));
        }
        let [makers, products, prophylaxes, devices, test_types, results, diseases, countries] =
            lists.map(Option::unwrap_or_default);
        Ok(Self { makers, products, prophylaxes, devices, test_types, results, diseases, countries })
    }

    /// Checks every code of a certificate; an absent or empty one is not checked.
    ///
    /// # Errors
    /// [`Reason::CodeNotInList`] with the field's name.
    pub fn check(&self, payload: &Payload) -> Result<(), Finding> {
        match payload.entry() {
            Entry::Vaccination(entry) => {
                check("v.ma", Some(&entry.maker), &self.makers)?;
                check("v.mp", Some(&entry.product), &self.products)?;
                check("v.vp", Some(&entry.prophylaxis), &self.prophylaxes)?;
                check("v.tg", Some(&entry.target), &self.diseases)?;
                check("v.co", Some(&entry.country), &self.countries)
            }
            Entry::Test(entry) => {
                check("t.ma", entry.device.as_ref(), &self.devices)?;
                check("t.tt", Some(&entry.test_type), &self.test_types)?;
                check("t.tr", Some(&entry.result), &self.results)?;
                check("t.tg", Some(&entry.target), &self.diseases)?;
                check("t.co", Some(&entry.country), &self.countries)
            }
            Entry::Recovery(entry) => {
                check("r.tg", Some(&entry.target), &self.diseases)?;
                check("r.co", Some(&entry.country), &self.countries)
            }
        }
    }
}

impl std::fmt::Debug for ValueSets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ValueSets").finish_non_exhaustive()
    }
}

fn read(name: &'static str, json: &[u8]) -> Result<BTreeSet<String>, ListError> {
    ListError::check_size(name, LIMIT, json.len())?;
    let file: File = serde_json::from_slice(json).map_err(|error| ListError::malformed(name, &error))?;
    match file.values.len() {
        0 => Err(ListError::Empty(name)),
        1..=CODES => Ok(file.values.into_keys().collect()),
        _ => Err(ListError::TooMany { what: "codes", limit: CODES }),
    }
}

fn check(field: &str, code: Option<&Text>, list: &BTreeSet<String>) -> Result<(), Finding> {
    match code.map(Text::as_str) {
        None | Some("") => Ok(()),
        Some(code) if list.contains(code) => Ok(()),
        Some(_) => {
            Err(Finding::new(Reason::CodeNotInList, format!("the code {field} is in no published list")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &[u8] =
        br#"{"valueSetId": "x", "valueSetValues": {"A": {"active": true}, "B": {"active": false}}}"#;

    #[test]
    fn all_eight_or_none() {
        let all: Vec<(&str, &[u8])> = NAMES.iter().map(|name| (*name, LIST)).collect();
        let sets =
            ValueSets::from_files(all.iter().copied().chain([("something-else.json", &b"not read"[..])]));
        assert_eq!(sets.expect("complete").countries.len(), 2);
        for missing in NAMES {
            let files = all.iter().filter(|(name, _)| *name != missing).copied();
            assert_eq!(ValueSets::from_files(files), Err(ListError::Missing(missing)));
        }
        let twice = all.iter().copied().chain([("test-type.json", LIST)]);
        assert_eq!(ValueSets::from_files(twice), Err(ListError::Repeated("test-type")));
    }

    #[test]
    fn other_forms_are_refused() {
        let with = |json: &[u8]| ValueSets::from_files([("test-type", json)]).expect_err("refused");
        assert_eq!(with(br#"{"valueSetValues": {}}"#), ListError::Empty("test-type"));
        assert!(matches!(with(b"[]"), ListError::Malformed { what: "test-type", .. }));
        assert!(matches!(with(&vec![b' '; LIMIT + 1]), ListError::TooLarge { .. }));
        let many = (0..=CODES).map(|code| format!("\"{code}\":0")).collect::<Vec<_>>().join(",");
        let many = format!("{{\"valueSetValues\":{{{many}}}}}");
        assert!(matches!(with(many.as_bytes()), ListError::TooMany { .. }));
    }
}
