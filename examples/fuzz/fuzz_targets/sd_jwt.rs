#![no_main]

use causeway_fuzz::SD_JWT;

libfuzzer_sys::fuzz_target!(init: SD_JWT.plant(), |bytes: &[u8]| {
    (SD_JWT.check)(bytes);
});
