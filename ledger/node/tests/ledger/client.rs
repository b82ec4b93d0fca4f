//! The client follows heads and believes only what is proven.

use std::collections::BTreeMap;

use credential::zk::{Revocations, RootBytes};
use ledger_chain::light::LightError;
use ledger_chain::{Operation, Record, StateKey};
use ledger_node::Status;
use ledger_node::client::{ClientError, LedgerClient};
use zk_policy::Handle;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::node::Served;
use crate::testing::{Agency, forged, genesis};

#[tokio::test(flavor = "multi_thread")]
async fn it_submits_follows_and_reads_with_proofs() {
    let served = Served::new().await;
    let client = LedgerClient::new(&served.node.url()).unwrap();
    let genesis = client.genesis().await.unwrap();
    let trusted = client.trust(&genesis).await.unwrap();
    let did = &served.agencies[0].did;
    assert_eq!(client.next_sequence(did).await.unwrap(), 0);
    let (height, position) = client.commit(&served.anchor(0, 0)).await.unwrap();
    assert_eq!(position, 0);
    let trusted = client.follow(&trusted).await.unwrap();
    assert_eq!(trusted.head().height, height);
    let next = client.record(&trusted, &StateKey::Actor(did.clone())).await.unwrap();
    assert_eq!((next.value(), next.at().height), (&Some(Record::Actor(1)), height));
    let never = StateKey::Did(Agency::new(1).did);
    assert_eq!(client.record(&trusted, &never).await.unwrap().into_value(), None, "provably absent");
    let (proof, head) = client.transaction_proof(&served.anchor(0, 0).id()).await.unwrap();
    assert_eq!(&head.head, trusted.head());
    trusted.transaction(&served.anchor(0, 0).id(), &proof).unwrap();
    assert_eq!(client.block(height).await.unwrap().header.hash(), trusted.head().block);
    assert_eq!(client.keys("committee").await.unwrap(), [StateKey::Committee]);

    let batch: Vec<_> = (1..50).map(|sequence| served.anchor(0, sequence)).collect();
    assert_eq!(client.commit_batch(&batch).await.unwrap().len(), 49);
    assert_eq!(client.next_sequence(did).await.unwrap(), 50);
    let stands = client.status(&batch[0].id()).await.unwrap();
    assert!(matches!(stands, Status::Committed { .. }));
    served.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_comes_with_the_head_that_continues_the_trusted_one() {
    let served = Served::new().await;
    let client = LedgerClient::new(&served.node.url()).unwrap();
    let genesis = client.genesis().await.unwrap();
    let early = client.trust(&genesis).await.unwrap();
    let key = StateKey::Actor(served.agencies[0].did.clone());
    assert_eq!(client.current_record(&early, &key).await.unwrap().record, None);
    let (height, _) = client.commit(&served.anchor(0, 0)).await.unwrap();
    let current = client.current_record(&early, &key).await.unwrap();
    assert_eq!((current.record, current.trusted.head().height), (Some(Record::Actor(1)), height));
    assert_eq!(current.trusted.lookup(&key, &current.proof).unwrap().into_value(), Some(Record::Actor(1)));
    assert_eq!(&current.head.head, current.trusted.head());
    // The same head again is fine; one that the node has not come to is not.
    client.current_record(&current.trusted, &key).await.unwrap();
    let ahead = Served::new().await;
    let far = LedgerClient::new(&ahead.node.url()).unwrap();
    let behind = far.current_record(&current.trusted, &key).await.unwrap_err();
    assert_eq!(behind.code(), "NO_SUCH_HEIGHT");
    // Nor is another history of the same length.
    far.commit(&ahead.anchor(1, 0)).await.unwrap();
    far.commit(&ahead.anchor(1, 1)).await.unwrap();
    let fork = far.current_record(&current.trusted, &key).await.unwrap_err();
    assert_eq!(fork.code(), "INCONSISTENT_HISTORY");
    // A transaction likewise is proved to be where the trusted history goes on.
    let sent = served.anchor(0, 0).id();
    let (newest, at) = client.prove_committed(&early, &sent).await.unwrap();
    assert_eq!((newest.head().height, at.height), (height, height));
    let unsent = client.prove_committed(&early, &served.anchor(0, 1).id()).await.unwrap_err();
    assert_eq!(unsent.code(), "LEDGER_PENDING");
    let elsewhere = far.prove_committed(&newest, &ahead.anchor(1, 0).id()).await.unwrap_err();
    assert_eq!(elsewhere.code(), "INCONSISTENT_HISTORY");
    served.node.shutdown().await;
    ahead.node.shutdown().await;
}

/// Whoever follows an issuer's status tree takes whole deltas, and compares the root with the issuer's record.
#[tokio::test(flavor = "multi_thread")]
async fn deltas_are_handed_out_whole_and_in_order() {
    let served = Served::new().await;
    let client = LedgerClient::new(&served.node.url()).unwrap();
    let trusted = client.trust(&client.genesis().await.unwrap()).await.unwrap();
    let issuer = &served.agencies[0];
    assert_eq!(client.revocations(&issuer.did, 0).await.unwrap(), []);
    let mut own = Revocations::new();
    for sequence in 0..3 {
        let handles = (0..500u32).map(|place| Handle::new(place * 8_000 + sequence).unwrap()).collect();
        let delta = own.delta(handles, BTreeMap::new());
        own.follow([&delta]).unwrap();
        let operation = Operation::Revocation(delta);
        client.commit(&issuer.sign(&served.ledger, sequence.into(), operation)).await.unwrap();
    }
    let mut follower = Revocations::new();
    follower.follow(&client.revocations(&issuer.did, 0).await.unwrap()).unwrap();
    let key = StateKey::Revocation(issuer.did.clone());
    let Some(Record::Revocation(record)) = client.current_record(&trusted, &key).await.unwrap().record else {
        panic!("the ledger has a record of it")
    };
    assert_eq!((record.epoch, record.root), (3, RootBytes::of(&follower.tree().root())));
    assert_eq!(client.revocations(&issuer.did, 2).await.unwrap().len(), 1);
    assert_eq!(
        client.revocations(&served.agencies[1].did, 0).await.unwrap(),
        [],
        "everybody has a list of his own"
    );
    served.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_tells_refusal_lies_and_silence_apart() {
    let served = Served::new().await;
    let client = LedgerClient::new(&served.node.url()).unwrap();
    let refused = client.submit(&forged(served.anchor(0, 0))).await.unwrap_err();
    assert_eq!(refused.code(), "BAD_SIGNATURE");
    let refused = client.commit_batch(&[served.anchor(0, 0), forged(served.anchor(1, 0))]).await.unwrap_err();
    assert_eq!(refused.code(), "BAD_SIGNATURE");
    // Who trusts another genesis believes nothing that this node says.
    let other = genesis(&Agency::many(1));
    assert_eq!(client.trust(&other).await.unwrap_err(), ClientError::Light(LightError::OtherLedger));
    let gone = served.node.url();
    served.node.shutdown().await;
    let silent = LedgerClient::new(&gone).unwrap().signed_head(None).await.unwrap_err();
    assert_eq!(silent.code(), "LEDGER_UNREACHABLE");
}

/// The node is not trusted with where its clients connect to.
#[tokio::test(flavor = "multi_thread")]
async fn it_is_not_sent_on_to_somebody_else() {
    let elsewhere = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let target = elsewhere.local_addr().unwrap();
    let node = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let client = LedgerClient::new(&format!("http://{}", node.local_addr().unwrap())).unwrap();
    let answering = tokio::spawn(async move {
        for status in ["302 Found", "307 Temporary Redirect", "308 Permanent Redirect"].repeat(3) {
            let (mut stream, _) = node.accept().await.unwrap();
            assert!(stream.read(&mut [0; 4_096]).await.unwrap() > 0);
            let head = format!("HTTP/1.1 {status}\r\nlocation: http://{target}/\r\n");
            let rest = "content-length: 0\r\nconnection: close\r\n\r\n";
            stream.write_all(format!("{head}{rest}").as_bytes()).await.unwrap();
        }
    });
    let signed = Agency::new(1).anchor(&genesis(&Agency::many(1)).id(), 0);
    for _ in 0..3 {
        let refusals = [
            client.signed_head(None).await.map(drop).unwrap_err(),
            client.bundle(None, None, &[]).await.map(drop).unwrap_err(),
            client.submit(&signed).await.map(drop).unwrap_err(),
        ];
        for refusal in refusals {
            assert!(matches!(&refusal, ClientError::Answer(text) if text.contains("30")), "{refusal}");
        }
    }
    answering.await.unwrap();
    let knocked = elsewhere.accept().map(drop).unwrap_err();
    assert_eq!(knocked.kind(), std::io::ErrorKind::WouldBlock, "nobody came");
}
