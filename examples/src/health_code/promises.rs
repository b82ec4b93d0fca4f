//! The promises, each kept or broken by measurement.
//!
//! A search that finds nothing proves nothing until it has found something: each kind of search is also made
//! for a text that is known to be there, and a search that misses it breaks its promise.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use credential::dcc::{base45, zlib};
use did_registry::Digest;
use gateway::vault::Vault;
use ledger_node::egress::{self, Sent};

use super::border::Border;
use super::jurisdiction::Jurisdiction;
use super::search::{Found, Needles};
use crate::population::{Person, Side};

/// The one call whose answer carries personal values: a credential on its way to its own holder.
const DELIVERY: &str = "POST /v1/claims";
/// The one call whose answer names records, to the agency's own operator, who names them in the question.
const OWN_DESK: &str = "POST /v1/offers";

/// A promise and what was measured.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Promise {
    /// What was promised.
    pub text: String,
    /// What was looked through, and what was found.
    pub measure: String,
    /// Whether it was kept.
    pub kept: bool,
}

/// What one party sent, as it wrote it down itself.
pub struct Egress {
    /// Who.
    pub name: &'static str,
    /// Whose people it may deliver credentials to.
    pub home: Option<Side>,
    /// What.
    pub sent: Vec<Sent>,
}

impl Egress {
    /// Reads a party's log.
    ///
    /// # Errors
    /// The system's.
    pub fn read(name: &'static str, home: Option<Side>, path: &Path) -> anyhow::Result<Self> {
        let sent =
            egress::read(path).with_context(|| format!("{} records what {name} sent", path.display()))?;
        Ok(Self { name, home, sent })
    }
}

/// The values of each side's people, of which none is anybody's on the other, and how many they are.
///
/// Their hashes are looked for too: whoever can guess a value finds it by an unblinded one. Dates and results are
/// not: thousands share each of them, on both sides, and one is found everywhere by chance.
///
/// # Errors
/// If there are too many for memory.
pub fn needles(sides: &[Jurisdiction; 2]) -> anyhow::Result<([Needles; 2], usize)> {
    let mut count = 0;
    let mut of = |people: &[Person]| {
        let values: BTreeSet<_> = people.iter().flat_map(Person::personal_values).collect();
        count += values.len();
        let hashes = values.iter().map(|value| hash(value).to_vec());
        Needles::new(values.iter().map(|value| value.as_bytes().to_vec()).chain(hashes))
    };
    let both = [of(&sides[0].people)?, of(&sides[1].people)?];
    Ok((both, count))
}

fn hash(value: &str) -> [u8; 32] {
    *Digest::sha256(value.as_bytes()).as_bytes()
}

/// What is planted for the search is found, plain and in each disguise that it opens; otherwise nothing that it
/// does not find means anything. The plants lie in a directory of their own, and not for long.
///
/// # Errors
/// The system's.
pub fn what_is_planted_is_found(
    directory: &Path,
    sides: &[Jurisdiction; 2],
    needles: &[Needles; 2],
) -> anyhow::Result<Promise> {
    fs::create_dir(directory)?;
    let (mut planted, mut found) = (0, 0);
    for (side, needles) in sides.iter().zip(needles) {
        for value in side.people.first().context("there are people")?.personal_values() {
            for text in disguises(value) {
                let file = directory.join(planted.to_string());
                fs::write(&file, text)?;
                planted += 1;
                found += usize::from(needles.search_files(&file)?.hits == 1);
            }
        }
    }
    fs::remove_dir_all(directory)?;
    Ok(Promise {
        text:
            "The search that follows is not blind: values planted for it, plain, in base64, in a pass, hashed"
                .into(),
        measure: format!("{found} of {planted} found"),
        kept: found == planted,
    })
}

/// A value in the clear, as a disclosure, in a pass, and as its hash in either spelling.
fn disguises(value: &str) -> [String; 5] {
    let plain = format!("[\"a salt of some length\",\"claim\",\"{value}\"]");
    let disclosure = URL_SAFE_NO_PAD.encode(&plain);
    let pass = format!("CWP:{}", base45::encode(&zlib::deflate(plain.as_bytes())));
    [plain, disclosure, pass, hex::encode(hash(value)), URL_SAFE_NO_PAD.encode(hash(value))]
}

