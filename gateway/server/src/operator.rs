//! Operators: who at the agency may do what. Bearer tokens (RFC 6750), known here by digest only.
//!
//! Argument: a token is 256 random bits ([`new_token`]), so its SHA-256 tells nothing of it and guessing
//! does not end; a digest is compared in constant time, and against every operator, so timing does not say
//! how close a guess came. Absent on purpose: limiting the rate of failures, which 256 bits make useless.
//!
//! Roles do not contain one another: an administrator who also issues has both, and the file shows it.

use std::collections::BTreeSet;
use std::fs;
use std::marker::PhantomData;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use did_registry::{Digest, Secret};
use rand::RngCore as _;
use rand::rngs::OsRng;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::problem::Problem;

/// Largest operators file.
const FILE_BYTES: u64 = 256 << 10;
/// Most operators.
const OPERATORS: usize = 256;
/// Longest token looked at.
const TOKEN_BYTES: usize = 256;

/// What an operator may do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Import records; issue, suspend and revoke credentials.
    Issue,
    /// Verify and transcode what holders show.
    Verify,
    /// Keys, schemas, policies, settings.
    Admin,
    /// Read the audit log and the metrics.
    Audit,
}

impl Role {
    /// The name in the operators file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Issue => "issue",
            Self::Verify => "verify",
            Self::Admin => "admin",
            Self::Audit => "audit",
        }
    }
}

/// Why an operators file was refused. Counts entries from 1 and never shows a digest.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OperatorError {
    /// The operating system refused.
    #[error("the operators file must be readable: {0}")]
    Unreadable(#[source] std::io::Error),
    /// Who writes the file names the operators.
    #[error("the operators file must not be writable by group or others, it has mode {0:04o}")]
    Writable(u32),
    /// Over the size limit.
    #[error("the operators file has at most {FILE_BYTES} bytes")]
    TooLarge,
    /// Not TOML, or not of this shape.
    #[error("the operators file is [[operator]] with name, token_sha256 and roles: {0}")]
    Shape(String),
    /// None or too many.
    #[error("there are 1 to {OPERATORS} operators")]
    Count,
    /// A name that does not fit the audit log.
    #[error("operator {0}: a name is 1 to 64 of a-z, 0-9, '-', '_' and '.'")]
    Name(usize),
    /// Nothing allowed.
    #[error("operator {0}: at least one role is needed")]
    NoRole(usize),
    /// Two of one name or one token.
    #[error("operator {0}: an earlier operator has this name or token")]
    Repeated(usize),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    operator: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    token_sha256: Digest,
    roles: BTreeSet<Role>,
}

/// The operators of an agency.
pub struct Operators(Vec<Entry>);

impl Operators {
    /// Reads an operators file: TOML, `[[operator]]` with `name`, `token_sha256` and `roles`.
    ///
    /// # Errors
    /// [`OperatorError`].
    pub fn load(path: &Path) -> Result<Arc<Self>, OperatorError> {
        let metadata = fs::metadata(path).map_err(OperatorError::Unreadable)?;
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o022 != 0 {
            return Err(OperatorError::Writable(mode));
        }
        if metadata.len() > FILE_BYTES {
            return Err(OperatorError::TooLarge);
        }
        Self::parse(&fs::read_to_string(path).map_err(OperatorError::Unreadable)?)
    }

    /// Reads the text of an operators file.
    ///
    /// # Errors
    /// [`OperatorError`].
    pub fn parse(text: &str) -> Result<Arc<Self>, OperatorError> {
        // `message` is without the quoted lines that the full text has.
        let file: File =
            toml::from_str(text).map_err(|error| OperatorError::Shape(error.message().to_owned()))?;
        if file.operator.is_empty() || file.operator.len() > OPERATORS {
            return Err(OperatorError::Count);
        }
        let (mut names, mut tokens) = (BTreeSet::new(), BTreeSet::new());
        for (index, entry) in file.operator.iter().enumerate() {
            let number = index + 1;
            let plain =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
            if entry.name.is_empty() || entry.name.len() > 64 || !entry.name.bytes().all(plain) {
                return Err(OperatorError::Name(number));
            }
            if entry.roles.is_empty() {
                return Err(OperatorError::NoRole(number));
            }
            if !names.insert(&entry.name) || !tokens.insert(entry.token_sha256) {
                return Err(OperatorError::Repeated(number));
            }
        }
        Ok(Arc::new(Self(file.operator)))
    }

