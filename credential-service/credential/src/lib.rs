//! # credential: what one side knows of a person, shown to the other side as little as its rule needs
//!
//! **What.** Claims in two signed formats (SD-JWT VC and W3C Data Integrity), status lists, blinded anchors,
//! consent, policies, the verdict, import of EU DCC certificates, and verifiable transcoding. Pure: time and
//! randomness are arguments.
//!
//! **Spec.** [RFC 9901](https://www.rfc-editor.org/rfc/rfc9901) SD-JWT and SD-JWT VC (`dc+sd-jwt`);
//! [VC Data Integrity EdDSA](https://www.w3.org/TR/vc-di-eddsa/) `eddsa-jcs-2022`;
//! Token Status List (IETF OAuth); EU DCC (HCERT, schema 1.3.0); CertLogic 1.3.3.
//!
//! **Picture.**
//! ```text
//! Claims ─issue─► credential ─present(challenge)─► text ─┐
//! ledger ─proofs─► Facts (keys, issuers, rules, status) ─┴─► verify ─► Verdict ─accept─► pass + Transcoding
//! ```
//!
//! **Absent on purpose.** 1. Fetching anything: facts are gathered by the shell. 2. A verify without status,
//! issuer or holder checks. 3. Personal data in errors, findings and debug output.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::cast_possible_truncation)
)]

pub mod anchor;
pub mod cbor;
pub mod certlogic;
pub mod consent;
pub mod cose;
pub mod cwt;
pub mod exchange;
pub mod facts;
pub mod foreign;
pub mod policy;
pub mod presentation;
pub mod transcoding;
pub mod verdict;
pub mod zk;

pub use policy::{Operand, PassTerms, Policy, PolicyError, Predicate, ProofTerms, Scope, Test};
pub use verdict::{Finding, Overall, Part, Reason, Verdict};
pub mod data_integrity;
pub mod dcc;
pub mod json;
pub mod jws;
pub mod sd_jwt;
pub mod status;
