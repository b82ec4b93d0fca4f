//! Whether those who see a traveller's messages can tell that they are one traveller's.
//!
//! **Two shows.** Any eight bytes that two shows have in common would be a name. Declared are policy, epoch and day, which
//! stand at the beginning of every show and are the same for all.
//!
//! **Issuer and gate together.** The issuer knows holder key, handle, signature and claims; the gates know proofs,
//! nullifiers and one-time keys. They compare every byte, the sizes, the order in time, and guess by the nearest bytes.
//! That they find nothing here is a test of this program. Why nobody can is an argument, and stands in `docs/zk.md`:
//! a proof is uniformly random among those that verify, and the nullifier is a pseudorandom function of a secret that the
//! issuer never sees.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use credential::exchange::{ClaimRequest, Issued};

use crate::health_code::promises::{Promise, grouped, megabytes};

/// Bytes that would be a name.
const NAME: usize = 8;

/// What an issuer saw of one traveller.
pub struct Issuance {
    /// Its place among all, in time.
    pub number: usize,
    /// Holder key.
    pub holder_key: Vec<u8>,
    /// Everything, in bytes.
    pub bytes: Vec<u8>,
}

impl Issuance {
    /// What was asked and what was given.
    ///
    /// # Errors
    /// If no Causeway credential was asked for or given.
    pub fn of(number: usize, request: &ClaimRequest, issued: &Issued) -> anyhow::Result<Self> {
        let asked = request.causeway.as_ref().context("a holder key was sent")?;
        let given = issued.causeway.as_ref().context("a Causeway credential was given")?;
        let holder_key = hex::decode(&asked.key)?;
        let mut bytes = holder_key.clone();
        bytes.extend(hex::decode(&asked.proof)?);
        bytes.extend(hex::decode(&given.signature)?);
        bytes.extend(given.handle.to_be_bytes());
        bytes.extend(request.holder.key.to_bytes());
        // As they travelled, too.
        bytes.extend(serde_json::to_vec(request)?);
        bytes.extend(serde_json::to_vec(issued)?);
        Ok(Self { number, holder_key, bytes })
    }
}

/// A traveller, as those who collude would like to see one: who it was, and what was shown.
pub struct Traveller {
    /// Which way.
    pub direction: usize,
    /// What the issuer saw.
    pub issuance: Issuance,
    /// What the gates saw, show by show.
    pub shows: Vec<Vec<u8>>,
}

fn windows(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.windows(NAME)
}

/// Bytes with which every show of a direction begins: what is declared.
fn declared(travellers: &[Traveller], direction: usize) -> anyhow::Result<Vec<u8>> {
    let mut shows = travellers.iter().filter(|one| one.direction == direction).flat_map(|one| &one.shows);
    let mut common = shows.next().context("somebody showed something")?.clone();
    for show in shows {
        let length = common.iter().zip(show).take_while(|(one, other)| one == other).count();
        common.truncate(length);
    }
    Ok(common)
}

/// The promises that this story keeps, each measured.
///
/// # Errors
/// If nobody showed anything.
pub fn promises(travellers: &[Traveller]) -> anyhow::Result<Vec<Promise>> {
    Ok(vec![shows_share_nothing(travellers)?, issuer_and_gate_cannot_match(travellers)])
}

fn shows_share_nothing(travellers: &[Traveller]) -> anyhow::Result<Promise> {
    let (mut seen, mut repeated, mut twice, mut all) = (BTreeSet::new(), 0, 0, 0);
    let mut declared_bytes = 0;
    for direction in [0, 1] {
        let here = || travellers.iter().filter(|one| one.direction == direction);
        if here().next().is_none() {
            continue;
        }
        let prefix = declared(travellers, direction)?;
        declared_bytes = prefix.len();
        for show in here().flat_map(|one| &one.shows) {
            all += 1;
            let own = show.get(prefix.len()..).unwrap_or_default();
            repeated += windows(own).filter(|window| !seen.insert(window.to_vec())).count();
        }
        twice += here().filter(|one| one.shows.len() > 1).count();
    }
    // The same search, on a show and a copy of it, must find something.
    let first = travellers.first().and_then(|one| one.shows.first()).context("somebody showed something")?;
    let copied = windows(first).filter(|window| seen.contains(*window)).count();
    Ok(Promise {
        text: "Two shows of one traveller share no eight bytes but policy, epoch and day".into(),
        measure: format!(
            "{repeated} in {} shows, {twice} travellers of them twice; {declared_bytes} bytes are declared (the same \
             search finds {copied} in a copied code)",
            grouped(all),
        ),
        kept: repeated == 0 && copied > 0 && twice > 0,
    })
}

fn issuer_and_gate_cannot_match(travellers: &[Traveller]) -> Promise {
    let mut issued: BTreeSet<&[u8]> = BTreeSet::new();
    for one in travellers {
        issued.extend(windows(&one.issuance.bytes));
    }
    let shows = || travellers.iter().flat_map(|one| &one.shows);
    let common: usize = shows().map(|show| windows(show).filter(|it| issued.contains(it)).count()).sum();
    let sizes: BTreeSet<usize> = shows().map(Vec::len).collect();
    let order = rank_correlation(travellers);
    let guessed = nearest(travellers);
    let bytes: usize = travellers.iter().map(|one| one.issuance.bytes.len()).sum();
    Promise {
        text: "Issuer and gates together cannot tell which credential was shown".into(),
        measure: format!(
            "{common} common strings of eight bytes ({} of issuing compared); {} size of all shows; order of issuing and \
             order of showing: z = {order:.1}; {guessed} of {} matched by their nearest bytes (1 by chance)",
            megabytes(bytes as u64),
            sizes.len(),
            travellers.len(),
        ),
        // Of a million honest stories fewer than one has so large a z or so many lucky guesses.
        kept: common == 0 && sizes.len() == 1 && order.abs() < 5.0 && guessed <= 10,
    }
}

