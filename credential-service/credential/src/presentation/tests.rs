//! Every part of the verdict, refused for each of its reasons, in every format that has it.

mod freshness;
mod holder;
mod hostile;
mod issuer;
mod rule;
mod statuses;

use std::collections::BTreeMap;

use did_registry::{
    ClaimKind, ClaimSpec, DidOperation, DidRecord, DocumentKey, Genesis, Moment, NetworkId, Recognition,
    Retirement, Rotation, SigningKey, Suite,
};
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;
use serde_json::json;

use super::*;
use crate::data_integrity::{self, CredentialRequest, ProofOptions, Purpose};
use crate::facts::StatusSnapshot;
use crate::sd_jwt::{self, IssueRequest, SdJwt};
use crate::status::{Status, StatusClaims, StatusList, StatusListText};
use crate::transcoding::pass_schema;
use crate::{Operand, Overall, Predicate, Test};

const AUDIENCE: &str = "gate 7";
const NONCE: &str = "9kJ2";
const LIST: &str = "https://g.example/status/1";
const HOUR: u64 = 3_600;
const DAY: u64 = 86_400;
/// Seconds that a holder may take to answer.
const ANSWER: u64 = 300;

/// How a credential is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Format {
    SdJwt,
    Pass,
    Printed,
}
use Format::{Pass, Printed, SdJwt as SdJwtVc};

/// All three; paper has no holder, no challenge and no policy.
const FORMATS: [Format; 3] = [SdJwtVc, Pass, Printed];
/// Those that a holder's key shows.
const HELD: [Format; 2] = [SdJwtVc, Pass];

/// When everything happens.
fn noon() -> Timestamp {
    "2021-06-01T12:00:00Z".parse().unwrap()
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap()
}

fn copy(key: &SigningKey) -> SigningKey {
    SigningKey::from_bytes(key.suite(), key.to_secret().expose()).unwrap()
}

/// An agency with one key for each format and two that may only call in.
struct Agency {
    record: DidRecord,
    es256: SigningKey,
    ed25519: SigningKey,
    next: SigningKey,
}

impl Agency {
    fn new(rng: &mut ChaCha20Rng) -> Self {
        let [control, next, ed25519] = [(); 3].map(|()| SigningKey::generate(Suite::Ed25519, rng));
        let es256 = SigningKey::generate(Suite::P256, rng);
        let network = NetworkId::new("demo").unwrap();
        let genesis = Genesis::new(network, control.public_key(), next.public_key().commitment())
            .with_key("es256", Purposes::ASSERTION, es256.public_key())
            .with_key("ed25519", Purposes::ASSERTION, ed25519.public_key())
            .with_key("es256-calls", Purposes::AUTHENTICATION, es256.public_key())
            .with_key("ed25519-calls", Purposes::AUTHENTICATION, ed25519.public_key());
        let at = Moment { height: 1, time: noon().minus(100 * DAY) };
        Self { record: DidRecord::create(&genesis.did(), &genesis, at).unwrap(), es256, ed25519, next }
    }

    fn did(&self) -> &Did {
        &self.record.did
    }

    /// Replaces the signing keys, two days before noon.
    fn rotate(&mut self, retirement: Retirement, keys: Vec<DocumentKey>) {
        let rotation = Rotation {
            previous: self.record.head,
            control: self.next.public_key(),
            next: self.es256.public_key().commitment(),
            keys,
            retirement,
            guardians: None,
            services: Vec::new(),
        };
        let proof = self.next.sign(&rotation.proof_message(self.did()));
        self.apply(&DidOperation::Rotate(rotation, proof));
    }

    fn apply(&mut self, operation: &DidOperation) {
        let at = Moment { height: 20, time: noon().minus(2 * DAY) };
        self.record = self.record.apply(&self.record.did, operation, at).unwrap();
    }
}

/// What a credential says and who signs it: the defaults are good, and a test changes one thing.
struct Terms {
    format: Format,
    issuer: String,
    /// The key's URL, as the credential names it.
    method: String,
    key: SigningKey,
    /// `vct`, or the type.
    kind: String,
    claims: Map<String, Value>,
    holder: PublicKey,
    status: Option<StatusReference>,
    issued: Timestamp,
    expires: Timestamp,
}

impl Terms {
    fn sd_jwt(&self) -> SdJwt {
        let request = IssueRequest {
            issuer: &self.issuer,
            key_id: &self.method,
            vct: &self.kind,
            claims: &self.claims,
            clear: &Map::new(),
            holder: &self.holder,
            issued: self.issued,
            expires: self.expires,
            status: self.status.as_ref(),
            decoys: 2,
        };
        sd_jwt::issue(&request, &self.key, &mut ChaCha20Rng::seed_from_u64(11)).unwrap()
    }

    fn document(&self) -> Map<String, Value> {
        let document = data_integrity::credential(&CredentialRequest {
            issuer: &self.issuer,
            id: None,
            types: &[&self.kind],
            claims: &self.claims,
            holder: &self.holder,
            valid_from: self.issued,
            valid_until: Some(self.expires),
            status: self.status.as_ref(),
        });
        self.sign(document.unwrap())
    }

