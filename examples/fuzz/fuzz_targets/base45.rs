#![no_main]

use causeway_fuzz::BASE45;

libfuzzer_sys::fuzz_target!(init: BASE45.plant(), |bytes: &[u8]| {
    (BASE45.check)(bytes);
});
