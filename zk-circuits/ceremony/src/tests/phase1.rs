use ark_bls12_381::{Fr, G1Affine, G2Affine};
use ark_ec::AffineRepr as _;
use ark_ff::UniformRand as _;

use super::{NAMES, by, forge, name, nobody, phase1, quiet, random_factors, rng, shifted, times_g1, verify1};
use crate::chain::{Chain, MAX_CONTRIBUTIONS, Public};
use crate::factors::Factors;
use crate::powers::Powers;
use crate::{CeremonyError, Phase, Phase1, Secret};

const K: u32 = 2;
const SECRETS: [Secret; 3] = [Secret::Tau, Secret::Alpha, Secret::Beta];

fn honest() -> Phase1 {
    phase1(K, &NAMES)
}

fn refused(cheat: impl FnOnce(&mut Phase1)) -> CeremonyError {
    let mut file = honest();
    cheat(&mut file);
    verify1(&file).unwrap_err()
}

fn last() -> crate::Culprit {
    by(Phase::One, 3, "Ghana")
}

#[test]
fn honest_contributions_verify() {
    for count in 0..=NAMES.len() {
        let file = phase1(K, &NAMES[..count]);
        assert_eq!(verify1(&file).unwrap().file(), &file);
        assert!(file.contributors().map(|name| name.as_str()).eq(NAMES[..count].iter().copied()));
    }
    for k in [1, 5] {
        verify1(&phase1(k, &NAMES[..1])).unwrap();
    }
}

#[test]
fn powers_are_those_of_the_product_of_factors() {
    let rng = &mut rng();
    let mut file = Phase1::new(K).unwrap();
    let mut product = [Fr::from(1); 3];
    for text in NAMES {
        let factors = [Fr::rand(rng), Fr::rand(rng), Fr::rand(rng)];
        for (product, factor) in product.iter_mut().zip(&factors) {
            *product *= factor;
        }
        let verified = verify1(&file).unwrap();
        file =
            verified.contribute_factors(name(text), &Factors::chosen(&factors), rng, &mut quiet()).unwrap();
    }
    let [tau, alpha, beta] = product;
    assert_eq!(file.powers, Powers::new(K).times(tau, alpha, beta, &mut quiet()));
    assert_eq!(file.powers.alpha_g1[2], G1Affine::generator() * (alpha * tau * tau));
    assert_eq!(file.powers.tau_g1[6], file.powers.tau_g1[3] * (tau * tau * tau));
    assert_eq!(file.powers.tau_g2[3], G2Affine::generator() * (tau * tau * tau));
    assert_eq!(file.powers.beta_g2, G2Affine::generator() * beta);
}

#[test]
fn domains_are_bounded() {
    for k in [0, 17, u32::MAX] {
        assert_eq!(Phase1::new(k).unwrap_err(), CeremonyError::DomainSize(k));
    }
}

#[test]
fn wrong_proof_of_knowledge() {
    for (place, text) in NAMES.into_iter().enumerate() {
        for (index, secret) in SECRETS.into_iter().enumerate() {
            let guilty = by(Phase::One, place + 1, text);
            let expected = CeremonyError::FalseProof { by: guilty, secret };
            let answer = refused(|file| file.chain.contributions[place].proof[index].answer += Fr::from(1));
            assert_eq!(answer, expected);
            // The challenge names all commitments, so an altered one breaks the first equation already.
            let commitment = refused(|file| {
                let opening = &mut file.chain.contributions[place].proof[index];
                opening.commitment = shifted(opening.commitment);
            });
            assert!(matches!(commitment, CeremonyError::FalseProof { by, .. } if by.place == place + 1));
        }
    }
}

#[test]
fn proof_for_a_factor_nobody_knows() {
    // Values that are a consistent chain and accumulator, made from points instead of factors.
    for (index, secret) in SECRETS.into_iter().enumerate() {
        let factors = [Fr::from(2), Fr::from(3), Fr::from(5)];
        let mut claimed = factors;
        claimed[index] += Fr::from(1);
        let error = refused(|file| {
            let after =
                file.chain.last().iter().zip(factors).map(|(before, factor)| before.times(factor)).collect();
            forge(&mut file.chain, "Mallory", after, &claimed);
            let [tau, alpha, beta] = factors;
            file.powers = file.powers.times(tau, alpha, beta, &mut quiet());
        });
        assert_eq!(error, CeremonyError::FalseProof { by: by(Phase::One, 4, "Mallory"), secret });
    }
}

#[test]
fn proof_under_another_name() {
    let error = refused(|file| file.chain.contributions[2].name = name("Mallory"));
    let expected = CeremonyError::FalseProof { by: by(Phase::One, 3, "Mallory"), secret: Secret::Tau };
    assert_eq!(error, expected);
}

