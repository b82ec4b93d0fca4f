//! What is proved, in words, in symbols, and as a native check.
//!
//! **In words.** I hold a credential of this schema, signed by some issuer of this set and issued while the issuer's
//! key counted; it has not expired; it is not revoked; its attributes satisfy these predicates; I know the secret that it
//! is bound to; this is my one nullifier for this scope; and I say so in this context.
//!
//! **In symbols.** Public: issuer set root `R`, schema `σ`, day `y`, predicates `(jᵢ, lᵢ, hᵢ)` for `i < 8`, set `E` on slot
//! `k` if there is one, scope `z`, nullifier `n`, context `x`. There are attributes `a₀…a₁₅`, handle `t`, days of issue `f`
//! and of expiry `g`, secret `sk`, salt, key `A`, signature `(K, s)`, status root `S`, days `b`, `d` and `r` of that
//! key, word `w` and paths such that
//!
//! ```text
//! 1  H  = Poseidon(sk, salt)                                holder key
//! 2  sG = K + e·A,  e from Poseidon(K, A, H, t, f, g, σ, a)    signature
//! 3  Poseidon(A, S, b, d, r) lies below R                   hidden issuer
//!    0 ≤ f − b < 2³²,  0 ≤ d − f < 2³²                        issued while its key counted
//!    0 ≤ r − y < 2³²                                        and its issuer is still recognised
//! 4  0 ≤ g − y < 2³²                                        not expired
//! 5  w lies below S at ⌊t/128⌋, bit t mod 128 of w is 0     not revoked
//! 6  0 ≤ aⱼᵢ − lᵢ < 2⁶⁴  and  0 ≤ hᵢ − aⱼᵢ < 2⁶⁴               eight predicates
//!    ∏ (aₖ − E) = 0 if there is a set                       membership
//! 7  n  = Poseidon(sk, z)                                   nullifier
//! 8  x is in the proof                                      context
//! ```
//! Days are counted from 1970-01-01. With `l = h` a predicate says `a = l` for any element: `a = l + p` and `a = l − q` with
//! `0 ≤ p, q < 2⁶⁴` give `p + q = 0` in the field, and so in the integers.
//!
//! **Soundness, hiding, unlinkability**: [`crate`], where the assumptions stand.

use ark_bls12_381::Fr;
use ark_ff::{AdditiveGroup as _, BigInteger as _, PrimeField as _};
use ark_relations::gr1cs::ConstraintSystem;

use crate::circuit::{self, Circuit};
use crate::credential::{Credential, HolderSecret, SLOTS};
use crate::element::Element;
use crate::issuers::IssuerWitness;
use crate::poseidon::NULLIFIER;
use crate::status::StatusWitness;

/// Predicates of a statement.
pub const PREDICATES: usize = 8;
/// Members of a statement's set at the most.
pub const MEMBERS: usize = 64;

/// `low ≤ slot ≤ high`, or a slot that equals an element.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Predicate {
    pub(crate) slot: u8,
    pub(crate) low: Fr,
    pub(crate) high: Fr,
}

impl Predicate {
    /// `low ≤ slot ≤ high`; `None` unless the slot is one of sixteen and `low ≤ high`.
    pub fn range(slot: u8, low: u64, high: u64) -> Option<Self> {
        let sound = usize::from(slot) < SLOTS && low <= high;
        sound.then(|| Self { slot, low: Fr::from(low), high: Fr::from(high) })
    }

    /// `slot = value`; `None` unless the slot is one of sixteen.
    pub fn equal(slot: u8, value: Element) -> Option<Self> {
        (usize::from(slot) < SLOTS).then_some(Self { slot, low: value.0, high: value.0 })
    }

    fn holds(&self, attributes: &[Fr; SLOTS]) -> bool {
        let below = |number: Fr| number.into_bigint().num_bits() <= 64;
        let value = attributes.get(usize::from(self.slot));
        value.is_some_and(|value| below(*value - self.low) && below(self.high - value))
    }
}

/// A slot that holds one of at most [`MEMBERS`] elements.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Membership {
    pub(crate) slot: u8,
    pub(crate) members: Vec<Fr>,
}

impl Membership {
    /// `None` unless the slot is one of sixteen and there are 1 to [`MEMBERS`] members.
    pub fn new(slot: u8, members: &[Element]) -> Option<Self> {
        let sound = usize::from(slot) < SLOTS && (1..=MEMBERS).contains(&members.len());
        sound.then(|| Self { slot, members: members.iter().map(|member| member.0).collect() })
    }
}

/// The part of a statement that a verifier knows beforehand: the same for everybody who shows under one policy in
/// one epoch and scope.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Terms {
    pub(crate) issuers: Fr,
    pub(crate) schema: Fr,
    pub(crate) day: u32,
    pub(crate) predicates: [Option<Predicate>; PREDICATES],
    pub(crate) set: Option<Membership>,
    pub(crate) scope: Fr,
}

impl Terms {
    /// Terms for credentials that have not expired on `day`, counted from 1970-01-01, with at most [`PREDICATES`]
    /// predicates; `None` for more.
    pub fn new(
        issuers: Element,
        schema: Element,
        day: u32,
        predicates: &[Predicate],
        set: Option<Membership>,
        scope: Element,
    ) -> Option<Self> {
        let mut all = [None; PREDICATES];
        for (place, predicate) in all.get_mut(..predicates.len())?.iter_mut().zip(predicates) {
            *place = Some(*predicate);
        }
        Some(Self { issuers: issuers.0, schema: schema.0, day, predicates: all, set, scope: scope.0 })
    }

