//! W13: the service holds users' private keys, and unauthenticated calls use them.

use std::collections::BTreeSet;
use std::path::Path;

use base64::engine::general_purpose::STANDARD;
use causeway::actor::Safe;
use causeway_examples::health_code::search::Needles;
use causeway_examples::town::{Office, csv, row};
use credential::exchange::PassResponse;
use credential::sd_jwt::SdJwt;
use did_registry::Digest;
use gateway::operator::Role;
use reqwest::Method;

use super::*;

/// An address that needs an operator, with a body that would do if one sent it.
struct Guarded {
    method: Method,
    path: String,
    role: Role,
    body: Option<(&'static str, Vec<u8>)>,
}

/// Every address that the agency's own document lists with an operator's role.
fn guarded(document: &Value, town: &Town, credential: &Digest) -> Vec<Guarded> {
    let json = |value: Value| Some(("application/json", value.to_string().into_bytes()));
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, call) in item.as_object().unwrap() {
            let Some(role) = call.pointer("/security/0/operator/0").and_then(Value::as_str) else { continue };
            let role = [Role::Issue, Role::Verify, Role::Admin, Role::Audit]
                .into_iter()
                .find(|it| it.name() == role);
            let body = match path.as_str() {
                "/v1/records/import" => {
                    Some(("text/csv", csv(&[row("P9", "negative", 0, town.clock.now())]).into_bytes()))
                }
                "/v1/offers" => json(json!({"schema": town.schema.id(), "record_ids": ["P1"]})),
                "/v1/credentials/batch" => {
                    let holder = key(Suite::P256, 5).public_key();
                    json(
                        json!({"schema": town.schema.id(), "items": [{"record_id": "P1", "holder": holder}]}),
                    )
                }
                "/v1/credentials/{id}/status" => json(json!({"status": "revoked", "cause": "because I can"})),
                "/v1/foreign-certificates/transcode" => {
                    let holder = key(Suite::Ed25519, 5).public_key();
                    json(json!({"qr": "HC1:", "policy": town.rules.foreign.id(), "holder": holder}))
                }
                "/v1/bundle" if method == "post" => Some(("application/octet-stream", vec![0])),
                _ => None,
            };
            let query = if path == "/v1/records/import" {
                format!("?schema={}", town.schema.id())
            } else {
                String::new()
            };
            let name = credential.to_string();
            let path = format!(
                "{}{query}",
                path.replace("{id}", &name).replace("{pass}", &name).replace("{job}", &name)
            );
            all.push(Guarded {
                method: method.to_uppercase().parse().unwrap(),
                path,
                role: role.unwrap(),
                body,
            });
        }
    }
    all
}

