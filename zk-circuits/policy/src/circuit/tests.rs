//! Each rule is broken alone: the native check names it, and no assignment that follows from the witness satisfies
//! the constraints.

use ark_ff::{AdditiveGroup as _, Field as _};
use ark_relations::gr1cs::{ConstraintSystem, R1CS_PREDICATE_LABEL, SynthesisMode};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::*;
use crate::credential::{Credential, HolderSecret};
use crate::element::Element;
use crate::issuers::{IssuerEntry, IssuerSet, KeyDays};
use crate::key::{PolicyCircuit, Size};
use crate::sample::{self, RESULT};
use crate::signature::IssuerKey;
use crate::statement::{FalseStatement, Membership, Predicate};
use crate::status::{Handle, StatusTree};

fn satisfied(statement: &Statement, witness: &Witness) -> bool {
    statement.is_satisfied(witness)
}

#[track_caller]
fn assert_false(statement: &Statement, witness: &Witness, rule: FalseStatement) {
    assert_eq!(statement.check(witness), Err(rule));
    assert!(!satisfied(statement, witness), "{rule:?} is no constraint");
}

/// A world of its own, to sign other credentials in.
struct World {
    rng: StdRng,
    key: IssuerKey,
    statement: Statement,
    witness: Witness,
}

impl World {
    fn new() -> Self {
        let mut rng = StdRng::from_seed([9; 32]);
        let key = IssuerKey::generate(&mut rng);
        let (statement, witness) = sample::example();
        let mut world = Self { rng, key, statement, witness };
        world.reissue(|_| {});
        world
    }

    /// Signs the credential again after a change, and puts it and its issuer into the statement.
    fn reissue(&mut self, change: impl FnOnce(&mut Credential)) {
        let mut credential = self.witness.credential.clone();
        change(&mut credential);
        let attributes = credential.attributes.map(Element);
        self.witness.credential = Credential::issue(
            &self.key,
            credential.schema,
            &attributes,
            Element(credential.holder),
            (credential.handle, credential.times),
            &mut self.rng,
        );
        let entry = IssuerEntry { key: self.key.public_key(), ..self.witness.issuer.entry };
        self.recognise(entry);
    }

    fn recognise(&mut self, entry: IssuerEntry) {
        let set = IssuerSet::new(vec![entry]).unwrap();
        self.witness.issuer = set.witness(&entry.key).unwrap();
        self.statement.terms.issuers = set.root().0;
    }
}

/// True statements unlike the sample: no set, eight predicates, another place, another handle, another number of issuers.
pub(crate) fn others() -> Vec<(Statement, Witness)> {
    let mut bare = World::new();
    bare.statement.terms.set = None;
    bare.statement.terms.predicates = [None; PREDICATES];
    let mut full = World::new();
    full.reissue(|credential| credential.handle = Handle::new(crate::HANDLES - 1).unwrap());
    full.witness.status = StatusTree::new().witness(full.witness.credential.handle);
    let entry = IssuerEntry { status: StatusTree::new().root(), ..full.witness.issuer.entry };
    let mut entries: Vec<IssuerEntry> = (0..200)
        .map(|_| IssuerEntry { key: IssuerKey::generate(&mut full.rng).public_key(), ..entry })
        .collect();
    entries.insert(131, entry);
    let set = IssuerSet::new(entries).unwrap();
    full.witness.issuer = set.witness(&entry.key).unwrap();
    full.statement.terms.issuers = set.root().0;
    for (place, slot) in full.statement.terms.predicates.iter_mut().zip(0..) {
        let value = full.witness.credential.attributes[usize::from(slot)];
        *place = Predicate::equal(slot, Element(value));
    }
    [bare, full].map(|world| (world.statement, world.witness)).into()
}

#[test]
fn true_statements_of_all_kinds_satisfy_the_constraints() {
    for (statement, witness) in others() {
        assert_eq!(statement.check(&witness), Ok(()));
        assert!(satisfied(&statement, &witness));
    }
}

#[test]
fn a_key_is_in_a_set_once() {
    let entry = World::new().witness.issuer.entry;
    let again = IssuerEntry { status: StatusTree::new().root(), ..entry };
    assert!(IssuerSet::new(vec![entry, again]).is_none(), "or its holder would choose the status root");
}