/// No personal value left in anything that any party sent, but for a credential on its way to its own holder
/// and a record's name on its way back to the agency's own operator.
pub fn nothing_left(parties: &[Egress], needles: &[Needles; 2]) -> Promise {
    let (mut searched, mut delivered, mut own_desk) = (Found::default(), Found::default(), Found::default());
    for (side, needles) in [Side::Guangdong, Side::Macau].into_iter().zip(needles) {
        for party in parties {
            for sent in &party.sent {
                let found = needles.search(&sent.body);
                match sent.kind.as_str() {
                    DELIVERY if party.home == Some(side) => delivered += found,
                    OWN_DESK if party.home == Some(side) => own_desk += found,
                    _ => searched += found,
                }
            }
        }
    }
    let bodies = |party: &Egress| party.sent.iter().filter(|sent| !sent.is_head()).count();
    let messages: usize = parties.iter().map(bodies).sum();
    let bytes: usize = parties.iter().flat_map(|party| &party.sent).map(|sent| sent.body.len()).sum();
    Promise {
        text: "No record left its agency: personal values in what ledger and agencies sent".into(),
        measure: format!(
            "{} in {} messages, {} (the same search finds {} in the {} credentials given to their own holders, and \
             {} names of records beside claim codes at the agencies' own desks)",
            searched.hits,
            grouped(messages as u64),
            megabytes(bytes as u64),
            grouped(delivered.hits),
            grouped(delivered.items),
            grouped(own_desk.hits),
        ),
        kept: searched.hits == 0 && delivered.hits >= delivered.items && delivered.items > 0,
    }
}

/// The destination was shown what its rule asks for, and nothing else.
pub fn nothing_unasked(borders: &[Arc<Border>; 2], needles: &[Needles; 2]) -> Promise {
    let mut searched = Found::default();
    let (mut asked, mut unasked) = (0, 0);
    for (border, needles) in borders.iter().zip(needles) {
        searched += needles.search(&border.sent());
        let wanted =
            border.facts.policies.get(&border.entry).map(|policy| policy.claims()).unwrap_or_default();
        for (claim, count) in border.shown() {
            *(if wanted.contains(claim.as_str()) { &mut asked } else { &mut unasked }) += count;
        }
    }
    Promise {
        text: "The destination was shown only what its rule asks for".into(),
        measure: format!(
            "{unasked} claims that were not asked for beside {} that were; {} personal values in {} of applications \
             and codes",
            grouped(asked),
            searched.hits,
            megabytes(searched.bytes),
        ),
        kept: unasked == 0 && searched.hits == 0 && asked > 0,
    }
}

/// A place to search, whose values must not be in it, and a text that is known to be there.
pub struct Place<'a> {
    /// Directory or file.
    pub path: PathBuf,
    /// Whose values are looked for.
    pub of: &'a Needles,
    /// What must be found, or the search is blind.
    pub control: String,
}

