use ark_bls12_381::Fr;
use ark_ec::AffineRepr as _;
use ark_ff::{FftField as _, Field as _};

use super::{
    Cubic, NAMES, Shape, Stage, by, forge, name, nobody, phase1, quiet, rng, shifted, times_g1, verify1,
};
use crate::factors::Factors;
use crate::{CeremonyError, Circuit, Culprit, Phase, Phase1, Phase2, Secret};

fn last() -> Culprit {
    by(Phase::Two, 3, "Ghana")
}

fn false_proof(by: Culprit) -> CeremonyError {
    CeremonyError::FalseProof { by, secret: Secret::Delta }
}

#[test]
fn honest_contributions_verify() {
    for count in 0..=NAMES.len() {
        let stage = Stage::new(&NAMES[..count]);
        assert_eq!(stage.verify(&stage.phase2).unwrap().file(), &stage.phase2);
        assert_eq!(stage.phase2.contributors().len(), count);
    }
}

#[test]
fn a_larger_phase_1_serves() {
    let shape = Shape::of(Cubic::new(5));
    let circuit = shape.circuit();
    let larger = verify1(&phase1(circuit.k() + 2, &NAMES)).unwrap();
    let file = Phase2::new(&larger, &circuit, &mut quiet()).unwrap();
    file.verify(&larger, &circuit, &mut rng(), &mut quiet()).unwrap();
}

#[test]
fn a_smaller_phase_1_does_not() {
    let shape = Shape::of(Cubic::new(5));
    let circuit = shape.circuit();
    let smaller = verify1(&phase1(circuit.k() - 1, &NAMES)).unwrap();
    let expected = CeremonyError::TooFewPowers { needed: circuit.k(), got: circuit.k() - 1 };
    assert_eq!(Phase2::new(&smaller, &circuit, &mut quiet()).unwrap_err(), expected);
    let verified = Stage::new(&[]).phase2.verify(&smaller, &circuit, &mut rng(), &mut quiet());
    assert_eq!(verified.unwrap_err(), expected);
}

#[test]
fn tau_in_the_domain() {
    let shape = Shape::of(Cubic::new(5));
    let circuit = shape.circuit();
    let fresh = verify1(&Phase1::new(circuit.k()).unwrap()).unwrap();
    let expected = CeremonyError::TauInDomain(nobody(Phase::One));
    assert_eq!(Phase2::new(&fresh, &circuit, &mut quiet()).unwrap_err(), expected);

    let root = Fr::get_root_of_unity(1 << circuit.k()).unwrap();
    let factors = Factors::chosen(&[root, Fr::from(2), Fr::from(3)]);
    let rooted = fresh.contribute_factors(name("Mallory"), &factors, &mut rng(), &mut quiet()).unwrap();
    let rooted = verify1(&rooted).unwrap();
    let expected = CeremonyError::TauInDomain(by(Phase::One, 1, "Mallory"));
    assert_eq!(Phase2::new(&rooted, &circuit, &mut quiet()).unwrap_err(), expected);
    let verified = Stage::new(&[]).phase2.verify(&rooted, &circuit, &mut rng(), &mut quiet());
    assert_eq!(verified.unwrap_err(), expected);
}

#[test]
fn not_a_circuit() {
    let Shape { matrices, inputs, constraints, witnesses } = Shape::of(Cubic::new(5));
    let refused = |inputs, constraints, witnesses| {
        let circuit = Circuit::new(&matrices, inputs, constraints, witnesses);
        matches!(circuit, Err(CeremonyError::NotACircuit(_)))
    };
    assert!(Circuit::new(&matrices, inputs, constraints, witnesses).is_ok());
    assert!(matches!(
        Circuit::new(&matrices[..2], inputs, constraints, witnesses),
        Err(CeremonyError::NotACircuit(_))
    ));
    assert!(refused(0, constraints, witnesses));
    assert!(refused(inputs, constraints - 1, witnesses));
    assert!(refused(inputs, constraints + 1, witnesses));
    assert!(refused(inputs, constraints, witnesses - 1));
    assert!(refused(inputs, constraints, usize::MAX));
    let large = [vec![vec![]; 1 << 16], vec![vec![]; 1 << 16], vec![vec![]; 1 << 16]];
    assert_eq!(Circuit::new(&large, 1, 1 << 16, 0).unwrap_err(), CeremonyError::DomainSize(17));
}

#[test]
fn wrong_proof_of_knowledge() {
    let stage = Stage::new(&NAMES);
    for (place, text) in NAMES.iter().enumerate() {
        let expected = false_proof(by(Phase::Two, place + 1, text));
        let answer = stage.refused(|file| file.chain.contributions[place].proof[0].answer += Fr::from(1));
        assert_eq!(answer, expected);
        let commitment = stage.refused(|file| {
            let opening = &mut file.chain.contributions[place].proof[0];
            opening.commitment = shifted(opening.commitment);
        });
        assert_eq!(commitment, expected);
    }
}

