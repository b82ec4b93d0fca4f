use rand::SeedableRng;

use super::*;

fn rng() -> rand_chacha::ChaCha20Rng {
    rand_chacha::ChaCha20Rng::seed_from_u64(7)
}

#[test]
fn every_form_of_a_key_reads_back() {
    for suite in [Suite::Ed25519, Suite::P256] {
        let key = SigningKey::generate(suite, &mut rng()).public_key();
        assert_eq!(PublicKey::from_multibase(&key.to_multibase()).expect("own text"), key);
        assert_eq!(PublicKey::from_jwk(&key.to_jwk()).expect("own JWK"), key);
        assert_eq!(crate::canonical::decode::<PublicKey>(&encode(&key), 64).expect("own bytes"), key);
    }
}

#[test]
fn small_order_and_non_canonical_keys_are_refused() {
    let mut identity = [0u8; 32];
    identity[0] = 1;
    let order_two = hex::decode("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f").expect("hex");
    let non_canonical = hex::decode("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f").expect("hex");
    for bytes in [identity.to_vec(), order_two, non_canonical, vec![0; 32]] {
        let refused = PublicKey::new(Suite::Ed25519, &bytes);
        assert!(matches!(refused, Err(RegistryError::WeakKey(_))), "{}", hex::encode(bytes));
    }
}

#[test]
fn a_failing_batch_names_the_culprits() {
    let mut rng = rng();
    let keys: Vec<_> = (0..20)
        .map(|i| SigningKey::generate(if i % 5 == 0 { Suite::P256 } else { Suite::Ed25519 }, &mut rng))
        .collect();
    let publics: Vec<_> = keys.iter().map(SigningKey::public_key).collect();
    let messages: Vec<_> = (0..20).map(|i| format!("message {i}").into_bytes()).collect();
    let mut signatures: Vec<_> = keys.iter().zip(&messages).map(|(key, message)| key.sign(message)).collect();
    let check = |signatures: &[Signature], rng: &mut _| {
        let items: Vec<_> = publics
            .iter()
            .zip(&messages)
            .zip(signatures)
            .map(|((key, message), signature)| BatchItem { key, message, signature })
            .collect();
        verify_batch(&items, rng)
    };
    assert_eq!(check(&signatures, &mut rng), Vec::<usize>::new());
    for culprit in [3, 5, 19] {
        signatures[culprit].0[40] ^= 1;
    }
    assert_eq!(check(&signatures, &mut rng), vec![3, 5, 19]);
}

#[test]
fn a_private_jwk_is_refused() {
    let mut jwk = SigningKey::generate(Suite::P256, &mut rng()).public_key().to_jwk();
    jwk["d"] = "AA".into();
    assert!(PublicKey::from_jwk(&jwk).is_err());
}
