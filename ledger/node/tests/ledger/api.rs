//! The API over real HTTP: what it answers, and what it refuses with which code.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use did_registry::canonical::encode;
use did_registry::{Did, DidOperation, Digest};
use ledger_chain::history::{ConsistencyProof, TransactionProof};
use ledger_chain::light::TrustedHead;
use ledger_chain::tree::RecordProof;
use ledger_chain::{Block, Genesis, Operation, Record, SignedHead, StateKey};
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;

use crate::node::{LONG, Served, framed};
use crate::testing::{Agency, START, anchor, forged};

fn bytes(answer: &Value, member: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(answer[member].as_str().unwrap_or_else(|| panic!("{member} in {answer}"))).unwrap()
}

fn code(answer: &(u16, Value)) -> (u16, &str) {
    (answer.0, answer.1["code"].as_str().unwrap_or_else(|| panic!("a problem: {}", answer.1)))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_goes_in_and_everything_about_it_can_be_proven() {
    let served = Served::new().await;
    let genesis = Genesis::from_bytes(&bytes(&served.get("/v1/genesis").await.1, "genesis")).unwrap();
    assert_eq!(genesis.id(), served.ledger);
    let early = SignedHead::from_bytes(&bytes(&served.get("/v1/head").await.1, "signed_head")).unwrap();
    let trusted = TrustedHead::from_genesis(&genesis, &early).unwrap();

    let signed = served.anchor(0, 0);
    let answer = served.commit(&signed).await;
    let id = signed.id();
    assert_eq!(answer["id"], id.to_string());

    let (_, head) = served.get(&format!("/v1/head?from={}", early.head.height)).await;
    let later = SignedHead::from_bytes(&bytes(&head, "signed_head")).unwrap();
    let consistency = ConsistencyProof::from_bytes(&bytes(&head, "consistency")).unwrap();
    let trusted = trusted.follow(&later, Some(&consistency)).unwrap();
    assert_eq!(head["head"]["height"], later.head.height);

    let (_, status) = served.get(&format!("/v1/transactions/{id}?proof=1")).await;
    assert_eq!(status["status"], "committed");
    let proof = TransactionProof::from_bytes(&bytes(&status, "proof")).unwrap();
    assert_eq!(trusted.transaction(&id, &proof).unwrap().at().height, answer["height"].as_u64().unwrap());

    let did = &served.agencies[0].did;
    let root = match anchor(did, 0) {
        Operation::Anchor(ledger_chain::AnchorOperation::Batch { root, .. }) => root,
        other => panic!("{other:?}"),
    };
    let height = later.head.height;
    let present = format!("/v1/records/anchor/{did}/{root}?height={height}");
    let absent = format!("/v1/records/anchor/{did}/{}?height={height}", Digest::sha256(b"never"));
    for (path, there) in [(present, true), (absent, false)] {
        let (status, answer) = served.get(&path).await;
        assert_eq!(status, 200);
        let proof = RecordProof::from_bytes(&bytes(&answer, "proof")).unwrap();
        let proven = trusted.record(&proof).unwrap().into_value();
        assert_eq!((proven.is_some(), answer["record"].is_null()), (there, !there));
        assert_eq!(SignedHead::from_bytes(&bytes(&answer, "signed_head")).unwrap(), later);
    }
    let (_, before) = served.get(&format!("/v1/records/anchor/{did}/{root}?height=0")).await;
    assert!(before["record"].is_null(), "not there yet at height 0");
    let key = URL_SAFE_NO_PAD.encode(encode(&StateKey::Actor(did.clone())));
    assert_eq!(served.get(&format!("/v1/records?key={key}")).await.1["record"], 1);
    assert_eq!(served.get("/v1/records/committee").await.1["record"]["threshold"], 1);
    assert_eq!(served.get("/v1/keys/committee").await.1["keys"].as_array().unwrap().len(), 1);

    let (_, view) = served.get(&format!("/v1/blocks/{height}")).await;
    let block = Block::from_bytes(&bytes(&view, "block")).unwrap();
    assert_eq!((block.header.hash(), block.transactions.len()), (later.head.block, 1));
    assert_eq!(view["transactions"][0]["id"], id.to_string());
    let raw = served
        .http
        .get(served.url(&format!("/v1/blocks/{height}")))
        .header("accept", "application/octet-stream");
    assert_eq!(Block::from_bytes(&raw.send().await.unwrap().bytes().await.unwrap()).unwrap(), block);
    let (_, list) = served.get("/v1/blocks?from=0&limit=1").await;
    assert_eq!((list["heads"].as_array().unwrap().len(), &list["next"]), (1, &Value::from(1)));

    assert_eq!(served.get("/health").await.1["status"], "ok");
    let metrics = served.http.get(served.url("/metrics")).send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("causeway_ledger_transactions_total{namespace=\"anchor\"} 1"), "{metrics}");
    assert!(metrics.contains("causeway_ledger_height 1"), "{metrics}");
    served.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_is_refused_each_with_its_code() {
    let served = Served::new().await;
    let good = served.anchor(0, 0).to_bytes();
    let mut cut = good.clone();
    cut.pop();
    let mut trailing = good.clone();
    trailing.push(0);
    let (stranger, agency) = (Agency::new(1), &served.agencies[0]);
    let elsewhere = agency.anchor(&Digest::sha256(b"another ledger"), 0);
    let misnamed =
        agency.sign(&served.ledger, 0, Operation::Did(DidOperation::Create(stranger.genesis.clone())));
    let senseless = Operation::Anchor(ledger_chain::AnchorOperation::Batch { root: served.ledger, count: 0 });
    for (body, expected) in [
        (Vec::new(), (400, "MALFORMED")),
        (b"hello".to_vec(), (400, "MALFORMED")),
        (cut, (400, "MALFORMED")),
        (trailing, (400, "MALFORMED")),
        (vec![0; ledger_chain::TRANSACTION_BYTES + 1], (413, "TOO_LARGE")),
        (forged(served.anchor(0, 0)).to_bytes(), (422, "BAD_SIGNATURE")),
        (elsewhere.to_bytes(), (422, "BAD_SIGNATURE")),
        (stranger.anchor(&served.ledger, 0).to_bytes(), (422, "DID_UNKNOWN")),
        (misnamed.to_bytes(), (422, "DID_NOT_SELF_CERTIFIED")),
        (agency.create(&served.ledger).to_bytes(), (422, "DID_EXISTS")),
        (agency.sign(&served.ledger, 0, senseless).to_bytes(), (422, "BOUNDS")),
        (served.anchor(0, 1_000_000).to_bytes(), (409, "SEQUENCE_AHEAD")),
    ] {
        let answer = served.post("/v1/transactions?wait=committed", body).await;
        assert_eq!(code(&answer), expected);
        assert_eq!(answer.1["type"], format!("urn:causeway:problem:{}", expected.1));
        assert_eq!(answer.1["status"], expected.0);
    }
    let did = &agency.did;
    let nobody = &stranger.did;
    for (path, expected) in [
        ("/nothing".to_owned(), (404, "NO_SUCH_ROUTE")),
        ("/v1/transactions/xyz".to_owned(), (400, "MALFORMED")),
        ("/v1/head?from=99".to_owned(), (404, "NO_SUCH_HEIGHT")),
        ("/v1/head?form=1".to_owned(), (400, "QUERY")),
        ("/v1/head?from=-1".to_owned(), (400, "QUERY")),
        ("/v1/records".to_owned(), (400, "QUERY")),
        ("/v1/records?key=AAAA!".to_owned(), (400, "MALFORMED")),
        ("/v1/records/weather/today".to_owned(), (400, "MALFORMED")),
        ("/v1/records/did/did:web:example.org".to_owned(), (400, "MALFORMED")),
        (format!("/v1/records/did/{did}?height=99"), (404, "NO_SUCH_HEIGHT")),
        (format!("/v1/records/did/{did}?height=0&time=2020-09-14T00:00:00Z"), (400, "QUERY")),
        (format!("/v1/records/did/{did}?time=yesterday"), (400, "QUERY")),
        (format!("/v1/records/did/{did}?time=2001-01-01T00:00:00Z"), (404, "NO_SUCH_HEIGHT")),
        ("/v1/keys/did".to_owned(), (404, "NO_SUCH_NAMESPACE")),
        ("/v1/keys/published".to_owned(), (404, "NO_SUCH_NAMESPACE")),
        ("/v1/bundle?did=".to_owned(), (400, "MALFORMED")),
        ("/v1/bundle?height=99".to_owned(), (404, "NO_SUCH_HEIGHT")),
        (format!("/v1/bundle?did={}", vec![did.to_string(); 65].join(",")), (413, "TOO_MANY")),
        ("/v1/blocks/99".to_owned(), (404, "NO_SUCH_HEIGHT")),
        ("/v1/blocks/first".to_owned(), (400, "MALFORMED")),
        ("/v1/dids/did:web:example.org".to_owned(), (400, "MALFORMED")),
        (format!("/v1/dids/{nobody}"), (404, "DID_UNKNOWN")),
        (format!("/v1/dids/{nobody}?versionId=1"), (404, "DID_UNKNOWN")),
        (format!("/v1/dids/{did}?versionId=2"), (404, "NO_SUCH_VERSION")),
        (format!("/v1/dids/{did}?versionId=1&height=0"), (400, "QUERY")),
        ("/v1/events?cursor=now".to_owned(), (400, "CURSOR")),
        ("/v1/events?cursor=99.0".to_owned(), (404, "NO_SUCH_HEIGHT")),
    ] {
        let answer = served.get(&path).await;
        assert_eq!(code(&answer), expected, "{path}");
    }
    let typed = served.http.post(served.url("/v1/transactions")).header("content-type", "application/json");
    assert_eq!(typed.body(good.clone()).send().await.unwrap().status().as_u16(), 415);
    assert_eq!(code(&served.post("/v1/head", Vec::new()).await), (405, "METHOD"));
    assert_eq!(code(&served.post("/v1/transactions?wait=forever", good.clone()).await), (400, "QUERY"));
    let (_, unknown) = served.get(&format!("/v1/transactions/{}", Digest::sha256(b"never"))).await;
    assert_eq!(unknown["status"], "unknown");
    served.commit(&served.anchor(0, 0)).await; // and after all that the good one still goes in
    served.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn resending_gives_the_same_answer_and_a_number_is_used_once() {
    let served = Served::new().await;
    let signed = served.anchor(0, 0);
    let first = served.commit(&signed).await;
    for path in ["/v1/transactions", "/v1/transactions?wait=committed"] {
        assert_eq!(served.post(path, signed.to_bytes()).await, (200, first.clone()));
    }
    let other = served.agencies[0].sign(&served.ledger, 0, anchor(&served.agencies[0].did, 5));
    assert_eq!(code(&served.post("/v1/transactions", other.to_bytes()).await), (409, "SEQUENCE_USED"));

    // A rotation, resent after it took effect: its signer's key is no longer the actor's.
    let agency = &served.agencies[1];
    let head = DidOperation::Create(agency.genesis.clone()).hash(&agency.did);
    let rotation = agency.rotate(&served.ledger, 0, head);
    let answer = served.commit(&rotation).await;
    assert_eq!(served.post("/v1/transactions", rotation.to_bytes()).await, (200, answer));
    let old_key = agency.anchor(&served.ledger, 1);
    assert_eq!(code(&served.post("/v1/transactions", old_key.to_bytes()).await), (422, "BAD_SIGNATURE"));
    let mut new_key = old_key;
    new_key.signature = agency.next.sign(&new_key.transaction.message(&served.ledger));
    served.commit(&new_key).await;

    // A refused one is remembered, and judged anew when it is sent again.
    let agency = &served.agencies[2];
    let twice = agency.sign(&served.ledger, 1, anchor(&agency.did, 0));
    served.commit(&agency.anchor(&served.ledger, 0)).await;
    let refused = served.post("/v1/transactions?wait=committed", twice.to_bytes()).await;
    assert_eq!(code(&refused), (422, "EXISTS"));
    let (_, status) = served.get(&format!("/v1/transactions/{}", twice.id())).await;
    assert_eq!((status["status"].as_str(), status["code"].as_str()), (Some("refused"), Some("EXISTS")));
    assert_eq!(served.post("/v1/transactions?wait=committed", twice.to_bytes()).await, refused);
    served.commit(&agency.anchor(&served.ledger, 1)).await;
    served.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_arrives_out_of_order_is_committed_in_order() {
    let served = Served::new().await;
    for sequence in [3, 1, 4, 2] {
        let (status, answer) = served.post("/v1/transactions", served.anchor(0, sequence).to_bytes()).await;
        assert_eq!((status, answer["status"].as_str()), (202, Some("pending")));
    }
    served.commit(&served.anchor(0, 0)).await;
    let mut places = Vec::new();
    for sequence in 0..5 {
        let answer = served.commit(&served.anchor(0, sequence)).await;
        places.push((answer["height"].as_u64().unwrap(), answer["position"].as_u64().unwrap()));
    }
    assert!(places.is_sorted(), "{places:?}");
    served.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_answered_one_by_one_and_the_bad_ones_are_named() {
    let served = Served::new().await;
    let mut batch: Vec<Vec<u8>> = (0..600).map(|sequence| served.anchor(0, sequence).to_bytes()).collect();
    batch.insert(300, forged(served.anchor(1, 0)).to_bytes());
    batch.insert(10, b"nonsense".to_vec());
    let newcomer = Agency::new(1);
    batch.push(newcomer.anchor(&served.ledger, 1).to_bytes()); // before its creation, which is in the same batch
    batch.push(newcomer.create(&served.ledger).to_bytes());
    let (status, answer) = served.post("/v1/transactions/batch?wait=committed", framed(&batch)).await;
    assert_eq!(status, 200);
    let results = answer["results"].as_array().unwrap();
    assert_eq!(results.len(), batch.len());
    for (index, result) in results.iter().enumerate() {
        let expected = match index {
            10 => (Some("refused"), Some("MALFORMED")),
            301 => (Some("refused"), Some("BAD_SIGNATURE")),
            _ => (Some("committed"), None),
        };
        assert_eq!((result["status"].as_str(), result["code"].as_str()), expected, "entry {index}: {result}");
    }
    for bad in [vec![1], vec![9, 0, 0, 0, 1]] {
        assert_eq!(code(&served.post("/v1/transactions/batch", bad).await), (400, "FRAMING"));
    }
    let many = framed(&vec![Vec::new(); 20_001]);
    assert_eq!(code(&served.post("/v1/transactions/batch", many).await), (413, "TOO_MANY"));
    served.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_resolves_as_of_any_version_time_and_height() {
    let served = Served::new().await;
    let agency = &served.agencies[0];
    let did: &Did = &agency.did;
    let head = DidOperation::Create(agency.genesis.clone()).hash(did);
    let rotated = served.commit(&agency.rotate(&served.ledger, 0, head)).await["height"].as_u64().unwrap();
    let key_of =
        |answer: &Value| answer["didDocument"]["verificationMethod"][0]["publicKeyMultibase"].clone();
    let (old, new) = (agency.control.public_key().to_multibase(), agency.next.public_key().to_multibase());
    let at_start = did_registry::Timestamp::from_seconds(START).unwrap();
    for (query, key, version) in [
        (String::new(), &new, "2"),
        ("?versionId=1".to_owned(), &old, "1"),
        ("?versionId=2".to_owned(), &new, "2"),
        (format!("?height={}", rotated - 1), &old, "1"),
        (format!("?height={rotated}"), &new, "2"),
        (format!("?versionTime={at_start}"), &old, "1"),
    ] {
        let (status, answer) = served.get(&format!("/v1/dids/{did}{query}")).await;
        assert_eq!((status, key_of(&answer)), (200, Value::from(key.clone())), "{query}");
        assert_eq!(answer["didDocumentMetadata"]["versionId"], version);
        assert_eq!(answer["didDocument"]["id"], did.to_string());
    }
    let key = StateKey::Did(did.clone());
    let record = served.node.ledger().record(&key, rotated).unwrap().record;
    let Some(Record::Did(record)) = record else { panic!("a DID record") };
    let end = Operation::Did(DidOperation::Deactivate(record.head));
    let mut end = agency.sign(&served.ledger, 1, end);
    end.signature = agency.next.sign(&end.transaction.message(&served.ledger));
    served.commit(&end).await;
    let (status, answer) = served.get(&format!("/v1/dids/{did}")).await;
    assert_eq!((status, &answer["didDocumentMetadata"]["deactivated"]), (410, &Value::Bool(true)));
    served.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_mempool_and_an_oversized_body_are_refused_and_the_node_goes_on() {
    let served = Served::with(|config| {
        config.mempool.transactions = 5;
        config.http.body_bytes = 100_000;
    })
    .await;
    for sequence in 1..6 {
        assert_eq!(served.post("/v1/transactions", served.anchor(0, sequence).to_bytes()).await.0, 202);
    }
    let answer = served.post("/v1/transactions", served.anchor(1, 0).to_bytes()).await;
    assert_eq!(code(&answer), (503, "MEMPOOL_FULL"));
    let large = served.post("/v1/transactions/batch", vec![0; 100_001]).await;
    assert_eq!(code(&large), (413, "TOO_LARGE"));
    assert_eq!(served.get("/health").await.0, 200);
    served.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_request_is_ended() {
    let served = Served::with(|config| {
        config.http.request_seconds = 1;
        config.http.idle_seconds = 3;
    })
    .await;
    // A body that is announced and never sent.
    let stuck = tokio_stream::pending::<Result<Vec<u8>, std::io::Error>>();
    let request = served.http.post(served.url("/v1/transactions")).body(reqwest::Body::wrap_stream(stuck));
    let answer = tokio::time::timeout(LONG, request.send()).await.unwrap().unwrap();
    assert_eq!(answer.status().as_u16(), 408);
    // A wait for something that waits itself ends with the truth: it is pending.
    let (status, answer) =
        served.post("/v1/transactions?wait=committed", served.anchor(0, 1).to_bytes()).await;
    assert_eq!((status, answer["status"].as_str()), (202, Some("pending")));
    served.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_byte_sent_is_in_the_egress_log() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("egress.log");
    let served = Served::with(|config| config.egress_log = Some(path.clone())).await;
    let mut sent = Vec::new();
    for request in ["/v1/genesis", "/v1/blocks/0", "/nothing"] {
        let answer = served.http.get(served.url(request)).send().await.unwrap();
        sent.push(answer.bytes().await.unwrap());
    }
    served.node.shutdown().await;
    let records = ledger_node::egress::read(&path).unwrap();
    let kinds: Vec<(&str, bool)> =
        records.iter().map(|record| (record.message(), record.is_head())).collect();
    let [genesis, block, nothing] = ["GET /v1/genesis", "GET /v1/blocks/{height}", "GET unrouted"];
    let parts = [genesis, genesis, block, block, nothing, nothing].into_iter();
    assert_eq!(kinds, parts.zip([true, false].into_iter().cycle()).collect::<Vec<_>>());
    for (pair, sent) in records.chunks(2).zip(&sent) {
        let head = String::from_utf8_lossy(&pair[0].body);
        let status = if pair[0].message() == nothing { "404 Not Found" } else { "200 OK" };
        assert!(head.starts_with(status) && head.contains("\ncontent-type: application/"), "{head}");
        assert_eq!(pair[1].body, sent.to_vec());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_connection_gives_its_place_to_the_next() {
    let served = Served::with(|config| {
        config.http.connections = 1;
        config.http.request_seconds = 1;
        config.http.idle_seconds = 2;
    })
    .await;
    let idle = tokio::net::TcpStream::connect(served.node.address).await.unwrap();
    let answer = tokio::time::timeout(LONG, served.get("/health")).await.unwrap();
    assert_eq!(answer.0, 200, "once the idle one was closed");
    drop(idle);
    served.node.shutdown().await;
}

/// Slowloris: a request that never ends, a byte at a time.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_drips_gives_its_place_to_the_next() {
    let served = Served::with(|config| {
        config.http.connections = 1;
        config.http.request_seconds = 1;
        config.http.idle_seconds = 2;
    })
    .await;
    let mut slow = tokio::net::TcpStream::connect(served.node.address).await.unwrap();
    let drip = tokio::spawn(async move {
        let mut ticks = tokio::time::interval(std::time::Duration::from_millis(100));
        slow.write_all(b"GET /health HTTP/1.1\r\nx: ").await.unwrap();
        while slow.write_all(b"x").await.is_ok() {
            ticks.tick().await;
        }
    });
    let answer = tokio::time::timeout(LONG, served.get("/health")).await.unwrap();
    assert_eq!(answer.0, 200, "once the slow one was closed");
    tokio::time::timeout(LONG, drip).await.unwrap().unwrap();
    served.node.shutdown().await;
}
