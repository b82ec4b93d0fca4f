//! An agency's server, as wallets, checkpoints and auditors call it.
//!
//! Answers are bounded in size and time and no redirect is followed. Nothing that comes back is believed
//! here: bundles, credentials and receipts are verified by whoever asked for them.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use credential::exchange::{ChallengeResponse, ClaimRequest, Issued, PassRequest, PassResponse};
use credential::status::TOKEN_BYTES;
use credential::zk::RevocationDelta;
use did_registry::{Did, Digest, NetworkId, PublicKey, canonical};
use ledger_chain::bundle::BUNDLE_BYTES;
use reqwest::redirect::Policy;
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Bytes of the largest answer in JSON.
const JSON_BYTES: usize = 4 * 1024 * 1024;
/// Seconds for a request; asking for a receipt waits up to [`RECEIPT_WAIT`] of them.
const SECONDS: u64 = 30;
/// Seconds to let an agency wait for a batch to be anchored.
pub const RECEIPT_WAIT: u64 = 5;

/// Why an agency did not answer as it should.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AgencyError {
    /// Not an address.
    #[error("an agency's address is http://host:port or https://host:port, without a path; got {0:?}")]
    Address(String),
    /// Not reached, or broken off.
    #[error("{url}: {error}")]
    Unreachable {
        /// Where.
        url: String,
        /// What happened.
        #[source]
        error: reqwest::Error,
    },
    /// The agency refused, with its own code.
    #[error("the agency refuses ({code}): {detail}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Names the rule.
        code: String,
        /// States it.
        detail: String,
    },
    /// An answer over the limit.
    #[error("an answer of at most {limit} bytes is accepted")]
    TooLarge {
        /// Bytes allowed.
        limit: usize,
    },
    /// An answer of another shape.
    #[error("the answer to {path} does not have the documented shape: {rule}")]
    Shape {
        /// What was asked.
        path: String,
        /// What is wrong.
        rule: String,
    },
}

/// What an agency says of itself.
#[derive(Clone, Debug, Deserialize)]
pub struct AgencyInfo {
    /// Its identifier.
    pub did: Did,
    /// Its name, for people.
    pub name: String,
    /// Its network.
    pub network: NetworkId,
    /// The ledger it follows.
    pub ledger: Digest,
    /// Its own policies.
    pub policies: Vec<Digest>,
}

/// Where a receipt stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ReceiptAnswer {
    /// Here it is, base64url.
    Ready(String),
    /// The batch is not anchored yet.
    Pending,
}

#[derive(Deserialize)]
struct Problem {
    code: Option<String>,
    detail: Option<String>,
    title: Option<String>,
}

#[derive(Deserialize)]
struct ReceiptBody {
    receipt: String,
}

/// A client of one agency.
#[derive(Clone, Debug)]
pub struct Agency {
    base: Url,
    http: reqwest::Client,
}

impl Agency {
    /// A client of the agency at `address`.
    ///
    /// # Errors
    /// [`AgencyError::Address`], [`AgencyError::Unreachable`] if the system's client cannot be set up.
    pub fn new(address: &str) -> Result<Self, AgencyError> {
        let url = Url::parse(address).ok().filter(|url| {
            let web = matches!(url.scheme(), "http" | "https") && url.has_host();
            web && url.path() == "/"
                && url.query().is_none()
                && url.fragment().is_none()
                && url.username().is_empty()
        });
        let base = url.ok_or_else(|| AgencyError::Address(address.to_owned()))?;
        let http = reqwest::Client::builder()
            .redirect(Policy::none())
            .connect_timeout(Duration::from_secs(5))
            .timeout(Duration::from_secs(SECONDS))
            .build();
        let http = http.map_err(|error| AgencyError::Unreachable { url: address.to_owned(), error })?;
        Ok(Self { base, http })
    }