/// How far the order of showing follows the order of issuing: Spearman's coefficient in its standard deviations.
fn rank_correlation(travellers: &[Traveller]) -> f64 {
    let count = travellers.len();
    if count < 3 {
        return 0.0;
    }
    let mut by_issue: Vec<usize> = (0..count).collect();
    by_issue.sort_by_key(|place| travellers.get(*place).map(|one| one.issuance.number));
    let rank: BTreeMap<usize, usize> =
        by_issue.into_iter().enumerate().map(|(rank, place)| (place, rank)).collect();
    let squares: f64 = rank.iter().map(|(place, rank)| (*place as f64 - *rank as f64).powi(2)).sum();
    let count = count as f64;
    let coefficient = 1.0 - 6.0 * squares / (count * (count * count - 1.0));
    coefficient * (count - 1.0).sqrt()
}

/// Travellers whose first show has a string of 32 bytes that is nearer, in bits, to their own holder key than to anybody
/// else's.
fn nearest(travellers: &[Traveller]) -> usize {
    let distance = |show: &[u8], key: &[u8]| {
        let bits = |window: &[u8]| -> u32 {
            window.iter().zip(key).map(|(one, other)| (one ^ other).count_ones()).sum()
        };
        show.windows(key.len().max(1)).map(bits).min().unwrap_or(u32::MAX)
    };
    let guessed = travellers.iter().enumerate().filter(|(place, one)| {
        let Some(show) = one.shows.first() else { return false };
        let keys = travellers.iter().enumerate();
        let best = keys.min_by_key(|(_, other)| distance(show, &other.issuance.holder_key));
        best.is_some_and(|(best, _)| best == *place)
    });
    guessed.count()
}

/// What each party saw of one traveller.
///
/// # Errors
/// If nobody showed anything.
pub fn seen(travellers: &[Traveller]) -> anyhow::Result<Vec<(&'static str, String)>> {
    let one = travellers.first().context("somebody travelled")?;
    let show = one.shows.first().context("somebody showed something")?;
    Ok(vec![
        (
            "issuer",
            format!(
                "the claims it has anyway, a holder key ({}…) that is nobody's name, and a proof that its secret is known",
                hex::encode(one.issuance.holder_key.get(..4).unwrap_or_default()),
            ),
        ),
        ("ledger", "nothing of this traveller: no message went there but the issuer's blinded batch".into()),
        (
            "gate",
            format!(
                "{} bytes: policy, epoch and day, which all have; its own nonce; a proof, a nullifier, a key and a \
                 signature, which nobody has seen before",
                show.len(),
            ),
        ),
        ("another gate", "the same kinds, and none of the same bytes".into()),
    ])
}

#[cfg(test)]
mod tests {
    use rand::seq::SliceRandom as _;
    use rand::{RngCore as _, SeedableRng as _};
    use rand_chacha::ChaCha20Rng;

    use super::*;

    /// Travellers whose shows are random but for a common beginning.
    fn honest(count: usize, rng: &mut ChaCha20Rng) -> Vec<Traveller> {
        let mut bytes = |length: usize| {
            let mut bytes = vec![0; length];
            rng.fill_bytes(&mut bytes);
            bytes
        };
        let mut all: Vec<Traveller> = (0..count)
            .map(|number| {
                let holder_key = bytes(32);
                let issuance = Issuance { number, bytes: holder_key.clone(), holder_key };
                let show = |body: Vec<u8>| [vec![7; 40], body].concat();
                Traveller { direction: number % 2, issuance, shows: vec![show(bytes(300)), show(bytes(300))] }
            })
            .collect();
        all.shuffle(rng);
        all
    }

    #[test]
    fn honest_shows_keep_both_promises() {
        let travellers = honest(100, &mut ChaCha20Rng::seed_from_u64(1));
        for promise in promises(&travellers).unwrap() {
            assert!(promise.kept, "{}", promise.measure);
        }
    }

    #[test]
    fn whatever_links_breaks_a_promise() {
        let broken = |spoil: &dyn Fn(&mut Vec<Traveller>)| {
            let mut travellers = honest(100, &mut ChaCha20Rng::seed_from_u64(2));
            spoil(&mut travellers);
            promises(&travellers).unwrap().iter().map(|promise| !promise.kept).collect::<Vec<_>>()
        };
        // A name that both shows of a traveller have.
        let named = broken(&|all| {
            for show in &mut all[3].shows {
                show[100..108].copy_from_slice(b"PASSPORT");
            }
        });
        assert_eq!(named, [true, false]);
        // Something of the issuing in the show.
        let copied = broken(&|all| {
            let key = all[3].issuance.holder_key[..8].to_vec();
            all[3].shows[0][60..68].copy_from_slice(&key);
        });
        assert_eq!(copied, [false, true]);
        // A size that tells.
        assert_eq!(broken(&|all| all[3].shows[1].push(0)), [false, true]);
        // The order of issuing is the order of showing.
        assert_eq!(broken(&|all| all.sort_by_key(|one| one.issuance.number)), [false, true]);
        // Bytes that are near, though none are the same.
        let near = broken(&|all| {
            for one in all {
                let blurred: Vec<u8> = one.issuance.holder_key.iter().map(|byte| byte ^ 1).collect();
                one.shows[0][60..92].copy_from_slice(&blurred);
            }
        });
        assert_eq!(near, [false, true]);
    }
}
