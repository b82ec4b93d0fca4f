use ark_ff::UniformRand as _;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::*;

fn message(rng: &mut StdRng) -> Message<Fr> {
    let mut random = || Fr::rand(rng);
    Message {
        holder: random(),
        handle: random(),
        issued: random(),
        expires: random(),
        schema: random(),
        attributes: std::array::from_fn(|_| random()),
    }
}

#[test]
fn what_is_signed_verifies_and_nothing_else() {
    let mut rng = StdRng::from_seed([1; 32]);
    let (key, other) = (IssuerKey::generate(&mut rng), IssuerKey::generate(&mut rng));
    let message = message(&mut rng);
    let signature = key.sign(&message, &mut rng);
    assert!(signature.verify(&key.public_key(), &message));
    assert!(!signature.verify(&other.public_key(), &message));
    let changes: [fn(&mut Message<Fr>); 7] = [
        |message| message.attributes[0] += Fr::ONE,
        |message| message.attributes[15] += Fr::ONE,
        |message| message.holder += Fr::ONE,
        |message| message.handle += Fr::ONE,
        |message| message.issued += Fr::ONE,
        |message| message.expires += Fr::ONE,
        |message| message.schema += Fr::ONE,
    ];
    for change in changes {
        let mut changed = message.clone();
        change(&mut changed);
        assert!(!signature.verify(&key.public_key(), &changed));
    }
    assert_ne!(key.sign(&message, &mut rng), signature, "nonces are fresh");
}

#[test]
fn every_encoding_reads_back_and_is_the_only_one() {
    let mut rng = StdRng::from_seed([2; 32]);
    let key = IssuerKey::generate(&mut rng);
    let signature = key.sign(&message(&mut rng), &mut rng);
    assert_eq!(CredentialSignature::from_bytes(&signature.to_bytes()), Ok(signature));
    assert_eq!(IssuerPublicKey::from_bytes(&key.public_key().to_bytes()), Ok(key.public_key()));
    assert_eq!(IssuerKey::from_bytes(&key.to_bytes()).unwrap().public_key(), key.public_key());
    let mut large = signature.to_bytes();
    large[32..].fill(0xff);
    assert_eq!(CredentialSignature::from_bytes(&large), Err(MalformedError::Scalar));
    assert_eq!(IssuerKey::from_bytes(&[0; 32]).unwrap_err(), MalformedError::Scalar);
    assert_eq!(IssuerKey::from_bytes(&[0xff; 32]).unwrap_err(), MalformedError::Scalar);
}

#[test]
fn bytes_are_signed_in_one_form_and_apart_from_credentials() {
    let mut rng = StdRng::from_seed([4; 32]);
    let (key, other) = (IssuerKey::generate(&mut rng), IssuerKey::generate(&mut rng));
    let signature = key.sign_bytes(b"message");
    assert!(key.public_key().verify_bytes(b"message", &signature));
    assert!(!key.public_key().verify_bytes(b"massage", &signature));
    assert!(!other.public_key().verify_bytes(b"message", &signature));
    for bit in (0..512).step_by(5) {
        let mut flipped = signature;
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(!key.public_key().verify_bytes(b"message", &flipped), "bit {bit}");
    }
    // The same response with the order of the group added is another spelling.
    let order = <Scalar as ark_ff::PrimeField>::MODULUS;
    let mut response = <Scalar as ark_ff::PrimeField>::into_bigint(
        Scalar::deserialize_compressed(&signature[32..]).unwrap(),
    );
    assert!(!ark_ff::BigInteger::add_with_carry(&mut response, &order));
    let mut respelt = signature;
    respelt[32..].copy_from_slice(&ark_ff::BigInteger::to_bytes_le(&response));
    assert!(!key.public_key().verify_bytes(b"message", &respelt));
}

#[test]
fn keys_of_small_order_or_outside_the_group_are_refused() {
    let mut rng = StdRng::from_seed([3; 32]);
    let key = IssuerKey::generate(&mut rng).public_key();
    // (0, −1) has order two; added to a proper point it gives one of order 2r.
    let two = EdwardsAffine::new_unchecked(Fr::ZERO, -Fr::ONE);
    let mixed = (key.0 + two).into_affine();
    for point in [EdwardsAffine::zero(), two, mixed] {
        assert!(point.is_on_curve());
        assert_eq!(IssuerPublicKey::from_bytes(&point_bytes(&point)), Err(MalformedError::Point));
    }
    assert_eq!(IssuerPublicKey::from_bytes(&[0xff; 32]), Err(MalformedError::Point));
}

#[test]
fn digits_add_up_to_the_response() {
    let mut rng = StdRng::from_seed([4; 32]);
    let commitment = EdwardsAffine::generator();
    let special = [Scalar::ZERO, Scalar::one(), -Scalar::one(), Scalar::from(2u8)];
    for response in special.into_iter().chain((0..50).map(|_| Scalar::rand(&mut rng))) {
        let digits = CredentialSignature { commitment, response }.digits();
        let (mut sum, mut power) = (Scalar::ZERO, Scalar::one());
        for Digit { magnitude: [low, high], positive } in digits {
            let size = Scalar::from(1 + 2 * u8::from(low) + 4 * u8::from(high));
            sum += power * if positive { size } else { -size };
            power *= Scalar::from(8u8);
        }
        assert_eq!(sum, response);
    }
}

#[test]
fn a_key_and_its_signature_print_no_secret() {
    let key = IssuerKey::generate(&mut StdRng::from_seed([5; 32]));
    assert_eq!(format!("{key:?}"), "IssuerKey(…)");
}
