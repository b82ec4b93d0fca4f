#![no_main]

use causeway_fuzz::BLOCK;

libfuzzer_sys::fuzz_target!(init: BLOCK.plant(), |bytes: &[u8]| {
    (BLOCK.check)(bytes);
});
