//! What a ceremony ends in: a key, and a hash of how it came to be.

use ark_bls12_381::{Bls12_381, G1Projective, G2Affine, G2Projective};
use ark_ec::AffineRepr as _;
use ark_groth16::{ProvingKey, VerifyingKey};

use crate::chain::{Chain, Public};
use crate::circuit::Sizes;
use crate::codec::{Reader, write};
use crate::curve::Curve as _;
use crate::error::{CeremonyError, MalformedError};
use crate::hash::digest;
use crate::label;
use crate::name::Name;
use crate::phase2::Phase2;
use crate::progress::Progress;
use crate::queries::Queries;

/// A key for a circuit, and the hash of the transcript that it claims to come from. As it came: whether it does,
/// [`FinishedCeremony::verify_key`] tells.
#[derive(Clone, PartialEq, Debug)]
pub struct FinalKey {
    sizes: Sizes,
    transcript: [u8; 32],
    groth16: ProvingKey<Bls12_381>,
}

/// A ceremony of which both phases were verified, with its key.
#[derive(Clone, PartialEq, Debug)]
pub struct FinishedCeremony {
    key: FinalKey,
    contributors: [Vec<Name>; 2],
}

impl FinishedCeremony {
    /// From chains and queries that have been checked.
    pub(crate) fn new(phase1: &Chain, phase2: &Phase2) -> Self {
        let secret = |chain: &Chain, index: usize| -> Public {
            *chain.last().get(index).expect("there because a phase has all its secrets")
        };
        let (alpha, beta, delta) = (secret(phase1, 1), secret(phase1, 2), secret(&phase2.chain, 0));
        let groth16 = assemble(alpha, beta, delta, phase2.queries.clone());
        let (mut chain1, mut chain2) = (phase1.start.to_vec(), phase2.chain.start.to_vec());
        phase1.write(&mut chain1);
        phase2.chain.write(&mut chain2);
        let mut key = Vec::new();
        write(&mut key, &groth16.vk);
        let transcript = digest(label::TRANSCRIPT, &[&chain1, &chain2, &key]);
        let contributors = [phase1, &phase2.chain].map(|chain| chain.names().cloned().collect());
        Self { key: FinalKey { sizes: phase2.queries.sizes, transcript, groth16 }, contributors }
    }

    /// The key.
    pub fn key(&self) -> &FinalKey {
        &self.key
    }

    /// Hash of both chains and the verifying key, to be anchored where everybody sees it.
    pub fn transcript_hash(&self) -> [u8; 32] {
        self.key.transcript
    }

    /// Who contributed to phase 1, and to phase 2.
    pub fn contributors(&self) -> [&[Name]; 2] {
        self.contributors.each_ref().map(Vec::as_slice)
    }

    /// Verifies that `key` is the one that this ceremony ends in: in every point, and in its transcript.
    ///
    /// # Errors
    /// [`CeremonyError::OtherKey`].
    pub fn verify_key(&self, key: &FinalKey) -> Result<(), CeremonyError> {
        if *key == self.key { Ok(()) } else { Err(CeremonyError::OtherKey) }
    }
}

/// Hash of the transcripts of several circuits, in their order: one to anchor for all.
pub fn transcripts_hash<'a>(finished: impl IntoIterator<Item = &'a FinishedCeremony>) -> [u8; 32] {
    let all: Vec<[u8; 32]> = finished.into_iter().map(FinishedCeremony::transcript_hash).collect();
    let parts: Vec<&[u8]> = all.iter().map(<[u8; 32]>::as_slice).collect();
    digest(label::TRANSCRIPTS, &parts)
}

impl FinalKey {
    /// The key as arkworks' prover and verifier take it.
    pub fn proving_key(&self) -> &ProvingKey<Bls12_381> {
        &self.groth16
    }

    /// As [`FinalKey::proving_key`], without a copy.
    pub fn into_proving_key(self) -> ProvingKey<Bls12_381> {
        self.groth16
    }

    /// The key with something else in it.
    #[cfg(test)]
    pub(crate) fn altered(&self, cheat: impl FnOnce(&mut ProvingKey<Bls12_381>)) -> Self {
        let mut altered = self.clone();
        cheat(&mut altered.groth16);
        altered
    }

    /// Hash of the transcript that the key claims to come from.
    pub fn transcript_hash(&self) -> [u8; 32] {
        self.transcript
    }

    /// Label, sizes, hash of the transcript, `α G₁, β G₁, β G₂, δ G₁, δ G₂`, queries. `γ G₂` is the generator.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = label::KEY_FILE.to_vec();
        self.sizes.write(&mut bytes);
        bytes.extend(self.transcript);
        let key = &self.groth16;
        write(&mut bytes, &key.vk.alpha_g1);
        write(&mut bytes, &key.beta_g1);
        write(&mut bytes, &key.vk.beta_g2);
        write(&mut bytes, &key.delta_g1);
        write(&mut bytes, &key.vk.delta_g2);
        queries(self.sizes, key).write(&mut bytes);
        bytes
    }

    /// Reads the bytes of [`FinalKey::to_bytes`], as strictly as [`Phase2::from_bytes`].
    ///
    /// # Errors
    /// [`MalformedError`].
    pub fn from_bytes(bytes: &[u8], progress: &mut Progress<'_>) -> Result<Self, MalformedError> {
        let mut reader = Reader::new(bytes, label::KEY_FILE)?;
        let sizes = Sizes::read(&mut reader)?;
        let header = label::KEY_FILE.len() + Sizes::BYTES + 32;
        let secrets = 3 * G1Projective::BYTES + 2 * G2Projective::BYTES;
        reader.expect_length(header + secrets + Queries::bytes(sizes))?;
        let transcript = reader.array()?;
        let alpha = Public { g1: reader.nonzero::<G1Projective>()?, g2: None };
        let [beta, delta] = [pair(&mut reader)?, pair(&mut reader)?];
        let queries = Queries::read(sizes, &mut reader, progress)?;
        Ok(Self { sizes, transcript, groth16: assemble(alpha, beta, delta, queries) })
    }
}

fn pair(reader: &mut Reader<'_>) -> Result<Public, MalformedError> {
    Ok(Public { g1: reader.nonzero::<G1Projective>()?, g2: Some(reader.nonzero::<G2Projective>()?) })
}

fn assemble(alpha: Public, beta: Public, delta: Public, queries: Queries) -> ProvingKey<Bls12_381> {
    ProvingKey {
        vk: VerifyingKey {
            alpha_g1: alpha.g1,
            beta_g2: beta.in_g2(),
            gamma_g2: G2Affine::generator(),
            delta_g2: delta.in_g2(),
            gamma_abc_g1: queries.inputs,
        },
        beta_g1: beta.g1,
        delta_g1: delta.g1,
        a_query: queries.a,
        b_g1_query: queries.b_g1,
        b_g2_query: queries.b_g2,
        h_query: queries.h,
        l_query: queries.l,
    }
}

fn queries(sizes: Sizes, key: &ProvingKey<Bls12_381>) -> Queries {
    Queries {
        sizes,
        a: key.a_query.clone(),
        b_g1: key.b_g1_query.clone(),
        b_g2: key.b_g2_query.clone(),
        inputs: key.vk.gamma_abc_g1.clone(),
        h: key.h_query.clone(),
        l: key.l_query.clone(),
    }
}
