//! SD-JWT: the text as it travels, and the claims that an issuer signs and conceals.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, URL_SAFE_NO_PAD};
use credential::json::{DEPTH, Limits, check_object};
use credential::jws;
use credential::sd_jwt::{AuthenticSdJwt, Binding, DISCLOSURES, LIMIT, SdJwt, SdJwtText, TYPE, present};
use did_registry::{Digest, PublicKey, SigningKey, Suite, Timestamp};
use serde_json::{Map, Value, json};

use super::{json as file, text as contents};

/// The published cases that are in the compact form.
const COMPACT: [&str; 5] = ["array_of_scalars", "key_binding", "no_sd", "object_data_types", "recursions"];
/// The one in the flattened form.
const FLATTENED: &str = "json_serialization_flattened";
/// The `typ` of the published cases.
const PUBLISHED_TYPE: &str = "example+sd-jwt";
const AUDIENCE: &str = "https://example.com/verifier";
const NONCE: &str = "1234567890";
/// Reads base64url that others refuse: with padding, and with stray bits in the last letter.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);
/// The longest input whose claims are signed: whatever it becomes stays below the limit of a text.
const LINES: usize = 16 * 1024;

/// The published issuer, what it signed, and what its holders signed and when.
struct Published {
    issuer: PublicKey,
    signed: BTreeSet<String>,
    bindings: BTreeSet<String>,
    bound: Timestamp,
}

static PUBLISHED: LazyLock<Published> = LazyLock::new(|| {
    let folder = "../shared/data/vectors/sd-jwt";
    let mut issuer = file(&format!("{folder}/settings.json"))["issuer_key"].clone();
    issuer.as_object_mut().unwrap().remove("d");
    let token = |bytes| read(&String::from_utf8(bytes).unwrap()).unwrap().signed_part().to_owned();
    let binding = |case| contents(&format!("{folder}/{case}/kb_jwt_serialized.txt")).trim().to_owned();
    let bound = file(&format!("{folder}/key_binding/kb_jwt_payload.json"));
    Published {
        issuer: PublicKey::from_jwk(&issuer).unwrap(),
        signed: texts().into_iter().map(token).collect(),
        bindings: ["key_binding", FLATTENED].map(binding).into(),
        bound: Timestamp::from_seconds(bound["iat"].as_u64().unwrap()).unwrap(),
    }
});

/// Every published case as its issuer hands it over and as its holder shows it.
pub(super) fn texts() -> Vec<Vec<u8>> {
    let named = COMPACT.iter().map(|case| (*case, "txt")).chain([(FLATTENED, "json")]);
    let mut texts = Vec::new();
    for (case, ending) in named {
        for stage in ["issuance", "presentation"] {
            let text = contents(&format!("../shared/data/vectors/sd-jwt/{case}/sd_jwt_{stage}.{ending}"));
            texts.push(text.trim().as_bytes().to_vec());
        }
    }
    texts
}

/// In whichever form it is.
fn read(text: &str) -> Option<SdJwtText> {
    SdJwtText::parse(text).or_else(|_| SdJwtText::parse_json(text)).ok()
}

pub(super) fn text(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let compact = SdJwtText::parse(text);
    if let Ok(read) = &compact {
        assert!(text.len() <= LIMIT && text.matches('~').count() <= DISCLOSURES + 1, "over the limits");
        let one_spelling =
            |part| LENIENT.decode(part).is_ok_and(|bytes| URL_SAFE_NO_PAD.encode(bytes) == part);
        assert!(text.split(['~', '.']).all(one_spelling), "another spelling");
        let other = flattened(text);
        if other.len() <= LIMIT {
            let other = SdJwtText::parse_json(&other).unwrap();
            let parts = |text: &SdJwtText| {
                let unverified = [text.unverified_issuer(), text.unverified_key_id(), text.unverified_type()];
                (text.signed_part().to_owned(), unverified.map(|part| part.map(str::to_owned)))
            };
            assert_eq!(parts(&other), parts(read), "both forms say the same");
            assert_eq!(believed(other), believed(read.clone()), "both forms are worth the same");
        }
        kept(text);
        if believed(read.clone()) == Some(true) {
            let binding = text.rsplit('~').next().unwrap();
            assert!(PUBLISHED.bindings.contains(binding), "its holder did not sign this");
        }
    }
    let flattened = SdJwtText::parse_json(text);
    if let Ok(read) = &flattened {
        assert!(text.len() <= LIMIT, "over the limit");
        believed(read.clone());
    }
    compact.is_ok() || flattened.is_ok()
}

/// The same in the flattened form (RFC 9901, section 8).
fn flattened(text: &str) -> String {
    let parts: Vec<&str> = text.split('~').collect();
    let [token, disclosures @ .., binding] = parts.as_slice() else { panic!("a compact form has a ~") };
    let token: Vec<&str> = token.split('.').collect();
    let mut header = json!({"disclosures": disclosures});
    if !binding.is_empty() {
        header["kb_jwt"] = (*binding).into();
    }
    json!({"protected": token[0], "payload": token[1], "signature": token[2], "header": header}).to_string()
}

/// Whether the published issuer signed it; then, whether its holder showed it to the published verifier.
fn believed(read: SdJwtText) -> Option<bool> {
    let authentic = read.verify_issuer(&PUBLISHED.issuer, PUBLISHED_TYPE).ok()?;
    assert!(PUBLISHED.signed.contains(authentic.signed_part()), "its issuer did not sign this");
    sound(&authentic);
    let binding = Binding { audience: AUDIENCE, nonce: NONCE, max_age: 60 };
    Some(authentic.verify_holder(&binding, PUBLISHED.bound, 0).is_ok())
}

