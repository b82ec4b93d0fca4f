//! A seeded population: people who do not exist, with names as people in Guangdong and Macau have them.
//!
//! Document numbers have a plausible shape and fail the real check digit on purpose, so none is anybody's. The two
//! sides share no name, no document and no record, so whatever is found of one side on the other has crossed.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use did_registry::{ClaimKind, ClaimSpec, CredentialType, Date, Schema};
use rand::Rng;
use rand::seq::SliceRandom as _;
use serde::{Deserialize, Serialize};

use credential::Reason;

mod names;

use names::{CLOSING, FIRST, GIVEN, GUANGDONG, LAST, MACAU, SURNAMES};

/// Where somebody lives.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Side {
    /// Guangdong.
    Guangdong,
    /// Macau.
    Macau,
}

/// What somebody's test says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Health {
    /// Negative, today or in the two days before.
    Negative,
    /// Negative, but ten to twenty days old.
    Outdated,
    /// Positive.
    Positive,
}

/// Somebody who does not exist. Prints nothing, as somebody who does would.
#[derive(Clone)]
pub struct Person {
    /// The agency's name for the record.
    pub record_id: String,
    /// As in the document.
    pub full_name: String,
    /// In Latin letters.
    pub name_latin: String,
    /// The document's number.
    pub document_number: String,
    /// Birth.
    pub birth_date: Date,
    /// What the test says.
    pub health: Health,
    /// When the sample was taken.
    pub sample_date: Date,
    /// `pcr` or `antigen`.
    pub test_method: &'static str,
    /// Who tested.
    pub laboratory: &'static str,
    /// Doses received.
    pub vaccine_doses: u8,
}

/// The schema of a health test.
pub fn schema() -> Schema {
    let codes = |codes: &[&str]| ClaimKind::Code { of: codes.iter().map(|&code| code.to_owned()).collect() };
    let claims = [
        ("full_name", ClaimKind::Text { max: 120 }),
        ("name_latin", ClaimKind::Text { max: 120 }),
        ("document_number", ClaimKind::Text { max: 24 }),
        ("birth_date", ClaimKind::Date),
        ("test_result", codes(&["negative", "positive"])),
        ("test_method", codes(&["pcr", "antigen"])),
        ("sample_date", ClaimKind::Date),
        ("laboratory", ClaimKind::Text { max: 120 }),
        ("vaccine_doses", ClaimKind::Integer { min: 0, max: 9 }),
        ("colour", codes(&["green", "amber", "red"])),
    ];
    let claims: BTreeMap<_, _> = claims
        .into_iter()
        .map(|(name, kind)| (name.to_owned(), ClaimSpec { kind, required: true }))
        .collect();
    Schema {
        credential_type: CredentialType::new("HealthTest").expect("valid because it is ours"),
        version: 1,
        claims,
    }
}

/// `count` people of a side, tested by `today`: 94 in 100 negative, 3 with an old test, 3 positive.
pub fn people<R: Rng>(side: Side, count: usize, today: Date, rng: &mut R) -> Vec<Person> {
    let mut documents = BTreeSet::new();
    (0..count).map(|number| person(side, number, today, &mut documents, rng)).collect()
}