#[test]
fn rule_5_a_status_root_that_was_overtaken_is_refused() {
    let mut world = World::new();
    let before = world.witness.status.clone();
    let mut list = StatusTree::new();
    list.revoke([Handle::new(9).unwrap()]);
    let entry = IssuerEntry { status: list.root(), ..world.witness.issuer.entry };
    world.recognise(entry);
    world.witness.status = before;
    assert_false(&world.statement, &world.witness, FalseStatement::StatusPlace);
}

#[test]
fn a_true_statement_satisfies_the_constraints() {
    let world = World::new();
    assert_eq!(world.statement.check(&world.witness), Ok(()));
    assert!(satisfied(&world.statement, &world.witness));
}

#[test]
fn the_size_is_pinned() {
    let golden = include_str!("size.txt");
    let Size { constraints, inputs, witnesses } = Size::of::<PolicyCircuit>();
    assert_eq!(format!("constraints {constraints}\ninputs {inputs}\nwitnesses {witnesses}\n"), golden);
}

#[test]
fn rule_1_another_secret_or_salt_is_refused() {
    let mut world = World::new();
    world.witness.secret = HolderSecret::generate(&mut world.rng);
    let (terms, context) = (world.statement.terms.clone(), world.statement.context);
    let statement = Statement::of(terms.clone(), &world.witness, context);
    assert_false(&statement, &world.witness, FalseStatement::Holder);
    world.witness.secret = sample::example().1.secret.for_next(&mut world.rng);
    assert_false(&Statement::of(terms, &world.witness, context), &world.witness, FalseStatement::Holder);
}

#[test]
fn rule_2_what_the_issuer_did_not_sign_is_refused() {
    let changes: [fn(&mut Credential); 5] = [
        |credential| credential.times.issued -= 1,
        |credential| credential.times.expires += 1,
        |credential| credential.attributes[2] = Fr::from(1u8),
        |credential| credential.handle = Handle::new(1_234_568).unwrap(),
        |credential| {
            let mut bytes = credential.signature.to_bytes();
            bytes[32] ^= 1;
            credential.signature = crate::CredentialSignature::from_bytes(&bytes).unwrap();
        },
    ];
    for change in changes {
        let mut world = World::new();
        change(&mut world.witness.credential);
        assert_false(&world.statement, &world.witness, FalseStatement::Signature);
    }
    // Signed by somebody else, while the recognised issuer is in the witness.
    let mut world = World::new();
    let entry = world.witness.issuer.entry;
    world.key = IssuerKey::generate(&mut world.rng);
    let forged = world.key.public_key();
    world.reissue(|_| {});
    world.recognise(entry);
    assert_ne!(forged, entry.key);
    assert_false(&world.statement, &world.witness, FalseStatement::Signature);
}

#[test]
fn rule_2_another_schema_is_refused() {
    let mut world = World::new();
    world.statement.terms.schema += Fr::ONE;
    assert_false(&world.statement, &world.witness, FalseStatement::Schema);
}

#[test]
fn rule_3_an_issuer_outside_the_set_is_refused() {
    let mut world = World::new();
    world.statement.terms.issuers = sample::example().0.terms.issuers;
    assert_false(&world.statement, &world.witness, FalseStatement::Issuer);
    // Neither its status root nor its last day is the prover's to choose.
    let mut world = World::new();
    world.witness.issuer.entry.days.last += 1;
    assert_false(&world.statement, &world.witness, FalseStatement::Issuer);
    let mut world = World::new();
    world.witness.issuer.entry.status = StatusTree::new().root();
    world.witness.status = StatusTree::new().witness(world.witness.credential.handle);
    assert_false(&world.statement, &world.witness, FalseStatement::Issuer);
}

#[test]
fn rule_3_a_credential_issued_before_or_after_its_keys_days_is_refused() {
    let mut world = World::new();
    let issued = world.witness.credential.times.issued;
    let entry = world.witness.issuer.entry;
    let days = |first, last| IssuerEntry { days: KeyDays { first, last, ..entry.days }, ..entry };
    world.recognise(days(issued, issued));
    assert_eq!(world.statement.check(&world.witness), Ok(()), "first and last day count");
    assert!(satisfied(&world.statement, &world.witness));
    for outside in [days(issued + 1, issued + 2), days(issued - 2, issued - 1)] {
        world.recognise(outside);
        assert_false(&world.statement, &world.witness, FalseStatement::Issued);
    }
}

