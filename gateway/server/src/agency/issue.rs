//! Issuing: offers, claims and batches. All formats are signed over the same claims in one go.

use credential::exchange::{ClaimRequest, Issued};
use credential::presentation::{document_digest, type_name};
use credential::sd_jwt::{self, IssueRequest};
use credential::zk::{CausewayCredential, Element, civil_day};
use credential::{anchor, data_integrity};
use did_registry::{Claims, CredentialType, Digest, PublicKey, Schema, Timestamp};
use rand::RngCore as _;
use rand::rngs::OsRng;
use serde_json::{Map, Value};
use zk_policy::{Handle, Times};

use super::anchors::Anchors;
use super::lists::StatusLists;
use super::rows::{CommitmentKind, ISSUED, IssuedRow, OFFERS, OfferRow};
use super::{Agency, AgencyError, note};
use crate::audit::Subject;
use crate::circuit_keys::check_adopted;
use crate::record::{self, RECORDS, Record, RecordStatus};
use crate::schemas;
use crate::vault::{Batch, Column, RowId, Vault};

/// Days a claim code works.
const OFFER_DAYS: u64 = 30;
/// Days a credential lasts.
const CREDENTIAL_DAYS: u64 = 14;
/// Credentials of one call.
pub(crate) const BATCH: usize = 500;

/// A one-time code for the person a record is about.
#[derive(Clone, Debug, serde::Serialize, utoipa::ToSchema)]
pub struct Offer {
    /// The record.
    pub record_id: String,
    /// To be handed to the person; the agency keeps a keyed hash of it only.
    pub code: String,
    /// Until when it works.
    #[schema(value_type = schemas::Timestamp)]
    pub expires: Timestamp,
}

/// Signs one credential in both formats and stages everything that goes with it.
struct Signed {
    issued: Issued,
    /// What is anchored: one digest a format.
    digests: [Digest; 2],
}

/// From when to when a credential counts.
struct Validity {
    issued: Timestamp,
    expires: Timestamp,
}

impl Agency {
    /// Makes claim codes for records, as operator `by`.
    ///
    /// # Errors
    /// [`AgencyError::Missing`] for an unknown record: then no code is made.
    pub fn offer(&self, by: &str, schema: &Digest, record_ids: &[String]) -> Result<Vec<Offer>, AgencyError> {
        self.check_batch(record_ids.len())?;
        let now = self.clock.now();
        let expires = now.plus(OFFER_DAYS * 86_400);
        self.vault.write(|change| {
            let mut offers = Vec::with_capacity(record_ids.len());
            for record_id in record_ids {
                let record = record::row_id(change.vault(), schema, record_id);
                if !change.contains(Column::Records, &record)? {
                    return Err(AgencyError::Missing("record"));
                }
                let mut bytes = [0u8; 16];
                OsRng.fill_bytes(&mut bytes);
                let code = bs58::encode(bytes).into_string();
                let row = OfferRow { record, expires, used: None };
                change.put(OFFERS, &code_row(change.vault(), &code), &row)?;
                offers.push(Offer { record_id: record_id.clone(), code, expires });
            }
            note(change, now, by, "offer.make", vec![Subject::Number(offers.len() as u64)])?;
            Ok(offers)
        })
    }

