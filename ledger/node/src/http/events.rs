//! The event stream: every committed transaction, once and in order, from any point on.
//!
//! An event's id is its cursor, `height.position`. After a block's transactions comes an event of the block
//! itself, whose position is the number of its transactions. Who names the last cursor seen, as `?cursor=` or
//! in `Last-Event-ID`, gets what follows it; `?cursor=start` gives everything, none what is new.
//! A stream reads from the store at its reader's pace, so a slow reader costs no memory; one that stands
//! still is dropped, and resumes where it was.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::IntoResponse as _;
use axum::response::sse::{Event, KeepAlive, Sse};
use ledger_chain::Block;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;

use super::problem::Problem;
use super::{Api, Reply};
use crate::ledger::{Ledger, QueryError};

/// Events read ahead for one stream.
const AHEAD: usize = 64;
/// How often a comment shows that a quiet stream is alive.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// The place after an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Cursor {
    height: u64,
    /// The next event of the block.
    next: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EventsQuery {
    cursor: Option<String>,
}

pub(super) async fn stream(
    State(api): State<Api>,
    query: Result<Query<EventsQuery>, QueryRejection>,
    headers: HeaderMap,
) -> Reply {
    let Query(query) = query?;
    // A reconnecting reader repeats the address it started with; what it has seen since counts more.
    let last = match headers.get("last-event-id") {
        Some(value) => Some(value.to_str().map_err(|_| bad_cursor())?.to_owned()),
        None => query.cursor,
    };
    let tip = api.ledger.latest()?.head.height;
    let cursor = match last.as_deref() {
        None => Cursor { height: tip + 1, next: 0 },
        Some("start") => Cursor { height: 0, next: 0 },
        Some(text) => {
            let seen = parse(text).ok_or_else(bad_cursor)?;
            if seen.height > tip { return Err(QueryError::NoSuchHeight.into()) } else { seen }
        }
    };
    let room = api.streams.clone().try_acquire_owned();
    let room =
        room.map_err(|_| Problem::new(503, "BUSY", "as many event streams as this node serves are open"))?;
    let (events, receiver) = mpsc::channel(AHEAD);
    tokio::spawn(follow(api, cursor, events, room));
    let events = ReceiverStream::new(receiver).map(Ok::<_, std::convert::Infallible>);
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT)).into_response())
}

fn bad_cursor() -> Problem {
    Problem::new(400, "CURSOR", "a cursor is the id of an event, height.position, or start")
}

/// The place after the event with this id.
fn parse(text: &str) -> Option<Cursor> {
    let (height, position) = text.split_once('.')?;
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse::<u64>().ok()).flatten()
    };
    Some(Cursor { height: number(height)?, next: number(position)?.checked_add(1)? })
}

/// Sends what follows `cursor` until the reader goes, stands still, or the node stops.
async fn follow(api: Api, mut cursor: Cursor, events: mpsc::Sender<Event>, _room: OwnedSemaphorePermit) {
    let _open = Open::new(api.ledger.clone());
    let mut heights = api.ledger.heights();
    let mut stopping = api.stopping.clone();
    // A reader may stand still for as long as a request may take.
    let patience = Duration::from_secs(api.limits.request_seconds);
    loop {
        let tip = *heights.borrow_and_update();
        while cursor.height <= tip {
            let ledger = api.ledger.clone();
            let height = cursor.height;
            let read = tokio::task::spawn_blocking(move || ledger.block(height)).await;
            let block = match read {
                Ok(Ok(block)) => block,
                Ok(Err(QueryError::NoSuchHeight)) => break, // block 0 is not there yet
                Ok(Err(error)) => {
                    tracing::error!(%error, "an event stream ends");
                    return;
                }
                Err(_) => return,
            };
            for position in cursor.next..=block.transactions.len() as u64 {
                if events.send_timeout(event(&block, position), patience).await.is_err() {
                    return;
                }
            }
            cursor = Cursor { height: height + 1, next: 0 };
        }
        tokio::select! {
            changed = heights.changed() => if changed.is_err() { return },
            _ = stopping.wait_for(|stop| *stop) => return,
            () = events.closed() => return,
        }
    }
}

/// Event number `position` of a block: a transaction, or after all of them the block.
fn event(block: &Block, position: u64) -> Event {
    let header = &block.header;
    let id = format!("{}.{position}", header.height);
    let index = usize::try_from(position).unwrap_or(usize::MAX);
    let (kind, data) = match block.transactions.get(index) {
        Some(signed) => (
            "transaction",
            json!({"height": header.height, "position": position, "time": header.time, "id": signed.id(),
                   "transaction": signed.transaction}),
        ),
        None => (
            "block",
            json!({"height": header.height, "time": header.time, "hash": header.hash(),
                   "transactions": block.transactions.len()}),
        ),
    };
    Event::default().event(kind).id(id).data(data.to_string())
}

/// Counts a stream for as long as it is open.
struct Open(Arc<Ledger>);

impl Open {
    fn new(ledger: Arc<Ledger>) -> Self {
        ledger.metrics.streams.inc();
        Self(ledger)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.metrics.streams.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_two_numbers() {
        assert_eq!(parse("7.0"), Some(Cursor { height: 7, next: 1 }));
        for bad in ["", "7", "7.", ".1", "7.-1", "7.+1", "+7.1", "7.1.1", "a.b", "7.18446744073709551615"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