#[test]
fn rule_3_an_issuer_whose_recognition_has_ended_is_refused() {
    let mut world = World::new();
    let entry = world.witness.issuer.entry;
    let day = world.statement.terms.day;
    let until = |recognised| IssuerEntry { days: KeyDays { recognised, ..entry.days }, ..entry };
    world.recognise(until(day));
    assert_eq!(world.statement.check(&world.witness), Ok(()), "the last day itself counts");
    assert!(satisfied(&world.statement, &world.witness));
    world.recognise(until(day - 1));
    assert_false(&world.statement, &world.witness, FalseStatement::Recognised);
}

#[test]
fn rule_4_an_expired_credential_is_refused() {
    let mut world = World::new();
    let expires = world.witness.credential.times.expires;
    world.statement.terms.day = expires;
    assert_eq!(world.statement.check(&world.witness), Ok(()), "the last day itself counts");
    assert!(satisfied(&world.statement, &world.witness));
    world.statement.terms.day = expires + 1;
    assert_false(&world.statement, &world.witness, FalseStatement::Expired);
}

#[test]
fn rule_5_a_revoked_handle_is_refused() {
    let mut world = World::new();
    let handle = world.witness.credential.handle;
    let mut list = StatusTree::new();
    list.revoke([handle]);
    let entry = IssuerEntry { status: list.root(), ..world.witness.issuer.entry };
    world.recognise(entry);
    world.witness.status = list.witness(handle);
    assert_false(&world.statement, &world.witness, FalseStatement::Revoked);
    // With the bit cleared in the witness only, the word is none of the list's.
    world.witness.status.word = 0;
    assert_false(&world.statement, &world.witness, FalseStatement::StatusPlace);
    // With the path of a neighbour, the place is another.
    world.witness.status = list.witness(Handle::new(handle.number() ^ 1 << 7).unwrap());
    assert_false(&world.statement, &world.witness, FalseStatement::StatusPlace);
    list.reinstate([handle]);
    world.recognise(IssuerEntry { status: list.root(), ..entry });
    world.witness.status = list.witness(handle);
    assert_eq!(world.statement.check(&world.witness), Ok(()));
    assert!(satisfied(&world.statement, &world.witness));
}

#[test]
fn rule_6_each_predicate_is_held_at_both_bounds_and_refused_just_outside() {
    const PLACE: usize = 4;
    let (low, high) = (1_000u64, 2_000u64);
    for place in 0..PREDICATES {
        for (value, holds) in [(low, true), (high, true), (low - 1, false), (high + 1, false)] {
            let mut world = World::new();
            world.reissue(|credential| credential.attributes[PLACE] = Fr::from(value));
            let predicates = &mut world.statement.terms.predicates;
            predicates[place] = Predicate::range(u8::try_from(PLACE).unwrap(), low, high);
            if holds {
                assert_eq!(world.statement.check(&world.witness), Ok(()));
                assert!(satisfied(&world.statement, &world.witness));
            } else {
                assert_false(&world.statement, &world.witness, FalseStatement::Predicate(place));
            }
        }
    }
}

#[test]
fn rule_6_an_attribute_is_no_number_modulo_the_field() {
    for value in
        [-Fr::ONE, Fr::from(u64::MAX) + Fr::ONE, Fr::from(u128::MAX), Fr::from(2u8).inverse().unwrap()]
    {
        let mut world = World::new();
        world.reissue(|credential| credential.attributes[4] = value);
        world.statement.terms.predicates[3] = Predicate::range(4, 0, u64::MAX);
        assert_false(&world.statement, &world.witness, FalseStatement::Predicate(3));
        // Equality takes any element.
        world.statement.terms.predicates[3] = Predicate::equal(4, Element(value));
        assert_eq!(world.statement.check(&world.witness), Ok(()));
        assert!(satisfied(&world.statement, &world.witness));
        world.statement.terms.predicates[3] = Predicate::equal(4, Element(value + Fr::ONE));
        assert_false(&world.statement, &world.witness, FalseStatement::Predicate(3));
    }
}

#[test]
fn rule_6_every_slot_can_be_asked_for() {
    for slot in 0..16u8 {
        let mut world = World::new();
        let value = world.witness.credential.attributes[usize::from(slot)];
        world.statement.terms.predicates[7] = Predicate::equal(slot, Element(value));
        assert!(satisfied(&world.statement, &world.witness), "{slot}");
        world.statement.terms.predicates[7] = Predicate::equal(slot, Element(value + Fr::ONE));
        assert_false(&world.statement, &world.witness, FalseStatement::Predicate(7));
    }
    assert_eq!(Predicate::range(16, 0, 1), None);
    assert_eq!(Predicate::range(0, 2, 1), None);
}

