#![no_main]

use causeway_fuzz::OPERATION;

libfuzzer_sys::fuzz_target!(init: OPERATION.plant(), |bytes: &[u8]| {
    (OPERATION.check)(bytes);
});
