//! Why a node does not start or does not go on.

use std::path::Path;

use did_registry::RegistryError;

use crate::application::BlockError;
use crate::store::StoreError;

/// What stops a node.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// A file of the configuration.
    #[error("{path}: {error}")]
    File {
        /// Which.
        path: String,
        /// What the system says.
        error: String,
    },
    /// A field of the configuration.
    #[error("configuration: {0}")]
    Config(String),
    /// The address to listen at.
    #[error("cannot listen: {0}")]
    Listen(String),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A genesis or key that breaks a rule.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A genesis whose operations break a rule.
    #[error("genesis: {0}")]
    Genesis(String),
    /// A solo ledger has one validator, whose key the node holds.
    #[error("a solo ledger's genesis names one validator, the one whose key this node holds")]
    NotValidator,
    /// A block that this node made and cannot accept.
    #[error(transparent)]
    Block(#[from] BlockError),
    /// The node stopped committing; it must be restarted once the cause is gone.
    #[error("the node has stopped committing: {0}")]
    Halted(String),
}

impl NodeError {
    pub(crate) fn file(path: &Path, error: impl std::fmt::Display) -> Self {
        Self::File { path: path.display().to_string(), error: error.to_string() }
    }
}