#[test]
fn rule_6_who_is_not_in_the_set_is_refused() {
    let mut world = World::new();
    let others: Vec<Element> = (0..64u64).map(Element::from).collect();
    world.statement.terms.set = Membership::new(RESULT, &others);
    assert_false(&world.statement, &world.witness, FalseStatement::Membership);
    world.statement.terms.set = None;
    assert!(satisfied(&world.statement, &world.witness), "without a set there is nothing to be in");
    for place in [0, 1, 62, 63] {
        let mut members = others.clone();
        members[place] = Element(world.witness.credential.attributes[usize::from(RESULT)]);
        world.statement.terms.set = Membership::new(RESULT, &members);
        assert!(satisfied(&world.statement, &world.witness), "{place}");
    }
    assert_eq!(Membership::new(RESULT, &[]), None);
    assert_eq!(Membership::new(RESULT, &[Element::default(); 65]), None);
}

#[test]
fn rule_7_another_nullifier_or_scope_is_refused() {
    let world = World::new();
    let mut statement = world.statement.clone();
    statement.nullifier = Element(statement.nullifier.0 + Fr::ONE);
    assert_false(&statement, &world.witness, FalseStatement::Nullifier);
    let mut statement = world.statement.clone();
    statement.terms.scope += Fr::ONE;
    assert_false(&statement, &world.witness, FalseStatement::Nullifier);
    let elsewhere = Statement::of(statement.terms, &world.witness, statement.context);
    assert_ne!(elsewhere.nullifier, world.statement.nullifier, "scopes do not link");
    assert!(satisfied(&elsewhere, &world.witness));
}

#[test]
fn a_holder_has_one_nullifier_for_a_scope_whatever_the_credential() {
    let mut world = World::new();
    let secret = world.witness.secret.for_next(&mut world.rng);
    world.reissue(|credential| credential.holder = secret.key());
    world.witness.secret = secret;
    let again = Statement::of(world.statement.terms.clone(), &world.witness, world.statement.context);
    assert!(satisfied(&again, &world.witness));
    assert_eq!(again.nullifier, world.statement.nullifier);
}

/// No private variable can be changed alone. The free ones would be listed here, each with its reason: none is.
#[test]
fn every_private_variable_is_constrained() {
    let world = World::new();
    let wires = ConstraintSystem::new_ref();
    wires.set_mode(SynthesisMode::Prove { construct_matrices: true, generate_lc_assignments: true });
    let circuit = Circuit { statement: &world.statement, witness: &world.witness };
    circuit.generate_constraints(wires.clone()).unwrap();
    wires.finalize();
    let matrices = wires.to_matrices().unwrap().remove(R1CS_PREDICATE_LABEL).unwrap();
    let inputs = wires.num_instance_variables();
    let mut values = [wires.instance_assignment().unwrap(), wires.witness_assignment().unwrap()].concat();
    let mut rows = vec![Vec::new(); values.len()];
    for matrix in &matrices {
        for (row, terms) in matrix.iter().enumerate() {
            terms.iter().for_each(|(_, variable)| rows[*variable].push(row));
        }
    }
    let holds = |values: &[Fr], row: usize| {
        let side = |matrix: usize| -> Fr {
            matrices[matrix][row].iter().map(|(factor, variable)| *factor * values[*variable]).sum()
        };
        side(0) * side(1) == side(2)
    };
    assert!((0..matrices[0].len()).all(|row| holds(&values, row)));
    let mut rng = StdRng::from_seed([3; 32]);
    let mut free = Vec::new();
    for variable in inputs..values.len() {
        let value = values[variable];
        for changed in [value + Fr::ONE, -value, Fr::ZERO, <Fr as ark_ff::UniformRand>::rand(&mut rng)] {
            values[variable] = changed;
            if changed != value && rows[variable].iter().all(|row| holds(&values, *row)) {
                free.push(variable - inputs);
            }
        }
        values[variable] = value;
    }
    // A salt's or attribute's hash changes with it, and so on: what is free alone is free.
    assert_eq!(free, Vec::<usize>::new());
}
