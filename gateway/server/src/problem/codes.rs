//! Every code that a problem of this service may have: the part of a refusal that programs compare.

use credential::Reason;

/// Codes of this service, of imports, and of bundles that do not hold.
const OWN: [&str; 55] = [
    // what is wrong with a request
    "AS_OF",
    "BAD_BODY",
    "BAD_JSON",
    "BAD_REQUEST",
    "BAD_SHAPE",
    "MEDIA_TYPE",
    "METHOD",
    "NOT_FOUND",
    "ROW_NAME",
    "TIMEOUT",
    "TOO_LARGE",
    // who asks
    "ROLE_MISSING",
    "UNAUTHENTICATED",
    // what an agency does not do
    "BATCH_SIZE",
    "CAUSE",
    "CODE_EXPIRED",
    "CODE_UNKNOWN",
    "CODE_USED",
    "FORMAT",
    "NO_CAUSEWAY",
    "NO_PASS",
    "NOT_CONFIGURED",
    "SCHEMA",
    "STATUS",
    // what is broken, here or at the ledger
    "INTERNAL",
    "LEDGER",
    "LEDGER_REFUSED",
    "LEDGER_UNPROVEN",
    "VAULT_READ_ONLY",
    // imports
    "IMPORT_FILE_TOO_LARGE",
    "IMPORT_MISSING_COLUMN",
    "IMPORT_NO_HEADER",
    "IMPORT_REPEATED_COLUMN",
    "IMPORT_ROW_WITHOUT_END",
    "IMPORT_RUNNING",
    "IMPORT_SCHEMA",
    "IMPORT_SOURCE_CHANGED",
    "IMPORT_TOO_MANY_ROWS",
    "IMPORT_UNKNOWN_COLUMN",
    "IMPORT_UNREADABLE",
    // trust bundles
    "BAD_PROOF",
    "BAD_SIGNATURE",
    "EARLIER_TIME",
    "INCONSISTENT_HISTORY",
    "MALFORMED",
    "NEXT_VALIDATORS",
    "NO_QUORUM",
    "NOT_IN_HISTORY",
    "OTHER_KEY",
    "OTHER_LEDGER",
    "ROLLED_BACK",
    "SPLIT_VIEW",
    "STATUS_LIST",
    "UNKNOWN_VALIDATOR",
    "WRONG_VALIDATORS",
];

/// Every code; those of verdicts among them, because some calls refuse outright what a verdict would.
pub(crate) fn codes() -> impl Iterator<Item = &'static str> {
    OWN.into_iter().chain(Reason::ALL.map(Reason::code))
}
