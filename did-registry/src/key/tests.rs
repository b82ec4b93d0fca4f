use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION};
use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::scalar::Scalar;
use proptest::prelude::*;
use rand::SeedableRng;
use sha2::{Digest as _, Sha512};

use super::*;

fn rng() -> rand_chacha::ChaCha20Rng {
    rand_chacha::ChaCha20Rng::seed_from_u64(7)
}

fn key(suite: Suite) -> SigningKey {
    SigningKey::generate(suite, &mut rng())
}

fn array<const N: usize>(text: &str) -> [u8; N] {
    hex::decode(text).unwrap().try_into().unwrap()
}

#[test]
fn every_form_of_a_key_reads_back() {
    for suite in [Suite::Ed25519, Suite::P256, Suite::Jubjub] {
        let key = key(suite).public_key();
        assert_eq!(PublicKey::from_multibase(&key.to_multibase()), Ok(key.clone()));
        assert_eq!(PublicKey::from_jwk(&key.to_jwk()), Ok(key.clone()));
        assert_eq!(PublicKey::new(suite, &key.to_bytes()), Ok(key.clone()));
        assert_eq!(crate::canonical::decode::<PublicKey>(&encode(&key), 64), Ok(key.clone()));
        let json = serde_json::to_string(&key).unwrap();
        assert_eq!(serde_json::from_str::<PublicKey>(&json).unwrap(), key);
    }
}

#[test]
fn a_signing_key_reads_back_from_its_secret() {
    for suite in [Suite::Ed25519, Suite::P256, Suite::Jubjub] {
        let key = key(suite);
        let again = SigningKey::from_bytes(suite, key.to_secret().expose()).unwrap();
        assert_eq!(again.public_key(), key.public_key());
        assert_eq!(
            format!("{key:?}"),
            format!("SigningKey(of {})", key.public_key()),
            "prints its public half only"
        );
    }
    for scalar in [[0; 32], [0xff; 32]] {
        assert!(matches!(SigningKey::from_bytes(Suite::P256, &scalar), Err(RegistryError::WeakKey(_))));
    }
}

#[test]
fn small_order_and_non_canonical_keys_are_refused() {
    for point in EIGHT_TORSION {
        let refused = PublicKey::new(Suite::Ed25519, point.compress().as_bytes());
        assert_eq!(refused, Err(RegistryError::WeakKey("of small order")));
    }
    let bad = [
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // y = p + 1
        "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // y = p + 3
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "0100000000000000000000000000000000000000000000000000000000000080", // x = -0
        "0200000000000000000000000000000000000000000000000000000000000000", // no such x
    ];
    for text in bad {
        let refused = PublicKey::new(Suite::Ed25519, &array::<32>(text));
        assert!(matches!(refused, Err(RegistryError::WeakKey(_))), "{text}");
    }
}

/// Every spelling with y ≥ p, every spelling of the points with x = 0, and many others.
#[test]
fn a_point_is_canonical_if_it_compresses_to_its_own_bytes() {
    let mut spellings: Vec<[u8; 32]> = Vec::new();
    for low in 0..=0xffu8 {
        // From 0 on, and the last 256 below 2^255, of which the last 19 are p and above.
        spellings.push([&[low][..], &[0; 31]].concat().try_into().unwrap());
        spellings.push([&[low][..], &[0xff; 30], &[0x7f]].concat().try_into().unwrap());
    }
    let mut rng = rng();
    for _ in 0..1_000 {
        let mut random = [0; 32];
        rand::RngCore::fill_bytes(&mut rng, &mut random);
        spellings.push(random);
    }
    let (mut points, mut refused) = (0, 0);
    for mut bytes in spellings {
        for _ in 0..2 {
            if let Some(point) = CompressedEdwardsY(bytes).decompress() {
                let same = point.compress().0 == bytes;
                assert_eq!(is_canonical(&bytes), same, "{}", hex::encode(bytes));
                points += 1;
                refused += u32::from(!same);
            }
            bytes[31] ^= 0x80;
        }
    }
    assert!(points > 1_000 && refused > 15, "{points} points, {refused} of them spelt otherwise");
}