#[test]
fn reused_proof() {
    let expected = |text: &str, place| CeremonyError::FalseProof {
        by: by(Phase::One, place, text),
        secret: Secret::Tau,
    };
    let error = refused(|file| file.chain.contributions[2].proof = file.chain.contributions[1].proof.clone());
    assert_eq!(error, expected("Ghana", 3));
    // A whole contribution again, with its values multiplied once more in vain.
    let error = refused(|file| {
        let mut again = file.chain.contributions[2].clone();
        again.name = name("Mallory");
        file.chain.contributions.push(again);
    });
    assert_eq!(error, expected("Mallory", 4));
    // The same contribution, by the same person and with the same factor, in another ceremony.
    let (mut one, other) = (phase1(K, &NAMES[..1]), phase1(K + 1, &NAMES[..1]));
    one.chain.contributions = other.chain.contributions;
    assert_eq!(verify1(&one).unwrap_err(), expected("Chile", 1));
}

#[test]
fn repeated_name() {
    let rng = &mut rng();
    let verified = verify1(&honest()).unwrap();
    let expected = CeremonyError::NameRepeated(by(Phase::One, 4, "Estonia"));
    assert_eq!(verified.contribute(name("Estonia"), rng, &mut quiet()).unwrap_err(), expected);
    let error = refused(|file| {
        let after = file.chain.last();
        forge(&mut file.chain, "Estonia", after, &[Fr::from(1); 3]);
    });
    assert_eq!(error, expected);
}

#[test]
fn full_chain() {
    let rng = &mut rng();
    let mut chain = honest().chain;
    for count in chain.contributions.len()..MAX_CONTRIBUTIONS {
        chain = chain.extend(name(&format!("contributor {count}")), &[Fr::from(1); 3], rng).unwrap();
    }
    let full = chain.extend(name("one too many"), &[Fr::from(1); 3], rng);
    assert_eq!(full.unwrap_err(), CeremonyError::ChainFull);
}

#[test]
fn one_power_altered() {
    let n = 1 << K;
    let last_values = |secret| CeremonyError::LastValues { by: last(), secret };
    for index in 0..2 * n - 1 {
        let error = refused(|file| file.powers.tau_g1[index] = shifted(file.powers.tau_g1[index]));
        let expected = if index == 1 { last_values(Secret::Tau) } else { CeremonyError::TauG1Powers(last()) };
        assert_eq!(error, expected);
    }
    for index in 0..n {
        let error = refused(|file| file.powers.tau_g2[index] = shifted(file.powers.tau_g2[index]));
        let expected = if index == 1 { last_values(Secret::Tau) } else { CeremonyError::TauG2Powers(last()) };
        assert_eq!(error, expected);
        let error = refused(|file| file.powers.alpha_g1[index] = shifted(file.powers.alpha_g1[index]));
        let expected =
            if index == 0 { last_values(Secret::Alpha) } else { CeremonyError::AlphaPowers(last()) };
        assert_eq!(error, expected);
        let error = refused(|file| file.powers.beta_g1[index] = shifted(file.powers.beta_g1[index]));
        let expected = if index == 0 { last_values(Secret::Beta) } else { CeremonyError::BetaPowers(last()) };
        assert_eq!(error, expected);
    }
    let error = refused(|file| file.powers.beta_g2 = shifted(file.powers.beta_g2));
    assert_eq!(error, last_values(Secret::Beta));
    let error = refused(|file| file.powers.tau_g1[3] = G1Affine::zero());
    assert_eq!(error, CeremonyError::TauG1Powers(last()));
}

#[test]
fn powers_of_another_base() {
    // A geometric series by the same tau, from another start.
    let error = refused(|file| {
        for point in &mut file.powers.tau_g1 {
            *point = (*point * Fr::from(2)).into();
        }
        let doubled = file.powers.tau_g1[1];
        file.chain.contributions[2].after[0].g1 = doubled;
    });
    assert!(matches!(error, CeremonyError::FalseProof { .. }));
    // And with the chain's own tau left in its place.
    let error = refused(|file| file.powers.tau_g1[0] = times_g1(2));
    assert_eq!(error, CeremonyError::TauG1Powers(last()));
}

#[test]
fn powers_of_another_tau() {
    let rise =
        |file: &Phase1, tau: u64| file.powers.times(Fr::from(tau), Fr::from(1), Fr::from(1), &mut quiet());
    let error = refused(|file| file.powers.alpha_g1 = rise(file, 2).alpha_g1);
    assert_eq!(error, CeremonyError::AlphaPowers(last()));
    let error = refused(|file| file.powers.beta_g1 = rise(file, 2).beta_g1);
    assert_eq!(error, CeremonyError::BetaPowers(last()));
    let error = refused(|file| file.powers.tau_g2 = rise(file, 2).tau_g2);
    assert_eq!(error, CeremonyError::LastValues { by: last(), secret: Secret::Tau });
    let error = refused(|file| file.powers = rise(file, 2));
    assert_eq!(error, CeremonyError::LastValues { by: last(), secret: Secret::Tau });
}

