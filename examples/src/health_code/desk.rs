//! An operator's desk at one agency: the calls that need a token.

use std::time::Duration;

use anyhow::{Context as _, bail};
use credential::exchange::{Issued, Pass};
use credential::{Finding, Overall};
use did_registry::{Digest, PublicKey, Secret, Timestamp};
use reqwest::{Method, RequestBuilder};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Records in one call for offers; the agency takes so many.
pub const OFFERS: usize = 500;

/// How far an import has come.
#[derive(Clone, Debug, Deserialize)]
pub struct Import {
    /// `unfinished` or `finished`.
    pub state: String,
    /// Rows of the file.
    pub rows_total: u64,
    /// Rows read.
    pub rows_done: u64,
    /// Rows that became records.
    pub stored: u64,
    /// Rows with a fault.
    pub refused: u64,
    /// What is wrong with them.
    pub errors: Vec<RowError>,
}

/// One fault of one row.
#[derive(Clone, Debug, Deserialize)]
pub struct RowError {
    /// Which row, from 1.
    pub row: u64,
    /// Which column, if it is one column's fault.
    pub column: Option<String>,
    /// The stable code.
    pub fault: String,
    /// The rule, in words.
    pub rule: String,
}

/// A one-time code for one record.
#[derive(Clone, Deserialize)]
pub struct Offer {
    /// The record.
    pub record_id: String,
    /// The code.
    pub code: String,
}

/// The answer to a foreign certificate.
#[derive(Clone, Debug, Deserialize)]
pub struct Foreign {
    /// In one word.
    pub verdict: Overall,
    /// Why not.
    pub reasons: Vec<Finding>,
    /// The pass, if one was asked for and given.
    pub pass: Option<Pass>,
}

/// An operator of one agency.
pub struct Desk {
    base: String,
    token: Secret<String>,
    http: reqwest::Client,
}

impl Desk {
    /// The desk at the agency that answers at `base`.
    ///
    /// # Errors
    /// If the system gives no sockets.
    pub fn new(base: &str, token: Secret<String>) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder().timeout(Duration::from_secs(60)).build()?;
        Ok(Self { base: base.to_owned(), token, http })
    }

    /// Starts to import records of a schema from CSV; gives the job's name.
    ///
    /// # Errors
    /// The agency's refusal.
    pub async fn import(&self, schema: &Digest, csv: String) -> anyhow::Result<String> {
        #[derive(Deserialize)]
        struct Started {
            job: String,
        }
        let request = self.request(Method::POST, &format!("/v1/records/import?schema={schema}"));
        let started: Started = answer(request.header("content-type", "text/csv").body(csv)).await?;
        Ok(started.job)
    }

    /// How far an import has come.
    ///
    /// # Errors
    /// The agency's refusal.
    pub async fn import_progress(&self, job: &str) -> anyhow::Result<Import> {
        answer(self.request(Method::GET, &format!("/v1/records/imports/{job}"))).await
    }

    /// Issues over records at once, to keys that the agency knows; `body` as the address documents it.
    ///
    /// # Errors
    /// The agency's refusal.
    pub async fn issue_batch(&self, body: Value) -> anyhow::Result<Vec<Issued>> {
        #[derive(Deserialize)]
        struct Batch {
            issued: Vec<Issued>,
        }
        let made: Batch = answer(self.request(Method::POST, "/v1/credentials/batch").json(&body)).await?;
        Ok(made.issued)
    }

    /// One-time codes for records, in their order.
    ///
    /// # Errors
    /// The agency's refusal.
    pub async fn offer(&self, schema: &Digest, records: &[String]) -> anyhow::Result<Vec<Offer>> {
        #[derive(Deserialize)]
        struct Offers {
            offers: Vec<Offer>,
        }
        let mut offers = Vec::with_capacity(records.len());
        for part in records.chunks(OFFERS) {
            let body = json!({"schema": schema, "record_ids": part});
            let made: Offers = answer(self.request(Method::POST, "/v1/offers").json(&body)).await?;
            offers.extend(made.offers);
        }
        Ok(offers)
    }

    /// Revokes a credential; returns once the ledger has the new status.
    ///
    /// # Errors
    /// The agency's refusal.
    pub async fn revoke(&self, credential: &Digest, cause: &str) -> anyhow::Result<()> {
        let request = self.request(Method::POST, &format!("/v1/credentials/{credential}/status"));
        let _: Value = answer(request.json(&json!({"status": "revoked", "cause": cause}))).await?;
        Ok(())
    }

    /// Has the agency look at the ledger now; gives the height it has come to.
    ///
    /// # Errors
    /// The agency's refusal.
    pub async fn refresh(&self) -> anyhow::Result<u64> {
        let answer: Value = answer(self.request(Method::POST, "/v1/trust/refresh")).await?;
        answer.get("height").and_then(Value::as_u64).context("a refresh answers with its height")
    }

    /// The verdict on a foreign certificate as at `at`. Needs no token, and sends none.
    ///
    /// # Errors
    /// The agency's refusal.
    pub async fn verify_foreign(&self, qr: &str, at: Timestamp) -> anyhow::Result<Foreign> {
        let request = self.http.post(format!("{}/v1/foreign-certificates/verify", self.base));
        answer(request.json(&json!({"qr": qr, "at": at}))).await
    }

    /// The verdict on a foreign certificate, and a pass bound to `holder` if it is accepted.
    ///
    /// # Errors
    /// The agency's refusal.
    pub async fn transcode_foreign(
        &self,
        qr: &str,
        policy: &Digest,
        holder: &PublicKey,
        at: Timestamp,
    ) -> anyhow::Result<Foreign> {
        let body = json!({"qr": qr, "policy": policy, "holder": holder, "at": at});
        answer(self.request(Method::POST, "/v1/foreign-certificates/transcode").json(&body)).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base)).bearer_auth(self.token.expose())
    }
}

/// The answer as its type; a refusal is an error that carries the agency's own code and words.
async fn answer<T: DeserializeOwned>(request: RequestBuilder) -> anyhow::Result<T> {
    let response = request.send().await?;
    let (status, path) = (response.status(), response.url().path().to_owned());
    let bytes = response.bytes().await?;
    if !status.is_success() {
        let problem: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let text = |name: &str| problem.get(name).and_then(Value::as_str).unwrap_or_default();
        bail!("{path}: {status} {}: {}", text("code"), text("detail"));
    }
    serde_json::from_slice(&bytes).with_context(|| format!("{path} answers in another shape"))
}
