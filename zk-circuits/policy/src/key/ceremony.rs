//! Keys of a ceremony: the matrices that it is for, and what it ends in.

use zk_ceremony::FinishedCeremony;

use super::{KeyError, ProvingKey, Relation, Setup, Shape, Size, is_relabelled, is_shaped};

/// The matrices of a circuit, the very ones that proving uses: what a ceremony makes keys for.
pub struct Matrices {
    shape: Shape,
    size: Size,
}

impl Matrices {
    /// Synthesises a circuit.
    pub fn of<R: Relation>() -> Self {
        Self { shape: Shape::of::<R>(), size: Size::of::<R>() }
    }

    /// The circuit as a ceremony takes it.
    pub fn circuit(&self) -> zk_ceremony::Circuit<'_> {
        let Size { constraints, inputs, witnesses } = self.size;
        // A ceremony counts the constant 1 among the inputs.
        zk_ceremony::Circuit::new(&self.shape.matrices, inputs + 1, constraints, witnesses)
            .expect("taken because our circuits are well-formed and small")
    }
}

impl<R: Relation> ProvingKey<R> {
    /// The key that a ceremony ends in. It must be a ceremony of [`Matrices::of`] this circuit, as whoever verified phase 2
    /// knows; here only the key's form shows.
    ///
    /// # Errors
    /// [`KeyError::OtherCircuit`], [`KeyError::Development`].
    pub fn of_ceremony(finished: &FinishedCeremony) -> Result<Self, KeyError> {
        let key = finished.key().proving_key();
        if !is_shaped::<R>(key) || key.b_g1_query.len() != key.a_query.len() {
            return Err(KeyError::OtherCircuit);
        }
        if is_relabelled(Setup::Ceremony, &key.vk) {
            return Err(KeyError::Development);
        }
        Ok(Self::new(Setup::Ceremony, key.clone()))
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha20Rng;
    use sha2::{Digest as _, Sha256};
    use zk_ceremony::{Circuit, Name, Phase1, Phase2};

    use super::*;
    use crate::{
        Element, HolderCircuit, HolderSecret, PolicyCircuit, VerifyingKey, prove_possession,
        verify_possession,
    };

    const NAMES: [&str; 3] = ["Chile", "Estonia", "Ghana"];

    /// A whole ceremony, each contributor with the file of the one before.
    fn ceremony(circuit: &Circuit<'_>, rng: &mut ChaCha20Rng) -> FinishedCeremony {
        let quiet = &mut |_, _, _| {};
        let names = NAMES.map(|name| Name::new(name).unwrap());
        let mut phase1 = Phase1::new(circuit.k()).unwrap().verify(rng, quiet).unwrap();
        for name in names.clone() {
            let file = phase1.contribute(name, rng, quiet).unwrap().to_bytes();
            phase1 = Phase1::from_bytes(&file, quiet).unwrap().verify(rng, quiet).unwrap();
        }
        let file = Phase2::new(&phase1, circuit, quiet).unwrap();
        let mut phase2 = file.verify(&phase1, circuit, rng, quiet).unwrap();
        for name in names {
            let file = phase2.contribute(name, rng, quiet).unwrap().to_bytes();
            let file = Phase2::from_bytes(&file, quiet).unwrap();
            phase2 = file.verify(&phase1, circuit, rng, quiet).unwrap();
        }
        phase2.finalize(3.try_into().unwrap()).unwrap()
    }

    #[test]
    fn the_key_of_a_ceremony_proves_and_production_takes_it() {
        let mut rng = ChaCha20Rng::from_seed([5; 32]);
        let matrices = Matrices::of::<HolderCircuit>();
        let finished = ceremony(&matrices.circuit(), &mut rng);
        let made = ProvingKey::<HolderCircuit>::of_ceremony(&finished).unwrap();
        assert_eq!(made.setup(), Setup::Ceremony);

        // Written and read, as it is used.
        let bytes = made.to_bytes();
        let digest = Sha256::digest(&bytes).into();
        let proving = ProvingKey::<HolderCircuit>::from_bytes(&bytes, &digest, Setup::Ceremony).unwrap();
        let bytes = made.verifying_key().to_bytes();
        let verifying = VerifyingKey::<HolderCircuit>::from_bytes(&bytes, Setup::Ceremony).unwrap();
        assert_eq!((proving.setup(), verifying.setup()), (Setup::Ceremony, Setup::Ceremony));

        let secret = HolderSecret::generate(&mut rng);
        let context = Element::digest("test", b"challenge");
        let proof = prove_possession(&proving, &secret, context, &mut rng);
        assert!(verify_possession(&verifying, secret.holder_key(), context, &proof));
        let other = Element::digest("test", b"another challenge");
        assert!(!verify_possession(&verifying, secret.holder_key(), other, &proof));

        // Neither side has to do with the keys that everybody can make.
        let development = ProvingKey::<HolderCircuit>::insecure_development();
        let bytes = development.verifying_key().to_bytes();
        assert_eq!(
            VerifyingKey::<HolderCircuit>::from_bytes(&bytes, Setup::Ceremony),
            Err(KeyError::Development)
        );
        let forged = prove_possession(&development, &secret, context, &mut rng);
        assert!(!verify_possession(&verifying, secret.holder_key(), context, &forged));

        let refused = ProvingKey::<PolicyCircuit>::of_ceremony(&finished);
        assert_eq!(refused.err(), Some(KeyError::OtherCircuit));
    }

    #[test]
    fn a_ceremony_is_for_the_circuits_as_setting_up_takes_them() {
        assert_eq!(Matrices::of::<HolderCircuit>().circuit().k(), 8);
        assert_eq!(Matrices::of::<PolicyCircuit>().circuit().k(), 13);
    }
}