/// What a holder keeps is the text itself.
fn kept(text: &str) {
    let end = text.rfind('~').unwrap();
    let Ok(kept) = SdJwt::restore(&text[..=end]) else { return };
    assert_eq!(kept.compact(), &text[..=end], "another spelling");
    assert!(kept.names().all(|name| kept.disclosure(name).is_some_and(|one| text.contains(one))));
    let _ = (kept.holder(), kept.claims());
}

/// Nothing that conceals is left in what is shown, and it is no deeper than what is read.
fn sound(authentic: &AuthenticSdJwt) {
    let limits = Limits { bytes: LIMIT, depth: DEPTH, nodes: LIMIT };
    assert_eq!(check_object(authentic.payload(), limits), Ok(()), "over the limits");
    let mut open: Vec<&Map<String, Value>> = vec![authentic.payload()];
    while let Some(members) = open.pop() {
        assert!(!["_sd", "_sd_alg", "..."].iter().any(|name| members.contains_key(*name)), "still concealed");
        let mut values: Vec<&Value> = members.values().collect();
        while let Some(value) = values.pop() {
            match value {
                Value::Object(members) => open.push(members),
                Value::Array(items) => values.extend(items),
                _ => {}
            }
        }
    }
    let _ = (authentic.status(), authentic.issued(), authentic.expires(), authentic.claims());
    let _ = authentic.check_validity(Timestamp::default(), 0);
}

static ISSUER: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::from_bytes(Suite::Ed25519, &[1; 32]).unwrap());
static HOLDER: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::from_bytes(Suite::Ed25519, &[2; 32]).unwrap());

/// The first line is the payload, the others are disclosures; `"#2"` stands for the digest of line 2.
pub(super) fn claim_lines() -> Vec<Vec<u8>> {
    let payload = |more: Value| {
        let mut payload = json!({
            "iss": "i", "vct": "v", "iat": 1, "exp": 2, "cnf": {"jwk": HOLDER.public_key().to_jwk()},
            "_sd_alg": "sha-256", "status": {"status_list": {"uri": "https://g/s", "idx": 9}},
        });
        payload.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        payload
    };
    let salt = |n: u8| URL_SAFE_NO_PAD.encode([n; 16]);
    let lines = [
        vec![payload(json!({"name": "Maria", "_sd": []}))],
        vec![
            payload(json!({"_sd": ["#1", "#2", "nothing"]})),
            json!([salt(1), "result", "negative"]),
            json!([salt(2), "doses", 3]),
        ],
        vec![
            payload(json!({"_sd": ["#1"], "lines": [{"...": "#3"}, {"...": "decoy"}, "clear"]})),
            json!([salt(3), "address", {"_sd": ["#2"], "country": "MO"}]),
            json!([salt(4), "street", ["Rua", {"...": "#4"}]]),
            json!([salt(5), {"deep": [[{"_sd": []}]]}]),
            json!([salt(6), "do Campo"]),
        ],
        vec![payload(json!({"given": {"_sd": ["#1"]}})), json!(["short", "name", null])],
    ];
    let text = |lines: Vec<Value>| lines.iter().map(Value::to_string).collect::<Vec<_>>().join("\n");
    lines.map(|lines| text(lines).into_bytes()).into()
}

pub(super) fn claims(bytes: &[u8]) -> bool {
    let Some(text) = std::str::from_utf8(bytes).ok().filter(|text| text.len() <= LINES) else { return false };
    let issued = issued(text);
    let Ok(read) = SdJwtText::parse(&issued) else { return false };
    let Ok(authentic) = read.verify_issuer(&ISSUER.public_key(), TYPE) else { return false };
    sound(&authentic);
    if let Ok(kept) = authentic.keep(&HOLDER.public_key()) {
        assert_eq!(kept.compact(), issued, "another spelling");
        kept.names().for_each(|name| shown(&kept, name, &authentic));
    }
    true
}

/// Signs the first line and conceals the others, from the last up, as a line may name those below it.
fn issued(text: &str) -> String {
    let mut lines: Vec<String> = text.lines().take(10).map(str::to_owned).collect();
    for place in (1..lines.len()).rev() {
        let disclosure = URL_SAFE_NO_PAD.encode(&lines[place]);
        let digest = URL_SAFE_NO_PAD.encode(Digest::sha256(disclosure.as_bytes()).as_bytes());
        for line in &mut lines[..place] {
            *line = line.replace(&format!("\"#{place}\""), &format!("\"{digest}\""));
        }
        lines[place] = disclosure;
    }
    let payload = lines.first().cloned().unwrap_or_default();
    let header = Map::from_iter([("typ".to_owned(), TYPE.into())]);
    let mut issued = jws::sign(header, payload.as_bytes(), &ISSUER) + "~";
    for disclosure in lines.iter().skip(1) {
        issued += &format!("{disclosure}~");
    }
    issued
}

/// One claim is shown as the issuer stated it, and nothing beside it that the issuer did not state.
fn shown(kept: &SdJwt, name: &str, whole: &AuthenticSdJwt) {
    let now = Timestamp::default();
    let text = present(kept, &[name].into(), &HOLDER, AUDIENCE, NONCE, now).unwrap();
    let read = SdJwtText::parse(&text).unwrap();
    let part = read.verify_issuer(&ISSUER.public_key(), TYPE).unwrap();
    part.verify_holder(&Binding { audience: AUDIENCE, nonce: NONCE, max_age: 60 }, now, 0).unwrap();
    assert_eq!(part.payload().get(name), whole.payload().get(name), "shown as it was stated");
    assert!(part.payload().keys().all(|name| whole.payload().contains_key(name)), "stated by nobody");
}
