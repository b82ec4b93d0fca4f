#![no_main]

use causeway_fuzz::BUNDLE;

libfuzzer_sys::fuzz_target!(init: BUNDLE.plant(), |bytes: &[u8]| {
    (BUNDLE.check)(bytes);
});