    /// Redeems a claim code, once.
    ///
    /// # Errors
    /// [`AgencyError::CodeUnknown`], [`AgencyError::CodeUsed`], [`AgencyError::CodeExpired`], or the proof
    /// of possession fails.
    pub fn claim(&self, request: &ClaimRequest) -> Result<Issued, AgencyError> {
        request.holder.verify(&self.did, &request.code)?;
        let proved = match (&request.causeway, &self.causeway) {
            (None, _) => None,
            (Some(_), None) => return Err(AgencyError::NoCauseway),
            (Some(proof), Some(keys)) => {
                if let Err(error) = check_adopted(&keys.digest, &self.trust.view().facts) {
                    tracing::warn!(%error, "no Causeway credential is issued");
                    return Err(AgencyError::NoCauseway);
                }
                Some(proof.verify(&keys.holder, &self.did, &request.code)?)
            }
        };
        let now = self.clock.now();
        let signed = self.vault.write(|change| {
            let id = code_row(change.vault(), &request.code);
            let offer = change.get(OFFERS, &id)?.ok_or(AgencyError::CodeUnknown)?;
            if offer.used.is_some() {
                return Err(AgencyError::CodeUsed);
            }
            if now >= offer.expires {
                return Err(AgencyError::CodeExpired);
            }
            let signed = self.sign(change, offer.record, (&request.holder.key, proved), now)?;
            change.put(OFFERS, &id, &OfferRow { used: Some(now), ..offer })?;
            Ok(signed)
        })?;
        self.anchors.announce(CommitmentKind::Credential, signed.digests);
        self.count_issued(1);
        self.metrics.issued("causeway", u64::from(signed.issued.causeway.is_some()));
        Ok(signed.issued)
    }

    /// Issues over many records at once, as operator `by`, to keys that the agency knows to be their holders'.
    /// All or none.
    ///
    /// # Errors
    /// [`AgencyError::Missing`] for an unknown record.
    pub fn issue_batch(
        &self,
        by: &str,
        schema: &Digest,
        items: &[(String, PublicKey)],
    ) -> Result<Vec<Issued>, AgencyError> {
        self.check_batch(items.len())?;
        let now = self.clock.now();
        let signed = self.vault.write(|change| {
            let mut signed = Vec::with_capacity(items.len());
            for (record_id, holder) in items {
                let record = record::row_id(change.vault(), schema, record_id);
                signed.push(self.sign(change, record, (holder, None), now)?);
            }
            note(change, now, by, "credential.batch", vec![Subject::Number(signed.len() as u64)])?;
            Ok::<_, AgencyError>(signed)
        })?;
        self.anchors.announce(CommitmentKind::Credential, signed.iter().flat_map(|it| it.digests));
        self.count_issued(signed.len());
        Ok(signed.into_iter().map(|it| it.issued).collect())
    }

    fn count_issued(&self, count: usize) {
        for format in ["dc+sd-jwt", "eddsa-jcs-2022"] {
            self.metrics.issued(format, count as u64);
        }
    }

    fn check_batch(&self, count: usize) -> Result<(), AgencyError> {
        if (1..=BATCH).contains(&count) { Ok(()) } else { Err(AgencyError::BatchSize(BATCH)) }
    }

    fn sign(
        &self,
        change: &mut Batch<'_>,
        record_row: RowId,
        (holder, proved): (&PublicKey, Option<Element>),
        now: Timestamp,
    ) -> Result<Signed, AgencyError> {
        let mut record: Record = change.get(RECORDS, &record_row)?.ok_or(AgencyError::Missing("record"))?;
        let schema = self.schema(&record.schema)?;
        let claims = schema.check_full(&record.claims)?;
        self.may_issue(&schema.credential_type)?;
        let expires = now.plus(CREDENTIAL_DAYS * 86_400);
        let index = StatusLists::allocate(change)?;
        let kind = type_name(&schema.credential_type, &record.schema);
        let status = self.statuses.reference(index);
        let issuer = self.did.to_string();
        let sd_jwt = sd_jwt::issue(
            &IssueRequest {
                issuer: &issuer,
                key_id: &self.keys.es256.0,
                vct: &kind,
                claims: &record.claims,
                clear: &Map::new(),
                holder,
                issued: now,
                expires,
                status: Some(&status),
                decoys: 2,
            },
            &self.keys.es256.1,
            &mut OsRng,
        )?;
        let document = self.sign_document(&kind, &record.claims, holder, now, expires, index)?;
        let causeway = proved.and_then(|proved| {
            self.sign_causeway((&schema, &claims), proved, index, Validity { issued: now, expires })
        });
        let digest = anchor::credential_digest(sd_jwt.signed_part().as_bytes());
        let row = IssuedRow {
            record: Some(record_row),
            credential_type: schema.credential_type.clone(),
            schema: record.schema,
            status_index: index,
            handle: causeway.as_ref().map(|causeway| causeway.handle),
            digest,
            issued: now,
            expires,
        };
        let id = self.stage(change, &row)?;
        // The document is anchored beside it, so either format can be shown to be older than a key's end.
        let document_digest = document_digest(&Value::Object(document.clone()));
        Anchors::stage(change, CommitmentKind::Credential, &document_digest)?;
        if record.status != RecordStatus::Issued {
            record.status = RecordStatus::Issued;
            change.put(RECORDS, &record_row, &record)?;
        }
        let issued = Issued { id, sd_jwt: sd_jwt.compact(), data_integrity: document, causeway };
        Ok(Signed { issued, digests: [digest, document_digest] })
    }