/// No personal value is in any of these places.
///
/// # Errors
/// If a place cannot be read.
pub fn nothing_stored(text: &str, places: &[Place<'_>]) -> anyhow::Result<Promise> {
    let mut searched = Found::default();
    let mut blind = Vec::new();
    for place in places {
        searched += place.of.search_files(&place.path)?;
        if Needles::new([&place.control])?.search_files(&place.path)?.hits == 0 {
            blind.push(place.path.display().to_string());
        }
    }
    let blindness = if blind.is_empty() { String::new() } else { format!("; blind in {}", blind.join(", ")) };
    Ok(Promise {
        text: text.to_owned(),
        measure: format!(
            "{} in {} files, {} (texts known to be there were found in {} of {} places{blindness})",
            searched.hits,
            searched.items,
            megabytes(searched.bytes),
            places.len() - blind.len(),
            places.len(),
        ),
        kept: searched.hits == 0 && blind.is_empty(),
    })
}

/// Nobody of one side is in the other's vault, opened with its key; at home, the same search finds them.
///
/// # Errors
/// If a vault cannot be opened.
pub fn nobody_in_the_others_vault(vaults: &[Vault; 2], needles: &[Needles; 2]) -> anyhow::Result<Promise> {
    let (mut abroad, mut home) = (Found::default(), Found::default());
    let mut blind = false;
    for (place, vault) in vaults.iter().enumerate() {
        for (side, needles) in needles.iter().enumerate() {
            let found = needles.search_vault(vault)?;
            if side == place {
                blind |= found.hits == 0;
                home += found;
            } else {
                abroad += found;
            }
        }
    }
    Ok(Promise {
        text: "Nor is anybody in the other side's vault when it is opened with its key".into(),
        measure: format!(
            "{} in {} rows, {} of them opened (the same search finds {} of the vaults' own people)",
            abroad.hits,
            grouped(abroad.items),
            megabytes(abroad.bytes),
            grouped(home.hits),
        ),
        kept: abroad.hits == 0 && !blind,
    })
}

/// The places where nothing may be: the ledger's files with its log, and each gate; the whole of the other
/// side's directory, with its vault and its logs; and, in clear, the own vault. `published` is a text that the
/// ledger holds.
pub fn places<'a>(
    (node, published): (&Path, &str),
    (sides, gates): (&[Jurisdiction; 2], &[PathBuf; 2]),
    needles: &'a [Needles; 2],
) -> [Vec<Place<'a>>; 3] {
    let (mut common, mut other, mut home) = (Vec::new(), Vec::new(), Vec::new());
    let [first, second] = sides;
    for (needles, (own, foreign)) in needles.iter().zip([(first, second), (second, first)]) {
        common.push(Place { path: node.to_owned(), of: needles, control: published.to_owned() });
        for gate in gates {
            common.push(Place { path: gate.clone(), of: needles, control: "\"verdict\":\"accept\"".into() });
        }
        common.push(Place { path: own.directory.join("log"), of: needles, control: own.did.to_string() });
        // The database's own words are the control: of the agency's, none is readable.
        home.push(Place { path: own.directory.join("vault"), of: needles, control: "rocksdb".into() });
        other.push(Place { path: foreign.directory.clone(), of: needles, control: foreign.did.to_string() });
    }
    [common, other, home]
}

/// A number with its thousands apart.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Bytes as people say them.
pub fn megabytes(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{}.{} kB", bytes / 1_000, bytes % 1_000 / 100),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_said_as_people_say_them() {
        let said: Vec<String> = [0, 999, 1_000, 12_345, 1_234_567].map(grouped).into();
        assert_eq!(said, ["0", "999", "1,000", "12,345", "1,234,567"]);
        let said: Vec<String> = [0, 999, 1_050, 65_100_000].map(megabytes).into();
        assert_eq!(said, ["0 B", "999 B", "1.0 kB", "65.1 MB"]);
    }

    #[test]
    fn a_search_that_opens_no_disguise_is_blind() {
        let needles = Needles::new(["陈嘉伟".as_bytes(), &hash("陈嘉伟")]).unwrap();
        for (number, text) in disguises("陈嘉伟").into_iter().enumerate() {
            assert_eq!(needles.search(text.as_bytes()).hits, 1, "{text}");
            assert_eq!(text.contains("陈嘉伟"), number == 0, "the others are disguises: {text}");
        }
    }

    #[test]
    fn a_value_that_leaves_breaks_the_promise_and_so_does_a_blind_search() {
        let needles = [Needles::new(["陳嘉慧"]).unwrap(), Needles::new(["Maria Silva"]).unwrap()];
        let party = |home, kind: &str, body: &str| Egress {
            name: "party",
            home,
            sent: vec![Sent { kind: kind.into(), body: body.as_bytes().to_vec() }],
        };
        let (g, m) = (Some(Side::Guangdong), Some(Side::Macau));
        let delivery = || party(g, DELIVERY, "to 陳嘉慧");
        assert!(nothing_left(&[delivery(), party(m, "GET /v1/bundle", "nobody")], &needles).kept);
        assert!(
            !nothing_left(&[party(m, "GET /v1/bundle", "nobody")], &needles).kept,
            "nothing was ever seen"
        );
        for leak in [
            party(g, "GET /v1/bundle", "陳嘉慧"),
            party(m, DELIVERY, "陳嘉慧"),
            party(None, "GET /v1/blocks/{height}", "Maria Silva"),
            party(m, OWN_DESK, "陳嘉慧"),
        ] {
            assert!(!nothing_left(&[delivery(), leak], &needles).kept);
        }
    }
}