    fn sign(&self, document: Map<String, Value>) -> Map<String, Value> {
        let options = ProofOptions {
            verification_method: &self.method,
            purpose: Purpose::AssertionMethod,
            created: self.issued,
            expires: None,
            challenge: None,
            domain: None,
        };
        data_integrity::secure(document, &options, &self.key).unwrap()
    }
}

/// A view of a ledger with an agency, its gate's rule, another verifier's rule on what the agency issues, and a
/// holder with one key a format.
struct World {
    agency: Agency,
    facts: Facts,
    list: StatusList,
    entry: Policy,
    gate: Policy,
    es256: SigningKey,
    ed25519: SigningKey,
}

impl World {
    fn new() -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let (agency, verifier) = (Agency::new(&mut rng), Agency::new(&mut rng));
        let test = test_schema();
        let pass = pass_schema(&kind("HealthPass"));
        let entry = policy(
            verifier.did(),
            &test,
            &[
                ("result", Test::Equals(Operand::Text("negative".into()))),
                ("sample_date", Test::AtLeast(Operand::DaysFromToday(-7))),
            ],
        );
        let gate = policy(agency.did(), &pass, &[("colour", Test::Equals(Operand::Text("green".into())))]);
        let mut world = Self {
            facts: Facts {
                as_of: Moment { height: 40, time: noon().minus(60) },
                dids: [(agency.did().clone(), agency.record.clone())].into(),
                recognitions: BTreeMap::new(),
                policies: [&entry, &gate].map(|policy| (policy.id(), policy.clone())).into(),
                schemas: [test, pass].map(|schema| (schema.id(), schema)).into(),
                statuses: BTreeMap::new(),
                issuer_sets: BTreeMap::new(),
                revocations: BTreeMap::new(),
                circuit_keys: None,
            },
            agency,
            list: StatusList::new(2, 1_024).unwrap(),
            entry,
            gate,
            es256: SigningKey::generate(Suite::P256, &mut rng),
            ed25519: SigningKey::generate(Suite::Ed25519, &mut rng),
        };
        world.recognise("HealthTest", noon().minus(90 * DAY), noon().plus(90 * DAY));
        world.recognise("HealthPass", noon().minus(90 * DAY), noon().plus(90 * DAY));
        world.publish_list(|_| ());
        world
    }

    fn recognise(&mut self, name: &str, from: Timestamp, until: Timestamp) {
        let (issuer, decided) = (self.agency.did().clone(), Moment { height: 2, time: from });
        let recognition =
            Recognition { issuer: issuer.clone(), credential_type: kind(name), from, until, decided };
        self.facts.recognitions.insert((kind(name), issuer), recognition);
    }

    /// Signs the status list again, as the ledger then anchors it.
    fn publish_list(&mut self, change: impl FnOnce(&mut StatusClaims)) {
        let issuer = self.agency.did().clone();
        let mut claims = StatusClaims {
            uri: LIST.into(),
            issuer: Some(issuer.to_string()),
            issued: noon().minus(HOUR),
            expires: None,
            ttl: None,
        };
        change(&mut claims);
        let token = crate::status::issue(&self.list, &claims, &issuer.url("es256"), &self.agency.es256);
        let list = StatusListText::parse(&token).unwrap();
        let list = list.verify(&self.agency.es256.public_key(), LIST).unwrap();
        self.facts.statuses.insert(LIST.into(), StatusSnapshot { issuer, epoch: 3, list });
    }

    fn set_status(&mut self, index: u64, status: Status) {
        self.list.set(index, status).unwrap();
        self.publish_list(|_| ());
    }

    /// After the agency's record changed.
    fn publish_record(&mut self) {
        self.facts.dids.insert(self.agency.did().clone(), self.agency.record.clone());
    }

    fn terms(&self, format: Format) -> Terms {
        let (name, schema) = match format {
            SdJwtVc | Printed => ("HealthTest", test_schema()),
            Pass => ("HealthPass", pass_schema(&kind("HealthPass"))),
        };
        let claims = match format {
            SdJwtVc | Printed => {
                json!({"result": "negative", "sample_date": "2021-05-31", "full_name": "陳 Maria"})
            }
            Pass => json!({
                "colour": "green", "source": Digest::sha256(b"s"), "policy": Digest::sha256(b"p"),
                "trust_epoch": "ledger:39", "status_epoch": 3, "verdict": "accept", "decided": noon().to_string(),
            }),
        };
        let (fragment, key, holder) = match format {
            SdJwtVc => ("es256", &self.agency.es256, &self.es256),
            Pass | Printed => ("ed25519", &self.agency.ed25519, &self.ed25519),
        };
        Terms {
            format,
            issuer: self.agency.did().to_string(),
            method: self.agency.did().url(fragment),
            key: copy(key),
            kind: type_name(&kind(name), &schema.id()),
            claims: object(claims),
            holder: holder.public_key(),
            status: Some(StatusReference { uri: LIST.into(), index: 5 }),
            issued: noon().minus(HOUR),
            expires: noon().plus(14 * DAY),
        }
    }

    /// What the holder shows of it, at `now`.
    fn shown_at(&self, terms: &Terms, now: Timestamp) -> String {
        match terms.format {
            SdJwtVc => {
                let names = self.entry.claims();
                sd_jwt::present(&terms.sd_jwt(), &names, &self.es256, AUDIENCE, NONCE, now).unwrap()
            }
            Pass => present_pass(&terms.document(), &self.ed25519, AUDIENCE, NONCE, now).unwrap(),
            Printed => print_credential(&terms.document()),
        }
    }

    fn shown(&self, terms: &Terms) -> String {
        self.shown_at(terms, noon())
    }

    fn verify(&self, format: Format, text: &str, challenge: &Challenge<'_>) -> Decision {
        match format {
            SdJwtVc => verify_presentation(text, &self.entry.id(), &self.facts, challenge, None),
            Pass => verify_pass(text, &self.gate.id(), &self.facts, challenge),
            Printed => verify_printed(text, &self.entry.id(), &self.facts, challenge.now, challenge.limits),
        }
    }

    /// The verdict on a text that is shown at noon.
    fn decide_text(&self, format: Format, text: &str) -> Decision {
        self.verify(format, text, &challenge(noon()))
    }

    /// The verdict on a credential that is shown at noon.
    fn decide(&self, terms: &Terms) -> Decision {
        self.decide_at(terms, noon())
    }

    fn decide_at(&self, terms: &Terms, now: Timestamp) -> Decision {
        self.verify(terms.format, &self.shown_at(terms, now), &challenge(now))
    }

    /// The verdict at noon on the format's good credential, after `change`.
    fn decide_changed(&self, format: Format, change: impl FnOnce(&mut Terms)) -> Decision {
        let mut terms = self.terms(format);
        change(&mut terms);
        self.decide(&terms)
    }
}

