//! Phase 1, for every circuit whose domain is not larger: powers of tau.

use rand::{CryptoRng, RngCore};

use crate::chain::{Chain, Phase};
use crate::codec::Reader;
use crate::error::{CeremonyError, MalformedError};
use crate::factors::Factors;
use crate::hash::digest;
use crate::label;
use crate::name::Name;
use crate::powers::{MAX_K, Powers};
use crate::progress::Progress;

/// Powers of tau and the chain of who made them, as they came: unverified.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Phase1 {
    pub(crate) chain: Chain,
    pub(crate) powers: Powers,
}

/// A phase 1 that was verified. One verified file is enough to contribute to, or to start phase 2 from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerifiedPhase1(Phase1);

fn start(k: u32) -> [u8; 32] {
    digest(label::PHASE1, &[&k.to_be_bytes()])
}

impl Phase1 {
    /// Where a phase 1 for domains of up to 2^k points starts: the same for everybody, with all secrets one.
    ///
    /// # Errors
    /// [`CeremonyError::DomainSize`].
    pub fn new(k: u32) -> Result<Self, CeremonyError> {
        if !(1..=MAX_K).contains(&k) {
            return Err(CeremonyError::DomainSize(k));
        }
        Ok(Self { chain: Chain::new(Phase::One, start(k)), powers: Powers::new(k) })
    }

    /// Logarithm of the domain's size.
    pub fn k(&self) -> u32 {
        self.powers.k
    }

    /// Who contributed, in order.
    pub fn contributors(&self) -> impl ExactSizeIterator<Item = &Name> {
        self.chain.names()
    }

    /// Hash of the whole chain. A contributor publishes it after contributing, and finds it again later.
    pub fn hash(&self) -> [u8; 32] {
        self.chain.hash()
    }

    /// Hash of the chain up to each contribution: what each contributor published.
    pub fn hashes(&self) -> impl Iterator<Item = [u8; 32]> {
        self.chain.hashes()
    }

    /// Verifies every contribution, then the powers. `rng` draws the weights of the checks: whoever made the file
    /// must not foresee them.
    ///
    /// # Errors
    /// The first rule that does not hold, and whose contribution breaks it.
    pub fn verify<R: RngCore + CryptoRng>(
        self,
        rng: &mut R,
        progress: &mut Progress<'_>,
    ) -> Result<VerifiedPhase1, CeremonyError> {
        self.chain.verify(progress)?;
        self.powers.verify(&self.chain, rng, progress)?;
        Ok(VerifiedPhase1(self))
    }

    /// Label, k, chain, powers.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = label::PHASE1_FILE.to_vec();
        bytes.push(u8::try_from(self.powers.k).expect("fits because k is at most 16"));
        self.chain.write(&mut bytes);
        self.powers.write(&mut bytes);
        bytes
    }

    /// Reads the bytes of [`Phase1::to_bytes`]: every point in its one encoding and of prime order, none the
    /// identity.
    ///
    /// # Errors
    /// [`MalformedError`].
    pub fn from_bytes(bytes: &[u8], progress: &mut Progress<'_>) -> Result<Self, MalformedError> {
        let mut reader = Reader::new(bytes, label::PHASE1_FILE)?;
        let k = reader.k()?;
        let count = Chain::read_count(&mut reader)?;
        let header = label::PHASE1_FILE.len() + 1 + 2;
        reader.expect_length(header + count * Phase::One.contribution_bytes() + Powers::bytes(k))?;
        let chain = Chain::read(Phase::One, start(k), count, &mut reader)?;
        Ok(Self { chain, powers: Powers::read(k, &mut reader, progress)? })
    }
}

impl VerifiedPhase1 {
    /// Multiplies the secrets by random factors, which are forgotten, and proves to have known them. The result
    /// is a file like any other: whoever takes it, verifies it.
    ///
    /// # Errors
    /// [`CeremonyError::NameRepeated`], [`CeremonyError::ChainFull`].
    pub fn contribute<R: RngCore + CryptoRng>(
        &self,
        name: Name,
        rng: &mut R,
        progress: &mut Progress<'_>,
    ) -> Result<Phase1, CeremonyError> {
        self.contribute_factors(name, &Factors::random(Phase::One, rng), rng, progress)
    }

    pub(crate) fn contribute_factors<R: RngCore + CryptoRng>(
        &self,
        name: Name,
        factors: &Factors,
        rng: &mut R,
        progress: &mut Progress<'_>,
    ) -> Result<Phase1, CeremonyError> {
        let chain = self.0.chain.extend(name, factors.as_slice(), rng)?;
        let [tau, alpha, beta] = factors.as_slice() else {
            unreachable!("three because phase 1 has three secrets")
        };
        Ok(Phase1 { chain, powers: self.0.powers.times(*tau, *alpha, *beta, progress) })
    }

    /// The file.
    pub fn file(&self) -> &Phase1 {
        &self.0
    }

    pub(crate) fn powers(&self) -> &Powers {
        &self.0.powers
    }

    pub(crate) fn chain(&self) -> &Chain {
        &self.0.chain
    }
}
