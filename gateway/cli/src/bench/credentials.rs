//! Credentials and certificates on one core: no ledger, no network, everything else as in use.
//!
//! The SD-JWT figure is a whole presentation: seven claims of which three are shown, the issuer's ES256
//! signature, the holder's ES256 key binding, recognised issuer, status list, and the policy. The JCS figure is
//! a whole document: read, its issuer's key looked up, its proof, its data model, its dates.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, ensure};
use credential::data_integrity::{self, CredentialRequest, ProofOptions, Purpose};
use credential::facts::{AgeLimits, Facts, StatusSnapshot};
use credential::presentation::{Challenge, LEEWAY, authenticate_document, type_name, verify_presentation};
use credential::sd_jwt::{self, IssueRequest, SdJwt};
use credential::status::{self, StatusClaims, StatusList, StatusListText, StatusReference};
use credential::{Overall, Policy, dcc};
use did_registry::{
    Did, DidRecord, Genesis, Moment, NetworkId, PublicKey, Purposes, Recognition, SigningKey, Suite,
    Timestamp,
};
use rand::rngs::OsRng;
use serde_json::{Map, Value};

use super::measure::{Report, US, glance, median, percentile, rate};
use super::subject;

const SD_JWT: [&str; 2] = ["credential.sdjwt_es256.issue_per_s", "credential.sdjwt_es256.verify_per_s"];
const JCS: [&str; 2] = ["credential.jcs.issue_per_s", "credential.jcs.verify_per_s"];
pub(super) const DCC: &str = "dcc.verify_us";
/// Times each certificate is verified.
const REPEATS: usize = 300;

/// `data` is where the national certificates lie.
pub(super) fn measure(report: &mut Report, data: &Path) -> anyhow::Result<()> {
    if report.wants(&[SD_JWT, JCS].concat()) {
        let office = Office::open()?;
        sd_jwts(report, &office)?;
        documents(report, &office)?;
    }
    if report.wants(&[DCC]) {
        certificates(report, data)?;
    }
    Ok(())
}

/// An issuer, a holder, a verifier's rule, and what the verifier knows.
struct Office {
    issuer: Did,
    es256: (String, SigningKey),
    ed25519: (String, SigningKey),
    holder: SigningKey,
    claims: Map<String, Value>,
    kind: String,
    status: StatusReference,
    policy: Policy,
    facts: Facts,
    now: Timestamp,
}

impl Office {
    fn open() -> anyhow::Result<Self> {
        let key = |suite| SigningKey::generate(suite, &mut OsRng);
        let (control, es256, ed25519) = (key(Suite::Ed25519), key(Suite::P256), key(Suite::Ed25519));
        let now = gateway::clock::Clock::system().now();
        let genesis =
            Genesis::new(NetworkId::new("bench")?, control.public_key(), control.public_key().commitment())
                .with_key("es256-1", Purposes::ASSERTION, es256.public_key())
                .with_key("ed25519-1", Purposes::ASSERTION, ed25519.public_key());
        let issuer = genesis.did();
        let at = Moment { height: 1, time: now };
        let record = DidRecord::create(&issuer, &genesis, at)?;
        let schema = subject::schema()?;
        let policy = subject::entry_policy(issuer.clone(), now)?;
        let recognition = Recognition {
            issuer: issuer.clone(),
            credential_type: subject::test_type()?,
            from: now.minus(86_400),
            until: now.plus(86_400),
            decided: at,
        };
        let es256 = (issuer.url("es256-1"), es256);
        let status = StatusReference { uri: "http://127.0.0.1:1/status/1".to_owned(), index: 4_711 };
        let snapshot = snapshot(&issuer, &es256, &status.uri, now)?;
        let facts = Facts {
            as_of: at,
            dids: BTreeMap::from([(issuer.clone(), record)]),
            recognitions: BTreeMap::from([((subject::test_type()?, issuer.clone()), recognition)]),
            policies: BTreeMap::from([(policy.id(), policy.clone())]),
            schemas: BTreeMap::from([(schema.id(), schema.clone())]),
            statuses: BTreeMap::from([(status.uri.clone(), snapshot)]),
            issuer_sets: BTreeMap::new(),
            revocations: BTreeMap::new(),
            circuit_keys: None,
        };
        Ok(Self {
            ed25519: (issuer.url("ed25519-1"), ed25519),
            es256,
            holder: key(Suite::P256),
            claims: subject::claims(1, now.date()),
            kind: type_name(&subject::test_type()?, &schema.id()),
            status,
            policy,
            facts,
            now,
            issuer,
        })
    }