    /// The text of one operator in an operators file.
    pub fn entry(name: &str, token_sha256: &Digest, roles: &[Role]) -> String {
        let roles: Vec<String> = roles.iter().map(|role| format!("{:?}", role.name())).collect();
        format!(
            "[[operator]]\nname = {name:?}\ntoken_sha256 = \"{token_sha256}\"\nroles = [{}]\n",
            roles.join(", ")
        )
    }

    fn find(&self, token: &[u8]) -> Option<&Entry> {
        let digest = Digest::sha256(token);
        let mut found = None;
        for entry in &self.0 {
            // No early end: the time says nothing of which operator it is.
            if entry.token_sha256.as_bytes().ct_eq(digest.as_bytes()).into() {
                found = Some(entry);
            }
        }
        found
    }
}

impl std::fmt::Debug for Operators {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.iter().map(|entry| &entry.name)).finish()
    }
}

/// A fresh token and the digest for the operators file. The token is shown to its operator once.
pub fn new_token() -> (Secret<String>, Digest) {
    let mut bytes = Zeroizing::new([0u8; 32]);
    OsRng.fill_bytes(bytes.as_mut_slice());
    let token = hex::encode(bytes.as_slice());
    let digest = Digest::sha256(token.as_bytes());
    (Secret::new(token), digest)
}

/// A duty that a handler asks for; names a [`Role`] at compile time.
pub trait Duty: Send + Sync + 'static {
    /// The role needed.
    const ROLE: Role;
}

/// Asks for [`Role::Issue`].
#[derive(Debug, Clone, Copy)]
pub struct MayIssue;
/// Asks for [`Role::Verify`].
#[derive(Debug, Clone, Copy)]
pub struct MayVerify;
/// Asks for [`Role::Admin`].
#[derive(Debug, Clone, Copy)]
pub struct MayAdminister;
/// Asks for [`Role::Audit`].
#[derive(Debug, Clone, Copy)]
pub struct MayAudit;

impl Duty for MayIssue {
    const ROLE: Role = Role::Issue;
}
impl Duty for MayVerify {
    const ROLE: Role = Role::Verify;
}
impl Duty for MayAdminister {
    const ROLE: Role = Role::Admin;
}
impl Duty for MayAudit {
    const ROLE: Role = Role::Audit;
}

/// Extractor: the operator behind a request, who has the role of `D`. A handler that takes one cannot be
/// reached without it. Answers 401 without a known token, 403 without the role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator<D> {
    name: String,
    duty: PhantomData<fn() -> D>,
}

impl<D> Operator<D> {
    /// Who it is, for the audit log.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl<S: Send + Sync, D: Duty> FromRequestParts<S> for Operator<D>
where
    Arc<Operators>: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let token = bearer(&parts.headers).ok_or_else(|| {
            let detail = "this address needs an operator's bearer token";
            Problem::new(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", detail)
                .challenging("Bearer realm=\"causeway\"")
        })?;
        let operators = Arc::<Operators>::from_ref(state);
        let entry = operators.find(token).ok_or_else(|| {
            Problem::new(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", "this bearer token is no operator's")
                .challenging("Bearer realm=\"causeway\", error=\"invalid_token\"")
        })?;
        if !entry.roles.contains(&D::ROLE) {
            let detail = format!("this address needs the role {}", D::ROLE.name());
            return Err(Problem::new(StatusCode::FORBIDDEN, "ROLE_MISSING", detail)
                .challenging("Bearer realm=\"causeway\", error=\"insufficient_scope\""));
        }
        Ok(Self { name: entry.name.clone(), duty: PhantomData })
    }
}

/// The token of the one `Authorization` header; two of them are as good as none.
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let (scheme, token) = value.as_bytes().split_at_checked(7)?;
    (scheme.eq_ignore_ascii_case(b"bearer ") && (1..=TOKEN_BYTES).contains(&token.len())).then_some(token)
}

#[cfg(test)]
mod tests;
