//! Random lives of a record: whatever is tried in whatever order, the rules hold.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;

/// Which seed a commitment hides.
static COMMITTED: LazyLock<BTreeMap<Digest, u8>> =
    LazyLock::new(|| (1..=80).map(|seed| (signer(seed).public_key().commitment(), seed)).collect());

/// One step of a random life: who sends, what, and when.
#[derive(Clone, Debug)]
struct Step {
    own: bool,
    kind: u8,
    seed: u8,
    fresh: bool,
    wait: u64,
}

fn step() -> impl Strategy<Value = Step> {
    (any::<bool>(), 0..6u8, 1..8u8, any::<bool>(), 0..2 * DELAY)
        .prop_map(|(own, kind, seed, fresh, wait)| Step { own, kind, seed, fresh, wait })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever is tried in whatever order, the rules of the module's head hold.
    #[test]
    fn the_rules_hold_over_any_life(steps in prop::collection::vec(step(), 1..40)) {
        let mut record = registered();
        let mut heads = BTreeSet::from([record.head]);
        let mut now = 0;
        for (number, Step { own, kind, seed, fresh, wait }) in steps.into_iter().enumerate() {
            now += wait;
            let actor = if own { record.did.clone() } else { stranger() };
            // Half of the time the key that was committed to, so that lives get long.
            let seed = if fresh { COMMITTED[&record.next] } else { seed };
            let keys = vec![document_key(&format!("f{}", number % 7), seed)];
            let operation = match kind {
                0 => DidOperation::Create(genesis()),
                1 => DidOperation::VetoRecovery,
                2 => DidOperation::CompleteRecovery(record.did.clone()),
                3 if number > 20 => DidOperation::Deactivate(record.head),
                4 => {
                    let recovery = recovery(&record, seed, keys);
                    let approvals = approved(&recovery, if fresh { &GUARDIANS } else { &GUARDIANS[..1] });
                    DidOperation::RequestRecovery(recovery, approvals)
                }
                _ => proven(&record, rotation(&record, seed, seed + 1, keys), seed),
            };
            let Ok(after) = record.apply(&actor, &operation, at(now)) else { continue };
            prop_assert!(record.deactivated.is_none());
            prop_assert_eq!(after.version, record.version + 1);
            prop_assert!(heads.insert(after.head), "a head never repeats");
            prop_assert_eq!(&after.did, &record.did);
            if after.control != record.control {
                let revealed = after.control.commitment() == record.next;
                let waited = record.pending.as_ref().is_some_and(|pending| pending.effective <= at(now).time);
                prop_assert!(revealed && own || waited);
            }
            let names: BTreeSet<_> = after.keys.iter().map(|entry| &entry.key.fragment).collect();
            prop_assert_eq!(names.len(), after.keys.len(), "a fragment names one key");
            for (old, new) in record.keys.iter().zip(&after.keys) {
                prop_assert_eq!(&old.key, &new.key, "history is not rewritten");
                prop_assert!(old.removed.is_none() || old.removed == new.removed);
            }
            record = after;
        }
    }
}