    /// The address, for people.
    pub fn address(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// What the agency says of itself.
    ///
    /// # Errors
    /// [`AgencyError`].
    pub async fn info(&self) -> Result<AgencyInfo, AgencyError> {
        self.json(self.request(Method::GET, "/v1/agency"), "/v1/agency").await
    }

    /// A trust bundle that continues the head at `from`.
    ///
    /// # Errors
    /// [`AgencyError`].
    pub async fn bundle(&self, from: Option<u64>) -> Result<Vec<u8>, AgencyError> {
        let mut request = self.request(Method::GET, "/v1/bundle");
        if let Some(height) = from {
            request = request.query(&[("from", height)]);
        }
        let response = self.accepted(request).await?;
        self.body(response, BUNDLE_BYTES).await
    }

    /// Redeems a claim code.
    ///
    /// # Errors
    /// [`AgencyError`]; a code works once.
    pub async fn claim(&self, claim: &ClaimRequest) -> Result<Issued, AgencyError> {
        self.json(self.request(Method::POST, "/v1/claims").json(claim), "/v1/claims").await
    }

    /// The receipt that a credential was anchored, by its identifier, or a consent, by its digest; lets the agency wait a
    /// little for it.
    ///
    /// # Errors
    /// [`AgencyError`].
    pub async fn receipt(&self, id: &Digest) -> Result<ReceiptAnswer, AgencyError> {
        let path = format!("/v1/receipts/{id}");
        let request = self.request(Method::GET, &path).query(&[("wait", RECEIPT_WAIT)]);
        let response = self.accepted(request).await?;
        if response.status() == StatusCode::ACCEPTED {
            return Ok(ReceiptAnswer::Pending);
        }
        let body: ReceiptBody = self.read(response, &path).await?;
        Ok(ReceiptAnswer::Ready(body.receipt))
    }

    /// A challenge for one of the agency's policies.
    ///
    /// # Errors
    /// [`AgencyError`].
    pub async fn challenge(&self, policy: &Digest) -> Result<ChallengeResponse, AgencyError> {
        let request =
            self.request(Method::POST, "/v1/challenges").json(&serde_json::json!({"policy": policy}));
        self.json(request, "/v1/challenges").await
    }

    /// Applies for a pass.
    ///
    /// # Errors
    /// [`AgencyError`]; what is wrong with the application is in the answer's verdict.
    pub async fn apply(&self, application: &PassRequest) -> Result<PassResponse, AgencyError> {
        self.json(self.request(Method::POST, "/v1/passes").json(application), "/v1/passes").await
    }

    /// What changed in the agency's status tree for proofs after an epoch, in order: as much as one answer holds. Not
    /// verified: followed, it must lead to the root that the ledger has.
    ///
    /// # Errors
    /// [`AgencyError`].
    pub async fn revocations(&self, after: u64) -> Result<Vec<RevocationDelta>, AgencyError> {
        const PATH: &str = "/v1/revocations";
        #[derive(Deserialize)]
        struct Answer {
            deltas: Vec<String>,
        }
        let Answer { deltas } = self.get(PATH, &[("after", after.to_string())], None).await?;
        let shape = || AgencyError::Shape {
            path: PATH.to_owned(),
            rule: "a delta is canonical bytes, base64url".into(),
        };
        let read = |text: &String| {
            let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| shape())?;
            canonical::decode(&bytes, JSON_BYTES).map_err(|_| shape())
        };
        deltas.iter().map(read).collect()
    }

