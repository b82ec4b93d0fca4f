#![no_main]

use causeway_fuzz::SD_JWT_CLAIMS;

libfuzzer_sys::fuzz_target!(init: SD_JWT_CLAIMS.plant(), |bytes: &[u8]| {
    (SD_JWT_CLAIMS.check)(bytes);
});
