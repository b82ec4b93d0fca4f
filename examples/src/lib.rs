//! # examples: the stories the product tells
//!
//! Each story runs from the command line and is tested as a story, with its privacy promises.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic))]

pub mod e_certificate;
pub mod health_code;
pub mod population;
pub mod town;
