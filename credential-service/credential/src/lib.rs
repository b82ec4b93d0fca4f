//! credential

pub mod verdict;

pub use verdict::{Finding, Overall, Part, Reason, Verdict};
pub mod data_integrity;
pub mod dcc;
pub mod json;
pub mod jws;
pub mod sd_jwt;
pub mod status;
