#![no_main]

use causeway_fuzz::COSE;

libfuzzer_sys::fuzz_target!(init: COSE.plant(), |bytes: &[u8]| {
    (COSE.check)(bytes);
});