    fn sd_jwt(&self, issuer: &str, holder: &PublicKey) -> anyhow::Result<SdJwt> {
        let request = IssueRequest {
            issuer,
            key_id: &self.es256.0,
            vct: &self.kind,
            claims: &self.claims,
            clear: &Map::new(),
            holder,
            issued: self.now,
            expires: self.now.plus(14 * 86_400),
            status: Some(&self.status),
            decoys: 2,
        };
        Ok(sd_jwt::issue(&request, &self.es256.1, &mut OsRng)?)
    }

    fn document(&self, issuer: &str, holder: &PublicKey) -> anyhow::Result<Map<String, Value>> {
        let request = CredentialRequest {
            issuer,
            id: None,
            types: &[&self.kind],
            claims: &self.claims,
            holder,
            valid_from: self.now,
            valid_until: Some(self.now.plus(14 * 86_400)),
            status: Some(&self.status),
        };
        let options = ProofOptions {
            verification_method: &self.ed25519.0,
            purpose: Purpose::AssertionMethod,
            created: self.now,
            expires: None,
            challenge: None,
            domain: None,
        };
        Ok(data_integrity::secure(data_integrity::credential(&request)?, &options, &self.ed25519.1)?)
    }
}

/// An anchored list of a million entries, as a verifier holds it.
fn snapshot(
    issuer: &Did,
    key: &(String, SigningKey),
    uri: &str,
    now: Timestamp,
) -> anyhow::Result<StatusSnapshot> {
    let claims = StatusClaims {
        issuer: Some(issuer.to_string()),
        uri: uri.to_owned(),
        issued: now,
        expires: None,
        ttl: None,
    };
    let token = status::issue(&StatusList::new(2, 1 << 20)?, &claims, &key.0, &key.1);
    let list = StatusListText::parse(&token)?.verify(&key.1.public_key(), uri)?;
    Ok(StatusSnapshot { issuer: issuer.clone(), epoch: 1, list })
}

fn sd_jwts(report: &mut Report, office: &Office) -> anyhow::Result<()> {
    if !report.wants(&SD_JWT) {
        return Ok(());
    }
    let [issue_name, verify_name] = SD_JWT;
    let (issuer, holder) = (office.issuer.to_string(), office.holder.public_key());
    let mut bytes = 0;
    let (value, samples) = rate(|| {
        bytes = office.sd_jwt(&issuer, &holder)?.compact().len();
        Ok(())
    })?;
    report.figure(issue_name, value, "1/s per core", samples)?;
    let credential = office.sd_jwt(&issuer, &holder)?;
    let (audience, shown) = (issuer.as_str(), office.policy.claims());
    let text = sd_jwt::present(&credential, &shown, &office.holder, audience, "nonce", office.now)?;
    let challenge =
        Challenge { audience, nonce: "nonce", max_age: 300, now: office.now, limits: AgeLimits::default() };
    let policy = office.policy.id();
    let (value, samples) = rate(|| {
        let decision = verify_presentation(&text, &policy, &office.facts, &challenge, None);
        ensure!(decision.verdict.overall() == Overall::Accept, "refused: {:?}", decision.verdict.findings());
        Ok(())
    })?;
    report.figure(verify_name, value, "1/s per core", samples)?;
    report.note(&format!(
        "SD-JWT: {bytes} bytes with {} claims and 2 decoys; presentation of {} claims with key binding {} bytes",
        office.claims.len(),
        shown.len(),
        text.len()
    ));
    let presented = glance(|| {
        sd_jwt::present(&credential, &shown, &office.holder, audience, "nonce", office.now)?;
        Ok(())
    })?;
    let signed = glance(|| {
        office.holder.sign(b"thirty-two bytes, more or less ..");
        Ok(())
    })?;
    let signature = office.holder.sign(b"message");
    let verified = glance(|| Ok(holder.verify(b"message", &signature)?))?;
    report.note(&format!(
        "SD-JWT on one core: {presented:.0} presentations/s; ES256 alone: {signed:.0} signatures/s, {verified:.0} checks/s"
    ));
    Ok(())
}