#[test]
fn secrets_that_differ_between_groups() {
    for (index, secret) in [(0, Secret::Tau), (2, Secret::Beta)] {
        let error = refused(|file| {
            let factors = [Fr::from(2), Fr::from(3), Fr::from(5)];
            let mut after: Vec<Public> =
                file.chain.last().iter().zip(factors).map(|(before, factor)| before.times(factor)).collect();
            after[index].g2 = after[index].g2.map(shifted);
            let [tau, alpha, beta] = factors;
            file.powers = file.powers.times(tau, alpha, beta, &mut quiet());
            file.powers.tau_g2[1] = after[0].in_g2();
            file.powers.beta_g2 = after[2].in_g2();
            forge(&mut file.chain, "Mallory", after, &factors);
        });
        assert_eq!(error, CeremonyError::GroupsDiffer { by: by(Phase::One, 4, "Mallory"), secret });
    }
    // Alpha has one group, and two places.
    let error = refused(|file| {
        file.powers = file.powers.times(Fr::from(1), Fr::from(2), Fr::from(1), &mut quiet());
    });
    assert_eq!(error, CeremonyError::LastValues { by: last(), secret: Secret::Alpha });
}

#[test]
fn zero_factor() {
    for (index, secret) in SECRETS.into_iter().enumerate() {
        let mut factors = random_factors(Phase::One).as_slice().to_vec();
        factors[index] = Fr::from(0);
        let verified = verify1(&honest()).unwrap();
        let factors = Factors::chosen(&factors);
        let file = verified.contribute_factors(name("Mallory"), &factors, &mut rng(), &mut quiet()).unwrap();
        let expected = CeremonyError::ZeroFactor { by: by(Phase::One, 4, "Mallory"), secret };
        assert_eq!(verify1(&file).unwrap_err(), expected);
    }
}

#[test]
fn dropped_contributions() {
    for dropped in 0..2 {
        let error = refused(|file| {
            file.chain.contributions.remove(dropped);
        });
        let next = by(Phase::One, dropped + 1, NAMES[dropped + 1]);
        assert_eq!(error, CeremonyError::FalseProof { by: next, secret: Secret::Tau });
    }
    let error = refused(|file| {
        file.chain.contributions.pop();
    });
    let expected = CeremonyError::LastValues { by: by(Phase::One, 2, "Estonia"), secret: Secret::Tau };
    assert_eq!(error, expected);
    let error = refused(|file| file.chain.contributions.clear());
    assert_eq!(error, CeremonyError::LastValues { by: nobody(Phase::One), secret: Secret::Tau });
}

#[test]
fn reordered_contributions() {
    for first in 0..2 {
        let error = refused(|file| file.chain.contributions.swap(first, first + 1));
        let out_of_place = by(Phase::One, first + 1, NAMES[first + 1]);
        assert_eq!(error, CeremonyError::FalseProof { by: out_of_place, secret: Secret::Tau });
    }
}

#[test]
fn chain_of_another_size() {
    // Larger powers cut to size have the right values; the chain says what they were made for.
    let larger = phase1(K + 1, &NAMES);
    let mut file = Phase1::new(K).unwrap();
    let n = 1 << K;
    file.powers.tau_g1.copy_from_slice(&larger.powers.tau_g1[..2 * n - 1]);
    file.powers.tau_g2.copy_from_slice(&larger.powers.tau_g2[..n]);
    file.powers.alpha_g1.copy_from_slice(&larger.powers.alpha_g1[..n]);
    file.powers.beta_g1.copy_from_slice(&larger.powers.beta_g1[..n]);
    file.powers.beta_g2 = larger.powers.beta_g2;
    file.chain.contributions = larger.chain.contributions;
    let expected = CeremonyError::FalseProof { by: by(Phase::One, 1, "Chile"), secret: Secret::Tau };
    assert_eq!(verify1(&file).unwrap_err(), expected);
}

#[test]
fn a_chain_is_hashed_link_by_link() {
    let mut hashes: Vec<[u8; 32]> = (0..=3).map(|count| phase1(K, &NAMES[..count]).hash()).collect();
    hashes.push(Chain::new(Phase::One, [0; 32]).hash());
    let distinct: std::collections::BTreeSet<_> = hashes.iter().collect();
    assert_eq!(distinct.len(), hashes.len());
}
