//! The chain of contributions, the same in both phases.
//!
//! ```text
//! secret   phase 1: τ, α, β     phase 2: δ      each the product of all contributors' factors
//! before   the secret's value in G1, and in G2 except for α; at first the generators
//! after    x · before, for a factor x ≠ 0 of this contributor
//! proof    of x: commitment K = k · before in G1, challenge c, answer s = k + c·x
//! hash     h₀ = H(phase, what it starts from),  hᵢ = H(hᵢ₋₁, contribution i)
//! ```
//! **Statement.** For each secret the contributor knows `x ≠ 0` with `after = x · before`, in G1 and G2 alike.
//!
//! **Checked.** `s · before = K + c · after` in G1, with `c = H(hᵢ₋₁, name, all after, all K)`, one challenge for
//! all secrets of a contribution; `after ≠ 0`; `e(after₁, G₂) = e(G₁, after₂)`.
//!
//! **Why.** Schnorr's proof of knowledge, made non-interactive (Fiat and Shamir) under a challenge that names
//! everything before it and the contributor: elsewhere, later or under another name it is another challenge. An
//! algebraic prover says how it made `K` and `after` from the points it had, as combinations of them, before it
//! learns `c`. For the equation to hold as one between combinations, whatever is in `after` besides `x · before`
//! must be cancelled by `K`, and a random `c` lets that happen once in 2²⁵⁵; so the combination shows `x`. If it
//! holds only as one between values, the difference is a polynomial of which a secret is a root, and finding
//! roots of it finds discrete logarithms. No rewinding is needed, so a hundred contributors cost no more than one
//! (for a single base: Fuchsbauer, Plouviez, Seurin 2020, *Blind Schnorr signatures and signed ElGamal encryption
//! in the algebraic group model*). It is zero-knowledge: without `x`, choose `s` and `c`, then `K`.
//!
//! Bowe, Gabizon and Miers (2017) show a factor by `x · H` for a hashed point `H` of G2 instead, which needs
//! hashing to that group and pairings; it rests on the same idealisations.

mod proof;

use std::collections::BTreeSet;
use std::fmt;

use ark_bls12_381::{Fr, G1Affine, G1Projective, G2Affine, G2Projective};
use ark_ec::AffineRepr as _;
use rand::{CryptoRng, RngCore};

use crate::codec::{Reader, write};
use crate::curve::Curve as _;
use crate::error::{CeremonyError, Culprit, MalformedError};
use crate::hash::digest;
use crate::label;
use crate::name::{NAME_BYTES, Name};
use crate::progress::{Meter, Progress, Step};
use proof::Opening;

/// Contributions to a phase at most.
pub const MAX_CONTRIBUTIONS: usize = 256;

/// A phase of the ceremony.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// Powers of tau: for every circuit of a size.
    One,
    /// For one circuit.
    Two,
}

/// What nobody may know: a product with a factor of each contributor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Secret {
    /// Where polynomials are evaluated.
    Tau,
    /// Keeps A to its form.
    Alpha,
    /// Keeps B to its form.
    Beta,
    /// Keeps C apart from the public inputs.
    Delta,
}

/// A secret, in the exponent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Public {
    pub(crate) g1: G1Affine,
    /// No equation needs alpha in G2, so it is not there.
    pub(crate) g2: Option<G2Affine>,
}

/// What one contributor did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Contribution {
    pub(crate) name: Name,
    /// In the order of [`Phase::secrets`], as is `proof`.
    pub(crate) after: Vec<Public>,
    pub(crate) proof: Vec<Opening>,
}

/// All contributions to a phase.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Chain {
    pub(crate) phase: Phase,
    /// The hash before the first contribution.
    pub(crate) start: [u8; 32],
    pub(crate) contributions: Vec<Contribution>,
}

impl Phase {
    /// The phase's secrets, in order.
    pub(crate) fn secrets(self) -> &'static [Secret] {
        match self {
            Self::One => &[Secret::Tau, Secret::Alpha, Secret::Beta],
            Self::Two => &[Secret::Delta],
        }
    }

    /// Bytes of a contribution.
    pub(crate) fn contribution_bytes(self) -> usize {
        let points = |secret: &Secret| if secret.is_in_g2() { 48 + 96 } else { 48 };
        NAME_BYTES + self.secrets().iter().map(|secret| points(secret) + proof::OPENING_BYTES).sum::<usize>()
    }
}

impl Secret {
    fn is_in_g2(self) -> bool {
        self != Self::Alpha
    }
}

impl Public {
    /// A secret nobody has multiplied yet: one.
    fn one(secret: Secret) -> Self {
        Self { g1: G1Affine::generator(), g2: secret.is_in_g2().then(G2Affine::generator) }
    }

    pub(crate) fn times(&self, factor: Fr) -> Self {
        Self {
            g1: G1Projective::from(self.g1).times(factor).into(),
            g2: self.g2.map(|point| G2Projective::from(point).times(factor).into()),
        }
    }

    /// The value in G2.
    pub(crate) fn in_g2(&self) -> G2Affine {
        self.g2.expect("there because only alpha is not in G2, and nobody asks for it")
    }
}

impl Contribution {
    /// What the challenge names, besides the commitments.
    fn claim(&self) -> Vec<u8> {
        let mut bytes = self.name.field().to_vec();
        for public in &self.after {
            write(&mut bytes, &public.g1);
            if let Some(point) = &public.g2 {
                write(&mut bytes, point);
            }
        }
        bytes
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.claim();
        for opening in &self.proof {
            opening.write(&mut bytes);
        }
        bytes
    }