/// What an outsider could change, if it could change anything.
async fn state(town: &Town) -> (u64, Vec<u8>, Value, Value) {
    let (head, _) = town.ledger.client().signed_head(None).await.unwrap();
    let status = town.guangdong.get(None, "/status/1").await.unwrap().bytes;
    let log = town.guangdong.get(Some(Role::Audit), "/v1/audit/log?limit=1000").await.unwrap().json();
    let agency = town.guangdong.get(None, "/v1/agency").await.unwrap().json();
    (head.head.height, status, log, agency)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w13_without_the_right_operator_nothing_changes() {
    let (town, _place) = town().await;
    town.enrol(&["P1"]).await.unwrap();
    let holding = town.credential("P1").await.unwrap();
    let document = town.guangdong.get(None, "/openapi.json").await.unwrap().json();
    let calls = guarded(&document, &town, holding.id());
    let changing = calls.iter().filter(|call| call.method == Method::POST).count();
    assert!(changing >= 7 && calls.len() > changing, "{changing} of {} calls change something", calls.len());
    let before = state(&town).await;
    let office = &town.guangdong;
    for Guarded { method, path, role, body } in &calls {
        let send = |token: Option<String>| {
            let body = body.as_ref().map(|(kind, bytes)| (*kind, bytes.clone()));
            async move {
                office.send(method.clone(), path, token.as_deref(), body).await.unwrap().problem().unwrap()
            }
        };
        let unknown = [None, Some(String::new()), Some("0".repeat(64)), Some("x".repeat(4_000))];
        let altered = office.token(*role).unwrap();
        let altered =
            [altered.to_uppercase(), altered[1..].to_owned(), format!("{altered}0"), format!(" {altered}")];
        for token in unknown
            .into_iter()
            .chain(altered.into_iter().filter(|it| it != office.token(*role).unwrap()).map(Some))
        {
            assert_eq!(send(token).await, (401, "UNAUTHENTICATED".into()), "{method} {path}");
        }
        for other in
            [Role::Issue, Role::Verify, Role::Admin, Role::Audit].into_iter().filter(|other| other != role)
        {
            let token = office.token(other).unwrap().to_owned();
            assert_eq!(
                send(Some(token)).await,
                (403, "ROLE_MISSING".into()),
                "{method} {path} as {}",
                other.name()
            );
        }
        // Another agency's operator is nobody here.
        let foreign = town.macau.token(*role).unwrap().to_owned();
        assert_eq!(send(Some(foreign)).await, (401, "UNAUTHENTICATED".into()), "{method} {path}");
    }
    assert_eq!(state(&town).await, before, "nothing was changed");
    accepted(&town.apply_with(&holding).await.unwrap());
    // The right operator is let through by each, so it was the token that was missing.
    for Guarded { method, path, role, body } in calls {
        let answer = office.send(method, &path, Some(office.token(role).unwrap()), body).await.unwrap();
        assert!(![401, 403].contains(&answer.status), "{path}: {answer:?}");
    }
}

/// Open to all is what a wallet or a verifier needs, and nothing else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w13_what_is_open_to_all_is_listed_here() {
    let (town, _place) = town().await;
    let document = town.guangdong.get(None, "/openapi.json").await.unwrap().json();
    let mut open = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, call) in item.as_object().unwrap() {
            if call.get("security").is_none() {
                open.insert(format!("{method} {path}"));
            }
        }
    }
    let posts: Vec<&str> = open.iter().map(String::as_str).filter(|call| call.starts_with("post")).collect();
    assert_eq!(
        posts,
        [
            "post /v1/challenges",
            "post /v1/claims",
            "post /v1/foreign-certificates/verify",
            "post /v1/passes",
            "post /v1/presentations/verify",
        ]
    );
}

/// No call takes a private key, whatever it is called.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w13_no_call_accepts_a_private_key() {
    let (town, _place) = town().await;
    town.enrol(&["P1"]).await.unwrap();
    let holder = key(Suite::P256, 1);
    let secret = hex::encode(holder.to_secret().expose());
    let code = town.offer("P1").await.unwrap();
    let claim =
        ClaimRequest { holder: Possession::prove(&holder, &town.guangdong.did, &code), code, causeway: None };
    let (issued, anchor) = claimed(&town, "P1", &holder).await;
    let credential = SdJwt::restore(&issued.sd_jwt).unwrap();
    let challenge = town.challenge(&town.rules.entry.id()).await.unwrap();
    let apply = application(&town, &credential, &holder, &anchor, &challenge, &key(Suite::Ed25519, 2));
    let bearer = key(Suite::Ed25519, 2).public_key();
    for (role, path, body) in [
        (None, "/v1/claims", serde_json::to_value(&claim).unwrap()),
        (None, "/v1/passes", serde_json::to_value(&apply).unwrap()),
        (None, "/v1/challenges", json!({"policy": town.rules.entry.id()})),
        (
            None,
            "/v1/presentations/verify",
            json!({"presentation": apply.presentation, "nonce": challenge.nonce}),
        ),
        (None, "/v1/foreign-certificates/verify", json!({"qr": "HC1:"})),
        (Some(Role::Issue), "/v1/offers", json!({"schema": town.schema.id(), "record_ids": ["P1"]})),
        (
            Some(Role::Issue),
            "/v1/credentials/batch",
            json!({"schema": town.schema.id(), "items": [{"record_id": "P1", "holder": holder.public_key()}]}),
        ),
        (
            Some(Role::Verify),
            "/v1/foreign-certificates/transcode",
            json!({"qr": "HC1:", "policy": town.rules.foreign.id(), "holder": bearer}),
        ),
    ] {
        let places: Vec<String> = std::iter::once(String::new())
            .chain(["/holder", "/consent", "/consent/consent", "/items/0"].map(str::to_owned))
            .filter(|place| body.pointer(place).is_some_and(Value::is_object))
            .collect();
        for place in places {
            for name in ["private_key", "privateKey", "secret", "d"] {
                let mut body = body.clone();
                body.pointer_mut(&place).unwrap()[name] = secret.clone().into();
                let answer = town.macau.post(role, path, &body).await.unwrap();
                assert_eq!(answer.problem().unwrap(), (400, "BAD_SHAPE".into()), "{path} {place} {name}");
            }
        }
    }
}

