#![no_main]

use causeway_fuzz::SIGNED_HEAD;

libfuzzer_sys::fuzz_target!(init: SIGNED_HEAD.plant(), |bytes: &[u8]| {
    (SIGNED_HEAD.check)(bytes);
});