    /// Public inputs, in the circuit's order. A slot goes in as its four bits, after whether there is a predicate or
    /// set at all as 0 or 1; a set is filled up with its first member.
    pub(crate) fn inputs(&self) -> Vec<Fr> {
        let bits = |slot: u8| (0..4).map(move |index| Fr::from(slot >> index & 1));
        let mut inputs = vec![self.issuers, self.schema, Fr::from(self.day), self.scope];
        let nothing = Predicate { slot: 0, low: Fr::ZERO, high: Fr::ZERO };
        for predicate in &self.predicates {
            inputs.push(Fr::from(predicate.is_some()));
            let predicate = predicate.unwrap_or(nothing);
            inputs.extend(bits(predicate.slot));
            inputs.extend([predicate.low, predicate.high]);
        }
        let none = Membership { slot: 0, members: vec![Fr::ZERO] };
        let set = self.set.as_ref().unwrap_or(&none);
        inputs.push(Fr::from(self.set.is_some()));
        inputs.extend(bits(set.slot));
        let first = set.members.first().copied().unwrap_or(Fr::ZERO);
        inputs.extend((0..MEMBERS).map(|index| set.members.get(index).copied().unwrap_or(first)));
        inputs
    }
}

/// A whole statement.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Statement {
    /// What the verifier knows beforehand.
    pub terms: Terms,
    /// The holder's one nullifier for the scope.
    pub nullifier: Element,
    /// What the proof is bound to: one-time key, verifier, policy, epoch.
    pub context: Element,
}

impl Statement {
    /// All public inputs, in the circuit's order.
    pub(crate) fn inputs(&self) -> Vec<Fr> {
        let mut inputs = self.terms.inputs();
        inputs.extend([self.nullifier.0, self.context.0]);
        inputs
    }
}

/// What the holder knows.
pub struct Witness {
    /// The credential.
    pub credential: Credential,
    /// The secret that it is bound to.
    pub secret: HolderSecret,
    /// Where its issuer is in the set.
    pub issuer: IssuerWitness,
    /// That its handle is clear.
    pub status: StatusWitness,
}

/// Why a statement is not true. The first rule that fails, in the order of the module's list.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FalseStatement {
    /// Rule 1.
    #[error("a credential is shown by who knows the secret that it is bound to")]
    Holder,
    /// Rule 2.
    #[error("a credential is signed by its issuer")]
    Signature,
    /// The credential is of another schema.
    #[error("a credential is of the schema that the policy names")]
    Schema,
    /// Rule 3.
    #[error("the issuer is in the issuer set")]
    Issuer,
    /// Rule 3, second half.
    #[error("a credential is issued while its issuer's key counts")]
    Issued,
    /// Rule 3, last part.
    #[error("the issuer is recognised on the day the credential is shown for")]
    Recognised,
    /// Rule 4.
    #[error("a credential has not expired on the day it is shown for")]
    Expired,
    /// Rule 5: another list or place.
    #[error("the status witness is of this handle in the issuer's list")]
    StatusPlace,
    /// Rule 5.
    #[error("a credential is not revoked")]
    Revoked,
    /// Rule 6; which, from 0.
    #[error("predicate {0} holds")]
    Predicate(usize),
    /// Rule 6, the set.
    #[error("the attribute is one of the set")]
    Membership,
    /// Rule 7.
    #[error("the nullifier is the holder's for this scope")]
    Nullifier,
}

impl Statement {
    /// The statement that `witness` makes true, if any, under `terms`, in `context`.
    pub fn of(terms: Terms, witness: &Witness, context: Element) -> Self {
        let nullifier = Element(NULLIFIER.of(&[witness.secret.secret(), terms.scope]));
        Self { terms, nullifier, context }
    }

    /// Whether the circuit's constraints hold of `witness`: the same as [`Statement::check`], by the other way.
    pub fn is_satisfied(&self, witness: &Witness) -> bool {
        let wires = ConstraintSystem::new_ref();
        let circuit = Circuit { statement: self, witness };
        circuit::synthesise(circuit, &wires).is_ok() && wires.is_satisfied() == Ok(true)
    }

    /// Whether `witness` makes the statement true.
    ///
    /// # Errors
    /// The first rule that fails.
    pub fn check(&self, witness: &Witness) -> Result<(), FalseStatement> {
        let Witness { credential, secret, issuer, status } = witness;
        let attributes = &credential.attributes;
        let rule = |holds: bool, otherwise| if holds { Ok(()) } else { Err(otherwise) };
        rule(secret.key() == credential.holder, FalseStatement::Holder)?;
        rule(credential.schema.0 == self.terms.schema, FalseStatement::Schema)?;
        rule(credential.is_signed_by(&issuer.entry.key), FalseStatement::Signature)?;
        rule(issuer.holds(Element(self.terms.issuers)), FalseStatement::Issuer)?;
        let (issued, days) = (credential.times.issued, issuer.entry.days);
        rule((days.first..=days.last).contains(&issued), FalseStatement::Issued)?;
        rule(self.terms.day <= days.recognised, FalseStatement::Recognised)?;
        rule(self.terms.day <= credential.times.expires, FalseStatement::Expired)?;
        let (inside, clear) = status.holds(credential.handle, issuer.entry.status);
        rule(inside, FalseStatement::StatusPlace)?;
        rule(clear, FalseStatement::Revoked)?;
        for (index, predicate) in self.terms.predicates.iter().enumerate() {
            let holds = predicate.is_none_or(|predicate| predicate.holds(attributes));
            rule(holds, FalseStatement::Predicate(index))?;
        }
        if let Some(set) = &self.terms.set {
            let member =
                attributes.get(usize::from(set.slot)).is_some_and(|value| set.members.contains(value));
            rule(member, FalseStatement::Membership)?;
        }
        let nullifier = NULLIFIER.of(&[secret.secret(), self.terms.scope]);
        rule(nullifier == self.nullifier.0, FalseStatement::Nullifier)
    }
}
