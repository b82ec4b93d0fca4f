//! The event stream: everything once, in order, from any cursor on.

use ledger_node::client::{LedgerClient, LedgerEvent, LedgerEvents};

use crate::node::{LONG, Served};

async fn next(events: &mut LedgerEvents) -> LedgerEvent {
    tokio::time::timeout(LONG, events.next()).await.unwrap().unwrap().unwrap()
}

/// Reads until `count` transactions were seen.
async fn read(events: &mut LedgerEvents, count: usize) -> Vec<LedgerEvent> {
    let mut seen = Vec::new();
    while seen.iter().filter(|event: &&LedgerEvent| event.kind == "transaction").count() < count {
        seen.push(next(events).await);
    }
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn resuming_by_cursor_loses_and_repeats_nothing() {
    let served = Served::new().await;
    let client = LedgerClient::new(&served.node.url()).unwrap();
    let batch: Vec<_> = (0..200).map(|sequence| served.anchor(0, sequence)).collect();
    let mut all = client.events(Some("start")).await.unwrap();
    for part in batch.chunks(20) {
        client.commit_batch(part).await.unwrap();
    }
    let everything = read(&mut all, 200).await;
    let ids = |events: &[LedgerEvent]| -> Vec<String> {
        let transactions = events.iter().filter(|event| event.kind == "transaction");
        transactions.map(|event| event.data["id"].as_str().unwrap().to_owned()).collect()
    };
    let expected: Vec<String> = batch.iter().map(|signed| signed.id().to_string()).collect();
    assert_eq!(ids(&everything), expected);
    // Broken off after any event, of a transaction or of a block, the rest follows.
    for cut in [0, 1, 19, 20, 21, 22, 100, everything.len() - 2] {
        let cursor = &everything[cut].cursor;
        let mut resumed = client.events(Some(cursor)).await.unwrap();
        let rest = &everything[cut + 1..];
        for expected in rest {
            assert_eq!(&next(&mut resumed).await, expected, "after {cursor}");
        }
        // A browser says it in a header, which counts more than the address it started with.
        let request = served.http.get(served.url("/v1/events?cursor=start")).header("last-event-id", cursor);
        let mut answer = request.send().await.unwrap();
        let first = String::from_utf8(answer.chunk().await.unwrap().unwrap().to_vec()).unwrap();
        assert!(first.contains(&format!("id: {}\n", rest[0].cursor)), "{first}");
    }
    served.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_cursor_a_stream_starts_with_what_is_new_and_ends_with_the_node() {
    let served = Served::new().await;
    let client = LedgerClient::new(&served.node.url()).unwrap();
    client.commit(&served.anchor(0, 0)).await.unwrap();
    let mut events = client.events(None).await.unwrap();
    client.commit(&served.anchor(0, 1)).await.unwrap();
    let first = next(&mut events).await;
    assert_eq!(first.data["id"], served.anchor(0, 1).id().to_string());
    assert_eq!(first.data["transaction"]["operation"]["namespace"], "anchor");
    let block = next(&mut events).await;
    assert_eq!((block.kind.as_str(), &block.data["transactions"]), ("block", &1.into()));
    served.node.shutdown().await;
    while let Ok(Some(_)) = tokio::time::timeout(LONG, events.next()).await.unwrap() {}
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_are_counted_and_given_back() {
    let served = Served::with(|config| config.http.streams = 2).await;
    let client = LedgerClient::new(&served.node.url()).unwrap();
    let first = client.events(None).await.unwrap();
    let _second = client.events(None).await.unwrap();
    assert_eq!(client.events(None).await.unwrap_err().code(), "BUSY");
    drop(first);
    let third = async {
        loop {
            // The node notices that a reader left when it has something to send, so something happens.
            if let Ok(stream) = client.events(None).await {
                return stream;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LONG, third).await.unwrap();
    served.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_stands_still_is_dropped_and_costs_no_memory() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let served = Served::with(|config| config.http.request_seconds = 1).await;
    let open = async || {
        let metrics = served.http.get(served.url("/metrics")).send().await.unwrap().text().await.unwrap();
        metrics.contains("causeway_ledger_event_streams 1\n")
    };
    let mut still = tokio::net::TcpStream::connect(served.node.address).await.unwrap();
    still.write_all(b"GET /v1/events?cursor=start HTTP/1.1\r\nhost: here\r\n\r\n").await.unwrap();
    assert!(still.read_u8().await.is_ok(), "the answer begins, and nobody reads on");
    assert!(open().await);
    // More than sockets and channel hold on the way.
    let ledger = served.node.ledger();
    for part in (0..40_000).map(|n| served.anchor(0, n)).collect::<Vec<_>>().chunks(5000) {
        assert!(ledger.submit(part.to_vec()).await.iter().all(|(_, verdict)| verdict.is_ok()));
    }
    let dropped = async {
        while open().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LONG, dropped).await.unwrap();
    served.node.shutdown().await;
}