#[test]
fn a_p256_key_has_two_spellings_at_most() {
    let key = key(Suite::P256).public_key();
    let compressed = key.to_bytes();
    let Point::P256(uncompressed) = &key.0 else { unreachable!() };
    assert_eq!(PublicKey::new(Suite::P256, &compressed), Ok(key.clone()));
    assert_eq!(PublicKey::new(Suite::P256, &uncompressed[..]), Ok(key.clone()));

    for tag in [0, 1, 4, 5, 6, 7, 0xff] {
        let spelled = [&[tag], &compressed[1..]].concat();
        assert!(PublicKey::new(Suite::P256, &spelled).is_err(), "tag {tag} before x");
    }
    for tag in [0, 2, 3, 5, 6, 7, 0xff] {
        let spelled = [&[tag], &uncompressed[1..]].concat();
        assert!(PublicKey::new(Suite::P256, &spelled).is_err(), "tag {tag} before x and y");
    }
    let mut off_curve = uncompressed.to_vec();
    off_curve[64] ^= 1;
    assert!(matches!(PublicKey::new(Suite::P256, &off_curve), Err(RegistryError::WeakKey(_))));
    let beyond_field = [vec![2], vec![0xff; 32]].concat();
    assert!(matches!(PublicKey::new(Suite::P256, &beyond_field), Err(RegistryError::WeakKey(_))));
    for bytes in [&[][..], &[0], &compressed[..32], &uncompressed[..64]] {
        assert!(
            matches!(PublicKey::new(Suite::P256, bytes), Err(RegistryError::Malformed(_))),
            "{}",
            bytes.len()
        );
    }
}

#[test]
fn another_suites_text_or_a_damaged_one_is_refused() {
    let text = key(Suite::Ed25519).public_key().to_multibase();
    let x25519 = format!("z{}", bs58::encode([&[0xec, 0x01][..], &[9; 32]].concat()).into_string());
    let bad = [
        "",
        "z",
        &text[1..],
        &format!("m{}", &text[1..]),
        &text[..text.len() - 1],
        &format!("{text}1"),
        &x25519,
    ];
    for text in bad {
        assert!(PublicKey::from_multibase(text).is_err(), "{text}");
    }
    assert!(PublicKey::from_multibase(&"z1".repeat(60)).is_err(), "bounded before it is decoded");
}

#[test]
fn a_jwk_is_public_and_of_a_known_kind() {
    for suite in [Suite::Ed25519, Suite::P256, Suite::Jubjub] {
        let good = key(suite).public_key().to_jwk();
        for (member, value) in
            [("d", "AA"), ("kty", "RSA"), ("crv", "P-384"), ("x", "AA"), ("x", "=="), ("x", "")]
        {
            let mut jwk = good.clone();
            jwk[member] = value.into();
            assert!(PublicKey::from_jwk(&jwk).is_err(), "{member} = {value}");
        }
    }
    let mut swapped = key(Suite::P256).public_key().to_jwk();
    let x = swapped["x"].take();
    swapped["x"] = swapped["y"].take();
    swapped["y"] = x;
    assert!(PublicKey::from_jwk(&swapped).is_err(), "not on the curve");
}

