//! That somebody knows the secret behind a holder key: what an issuer asks before it signs.
//!
//! **In symbols.** Public: holder key `H`, context `x`. There are `sk` and `salt` such that `H = Poseidon(sk, salt)`, and `x` is
//! in the proof.
//!
//! Without this, somebody could have a credential bound to a key that another made, or to no secret at all. The context
//! holds the issuer's challenge, so a proof serves once. What the proof shows besides `H` and `x`: nothing.

use ark_bls12_381::Fr;
use ark_r1cs_std::alloc::AllocVar as _;
use ark_r1cs_std::eq::EqGadget as _;
use ark_r1cs_std::fields::FieldVar as _;
use ark_r1cs_std::fields::fp::FpVar;
use ark_relations::gr1cs::{ConstraintSynthesizer, ConstraintSystemRef, SynthesisError};
use rand::{CryptoRng, RngCore, SeedableRng as _};
use rand_chacha::ChaCha20Rng;

use crate::credential::HolderSecret;
use crate::element::Element;
use crate::key::{HolderCircuit, ProvingKey, VerifyingKey};
use crate::poseidon::HOLDER;
use crate::proof::{self, Proof};

/// Holder key and context with what makes them true.
pub(crate) struct Possession {
    secret: [Fr; 2],
    holder: Fr,
    context: Fr,
}

impl ConstraintSynthesizer<Fr> for Possession {
    fn generate_constraints(self, wires: ConstraintSystemRef<Fr>) -> Result<(), SynthesisError> {
        let holder = FpVar::new_input(wires.clone(), || Ok(self.holder))?;
        let context = FpVar::new_input(wires.clone(), || Ok(self.context))?;
        let [secret, salt] = self.secret;
        let secret = FpVar::new_witness(wires.clone(), || Ok(secret))?;
        let salt = FpVar::new_witness(wires, || Ok(salt))?;
        HOLDER.constrain(&[secret, salt])?.enforce_equal(&holder)?;
        // An input that no constraint names would not be in the proof.
        let _square = context.square()?;
        Ok(())
    }
}

pub(crate) fn example() -> Possession {
    possession(&HolderSecret::generate(&mut ChaCha20Rng::from_seed([7; 32])), Element::default())
}

fn possession(secret: &HolderSecret, context: Element) -> Possession {
    Possession { secret: [secret.secret(), secret.salt()], holder: secret.key(), context: context.0 }
}

/// Proves that `secret` is known, in `context`.
pub fn prove_possession<R: RngCore + CryptoRng>(
    key: &ProvingKey<HolderCircuit>,
    secret: &HolderSecret,
    context: Element,
    rng: &mut R,
) -> Proof {
    proof::create(key, possession(secret, context), rng)
}

/// Whether `proof` shows that the secret behind `holder` is known, in `context`.
pub fn verify_possession(
    key: &VerifyingKey<HolderCircuit>,
    holder: Element,
    context: Element,
    proof: &Proof,
) -> bool {
    proof::verify(key, &[holder.0, context.0], proof)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{PolicyCircuit, Setup};

    #[test]
    fn possession_is_shown_of_one_key_in_one_context() {
        let mut rng = ChaCha20Rng::from_seed([1; 32]);
        let proving = ProvingKey::<HolderCircuit>::insecure_development();
        let verifying = proving.verifying_key();
        let secret = HolderSecret::generate(&mut rng);
        let context = Element::digest("test", b"challenge");
        let proof = prove_possession(&proving, &secret, context, &mut rng);
        assert!(verify_possession(&verifying, secret.holder_key(), context, &proof));
        let other = Element::digest("test", b"another challenge");
        assert!(!verify_possession(&verifying, secret.holder_key(), other, &proof));
        let another = secret.for_next(&mut rng).holder_key();
        assert!(!verify_possession(&verifying, another, context, &proof));
    }

    #[test]
    fn a_key_that_no_secret_makes_satisfies_nothing() {
        let mut claim = example();
        claim.holder += Fr::from(1u8);
        let wires = ark_relations::gr1cs::ConstraintSystem::new_ref();
        claim.generate_constraints(wires.clone()).unwrap();
        assert!(!wires.is_satisfied().unwrap());
        let wires = ark_relations::gr1cs::ConstraintSystem::new_ref();
        example().generate_constraints(wires.clone()).unwrap();
        assert!(wires.is_satisfied().unwrap());
    }

    #[test]
    fn the_keys_of_one_circuit_are_not_read_as_anothers() {
        let bytes = ProvingKey::<HolderCircuit>::insecure_development().verifying_key().to_bytes();
        assert!(VerifyingKey::<HolderCircuit>::from_bytes(&bytes, Setup::InsecureDevelopment).is_ok());
        assert!(VerifyingKey::<PolicyCircuit>::from_bytes(&bytes, Setup::InsecureDevelopment).is_err());
    }
}
