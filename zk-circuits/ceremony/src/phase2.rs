//! Phase 2, for one circuit.

use std::num::NonZeroUsize;

use ark_bls12_381::G1Affine;
use ark_ec::AffineRepr as _;
use ark_ff::Field as _;
use rand::{CryptoRng, RngCore};
use zeroize::Zeroizing;

use crate::chain::{Chain, Phase};
use crate::circuit::{Circuit, MAX_VARIABLES, Sizes};
use crate::codec::{Reader, write_size};
use crate::error::{CeremonyError, MalformedError};
use crate::factors::Factors;
use crate::finish::FinishedCeremony;
use crate::hash::digest;
use crate::label;
use crate::name::Name;
use crate::phase1::VerifiedPhase1;
use crate::progress::Progress;
use crate::queries::Queries;

/// Queries and the chain of who divided them, as they came: unverified.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Phase2 {
    pub(crate) origin: Origin,
    pub(crate) chain: Chain,
    pub(crate) queries: Queries,
}

/// What a phase 2 starts from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Origin {
    /// Hash of the chain of phase 1.
    pub(crate) phase1: [u8; 32],
    /// Hash of the circuit.
    pub(crate) circuit: [u8; 32],
}

/// A phase 2 that was verified against its phase 1 and its circuit. One verified file is enough to contribute to,
/// or to end the ceremony with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerifiedPhase2 {
    file: Phase2,
    phase1: Chain,
}

impl Origin {
    fn new(phase1: &VerifiedPhase1, circuit: &Circuit<'_>) -> Self {
        Self { phase1: phase1.chain().hash(), circuit: circuit.hash() }
    }

    fn start(&self) -> [u8; 32] {
        digest(label::PHASE2, &[&self.phase1, &self.circuit])
    }
}

/// Whether a phase 1 has what a circuit needs.
fn check_powers(phase1: &VerifiedPhase1, circuit: &Circuit<'_>) -> Result<(), CeremonyError> {
    let (needed, got) = (circuit.k(), phase1.powers().k);
    if needed > got {
        return Err(CeremonyError::TooFewPowers { needed, got });
    }
    // τⁿ = 1 makes the vanishing polynomial zero at τ, and with it the whole h query.
    if phase1.powers().tau_g1.get(circuit.sizes().rows()) == Some(&G1Affine::generator()) {
        return Err(CeremonyError::TauInDomain(phase1.chain().culprit()));
    }
    Ok(())
}

impl Phase2 {
    /// Where a phase 2 starts: the same for everybody who starts from this phase 1 and this circuit, with
    /// `δ = 1`.
    ///
    /// # Errors
    /// [`CeremonyError::TooFewPowers`], [`CeremonyError::TauInDomain`].
    pub fn new(
        phase1: &VerifiedPhase1,
        circuit: &Circuit<'_>,
        progress: &mut Progress<'_>,
    ) -> Result<Self, CeremonyError> {
        check_powers(phase1, circuit)?;
        let origin = Origin::new(phase1, circuit);
        let queries = Queries::new(phase1.powers(), circuit, progress);
        Ok(Self { origin, chain: Chain::new(Phase::Two, origin.start()), queries })
    }

    /// Who contributed, in order.
    pub fn contributors(&self) -> impl ExactSizeIterator<Item = &Name> {
        self.chain.names()
    }

    /// Hash of the whole chain, and of what it starts from. A contributor publishes it after contributing, and
    /// finds it again later.
    pub fn hash(&self) -> [u8; 32] {
        self.chain.hash()
    }

    /// Hash of the chain up to each contribution: what each contributor published.
    pub fn hashes(&self) -> impl Iterator<Item = [u8; 32]> {
        self.chain.hashes()
    }

    /// Verifies where it starts, every contribution, then the queries. `rng` draws the weights of the checks:
    /// whoever made the file must not foresee them.
    ///
    /// # Errors
    /// The first rule that does not hold, and whose contribution breaks it.
    pub fn verify<R: RngCore + CryptoRng>(
        self,
        phase1: &VerifiedPhase1,
        circuit: &Circuit<'_>,
        rng: &mut R,
        progress: &mut Progress<'_>,
    ) -> Result<VerifiedPhase2, CeremonyError> {
        check_powers(phase1, circuit)?;
        let origin = Origin::new(phase1, circuit);
        if self.origin.phase1 != origin.phase1 {
            return Err(CeremonyError::OtherPhase1);
        }
        if self.origin.circuit != origin.circuit || self.queries.sizes != circuit.sizes() {
            return Err(CeremonyError::OtherCircuit);
        }
        self.chain.verify(progress)?;
        self.queries.verify(phase1.powers(), circuit, &self.chain, rng, progress)?;
        Ok(VerifiedPhase2 { file: self, phase1: phase1.chain().clone() })
    }