/// No answer holds one, and none is where the agency keeps its things but in its own key files.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w13_no_answer_and_no_vault_holds_a_private_key() {
    let (mut town, _place) = town().await;
    town.enrol(&["P1"]).await.unwrap();
    let (holder, bearer) = (key(Suite::P256, 1), key(Suite::Ed25519, 2));
    let (issued, anchor) = claimed(&town, "P1", &holder).await;
    let credential = SdJwt::restore(&issued.sd_jwt).unwrap();
    let challenge = town.challenge(&town.rules.entry.id()).await.unwrap();
    let request = application(&town, &credential, &holder, &anchor, &challenge, &bearer);
    let response: PassResponse = town.apply(&request).await.unwrap().read().unwrap();
    let pass = response.pass.unwrap();
    town.receipt(&town.macau, &pass.id).await.unwrap();
    // Everything that can be asked, from everybody who may ask.
    for office in [&town.guangdong, &town.macau] {
        let document = office.get(None, "/openapi.json").await.unwrap().json();
        for path in document["paths"].as_object().unwrap().keys() {
            let path = path.replace("{id}", &pass.id.to_string()).replace("{pass}", &pass.id.to_string());
            for role in [Role::Issue, Role::Verify, Role::Admin, Role::Audit] {
                office.get(Some(role), &path).await.unwrap();
            }
        }
    }
    let mut secrets =
        vec![("holder", *holder.to_secret().expose()), ("bearer", *bearer.to_secret().expose())];
    for office in [&town.guangdong, &town.macau] {
        let keys = office.config().unwrap().keys().unwrap();
        let next = Safe::beside(&office.directory).next().unwrap();
        let own = [&next, &keys.control, &keys.assertion_ed25519, &keys.assertion_p256];
        secrets.extend(own.map(|key| ("agency", *key.to_secret().expose())));
        let kek = std::fs::read_to_string(office.directory.join("kek")).unwrap();
        secrets.push(("kek", hex::decode(kek.trim()).unwrap().try_into().unwrap()));
    }
    let forms = |secret: &[u8; 32]| {
        let hex = hex::encode(secret);
        let texts = [hex.to_uppercase(), hex, URL_SAFE_NO_PAD.encode(secret), STANDARD.encode(secret)];
        texts.into_iter().map(String::into_bytes).chain([secret.to_vec()]).collect::<Vec<_>>()
    };
    let needles = Needles::new(secrets.iter().flat_map(|(_, secret)| forms(secret))).unwrap();
    let said = |office: &Office| {
        let said = office.said();
        assert!(said.len() > 10_000, "a good deal was said");
        said
    };
    for office in [&town.guangdong, &town.macau] {
        assert_eq!(needles.search(&said(office)).hits, 0);
    }
    // On the disk: the holder's and the bearer's keys nowhere, the agency's not in vault or egress log.
    let own = Needles::new(secrets[..2].iter().flat_map(|(_, secret)| forms(secret))).unwrap();
    town.guangdong.stop().await.unwrap();
    town.macau.stop().await.unwrap();
    assert_eq!(own.search_files(&town.directory).unwrap().hits, 0);
    for office in [&town.guangdong, &town.macau] {
        // The next key nowhere in the directory that the server reads: it is in the safe.
        let next = forms(Safe::beside(&office.directory).next().unwrap().to_secret().expose());
        assert_eq!(Needles::new(next).unwrap().search_files(&office.directory).unwrap().hits, 0);
        for place in ["vault", "egress.log"] {
            let place: &Path = &office.directory.join(place);
            assert!(place.exists());
            assert_eq!(needles.search_files(place).unwrap().hits, 0, "{}", place.display());
        }
    }
}
