//! One true statement, made of nothing: for setting the circuit up, where only its shape counts, and for tests.

use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;

use crate::credential::{Credential, HolderSecret, SLOTS, Times};
use crate::element::Element;
use crate::issuers::{IssuerEntry, IssuerSet, KeyDays};
use crate::signature::IssuerKey;
use crate::statement::{Membership, Predicate, Statement, Terms, Witness};
use crate::status::{Handle, StatusTree};

/// Slot of the text in the example.
pub(crate) const RESULT: u8 = 0;
/// Slot of the number in the example.
pub(crate) const SAMPLED: u8 = 1;

/// A statement and what makes it true.
pub(crate) fn example() -> (Statement, Witness) {
    let mut rng = ChaCha20Rng::from_seed([7; 32]);
    let key = IssuerKey::generate(&mut rng);
    let secret = HolderSecret::generate(&mut rng);
    let handle = Handle::new(1_234_567).expect("below HANDLES");
    let text = |text: &str| Element::digest("sample", text.as_bytes());
    let mut attributes = [Element::default(); SLOTS];
    let values = [(RESULT, text("negative")), (SAMPLED, Element::from(18_775))];
    for (slot, value) in values {
        if let Some(place) = attributes.get_mut(usize::from(slot)) {
            *place = value;
        }
    }
    let schema = text("schema");
    let times = Times { issued: 18_776, expires: 18_790 };
    let place = (handle, times);
    let credential = Credential::issue(&key, schema, &attributes, secret.holder_key(), place, &mut rng);
    let mut list = StatusTree::new();
    list.revoke([Handle::new(1_234_566), Handle::new(5), Handle::new(3_999_999)].into_iter().flatten());
    let days = KeyDays { first: 18_000, last: 18_800, recognised: 19_000 };
    let entry = IssuerEntry { key: key.public_key(), status: list.root(), days };
    let other = IssuerKey::generate(&mut rng).public_key();
    let set = IssuerSet::new(vec![IssuerEntry { key: other, ..entry }, entry]).expect("two fit");
    let predicates = [Predicate::equal(RESULT, text("negative")), Predicate::range(SAMPLED, 18_770, 18_777)];
    let predicates: Vec<Predicate> = predicates.into_iter().flatten().collect();
    let members = Membership::new(RESULT, &[text("negative"), text("recovered")]);
    let scope = text("gate 3, day 18777");
    let terms = Terms::new(set.root(), schema, 18_777, &predicates, members, scope).expect("two predicates");
    let issuer = set.witness(&key.public_key()).expect("in the set");
    let witness = Witness { credential, secret, issuer, status: list.witness(handle) };
    (Statement::of(terms, &witness, text("context")), witness)
}