fn documents(report: &mut Report, office: &Office) -> anyhow::Result<()> {
    if !report.wants(&JCS) {
        return Ok(());
    }
    let [issue_name, verify_name] = JCS;
    let (issuer, holder) = (office.issuer.to_string(), office.holder.public_key());
    let mut text = Vec::new();
    let (value, samples) = rate(|| {
        text = serde_json::to_vec(&office.document(&issuer, &holder)?)?;
        Ok(())
    })?;
    report.figure(issue_name, value, "1/s per core", samples)?;
    let (value, samples) = rate(|| {
        let document = credential::json::parse(&text, credential::json::Limits::of(64 * 1024))?;
        let (read, _) = authenticate_document(&document, &office.facts, office.now, None)?;
        Ok(read.check_validity(office.now, LEEWAY)?)
    })?;
    report.figure(verify_name, value, "1/s per core", samples)?;
    let signed = glance(|| {
        office.ed25519.1.sign(&[7; 64]);
        Ok(())
    })?;
    let (key, signature) = (office.ed25519.1.public_key(), office.ed25519.1.sign(&[7; 64]));
    let verified = glance(|| Ok(key.verify(&[7; 64], &signature)?))?;
    report.note(&format!(
        "JCS: {} bytes; Ed25519 alone on one core: {signed:.0} signatures/s, {verified:.0} checks/s",
        text.len()
    ));
    Ok(())
}

fn certificates(report: &mut Report, directory: &Path) -> anyhow::Result<()> {
    let file = |name: &str| -> anyhow::Result<Vec<u8>> {
        let path = directory.join(name);
        std::fs::read(&path).with_context(|| path.display().to_string())
    };
    let trust = dcc::TrustList::from_json(&file("trustlist.json")?)?;
    let mut sets = Vec::new();
    for entry in std::fs::read_dir(directory.join("valuesets"))? {
        let path: PathBuf = entry?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            sets.push((
                path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
                std::fs::read(&path)?,
            ));
        }
    }
    let sets =
        dcc::ValueSets::from_files(sets.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())))?;
    let verifier = dcc::Verifier::new(trust, sets);
    let (mut medians, mut es256, mut ps256) = (Vec::new(), Vec::new(), Vec::new());
    let text = |value: &Value, pointer: &str| -> anyhow::Result<String> {
        Ok(value
            .pointer(pointer)
            .and_then(Value::as_str)
            .with_context(|| format!("no {pointer}"))?
            .to_owned())
    };
    let expected = String::from_utf8(file("expected.jsonl")?)?;
    for line in expected.lines() {
        let line: Value = serde_json::from_str(line)?;
        if text(&line, "/expected")? != "accept" {
            continue;
        }
        let name = text(&line, "/file")?;
        let case: Value = serde_json::from_slice(&file(&name)?)?;
        let (qr, clock) = (text(&case, "/PREFIX")?, text(&case, "/TESTCTX/VALIDATIONCLOCK")?.parse()?);
        let mut times = Vec::with_capacity(REPEATS);
        // A tenth more to warm up.
        for repeat in 0..REPEATS + REPEATS / 10 {
            let begun = Instant::now();
            let verdict = verifier.verify(&qr, clock);
            let time = begun.elapsed();
            ensure!(verdict.is_ok(), "{name} is refused");
            if repeat >= REPEATS / 10 {
                times.push(time);
            }
        }
        let middle = percentile(&mut times, 50, US);
        let rsa = dcc::open(&qr).is_ok_and(|token| token.algorithm() == Some(-37));
        if rsa {
            ps256.push(middle)
        } else {
            es256.push(middle)
        }
        medians.push(middle);
    }
    let cases = medians.len();
    let slowest = medians.iter().copied().fold(0.0, f64::max);
    report.figure(DCC, median(&mut medians), "us", cases * REPEATS)?;
    report.note(&format!(
        "DCC: {cases} accepted certificates; medians: ES256 {:.1} us ({}), PS256 {:.1} us ({}), slowest {slowest:.1} us",
        median(&mut es256),
        es256.len(),
        median(&mut ps256),
        ps256.len(),
    ));
    Ok(())
}
