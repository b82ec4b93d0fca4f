#![no_main]

use causeway_fuzz::TRANSACTION;

libfuzzer_sys::fuzz_target!(init: TRANSACTION.plant(), |bytes: &[u8]| {
    (TRANSACTION.check)(bytes);
});
