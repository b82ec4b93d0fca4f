//! What citizens do: claim, apply, show. Wallets keep their keys; agencies see what is sent and nothing else.

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use credential::exchange::{ChallengeResponse, PassRequest};
use did_registry::{Digest, Suite, Timestamp};
use gateway::operator::Role;
use ledger_chain::receipt::AnchorReceipt;
use rand::rngs::OsRng;
use serde_json::{Value, json};
use wallet::{Application, Claim, HeldPass, Holding};

use super::{Answer, Office, Town};

/// A name that must stay at home.
pub const APPLICANT: &str = "歐陽娜娜 Inês";

/// A file of records.
pub fn csv(rows: &[String]) -> String {
    format!("record_id,full_name,birth_date,test_result,sample_date\n{}\n", rows.join("\n"))
}

/// One record of it: a result, taken so many days before `now`.
pub fn row(record: &str, result: &str, days: i32, now: Timestamp) -> String {
    format!("{record},{APPLICANT},1990-02-28,{result},{}", now.date().plus_days(-days))
}

impl Town {
    /// Brings people with a fresh negative test into Guangdong's vault.
    ///
    /// # Errors
    /// The agency's refusal.
    pub async fn enrol(&self, records: &[&str]) -> anyhow::Result<()> {
        let rows: Vec<String> =
            records.iter().map(|record| row(record, "negative", 0, self.clock.now())).collect();
        let job = self.guangdong.import(&self.schema.id(), &csv(&rows)).await?;
        ensure!(job.get("stored").and_then(Value::as_u64) == Some(records.len() as u64), "{job}");
        Ok(())
    }

    /// A claim code for a record.
    ///
    /// # Errors
    /// The agency's refusal.
    pub async fn offer(&self, record: &str) -> anyhow::Result<String> {
        let body = json!({"schema": self.schema.id(), "record_ids": [record]});
        let answer = self.guangdong.post(Some(Role::Issue), "/v1/offers", &body).await?;
        ensure!(answer.status == 201, "{answer:?}");
        let code = answer.json().pointer("/offers/0/code").and_then(Value::as_str).map(str::to_owned);
        code.context("an offer has a code")
    }

    /// Redeems a code; the credential has no receipt yet.
    ///
    /// # Errors
    /// The agency's refusal, or the wallet's.
    pub async fn claim(&self, code: &str) -> anyhow::Result<Holding> {
        let (claim, request) = Claim::begin(code, &self.guangdong.did, Suite::P256, &mut OsRng);
        let answer = self.guangdong.post(None, "/v1/claims", &serde_json::to_value(&request)?).await?;
        let facts = self.facts(&self.guangdong).await?;
        Ok(claim.accept(answer.read()?, &facts, self.clock.now())?)
    }

    /// The receipt of something that an agency issued.
    ///
    /// # Errors
    /// If it is not anchored in time.
    pub async fn receipt(&self, office: &Office, id: &Digest) -> anyhow::Result<AnchorReceipt> {
        let answer = office.get(None, &format!("/v1/receipts/{id}?wait=20")).await?;
        let body: Value = answer.read()?;
        let text = body.get("receipt").and_then(Value::as_str).with_context(|| format!("{answer:?}"))?;
        Ok(AnchorReceipt::from_bytes(&URL_SAFE_NO_PAD.decode(text)?)?)
    }

    /// The record's person holds a credential with its receipt, and Macau knows of its anchor.
    ///
    /// # Errors
    /// As above.
    pub async fn credential(&self, record: &str) -> anyhow::Result<Holding> {
        let mut holding = self.claim(&self.offer(record).await?).await?;
        let receipt = self.receipt(&self.guangdong, holding.id()).await?;
        holding.set_anchor(URL_SAFE_NO_PAD.encode(receipt.to_bytes()));
        Ok(holding)
    }

    /// A challenge of Macau's for one of its policies.
    ///
    /// # Errors
    /// The agency's refusal.
    pub async fn challenge(&self, policy: &Digest) -> anyhow::Result<ChallengeResponse> {
        self.macau.post(None, "/v1/challenges", &json!({"policy": policy})).await?.read()
    }

    /// What the holder sends to Macau in answer to a fresh challenge, whether or not it will do.
    ///
    /// # Errors
    /// The wallet's.
    pub async fn application(&self, holding: &Holding) -> anyhow::Result<(Application, PassRequest)> {
        let challenge = self.challenge(&self.rules.entry.id()).await?;
        let facts = self.facts(&self.macau).await?;
        Ok(Application::begin(holding, &challenge, &facts, false, self.clock.now(), &mut OsRng)?)
    }

    /// Sends an application to Macau.
    ///
    /// # Errors
    /// If it does not answer.
    pub async fn apply(&self, request: &PassRequest) -> anyhow::Result<Answer> {
        self.macau.post(None, "/v1/passes", &serde_json::to_value(request)?).await
    }

    /// Macau's answer to somebody who applies with a credential.
    ///
    /// # Errors
    /// If it does not come to an answer.
    pub async fn apply_with(&self, holding: &Holding) -> anyhow::Result<Answer> {
        let (_, request) = self.application(holding).await?;
        self.apply(&request).await
    }

    /// The pass of somebody who holds a credential.
    ///
    /// # Errors
    /// Macau's refusal, or the wallet's.
    pub async fn pass(&self, holding: &Holding) -> anyhow::Result<HeldPass> {
        let (application, request) = self.application(holding).await?;
        let response = self.apply(&request).await?.read()?;
        Ok(application.accept(response, &self.facts(&self.macau).await?, self.clock.now())?)
    }

    /// Macau's answer to a pass that is shown under a fresh challenge of the gate's rule.
    ///
    /// # Errors
    /// If it does not answer.
    pub async fn show(&self, pass: &HeldPass) -> anyhow::Result<Answer> {
        let challenge = self.challenge(&self.rules.gate.id()).await?;
        let text = pass.show(&challenge.audience.to_string(), &challenge.nonce, self.clock.now())?;
        self.verify(&text, &challenge.nonce).await
    }

    /// Macau's answer to a text that is shown under a challenge.
    ///
    /// # Errors
    /// If it does not answer.
    pub async fn verify(&self, text: &str, nonce: &str) -> anyhow::Result<Answer> {
        self.macau
            .post(None, "/v1/presentations/verify", &json!({"presentation": text, "nonce": nonce}))
            .await
    }

    /// An issuer sets the status of something it issued.
    ///
    /// # Errors
    /// If it does not answer.
    pub async fn set_status(&self, office: &Office, id: &Digest, status: &str) -> anyhow::Result<Answer> {
        let body = json!({"status": status, "cause": "as the test says"});
        office.post(Some(Role::Issue), &format!("/v1/credentials/{id}/status"), &body).await
    }
}