    /// Label, sizes, hashes of phase 1 and circuit, chain, queries.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = label::PHASE2_FILE.to_vec();
        self.queries.sizes.write(&mut bytes);
        bytes.extend(self.origin.phase1);
        bytes.extend(self.origin.circuit);
        self.chain.write(&mut bytes);
        self.queries.write(&mut bytes);
        bytes
    }

    /// Reads the bytes of [`Phase2::to_bytes`]: every point in its one encoding and of prime order, and not the
    /// identity except where a variable is in no row of a matrix.
    ///
    /// # Errors
    /// [`MalformedError`].
    pub fn from_bytes(bytes: &[u8], progress: &mut Progress<'_>) -> Result<Self, MalformedError> {
        let mut reader = Reader::new(bytes, label::PHASE2_FILE)?;
        let sizes = Sizes::read(&mut reader)?;
        let origin = Origin { phase1: reader.array()?, circuit: reader.array()? };
        let count = Chain::read_count(&mut reader)?;
        let header = label::PHASE2_FILE.len() + Sizes::BYTES + 64 + 2;
        reader.expect_length(header + count * Phase::Two.contribution_bytes() + Queries::bytes(sizes))?;
        let chain = Chain::read(Phase::Two, origin.start(), count, &mut reader)?;
        Ok(Self { origin, chain, queries: Queries::read(sizes, &mut reader, progress)? })
    }
}

impl VerifiedPhase2 {
    /// Multiplies `δ` by a random factor, which is forgotten, and proves to have known it. The result is a file
    /// like any other: whoever takes it, verifies it.
    ///
    /// # Errors
    /// [`CeremonyError::NameRepeated`], [`CeremonyError::ChainFull`].
    pub fn contribute<R: RngCore + CryptoRng>(
        &self,
        name: Name,
        rng: &mut R,
        progress: &mut Progress<'_>,
    ) -> Result<Phase2, CeremonyError> {
        self.contribute_factors(name, &Factors::random(Phase::Two, rng), rng, progress)
    }

    pub(crate) fn contribute_factors<R: RngCore + CryptoRng>(
        &self,
        name: Name,
        factors: &Factors,
        rng: &mut R,
        progress: &mut Progress<'_>,
    ) -> Result<Phase2, CeremonyError> {
        let chain = self.file.chain.extend(name, factors.as_slice(), rng)?;
        let [delta] = factors.as_slice() else { unreachable!("one because phase 2 has one secret") };
        let inverse = Zeroizing::new(delta.inverse().expect("there because no factor is zero"));
        Ok(Phase2 { origin: self.file.origin, chain, queries: self.file.queries.times(*inverse, progress) })
    }

    /// Ends the ceremony with the key of this file, if each phase has at least `minimum` contributors. Names are
    /// told apart by their letters: that they are as many people is for the reader of the transcript to know.
    ///
    /// # Errors
    /// [`CeremonyError::TooFewContributors`].
    pub fn finalize(&self, minimum: NonZeroUsize) -> Result<FinishedCeremony, CeremonyError> {
        for chain in [&self.phase1, &self.file.chain] {
            let (phase, needed, got) = (chain.phase, minimum.get(), chain.names().len());
            if got < needed {
                return Err(CeremonyError::TooFewContributors { phase, needed, got });
            }
        }
        Ok(FinishedCeremony::new(&self.phase1, &self.file))
    }

    /// The file.
    pub fn file(&self) -> &Phase2 {
        &self.file
    }
}

impl Sizes {
    /// Bytes of [`Sizes::write`].
    pub(crate) const BYTES: usize = 1 + 4 + 4;

    /// k, inputs, witnesses.
    pub(crate) fn write(&self, bytes: &mut Vec<u8>) {
        bytes.push(u8::try_from(self.k).expect("fits because k is at most 16"));
        write_size(bytes, self.inputs);
        write_size(bytes, self.witnesses);
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, MalformedError> {
        let sizes = Self { k: reader.k()?, inputs: reader.size()?, witnesses: reader.size()? };
        let variables = sizes.inputs.checked_add(sizes.witnesses).ok_or(MalformedError::Size)?;
        let bounded = sizes.inputs > 0 && sizes.inputs < sizes.rows() && variables <= MAX_VARIABLES;
        if bounded { Ok(sizes) } else { Err(MalformedError::Size) }
    }
}
