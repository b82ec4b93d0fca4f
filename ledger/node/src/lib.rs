//! ledger-node