    /// Asks for JSON at a path, as an operator if a token is given.
    ///
    /// # Errors
    /// [`AgencyError`].
    pub async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, String)],
        token: Option<&str>,
    ) -> Result<T, AgencyError> {
        let mut request = self.request(Method::GET, path).query(query);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        self.json(request, path).await
    }

    /// Issues one credential over a record, as an operator with the role `issue`, to a key that the operator
    /// knows to be the holder's.
    ///
    /// # Errors
    /// [`AgencyError`].
    pub async fn issue(
        &self,
        schema: &Digest,
        record: &str,
        holder: &PublicKey,
        token: &str,
    ) -> Result<Issued, AgencyError> {
        const PATH: &str = "/v1/credentials/batch";
        #[derive(Deserialize)]
        struct Batch {
            issued: [Issued; 1],
        }
        let items = serde_json::json!([{"record_id": record, "holder": holder}]);
        let body = serde_json::json!({"schema": schema, "items": items});
        let request = self.request(Method::POST, PATH).bearer_auth(token).json(&body);
        let Batch { issued: [issued] } = self.json(request, PATH).await?;
        Ok(issued)
    }

    /// A status list token as it is served at `uri`, or as it was at an epoch if the issuer keeps that.
    ///
    /// # Errors
    /// [`AgencyError`].
    pub async fn status_token(uri: &str, epoch: u64) -> Result<String, AgencyError> {
        let url = Url::parse(uri).map_err(|_| AgencyError::Address(uri.to_owned()))?;
        let path = url.path().to_owned();
        let mut base = url.clone();
        base.set_path("");
        base.set_query(None);
        base.set_fragment(None);
        let issuer = Self::new(base.as_str())?;
        let response = issuer.accepted(issuer.request(Method::GET, &path).query(&[("epoch", epoch)])).await?;
        let bytes = issuer.body(response, TOKEN_BYTES).await?;
        String::from_utf8(bytes)
            .map_err(|_| AgencyError::Shape { path, rule: "a status list token is text".into() })
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let mut url = self.base.clone();
        url.set_path(path);
        self.http.request(method, url)
    }

    async fn json<T: DeserializeOwned>(&self, request: RequestBuilder, path: &str) -> Result<T, AgencyError> {
        let response = self.accepted(request).await?;
        self.read(response, path).await
    }

    async fn read<T: DeserializeOwned>(&self, response: Response, path: &str) -> Result<T, AgencyError> {
        let bytes = self.body(response, JSON_BYTES).await?;
        // serde_json's text quotes what it met, which may be personal: the place alone is told.
        let rule = |error: serde_json::Error| {
            format!("it fails at line {}, column {}", error.line(), error.column())
        };
        serde_json::from_slice(&bytes)
            .map_err(|error| AgencyError::Shape { path: path.to_owned(), rule: rule(error) })
    }

    /// Sends, and turns a refusal into its error.
    async fn accepted(&self, request: RequestBuilder) -> Result<Response, AgencyError> {
        let response = request.send().await.map_err(|error| self.unreachable(error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = self.body(response, 64 * 1024).await.unwrap_or_default();
        let problem =
            serde_json::from_slice(&body).unwrap_or(Problem { code: None, detail: None, title: None });
        let code = problem.code.unwrap_or_else(|| format!("HTTP_{}", status.as_u16()));
        let said = problem.detail.or(problem.title).unwrap_or_else(|| status.to_string());
        // Control characters of a stranger do not reach the terminal.
        let detail = said.chars().filter(|letter| !letter.is_control()).take(500).collect();
        Err(AgencyError::Refused { status: status.as_u16(), code, detail })
    }

    async fn body(&self, mut response: Response, limit: usize) -> Result<Vec<u8>, AgencyError> {
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.unreachable(error))? {
            if bytes.len() + chunk.len() > limit {
                return Err(AgencyError::TooLarge { limit });
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    fn unreachable(&self, error: reqwest::Error) -> AgencyError {
        AgencyError::Unreachable { url: self.address().to_owned(), error: error.without_url() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_scheme_host_and_port() {
        for good in ["http://127.0.0.1:8080", "https://saude.example", "http://[::1]:9/"] {
            assert_eq!(Agency::new(good).unwrap().address(), good.trim_end_matches('/'));
        }
        for bad in [
            "",
            "127.0.0.1:80",
            "ftp://a",
            "http://a/b",
            "http://a?b",
            "http://a#b",
            "http://u@a",
            "file:///etc",
        ] {
            assert!(matches!(Agency::new(bad), Err(AgencyError::Address(_))), "{bad}");
        }
    }
}