fn person<R: Rng>(
    side: Side,
    number: usize,
    today: Date,
    documents: &mut BTreeSet<String>,
    rng: &mut R,
) -> Person {
    let health = match number % 100 {
        0..94 => Health::Negative,
        94..97 => Health::Outdated,
        _ => Health::Positive,
    };
    let age = if health == Health::Outdated { rng.gen_range(10..=20) } else { rng.gen_range(0..=2) };
    let birth_date = today.plus_days(-rng.gen_range(365 * 3..365 * 88));
    let (full_name, name_latin) = name(side, rng);
    let document_number = loop {
        let document = document(side, birth_date, rng);
        if documents.insert(document.clone()) {
            break document;
        }
    };
    Person {
        record_id: format!("{}{:016x}", if side == Side::Macau { 'M' } else { 'G' }, rng.r#gen::<u64>()),
        full_name,
        name_latin,
        document_number,
        birth_date,
        health,
        sample_date: today.plus_days(-age),
        test_method: if rng.gen_bool(0.8) { "pcr" } else { "antigen" },
        laboratory: pick(if side == Side::Macau { &MACAU } else { &GUANGDONG }, rng),
        vaccine_doses: rng.gen_range(0..=5),
    }
}

fn name<R: Rng>(side: Side, rng: &mut R) -> (String, String) {
    if side == Side::Macau && rng.gen_bool(0.15) {
        let name = format!("{} {} {}", pick(&FIRST, rng), pick(&LAST, rng), pick(&LAST, rng));
        return (name.clone(), name);
    }
    let (surname, one, two) = (pick(&SURNAMES, rng), pick(&GIVEN, rng), pick(&CLOSING, rng));
    match side {
        Side::Guangdong => {
            (format!("{}{}{}", surname.0, one.0, two.0), format!("{} {}{}", surname.2, capital(one.2), two.2))
        }
        Side::Macau => (
            format!("{}{}{}", surname.1, one.1, two.1),
            format!("{} {} {}", surname.3, capital(one.3), capital(two.3)),
        ),
    }
}

/// Guangdong: 18 characters, region 44, birth date, wrong check digit. Macau: seven digits and a letter that
/// real permits do not end in.
fn document<R: Rng>(side: Side, birth: Date, rng: &mut R) -> String {
    match side {
        Side::Guangdong => {
            let digits = format!(
                "44{:04}{}{:03}",
                rng.gen_range(100..2000),
                birth.to_string().replace('-', ""),
                rng.gen_range(0..1000)
            );
            let weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
            let sum: u32 = digits
                .chars()
                .zip(weights)
                .map(|(digit, weight)| digit.to_digit(10).unwrap_or(0) * weight)
                .sum();
            let wrong = "10X98765432".chars().cycle().nth(sum as usize % 11 + 1).unwrap_or('0');
            format!("{digits}{wrong}")
        }
        Side::Macau => format!("{}{:06}(Z)", pick(&[1, 5, 7], rng), rng.gen_range(0..1_000_000)),
    }
}

fn pick<T: Copy, R: Rng>(from: &[T], rng: &mut R) -> T {
    *from.choose(rng).expect("not empty because the tables are constants")
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

impl Person {
    /// The cells of a row, in the order of [`COLUMNS`].
    pub fn row(&self) -> [String; 11] {
        let (result, colour) = match self.health {
            Health::Negative => ("negative", "green"),
            Health::Outdated => ("negative", "amber"),
            Health::Positive => ("positive", "red"),
        };
        [
            self.record_id.clone(),
            self.full_name.clone(),
            self.name_latin.clone(),
            self.document_number.clone(),
            self.birth_date.to_string(),
            result.into(),
            self.test_method.into(),
            self.sample_date.to_string(),
            self.laboratory.into(),
            self.vaccine_doses.to_string(),
            colour.into(),
        ]
    }

    /// Texts that must be found nowhere but at home: both names, the document's number, the record's name. Each is
    /// long enough not to occur by chance, as a birth date does.
    pub fn personal_values(&self) -> [&str; 4] {
        [&self.full_name, &self.name_latin, &self.document_number, &self.record_id]
    }
}

/// The header of the table.
pub const COLUMNS: [&str; 11] = [
    "record_id",
    "full_name",
    "name_latin",
    "document_number",
    "birth_date",
    "test_result",
    "test_method",
    "sample_date",
    "laboratory",
    "vaccine_doses",
    "colour",
];

/// Writes people as CSV. No cell of this population needs quoting.
///
/// # Errors
/// The writer's.
pub fn write_csv(out: &mut impl Write, people: &[Person]) -> std::io::Result<()> {
    writeln!(out, "{}", COLUMNS.join(","))?;
    people.iter().try_for_each(|person| writeln!(out, "{}", person.row().join(",")))
}

/// What happens to a traveller.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Story {
    /// Gets a pass and crosses.
    Passes,
    /// Has a test that is too old.
    ExpiredTest,
    /// Tested positive.
    Positive,
    /// Had a credential that was revoked before it was shown.
    RevokedAfterIssue,
    /// Shows a credential of somebody the committee did not recognise for it.
    UnrecognisedIssuer,
    /// Shows a credential that is not his.
    SomeoneElsesCredential,
    /// Crosses, and then somebody shows the same code again.
    ReplayedQr,
}

impl Story {
    /// Every story.
    pub const ALL: [Self; 7] = [
        Self::Passes,
        Self::ExpiredTest,
        Self::Positive,
        Self::RevokedAfterIssue,
        Self::UnrecognisedIssuer,
        Self::SomeoneElsesCredential,
        Self::ReplayedQr,
    ];

    /// The reason that must be given, if it ends in a refusal.
    pub const fn expected(self) -> Option<Reason> {
        match self {
            Self::Passes => None,
            Self::ExpiredTest | Self::Positive => Some(Reason::RuleFailed),
            Self::RevokedAfterIssue => Some(Reason::Revoked),
            Self::UnrecognisedIssuer => Some(Reason::IssuerNotRecognised),
            Self::SomeoneElsesCredential => Some(Reason::HolderMismatch),
            Self::ReplayedQr => Some(Reason::Replayed),
        }
    }

    fn health(self) -> Health {
        match self {
            Self::ExpiredTest => Health::Outdated,
            Self::Positive => Health::Positive,
            _ => Health::Negative,
        }
    }
}

/// Casts `count` people in stories: of each hundred, two in each that ends in a refusal, the rest pass.
/// Nobody is cast twice; the order is shuffled. Fewer are cast if a story has nobody left.
pub fn cast<R: Rng>(people: &[Person], count: usize, rng: &mut R) -> Vec<(Story, usize)> {
    let mut waiting: BTreeMap<u8, Vec<usize>> = BTreeMap::new();
    for (index, person) in people.iter().enumerate() {
        waiting.entry(person.health as u8).or_default().push(index);
    }
    for list in waiting.values_mut() {
        list.shuffle(rng);
    }
    let story = |number: usize| match number % 100 {
        slot @ 0..12 => Story::ALL.get(1 + slot / 2).copied().unwrap_or(Story::Passes),
        _ => Story::Passes,
    };
    let mut cast: Vec<(Story, usize)> = (0..count)
        .filter_map(|number| {
            let story = story(number);
            Some((story, waiting.get_mut(&(story.health() as u8))?.pop()?))
        })
        .collect();
    cast.shuffle(rng);
    cast
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha20Rng;

    use super::*;

    fn today() -> Date {
        "2026-03-01".parse().unwrap()
    }

    fn some(side: Side, count: usize) -> Vec<Person> {
        people(side, count, today(), &mut ChaCha20Rng::seed_from_u64(11))
    }

    #[test]
    fn the_same_seed_gives_the_same_people() {
        let rows = |side| some(side, 200).iter().map(Person::row).collect::<Vec<_>>();
        assert_eq!(rows(Side::Macau), rows(Side::Macau));
        assert_ne!(rows(Side::Macau), rows(Side::Guangdong));
    }

    #[test]
    fn everybody_fits_the_schema_and_has_a_document_of_his_own() {
        let schema = schema();
        schema.check().unwrap();
        for side in [Side::Guangdong, Side::Macau] {
            let people = some(side, 2_000);
            let documents: BTreeSet<_> = people.iter().map(|person| &person.document_number).collect();
            assert_eq!(documents.len(), people.len());
            for person in &people {
                let cells = COLUMNS.iter().zip(person.row()).skip(1);
                let claims = cells
                    .map(|(name, cell)| ((*name).to_owned(), schema.claims[*name].kind.value_of_text(&cell)));
                schema.check_full(&claims.collect()).unwrap();
                assert!(!person.row().concat().contains(','), "no cell needs quoting");
            }
            let healthy = people.iter().filter(|person| person.health == Health::Negative).count();
            assert_eq!(healthy, 1_880);
        }
    }

    /// Long enough that some hundred megabytes do not hold it by chance.
    const DISTINCTIVE: usize = 8;

    #[test]
    fn nobody_has_a_value_that_occurs_on_the_other_side() {
        let sides = [some(Side::Guangdong, 10_000), some(Side::Macau, 10_000)];
        let tables = sides.each_ref().map(|people| {
            let mut table = Vec::new();
            write_csv(&mut table, people).unwrap();
            table
        });
        for (people, (home, abroad)) in sides.iter().zip([(&tables[0], &tables[1]), (&tables[1], &tables[0])])
        {
            let values: BTreeSet<&str> = people.iter().flat_map(Person::personal_values).collect();
            assert!(values.iter().all(|value| value.len() >= DISTINCTIVE));
            let values = aho_corasick::AhoCorasick::new(values).unwrap();
            assert!(values.find_iter(home).count() >= 3 * people.len(), "found where they belong");
            let found = values.find_iter(abroad).map(|found| &abroad[found.range()]);
            assert_eq!(found.map(String::from_utf8_lossy).collect::<Vec<_>>(), Vec::<String>::new());
        }
    }

    #[test]
    fn every_story_is_told_by_people_it_fits() {
        let people = some(Side::Guangdong, 1_000);
        let cast = cast(&people, 300, &mut ChaCha20Rng::seed_from_u64(5));
        assert_eq!(cast.len(), 300);
        let distinct: BTreeSet<_> = cast.iter().map(|(_, index)| index).collect();
        assert_eq!(distinct.len(), 300, "nobody is cast twice");
        for story in &Story::ALL[1..] {
            assert_eq!(cast.iter().filter(|(told, _)| told == story).count(), 6, "{story:?}");
        }
        assert!(cast.iter().all(|(story, index)| people[*index].health == story.health()));
    }
}