    fn read(phase: Phase, reader: &mut Reader<'_>) -> Result<Self, MalformedError> {
        let name = Name::from_field(reader.take(NAME_BYTES)?)?;
        let (mut after, mut proof) = (Vec::new(), Vec::new());
        for secret in phase.secrets() {
            let g1 = reader.nonzero::<G1Projective>()?;
            let g2 = if secret.is_in_g2() { Some(reader.nonzero::<G2Projective>()?) } else { None };
            after.push(Public { g1, g2 });
        }
        for _ in phase.secrets() {
            proof.push(Opening::read(reader)?);
        }
        Ok(Self { name, after, proof })
    }
}

impl Chain {
    pub(crate) fn new(phase: Phase, start: [u8; 32]) -> Self {
        Self { phase, start, contributions: Vec::new() }
    }

    /// The hash after the last contribution: it names all of them, and so everything that follows from them.
    pub(crate) fn hash(&self) -> [u8; 32] {
        self.hashes().last().unwrap_or(self.start)
    }

    /// The hash after each contribution.
    pub(crate) fn hashes(&self) -> impl Iterator<Item = [u8; 32]> {
        self.contributions.iter().scan(self.start, |hash, one| {
            *hash = digest(label::LINK, &[hash.as_slice(), &one.to_bytes()]);
            Some(*hash)
        })
    }

    /// The secrets after the last contribution.
    pub(crate) fn last(&self) -> Vec<Public> {
        let start = || self.phase.secrets().iter().map(|secret| Public::one(*secret)).collect();
        self.contributions.last().map_or_else(start, |last| last.after.clone())
    }

    pub(crate) fn names(&self) -> impl ExactSizeIterator<Item = &Name> {
        self.contributions.iter().map(|contribution| &contribution.name)
    }

    /// Who handed on what comes with this chain.
    pub(crate) fn culprit(&self) -> Culprit {
        self.culprit_at(self.contributions.len())
    }

    fn culprit_at(&self, place: usize) -> Culprit {
        let contribution = place.checked_sub(1).and_then(|index| self.contributions.get(index));
        Culprit { phase: self.phase, place, name: contribution.map(|contribution| contribution.name.clone()) }
    }

    /// This chain and one more contribution, by whoever knows `factors`.
    pub(crate) fn extend<R: RngCore + CryptoRng>(
        &self,
        name: Name,
        factors: &[Fr],
        rng: &mut R,
    ) -> Result<Self, CeremonyError> {
        let place = self.contributions.len() + 1;
        if place > MAX_CONTRIBUTIONS {
            return Err(CeremonyError::ChainFull);
        }
        if self.names().any(|other| *other == name) {
            return Err(CeremonyError::NameRepeated(Culprit { phase: self.phase, place, name: Some(name) }));
        }
        let before = self.last();
        let after = before.iter().zip(factors).map(|(public, factor)| public.times(*factor)).collect();
        let mut contribution = Contribution { name, after, proof: Vec::new() };
        contribution.prove(&self.hash(), &before, factors, rng);
        let mut extended = self.clone();
        extended.contributions.push(contribution);
        Ok(extended)
    }

    /// Checks every contribution.
    pub(crate) fn verify(&self, progress: &mut Progress<'_>) -> Result<(), CeremonyError> {
        let mut meter = Meter::new(Step::Chain, self.contributions.len(), progress);
        let (mut hash, mut before) = (self.start, Self::new(self.phase, self.start).last());
        let mut names = BTreeSet::new();
        for (index, contribution) in self.contributions.iter().enumerate() {
            let by = self.culprit_at(index + 1);
            if !names.insert(&contribution.name) {
                return Err(CeremonyError::NameRepeated(by));
            }
            contribution.verify(&hash, &before, self.phase, &by)?;
            hash = digest(label::LINK, &[&hash, &contribution.to_bytes()]);
            before.clone_from(&contribution.after);
            meter.add(1);
        }
        Ok(())
    }

    /// How many contributions, in two bytes, then each of them.
    pub(crate) fn write(&self, bytes: &mut Vec<u8>) {
        let count =
            u16::try_from(self.contributions.len()).expect("fits because a chain's length is bounded");
        bytes.extend(count.to_be_bytes());
        for contribution in &self.contributions {
            bytes.extend(contribution.to_bytes());
        }
    }

    pub(crate) fn read_count(reader: &mut Reader<'_>) -> Result<usize, MalformedError> {
        let count = usize::from(u16::from_be_bytes(reader.array()?));
        if count <= MAX_CONTRIBUTIONS { Ok(count) } else { Err(MalformedError::Size) }
    }

    pub(crate) fn read(
        phase: Phase,
        start: [u8; 32],
        count: usize,
        reader: &mut Reader<'_>,
    ) -> Result<Self, MalformedError> {
        let all: Result<_, _> = (0..count).map(|_| Contribution::read(phase, reader)).collect();
        Ok(Self { phase, start, contributions: all? })
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::One => "phase 1",
            Self::Two => "phase 2",
        })
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tau => "tau",
            Self::Alpha => "alpha",
            Self::Beta => "beta",
            Self::Delta => "delta",
        })
    }
}
