#![no_main]

use causeway_fuzz::DATA_INTEGRITY;

libfuzzer_sys::fuzz_target!(init: DATA_INTEGRITY.plant(), |bytes: &[u8]| {
    (DATA_INTEGRITY.check)(bytes);
});