fn challenge(now: Timestamp) -> Challenge<'static> {
    Challenge { audience: AUDIENCE, nonce: NONCE, max_age: ANSWER, now, limits: AgeLimits::default() }
}

fn kind(name: &str) -> CredentialType {
    CredentialType::new(name).unwrap()
}

fn test_schema() -> Schema {
    let claims = [
        ("result", ClaimKind::Code { of: ["negative", "positive"].map(str::to_owned).into() }, true),
        ("sample_date", ClaimKind::Date, true),
        ("full_name", ClaimKind::Text { max: 20 }, true),
        ("dose", ClaimKind::Integer { min: 0, max: 9 }, false),
    ];
    let claims = claims.map(|(name, kind, required)| (name.to_owned(), ClaimSpec { kind, required }));
    Schema { credential_type: kind("HealthTest"), version: 1, claims: claims.into() }
}

fn policy(verifier: &Did, schema: &Schema, tests: &[(&str, Test)]) -> Policy {
    let predicates =
        tests.iter().map(|(claim, test)| Predicate { claim: (*claim).into(), test: test.clone() });
    let policy = Policy {
        verifier: verifier.clone(),
        name: "entry".into(),
        version: 4,
        purpose: "Entry".into(),
        credential_type: schema.credential_type.clone(),
        schema: schema.id(),
        predicates: predicates.collect(),
        retained: Default::default(),
        from: noon().minus(30 * DAY),
        until: noon().plus(30 * DAY),
        pass: None,
        proof: None,
    };
    policy.check_against(schema).unwrap();
    policy
}

/// Parts that are bad, and with a question mark those that are open, as `part CODE`.
fn faults(decision: &Decision) -> Vec<String> {
    let fault = |(name, part): &(&str, &Part)| match part {
        Part::Bad(finding) => Some(format!("{name} {}", finding.code.code())),
        Part::Open(finding) => Some(format!("{name} {}?", finding.code.code())),
        Part::Good | Part::NotChecked => None,
    };
    decision.verdict.parts().iter().filter_map(fault).collect()
}

/// Exactly these faults, and the one word that they add up to.
#[track_caller]
fn assert_faults(decision: &Decision, expected: &[&str]) {
    assert_eq!(faults(decision), expected, "{:?}", decision.verdict.findings());
    let overall = match expected {
        [] => Overall::Accept,
        all if all.iter().all(|fault| fault.ends_with('?')) => Overall::Undecided,
        _ => Overall::Refuse,
    };
    assert_eq!(decision.verdict.overall(), overall);
}

/// The reading ended there: one fault, nothing else was looked at, and nothing is said of a source.
#[track_caller]
fn assert_ended(decision: &Decision, fault: &str) {
    assert_faults(decision, &[fault]);
    let unchecked = decision.verdict.parts().iter().filter(|(_, part)| **part == Part::NotChecked).count();
    assert_eq!(unchecked, 6, "{:?}", decision.verdict);
    assert!(decision.source.is_none() && decision.claims.is_none() && decision.ages.is_none());
}
