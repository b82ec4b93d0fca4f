//! Domain-separation labels of things that never leave this vault. What others verify is labelled in
//! [`did_registry::label`]; nobody outside computes these.

/// Associated data of a sealed row.
pub(crate) const VAULT_ROW: &str = "causeway/vault/row/1";
/// Associated data of a wrapped data key.
pub(crate) const VAULT_KEY: &str = "causeway/vault/key/1";
/// Recognises the key-encryption key.
pub(crate) const VAULT_KEK: &str = "causeway/vault/kek/1";
/// Row identifiers under the index key.
pub(crate) const VAULT_INDEX: &str = "causeway/vault/index/1";
/// One entry of the audit log, named by the next.
pub(crate) const AUDIT_ENTRY: &str = "causeway/audit/entry/1";
