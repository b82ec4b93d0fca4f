//! What every decoder of bytes from outside promises, whatever the bytes.
//!
//! **What.** A [`Decoder`] is a name, honest inputs, and a check that takes any bytes at all and panics when a
//! promise is broken. The promises: it does not panic itself; what it accepts is the one spelling of its value,
//! so it encodes to the same bytes again; what it accepts keeps to the limits of size, depth and count; and
//! nothing is believed that its signer did not sign.
//!
//! **Used twice.** `examples/tests/decoders.rs` takes this file in as a module and runs every check over a
//! seeded stream of damaged inputs, in `make test`. Each target in `fuzz_targets/` runs one under libFuzzer,
//! for as long as one likes: `make fuzz TARGET=cose SECONDS=600`.
//!
//! **Honest inputs** are the golden bytes of the ledger and the published certificates and vectors of
//! `../shared/data`, so that nothing is made up a second time. What lies under a packing or a signature has a
//! check of its own that packs or signs the bytes itself: no mutation gets through a checksum by luck.

mod data_integrity;
mod dcc;
mod ledger;
mod sd_jwt;

use std::fs;
use std::path::Path;

/// A decoder, and how it is held to its promises.
#[derive(Clone, Copy)]
pub struct Decoder {
    /// Its name, which is its target's.
    pub name: &'static str,
    /// Inputs that it accepts.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Whether it accepts the bytes. Panics if a promise is broken.
    pub check: fn(&[u8]) -> bool,
}

/// Base45, and below it zlib and a whole EU DCC.
pub const BASE45: Decoder = Decoder { name: "base45", seeds: dcc::texts, check: dcc::base45 };
/// The COSE token of an EU DCC, and below it CWT, CBOR and the certificate.
pub const COSE: Decoder = Decoder { name: "cose", seeds: dcc::tokens, check: dcc::cose };
/// SD-JWT as it travels, in both forms.
pub const SD_JWT: Decoder = Decoder { name: "sd_jwt", seeds: sd_jwt::texts, check: sd_jwt::text };
/// What an issuer signs in an SD-JWT and what it conceals: lines of JSON, signed by the check.
pub const SD_JWT_CLAIMS: Decoder =
    Decoder { name: "sd_jwt_claims", seeds: sd_jwt::claim_lines, check: sd_jwt::claims };
/// A document under Data Integrity, and any object, which is then secured by the check.
pub const DATA_INTEGRITY: Decoder =
    Decoder { name: "data_integrity", seeds: data_integrity::documents, check: data_integrity::document };
/// An operation, which is signed and executed as well.
pub const OPERATION: Decoder =
    Decoder { name: "operation", seeds: ledger::operations, check: ledger::operation };
/// A signed transaction.
pub const TRANSACTION: Decoder =
    Decoder { name: "transaction", seeds: ledger::transactions, check: ledger::transaction };
/// A block, and what a ledger starts from.
pub const BLOCK: Decoder = Decoder { name: "block", seeds: ledger::blocks, check: ledger::block };
/// A signed head, and a trusted one as it is kept.
pub const SIGNED_HEAD: Decoder =
    Decoder { name: "signed_head", seeds: ledger::heads, check: ledger::signed_head };
/// Proofs of records, of transactions, and that a history continues another.
pub const PROOF: Decoder = Decoder { name: "proof", seeds: ledger::proofs, check: ledger::proof };
/// A trust bundle, as it is carried to a checkpoint.
pub const BUNDLE: Decoder = Decoder { name: "bundle", seeds: ledger::bundles, check: ledger::bundle };

/// All of them.
pub const DECODERS: [Decoder; 11] = [
    BASE45,
    COSE,
    SD_JWT,
    SD_JWT_CLAIMS,
    DATA_INTEGRITY,
    OPERATION,
    TRANSACTION,
    BLOCK,
    SIGNED_HEAD,
    PROOF,
    BUNDLE,
];

impl Decoder {
    /// Puts the honest inputs into the directory that the fuzzer was given for what it finds, if it was.
    pub fn plant(&self) {
        let Some(corpus) = std::env::args().skip(1).find(|argument| Path::new(argument).is_dir()) else {
            return;
        };
        for (number, seed) in (self.seeds)().iter().enumerate() {
            fs::write(Path::new(&corpus).join(format!("seed-{number:03}")), seed).unwrap();
        }
    }
}

/// A file of the checkout, or of the shared data beside it.
fn read(path: &str) -> Vec<u8> {
    // This package's folder, or that of the test which takes this file in; a fuzzer runs without cargo.
    let own = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").into());
    let own = Path::new(&own);
    let root = own.ancestors().find(|folder| folder.join("ARCHITECTURE.md").exists()).unwrap();
    fs::read(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn text(path: &str) -> String {
    String::from_utf8(read(path)).unwrap()
}

fn json(path: &str) -> serde_json::Value {
    serde_json::from_slice(&read(path)).unwrap()
}
