//! A policy as the circuit's terms: the same document that is evaluated in the clear.

use did_registry::{Date, Schema};
use zk_policy::{Element, Membership, Predicate as Range, Terms};

use super::slots::{civil_day, element, schema_element, slot, text};
use crate::policy::{Operand, Policy, Test};

/// Why a policy has no terms: it can be asked in the clear only.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TermsError {
    /// Not this policy's schema.
    #[error("the policy names another schema")]
    OtherSchema,
    /// A second set.
    #[error("a policy that is proved has one choice among several texts at the most; {0:?} is the second")]
    SecondSet(String),
    /// More conditions than the circuit has.
    #[error("a policy that is proved has at most {max} conditions", max = zk_policy::PREDICATES)]
    TooMany,
    /// Too large a set, or an empty one.
    #[error("a choice in a policy that is proved is among 1 to {max} texts; {0:?} has more or none", max = zk_policy::MEMBERS)]
    SetSize(String),
    /// The test does not fit the claim.
    #[error("the test on claim {0:?} does not fit its kind")]
    WrongKind(String),
}

impl Policy {
    /// The circuit's terms: that a credential of an issuer below `issuers`, not expired on `today`, satisfies this policy
    /// as on that day, with one nullifier for each holder in `scope`.
    ///
    /// # Errors
    /// [`TermsError`] for a policy that can only be asked in the clear.
    pub fn terms(
        &self,
        schema: &Schema,
        issuers: Element,
        today: Date,
        scope: Element,
    ) -> Result<Terms, TermsError> {
        if schema.id() != self.schema {
            return Err(TermsError::OtherSchema);
        }
        let (mut ranges, mut set) = (Vec::with_capacity(self.predicates.len()), None);
        for predicate in &self.predicates {
            let claim = &predicate.claim;
            let wrong = || TermsError::WrongKind(claim.clone());
            let slot = slot(schema, claim).ok_or_else(wrong)?;
            if !schema.claims.get(claim).is_some_and(|spec| predicate.test.fits(&spec.kind)) {
                return Err(wrong());
            }
            let value = |operand: &Operand| element(&operand.on(today));
            match &predicate.test {
                Test::OneOf(texts) if texts.len() == 1 => {
                    ranges.extend(texts.iter().filter_map(|only| Range::equal(slot, text(only))));
                }
                Test::OneOf(_) if set.is_some() => return Err(TermsError::SecondSet(claim.clone())),
                Test::OneOf(texts) => {
                    let members: Vec<Element> = texts.iter().map(|member| text(member)).collect();
                    let chosen = Membership::new(slot, &members);
                    set = Some(chosen.ok_or_else(|| TermsError::SetSize(claim.clone()))?);
                }
                Test::Equals(operand) => {
                    ranges.push(Range::equal(slot, value(operand)).ok_or_else(wrong)?);
                }
                Test::AtLeast(operand) => {
                    let low = value(operand).to_u64().ok_or_else(wrong)?;
                    ranges.push(Range::range(slot, low, u64::MAX).ok_or_else(wrong)?);
                }
                Test::AtMost(operand) => {
                    let high = value(operand).to_u64().ok_or_else(wrong)?;
                    ranges.push(Range::range(slot, 0, high).ok_or_else(wrong)?);
                }
            }
        }
        let schema = schema_element(&self.schema);
        let terms = Terms::new(issuers, schema, civil_day(today), &ranges, set, scope);
        terms.ok_or(TermsError::TooMany)
    }
}