#[test]
fn proof_for_a_factor_nobody_knows() {
    let stage = Stage::new(&NAMES);
    let error = stage.refused(|file| {
        let after = file.chain.last().iter().map(|before| before.times(Fr::from(2))).collect();
        forge(&mut file.chain, "Mallory", after, &[Fr::from(3)]);
        file.queries = file.queries.times(Fr::from(2).inverse().unwrap(), &mut quiet());
    });
    assert_eq!(error, false_proof(by(Phase::Two, 4, "Mallory")));
}

#[test]
fn proof_under_another_name() {
    let stage = Stage::new(&NAMES);
    let error = stage.refused(|file| file.chain.contributions[1].name = name("Mallory"));
    assert_eq!(error, false_proof(by(Phase::Two, 2, "Mallory")));
}

#[test]
fn reused_proof() {
    let stage = Stage::new(&NAMES);
    let error = stage.refused(|file| {
        file.chain.contributions[2].proof = file.chain.contributions[1].proof.clone();
    });
    assert_eq!(error, false_proof(last()));
    let error = stage.refused(|file| {
        let mut again = file.chain.contributions[2].clone();
        again.name = name("Mallory");
        file.chain.contributions.push(again);
    });
    assert_eq!(error, false_proof(by(Phase::Two, 4, "Mallory")));
}

#[test]
fn repeated_name() {
    let stage = Stage::new(&NAMES);
    let verified = stage.verify(&stage.phase2).unwrap();
    let again = verified.contribute(name("Chile"), &mut rng(), &mut quiet());
    assert_eq!(again.unwrap_err(), CeremonyError::NameRepeated(by(Phase::Two, 4, "Chile")));
}

#[test]
fn zero_factor() {
    let stage = Stage::new(&NAMES);
    let error = stage.refused(|file| {
        let after = file.chain.last().iter().map(|before| before.times(Fr::from(0))).collect();
        forge(&mut file.chain, "Mallory", after, &[Fr::from(0)]);
    });
    let by = by(Phase::Two, 4, "Mallory");
    assert_eq!(error, CeremonyError::ZeroFactor { by, secret: Secret::Delta });
}

#[test]
fn delta_that_differs_between_groups() {
    let stage = Stage::new(&NAMES);
    let error = stage.refused(|file| {
        let mut after: Vec<_> = file.chain.last().iter().map(|before| before.times(Fr::from(2))).collect();
        after[0].g2 = after[0].g2.map(shifted);
        forge(&mut file.chain, "Mallory", after, &[Fr::from(2)]);
        file.queries = file.queries.times(Fr::from(2).inverse().unwrap(), &mut quiet());
    });
    let by = by(Phase::Two, 4, "Mallory");
    assert_eq!(error, CeremonyError::GroupsDiffer { by, secret: Secret::Delta });
}

#[test]
fn one_query_altered() {
    let stage = Stage::new(&NAMES);
    let (inputs, witnesses) = (stage.shape.inputs, stage.shape.witnesses);
    for index in 0..inputs + witnesses {
        let error = stage.refused(|file| file.queries.a[index] = shifted(file.queries.a[index]));
        assert_eq!(error, CeremonyError::AQuery(last()));
        let error = stage.refused(|file| file.queries.b_g1[index] = shifted(file.queries.b_g1[index]));
        assert_eq!(error, CeremonyError::BG1Query(last()));
        let error = stage.refused(|file| file.queries.b_g2[index] = shifted(file.queries.b_g2[index]));
        assert_eq!(error, CeremonyError::BG2Query(last()));
    }
    for index in 0..inputs {
        let error = stage.refused(|file| file.queries.inputs[index] = shifted(file.queries.inputs[index]));
        assert_eq!(error, CeremonyError::InputQuery(last()));
    }
    for index in 0..stage.phase2.queries.h.len() {
        let error = stage.refused(|file| file.queries.h[index] = shifted(file.queries.h[index]));
        assert_eq!(error, CeremonyError::HQuery(last()));
    }
    for index in 0..witnesses {
        let error = stage.refused(|file| file.queries.l[index] = shifted(file.queries.l[index]));
        assert_eq!(error, CeremonyError::LQuery(last()));
    }
}

#[test]
fn the_start_altered() {
    let stage = Stage::new(&[]);
    let error = stage.refused(|file| file.queries.a[0] = times_g1(9));
    assert_eq!(error, CeremonyError::AQuery(nobody(Phase::Two)));
}

