//! A node: a ledger, its engine on a thread of its own, and the API.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{Semaphore, oneshot, watch};

use crate::NodeError;
use crate::config::Config;
use crate::egress::EgressLog;
use crate::http::{self, Api};
use crate::ledger::Ledger;
use crate::listener::BoundedListener;
use crate::network::read_key;
use crate::ordering::Ordering;
use crate::solo::{Clock, Solo, system_clock};

/// Starts nodes.
pub struct Node;

/// A node that runs until it is shut down or dropped.
pub struct RunningNode {
    /// Where the API listens.
    pub address: SocketAddr,
    ledger: Option<Arc<Ledger>>,
    closed: oneshot::Receiver<()>,
    stop: watch::Sender<bool>,
    engine: Option<JoinHandle<()>>,
    server: tokio::task::JoinHandle<std::io::Result<()>>,
    patience: Duration,
}

impl Node {
    /// Starts a solo node; when this returns, block 0 is committed and the API listens.
    ///
    /// # Errors
    /// [`NodeError`]: a file, the configuration, the store, the address, or a key that is not the validator's.
    pub async fn start(config: Config) -> Result<RunningNode, NodeError> {
        Self::start_at(config, system_clock()).await
    }

    /// The same with another clock than the system's.
    ///
    /// # Errors
    /// As [`Node::start`].
    pub async fn start_at(config: Config, clock: Clock) -> Result<RunningNode, NodeError> {
        config.check()?;
        let key = read_key(&config.validator_key)?;
        let engine = Solo::new(key, config.heartbeat(), clock);
        let egress = config.egress_log.as_ref();
        let egress = egress.map(|path| EgressLog::open(path).map_err(|error| NodeError::file(path, error)));
        let egress = egress.transpose()?;
        let refused = |error: std::io::Error| NodeError::Listen(format!("{}: {error}", config.listen));
        let listener = TcpListener::bind(config.listen).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;

        let opening = config.clone();
        let opened = tokio::task::spawn_blocking(move || Ledger::open(&opening)).await;
        let (ledger, closed) = opened.map_err(|error| NodeError::Halted(error.to_string()))??;
        engine.check(ledger.application().genesis())?;
        let engine = run(Box::new(engine), ledger.clone())?;
        begin(&ledger).await?;

        let (stop, stopping) = watch::channel(false);
        let api = Api {
            ledger: ledger.clone(),
            limits: config.http,
            streams: Arc::new(Semaphore::new(config.http.streams)),
            stopping: stopping.clone(),
        };
        let idle = Duration::from_secs(config.http.idle_seconds);
        let listener = BoundedListener::new(listener, config.http.connections, idle);
        let serving =
            axum::serve(listener, http::router(api, egress)).with_graceful_shutdown(stopped(stopping));
        let server = tokio::spawn(async move { serving.await });
        let patience = Duration::from_secs(config.http.request_seconds);
        Ok(RunningNode {
            address,
            ledger: Some(ledger),
            closed,
            stop,
            engine: Some(engine),
            server,
            patience,
        })
    }
}

/// Ends when the node is told to stop, or is dropped.
async fn stopped(mut stopping: watch::Receiver<bool>) {
    // An error means that the sender is gone, and so the node.
    let _stop = stopping.wait_for(|stop| *stop).await;
}

/// The engine on its thread. However it ends, the ledger knows.
fn run(engine: Box<dyn Ordering>, ledger: Arc<Ledger>) -> Result<JoinHandle<()>, NodeError> {
    let work = move || {
        let run = std::panic::AssertUnwindSafe(|| engine.run(ledger.clone()));
        match std::panic::catch_unwind(run) {
            Ok(Ok(())) => ledger.stop(),
            Ok(Err(error)) => ledger.halt(&error),
            Err(_) => ledger.halt(&"the engine broke one of its own rules; the log says which"),
        }
    };
    let thread = std::thread::Builder::new().name("ordering".to_owned()).spawn(work);
    thread.map_err(|error| NodeError::Halted(error.to_string()))
}

/// Waits for block 0.
async fn begin(ledger: &Ledger) -> Result<(), NodeError> {
    let mut heights = ledger.heights();
    while ledger.tip().is_none() {
        tokio::select! {
            _ = heights.changed() => {}
            () = ledger.stopped() => {
                if ledger.tip().is_none() {
                    return Err(NodeError::Halted(ledger.halted().unwrap_or("before block 0").to_owned()));
                }
            }
        }
    }
    Ok(())
}

impl RunningNode {
    /// The ledger, for those in the same process.
    ///
    /// # Panics
    /// Never: the ledger is there until the node is shut down, which consumes it.
    pub fn ledger(&self) -> &Arc<Ledger> {
        self.ledger.as_ref().expect("there because only shutdown takes it")
    }

    /// The API's address as a URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Takes in nothing more, answers what was asked, and closes the store. What waited in the mempool is
    /// forgotten; nobody was told that it is on the ledger.
    pub async fn shutdown(mut self) {
        self.end();
        if let Some(engine) = self.engine.take() {
            // A panic in the engine was caught and logged on its own thread.
            let _joined = tokio::task::spawn_blocking(move || engine.join()).await;
        }
        let aborter = self.server.abort_handle();
        if tokio::time::timeout(self.patience, &mut self.server).await.is_err() {
            tracing::warn!("some requests were cut off at shutdown");
            aborter.abort();
        }
        drop(self.ledger.take());
        if tokio::time::timeout(self.patience, &mut self.closed).await.is_err() {
            tracing::warn!("the store is still in use at shutdown");
        }
    }

    fn end(&mut self) {
        self.stop.send_replace(true);
        if let Some(ledger) = &self.ledger {
            ledger.stop();
        }
    }
}

impl Drop for RunningNode {
    fn drop(&mut self) {
        self.end();
    }
}