    /// Signs claims as a Causeway credential for the holder of a key that was proved; `None` where there is no room in
    /// the status tree any more, and then the other formats are issued without it.
    fn sign_causeway(
        &self,
        claims: (&Schema, &Claims),
        holder: Element,
        index: u64,
        Validity { issued, expires }: Validity,
    ) -> Option<CausewayCredential> {
        let (url, key) = &self.causeway.as_ref()?.key;
        let Some(handle) = u32::try_from(index).ok().and_then(Handle::new) else {
            tracing::warn!("the status tree is full: no more Causeway credentials are issued");
            return None;
        };
        // The last day on which it counts is the last whole one.
        let times = Times { issued: civil_day(issued.date()), expires: civil_day(expires.date()) - 1 };
        CausewayCredential::issue((url, key), claims, holder, (handle, times), &mut OsRng)
    }

    /// Signs claims as a W3C document with the agency's Ed25519 key.
    pub(super) fn sign_document(
        &self,
        kind: &str,
        claims: &Map<String, Value>,
        holder: &PublicKey,
        now: Timestamp,
        expires: Timestamp,
        index: u64,
    ) -> Result<Map<String, Value>, AgencyError> {
        let status = self.statuses.reference(index);
        let issuer = self.did.to_string();
        let document = data_integrity::credential(&data_integrity::CredentialRequest {
            issuer: &issuer,
            id: None,
            types: &[kind],
            claims,
            holder,
            valid_from: now,
            valid_until: Some(expires),
            status: Some(&status),
        })?;
        let options = data_integrity::ProofOptions {
            verification_method: &self.keys.ed25519.0,
            purpose: data_integrity::Purpose::AssertionMethod,
            created: now,
            expires: None,
            challenge: None,
            domain: None,
        };
        Ok(data_integrity::secure(document, &options, &self.keys.ed25519.1)?)
    }

    /// Writes what was issued and stages its commitment; gives its identifier.
    pub(super) fn stage(&self, change: &mut Batch<'_>, row: &IssuedRow) -> Result<Digest, AgencyError> {
        let id = RowId::random();
        change.put(ISSUED, &id, row)?;
        Anchors::stage(change, CommitmentKind::Credential, &row.digest)?;
        Ok(Digest::from_bytes(*id.as_bytes()))
    }

    /// A schema from the ledger.
    pub(super) fn schema(&self, id: &Digest) -> Result<Schema, AgencyError> {
        self.trust.view().facts.schemas.get(id).cloned().ok_or(AgencyError::Missing("schema"))
    }

    /// The type of a schema's credentials, if this agency is recognised for it today.
    ///
    /// # Errors
    /// `ISSUER_NOT_RECOGNISED`: an agency that is not recognised issues nothing.
    pub(super) fn may_issue(&self, credential_type: &CredentialType) -> Result<(), AgencyError> {
        let now = self.clock.now();
        Ok(self.trust.view().facts.recognised(&self.did, credential_type, now, now)?)
    }
}

fn code_row(vault: &Vault, code: &str) -> RowId {
    vault.index(Column::Offers, &[code.as_bytes()])
}
