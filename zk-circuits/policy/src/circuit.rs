//! The statement of [`crate::statement`] as constraints, rule by rule in the same order.

use ark_bls12_381::Fr;
use ark_r1cs_std::alloc::AllocVar as _;
use ark_r1cs_std::eq::EqGadget as _;
use ark_r1cs_std::fields::FieldVar as _;
use ark_r1cs_std::fields::fp::FpVar;
use ark_relations::gr1cs::{ConstraintSynthesizer, ConstraintSystemRef, SynthesisError};
use ark_relations::lc;
use tracing::subscriber::{NoSubscriber, with_default};

use crate::bits;
use crate::credential::{DAY, SLOTS};
use crate::curve::Montgomery;
use crate::poseidon::{HOLDER, ISSUER, NULLIFIER};
use crate::signature::{self, CHALLENGE_BITS, Message};
use crate::statement::{MEMBERS, PREDICATES, Statement, Witness};
use crate::status::WORD;
use crate::tree::{self, Issuers, Statuses};

type Wire = FpVar<Fr>;

/// Synthesises a circuit in silence: every gadget opens a span that would write its arguments, secrets among them, to
/// whoever listens.
pub(crate) fn synthesise(
    circuit: impl ConstraintSynthesizer<Fr>,
    wires: &ConstraintSystemRef<Fr>,
) -> Result<(), SynthesisError> {
    with_default(NoSubscriber::default(), || circuit.generate_constraints(wires.clone()))
}

/// A circuit and one private variable more, of which nothing is said: `ρ·0 = 0`. Proofs hide behind it, see
/// [`crate::proof`].
pub(crate) struct Blinded<C> {
    pub(crate) circuit: C,
    pub(crate) blinding: Fr,
}

impl<C: ConstraintSynthesizer<Fr>> ConstraintSynthesizer<Fr> for Blinded<C> {
    fn generate_constraints(self, wires: ConstraintSystemRef<Fr>) -> Result<(), SynthesisError> {
        self.circuit.generate_constraints(wires.clone())?;
        let blinding = wires.new_witness_variable(|| Ok(self.blinding))?;
        wires.enforce_r1cs_constraint(|| blinding.into(), || lc!(), || lc!())
    }
}

/// A statement and what makes it true.
pub(crate) struct Circuit<'a> {
    pub(crate) statement: &'a Statement,
    pub(crate) witness: &'a Witness,
}

/// Public inputs as they come: [`Statement::inputs`] in the same order.
struct Inputs<I> {
    wires: ConstraintSystemRef<Fr>,
    values: I,
}

impl<I: Iterator<Item = Fr>> Inputs<I> {
    fn one(&mut self) -> Result<Wire, SynthesisError> {
        let value = self.values.next().ok_or(SynthesisError::AssignmentMissing)?;
        Wire::new_input(self.wires.clone(), || Ok(value))
    }

    fn many<const N: usize>(&mut self) -> Result<[Wire; N], SynthesisError> {
        let mut all = std::array::from_fn(|_| Wire::zero());
        for place in &mut all {
            *place = self.one()?;
        }
        Ok(all)
    }
}

impl ConstraintSynthesizer<Fr> for Circuit<'_> {
    fn generate_constraints(self, wires: ConstraintSystemRef<Fr>) -> Result<(), SynthesisError> {
        let Witness { credential, secret, issuer, status } = self.witness;
        let private = |value: Fr| Wire::new_witness(wires.clone(), || Ok(value));
        let mut public = Inputs { wires: wires.clone(), values: self.statement.inputs().into_iter() };

        let [issuers, schema, day, scope] = public.many()?;
        let mut predicates = Vec::with_capacity(PREDICATES);
        for _ in 0..PREDICATES {
            predicates.push((public.one()?, public.many::<4>()?, public.one()?, public.one()?));
        }
        let (set_used, set_slot, members) = (public.one()?, public.many::<4>()?, public.many::<MEMBERS>()?);
        let [nullifier, context] = public.many()?;

        // 1 holder key
        let secret_wire = private(secret.secret())?;
        let holder = HOLDER.constrain(&[secret_wire.clone(), private(secret.salt())?])?;

        // 2 signature
        let mut attributes: [Wire; SLOTS] = std::array::from_fn(|_| Wire::zero());
        for (wire, attribute) in attributes.iter_mut().zip(credential.attributes) {
            *wire = private(attribute)?;
        }
        let handle_bits = bits::allocate::<22>(
            &wires,
            std::array::from_fn(|index| credential.handle.number() >> index & 1 == 1),
        )?;
        let (u, v) = issuer.entry.key.coordinates();
        let key = Montgomery { u: private(u)?, v: private(v)? };
        let issued = private(credential.times.issued.into())?;
        let expires = private(credential.times.expires.into())?;
        let message = Message {
            holder,
            handle: bits::number(&handle_bits),
            issued: issued.clone(),
            expires: expires.clone(),
            schema,
            attributes: attributes.clone(),
        };
        let challenge =
            signature::challenge(&credential.signature.commitment, &issuer.entry.key, &credential.message());
        signature::constrain(&wires, &credential.signature, challenge, &key, &message)?;

        // 3 hidden issuer
        let status_root = private(issuer.entry.status.0)?;
        let days = issuer.entry.days;
        let (first, last, recognised) =
            (private(days.first.into())?, private(days.last.into())?, private(days.recognised.into())?);
        let leaf = [&key.u, &key.v, &status_root, &first, &last, &recognised].map(Wire::clone);
        let leaf = ISSUER.constrain(&leaf)?;
        tree::rise::<Issuers, 11>(&wires, &issuer.path, leaf)?.enforce_equal(&issuers)?;
        bits::range(&wires, &(&issued - first), DAY)?;
        bits::range(&wires, &(last - &issued), DAY)?;
        bits::range(&wires, &(recognised - &day), DAY)?;

        // 4 not expired
        bits::range(&wires, &(expires - day), DAY)?;

        // 5 not revoked
        let word =
            bits::allocate::<WORD>(&wires, std::array::from_fn(|index| status.word >> index & 1 == 1))?;
        let (bit, place) = handle_bits.split_at(WORD.ilog2() as usize);
        bits::enforce_clear(&wires, bit, &word)?;
        tree::climb::<Statuses>(&wires, &status.path, bits::number(&word), place)?
            .enforce_equal(&status_root)?;

        // 6 predicates and membership. The verifier makes the slots' bits, so they are bits. An unused
        //   predicate has both bounds zero, as has then its value.
        for (used, slot, low, high) in &predicates {
            let value = used * bits::select(slot, &attributes)?;
            bits::range(&wires, &(&value - low), 64)?;
            bits::range(&wires, &(high - &value), 64)?;
        }
        let value = bits::select(&set_slot, &attributes)?;
        bits::distance(&value, &members).mul_equals(&set_used, &Wire::zero())?;

        // 7 nullifier
        NULLIFIER.constrain(&[secret_wire, scope])?.enforce_equal(&nullifier)?;

        // 8 context: an input that no constraint names would not be in the proof.
        let _square = context.square()?;
        Ok(())
    }
}

const _: () = assert!(CHALLENGE_BITS == WORD, "both are the bits of a u128");

#[cfg(test)]
pub(crate) mod tests;