#[test]
fn queries_not_divided() {
    let stage = Stage::new(&NAMES);
    let mallory = || by(Phase::Two, 4, "Mallory");
    // Delta multiplied and shown, but h, or l, or both left as they were.
    for (h, l, expected) in [
        (false, false, CeremonyError::HQuery(mallory())),
        (false, true, CeremonyError::HQuery(mallory())),
        (true, false, CeremonyError::LQuery(mallory())),
    ] {
        let error = stage.refused(|file| {
            file.chain = file.chain.extend(name("Mallory"), &[Fr::from(2)], &mut rng()).unwrap();
            let divided = file.queries.times(Fr::from(2).inverse().unwrap(), &mut quiet());
            if h {
                file.queries.h = divided.h;
            }
            if l {
                file.queries.l = divided.l;
            }
        });
        assert_eq!(error, expected);
    }
    // Divided, but delta as it was.
    let error = stage.refused(|file| file.queries = file.queries.times(Fr::from(2), &mut quiet()));
    assert_eq!(error, CeremonyError::HQuery(last()));
}

#[test]
fn dropped_contributions() {
    let stage = Stage::new(&NAMES);
    for dropped in 0..2 {
        let error = stage.refused(|file| {
            file.chain.contributions.remove(dropped);
        });
        assert_eq!(error, false_proof(by(Phase::Two, dropped + 1, NAMES[dropped + 1])));
    }
    let error = stage.refused(|file| {
        file.chain.contributions.pop();
    });
    assert_eq!(error, CeremonyError::HQuery(by(Phase::Two, 2, "Estonia")));
    let error = stage.refused(|file| file.chain.contributions.clear());
    assert_eq!(error, CeremonyError::HQuery(nobody(Phase::Two)));
}

#[test]
fn reordered_contributions() {
    let stage = Stage::new(&NAMES);
    for first in 0..2 {
        let error = stage.refused(|file| file.chain.contributions.swap(first, first + 1));
        assert_eq!(error, false_proof(by(Phase::Two, first + 1, NAMES[first + 1])));
    }
}

#[test]
fn another_circuit() {
    let stage = Stage::new(&NAMES);
    let other = Shape::of(Cubic::new(6));
    let verify =
        |file: &Phase2| file.clone().verify(&stage.phase1, &other.circuit(), &mut rng(), &mut quiet());
    assert_eq!(verify(&stage.phase2).unwrap_err(), CeremonyError::OtherCircuit);

    // The file says what is asked for; the chain was made for something else.
    let expected = Phase2::new(&stage.phase1, &other.circuit(), &mut quiet()).unwrap();
    let mut file = stage.phase2.clone();
    file.origin = expected.origin;
    file.chain.start = expected.chain.start;
    assert_eq!(verify(&file).unwrap_err(), false_proof(by(Phase::Two, 1, "Chile")));

    // Chain and file are of the right circuit, the queries of another one.
    let mut file = expected.clone();
    file.queries = Stage::new(&[]).phase2.queries;
    assert_eq!(verify(&file).unwrap_err(), CeremonyError::AQuery(nobody(Phase::Two)));

    // Hash of the right circuit, sizes of another one.
    let error = stage.refused(|file| file.queries.sizes.witnesses += 1);
    assert_eq!(error, CeremonyError::OtherCircuit);
}

#[test]
fn another_phase_1() {
    let stage = Stage::new(&NAMES);
    let shape = &stage.shape;
    let other = verify1(&phase1(shape.circuit().k(), &NAMES[..2])).unwrap();
    let verify = |file: &Phase2| file.clone().verify(&other, &shape.circuit(), &mut rng(), &mut quiet());
    assert_eq!(verify(&stage.phase2).unwrap_err(), CeremonyError::OtherPhase1);

    let mut file = Phase2::new(&other, &shape.circuit(), &mut quiet()).unwrap();
    file.queries = Stage::new(&[]).phase2.queries;
    assert_eq!(verify(&file).unwrap_err(), CeremonyError::AQuery(nobody(Phase::Two)));
}

#[test]
fn circuits_have_distinct_hashes() {
    let one = Shape::of(Cubic::new(5));
    let mut moved = Shape::of(Cubic::new(5));
    let term = moved.matrices[0][0].pop().unwrap();
    moved.matrices[0][1].insert(0, term);
    let mut swapped = Shape::of(Cubic::new(5));
    swapped.matrices.swap(0, 2);
    let hashes = [&one, &Shape::of(Cubic::new(6)), &moved, &swapped].map(|shape| shape.circuit().hash());
    let distinct: std::collections::BTreeSet<_> = hashes.iter().collect();
    assert_eq!(distinct.len(), hashes.len());
    assert_eq!(one.circuit().hash(), Shape::of(Cubic::new(5)).circuit().hash());
    // Another count of inputs and witnesses, of the same matrices.
    let shifted = Circuit::new(&one.matrices, one.inputs - 1, one.constraints, one.witnesses + 1).unwrap();
    assert_ne!(shifted.hash(), one.circuit().hash());
}

#[test]
fn a_variable_in_no_row_is_the_identity() {
    let stage = Stage::new(&[]);
    let queries = &stage.phase2.queries;
    let unused = queries.a.iter().zip(&queries.b_g1).filter(|(a, b)| a.is_zero() && b.is_zero()).count();
    assert!(unused > 0 && queries.l.iter().any(|point| point.is_zero()));
}