/// RFC 8037, appendix A.3.
#[test]
fn the_thumbprint_of_rfc_8037() {
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    assert_eq!(
        PublicKey::from_jwk(&jwk).unwrap().thumbprint(),
        "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    );
}

/// RFC 8032, section 7.1, test 2.
#[test]
fn the_signature_of_rfc_8032() {
    let secret = array("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
    let key = SigningKey::from_bytes(Suite::Ed25519, &secret).unwrap();
    let public = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
    assert_eq!(hex::encode(key.public_key().to_bytes()), public);
    let expected = "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
                    085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";
    assert_eq!(hex::encode(key.sign(&[0x72]).as_bytes()), expected);
}

/// RFC 6979, appendix A.2.5, SHA-256, "sample"; of its `s`, which is the higher one, the lower.
#[test]
fn the_signature_of_rfc_6979() {
    let secret = array("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721");
    let key = SigningKey::from_bytes(Suite::P256, &secret).unwrap();
    let expected = "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716\
                    f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8";
    assert_eq!(hex::encode(key.sign(b"sample").other_form().as_bytes()), expected);
    assert_eq!(key.public_key().verify_jose(b"sample", &Signature(array(expected))), Ok(()));
}

#[test]
fn a_signature_holds_for_one_message_and_one_key() {
    for suite in [Suite::Ed25519, Suite::P256, Suite::Jubjub] {
        let (key, other) = (key(suite), SigningKey::from_bytes(suite, &[5; 32]).unwrap());
        let signature = key.sign(b"message");
        let public = key.public_key();
        assert_eq!(public.verify(b"message", &signature), Ok(()));
        assert_eq!(public.verify(b"massage", &signature), Err(RegistryError::BadSignature));
        assert_eq!(other.public_key().verify(b"message", &signature), Err(RegistryError::BadSignature));
        for byte in 0..64 {
            let mut changed = *signature.as_bytes();
            changed[byte] ^= 1;
            let changed = Signature::from_bytes(changed);
            assert_eq!(public.verify(b"message", &changed), Err(RegistryError::BadSignature), "byte {byte}");
        }
    }
    for length in [0, 63, 65] {
        assert!(Signature::try_from(&vec![0u8; length][..]).is_err());
    }
}

#[test]
fn a_failing_batch_names_the_culprits() {
    let mut rng = rng();
    let suite = |i| if i % 5 == 0 { Suite::P256 } else { Suite::Ed25519 };
    let keys: Vec<_> = (0..20).map(|i| SigningKey::generate(suite(i), &mut rng)).collect();
    let publics: Vec<_> = keys.iter().map(SigningKey::public_key).collect();
    let messages: Vec<_> = (0..20).map(|i| format!("message {i}").into_bytes()).collect();
    let mut signatures: Vec<_> = keys.iter().zip(&messages).map(|(key, message)| key.sign(message)).collect();
    let mut check = |signatures: &[Signature]| {
        let item =
            |i: usize| BatchItem { key: &publics[i], message: &messages[i], signature: &signatures[i] };
        verify_batch(&(0..20).map(item).collect::<Vec<_>>(), &mut rng)
    };
    assert_eq!(check(&signatures), Vec::<usize>::new());
    for culprit in [3, 5, 19] {
        signatures[culprit].0[40] ^= 1;
    }
    assert_eq!(check(&signatures), vec![3, 5, 19]);
    for signature in &mut signatures {
        signature.0[40] ^= 2;
    }
    assert_eq!(check(&signatures), (0..20).collect::<Vec<_>>());
    assert_eq!(verify_batch(&[], &mut rng), Vec::<usize>::new());
}

/// A signature whose key and nonce carry a torsion part: `A = aB + T`, `R = rB + U`, `s = r + k·a`.
/// Cofactored verification accepts it, cofactorless does so only where `U = k·T` happens to cancel out.
fn crafted(
    message: &[u8],
    key_torsion: &EdwardsPoint,
    nonce_torsion: &EdwardsPoint,
) -> (PublicKey, Signature) {
    let (secret, nonce) = (Scalar::from(123_456_789u64), Scalar::from(987_654_321u64));
    let key = (ED25519_BASEPOINT_POINT * secret + key_torsion).compress();
    let commitment = (ED25519_BASEPOINT_POINT * nonce + nonce_torsion).compress();
    let hash = Sha512::new().chain_update(commitment.0).chain_update(key.0).chain_update(message);
    let response = nonce + Scalar::from_hash(hash) * secret;
    let signature = [commitment.0, response.to_bytes()].concat();
    let key = PublicKey::new(Suite::Ed25519, &key.0).unwrap();
    (key, Signature::try_from(&signature[..]).unwrap())
}

/// Where other libraries' batch and single checks disagree, ours give one answer, whatever the company.
#[test]
fn batch_and_single_verification_agree_on_crafted_signatures() {
    let mut rng = rng();
    let honest = key(Suite::Ed25519);
    let (honest_key, honest_signature) = (honest.public_key(), honest.sign(b"m"));
    for key_torsion in EIGHT_TORSION {
        for nonce_torsion in EIGHT_TORSION {
            let (key, signature) = crafted(b"m", &key_torsion, &nonce_torsion);
            assert_eq!(key.verify(b"m", &signature), Ok(()), "cofactored");
            let item = || BatchItem { key: &key, message: b"m", signature: &signature };
            let company = || BatchItem { key: &honest_key, message: b"m", signature: &honest_signature };
            for items in [vec![item()], vec![item(), company()], vec![company(), item(), item()]] {
                assert_eq!(verify_batch(&items, &mut rng), Vec::<usize>::new());
            }
            assert_eq!(key.verify(b"n", &signature), Err(RegistryError::BadSignature));
        }
    }
}

/// `R` = the identity or the point of order two, in the spellings that ZIP 215 would let pass.
#[test]
fn a_commitment_has_one_form() {
    let (secret, order_two) = (Scalar::from(123_456_789u64), EIGHT_TORSION[4]);
    let key =
        PublicKey::new(Suite::Ed25519, (ED25519_BASEPOINT_POINT * secret).compress().as_bytes()).unwrap();
    let with = |spelling: [u8; 32]| {
        let hash = Sha512::new().chain_update(spelling).chain_update(key.to_bytes()).chain_update(b"m");
        let response = Scalar::from_hash(hash) * secret;
        let signature = Signature::try_from(&[spelling, response.to_bytes()].concat()[..]).unwrap();
        let item = BatchItem { key: &key, message: b"m", signature: &signature };
        let single = key.verify(b"m", &signature).is_ok();
        assert_eq!(verify_batch(&[item], &mut rng()).is_empty(), single);
        single
    };
    assert!(with(EdwardsPoint::default().compress().0) && with(order_two.compress().0));
    let others = [
        "0100000000000000000000000000000000000000000000000000000000000080", // x = -0
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", // x = -0
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // y = p + 1
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", // both
    ];
    for spelling in others {
        assert!(!with(array(spelling)), "{spelling}");
    }
}

#[test]
fn a_response_has_one_form() {
    let key = key(Suite::Ed25519);
    let mut signature = *key.sign(b"m").as_bytes();
    // s + ℓ answers the same equation; accepting it would give each signature a second form.
    let order = array::<32>("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    let mut carry = 0u16;
    for (byte, more) in signature[32..].iter_mut().zip(order) {
        carry += u16::from(*byte) + u16::from(more);
        *byte = carry.to_le_bytes()[0];
        carry >>= 8;
    }
    let signature = Signature::from_bytes(signature);
    assert_eq!(key.public_key().verify(b"m", &signature), Err(RegistryError::BadSignature));
    let item = BatchItem { key: &key.public_key(), message: b"m", signature: &signature };
    assert_eq!(verify_batch(&[item], &mut rng()), vec![0]);
}

/// (r, n − s) holds wherever (r, s) does; accepting both would give what is signed a second identifier.
#[test]
fn an_ecdsa_signature_has_one_form() {
    let key = key(Suite::P256);
    for number in 0..32u8 {
        let message = [number];
        let signature = key.sign(&message);
        for (signature, single) in
            [(signature, Ok(())), (signature.other_form(), Err(RegistryError::BadSignature))]
        {
            assert_eq!(key.public_key().verify(&message, &signature), single);
            let item = BatchItem { key: &key.public_key(), message: &message, signature: &signature };
            assert_eq!(verify_batch(&[item], &mut rng()).is_empty(), single.is_ok());
            assert_eq!(key.public_key().verify_jose(&message, &signature), Ok(()), "as others sign");
        }
    }
    let mut half = Signature([0; 64]);
    half.0[32..]
        .copy_from_slice(&array::<32>("7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8"));
    assert!(half.response_is_low());
    half.0[63] += 1;
    assert!(!half.response_is_low(), "n is odd, so one more is the other half");
}

#[test]
fn a_commitment_is_to_suite_and_key() {
    let (one, two) = (key(Suite::Ed25519).public_key(), key(Suite::P256).public_key());
    assert_ne!(one.commitment(), two.commitment());
    assert_ne!(one.commitment(), Digest::sha256(&one.to_bytes()), "under its own label");
}

proptest! {
    /// Bytes from outside become a key with exactly these bytes, or an error.
    #[test]
    fn any_bytes_are_a_key_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..70), ed in any::<bool>()) {
        let suite = if ed { Suite::Ed25519 } else { Suite::P256 };
        if let Ok(key) = PublicKey::new(suite, &bytes) {
            prop_assert_eq!(key.to_bytes(), bytes.as_slice());
        }
        let _ = PublicKey::from_multibase(&format!("z{}", bs58::encode(&bytes).into_string()));
    }

    #[test]
    fn any_batch_answers_like_single_checks(flips in prop::collection::vec(any::<(bool, bool, u8)>(), 0..12), seed in any::<u64>()) {
        let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(seed);
        let made: Vec<_> = flips.iter().map(|(ed, flip, byte)| {
            let key = SigningKey::generate(if *ed { Suite::Ed25519 } else { Suite::P256 }, &mut rng);
            let mut signature = key.sign(b"m");
            signature.0[usize::from(*byte) % 64] ^= u8::from(*flip);
            (key.public_key(), signature)
        }).collect();
        let items: Vec<_> = made.iter().map(|(key, signature)| BatchItem { key, message: b"m", signature }).collect();
        let single: Vec<_> = (0..made.len()).filter(|i| made[*i].0.verify(b"m", &made[*i].1).is_err()).collect();
        prop_assert_eq!(verify_batch(&items, &mut rng), single);
    }
}
