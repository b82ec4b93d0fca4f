//! ledger-chain
