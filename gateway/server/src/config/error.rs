//! Why a configuration was refused: always by the name of its field.

use did_registry::RegistryError;

use crate::key_file::KeyFileError;
use crate::operator::OperatorError;

/// Why a configuration was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The operating system refused.
    #[error("the configuration must be readable: {0}")]
    Unreadable(#[source] std::io::Error),
    /// Over the size limit.
    #[error("the configuration has at most {} bytes", super::FILE_BYTES)]
    TooLarge,
    /// Not TOML, or a field that is missing, unknown or of another kind.
    #[error("the configuration does not fit: {0}")]
    Shape(String),
    /// A field's value breaks its rule.
    #[error("{field}: {rule}")]
    Field {
        /// The field's name.
        field: &'static str,
        /// What it must be.
        rule: String,
    },
    /// A secret file.
    #[error("{field}: {error}")]
    KeyFile {
        /// The field that names it.
        field: &'static str,
        /// Why.
        #[source]
        error: KeyFileError,
    },
    /// A secret that is no key.
    #[error("{field}: {error}")]
    Key {
        /// The field that names it.
        field: &'static str,
        /// Why.
        #[source]
        error: RegistryError,
    },
    /// The operators file.
    #[error("operators_file: {0}")]
    Operators(#[from] OperatorError),
}
