#![no_main]

use causeway_fuzz::PROOF;

libfuzzer_sys::fuzz_target!(init: PROOF.plant(), |bytes: &[u8]| {
    (PROOF.check)(bytes);
});
