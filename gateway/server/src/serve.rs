//! A gateway as a running process.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ledger_node::BoundedListener;
use ledger_node::egress::EgressLog;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::agency::{Agency, AgencyError};
use crate::clock::Clock;
use crate::config::Config;
use crate::routes::{App, router};

/// How long requests under way may take to end when the gateway stops.
const GRACE: Duration = Duration::from_secs(10);
/// Between two looks at whether the vault is closed.
const MOMENT: Duration = Duration::from_millis(1);

/// A gateway that answers requests until it is told to stop.
pub struct Gateway {
    address: SocketAddr,
    agency: Arc<Agency>,
    stop: oneshot::Sender<()>,
    served: JoinHandle<std::io::Result<()>>,
    worker: JoinHandle<()>,
}

impl Gateway {
    /// Opens the agency and starts to listen.
    ///
    /// # Errors
    /// [`AgencyError`]; nothing listens then.
    pub async fn start(config: &Config, clock: Clock) -> Result<Self, AgencyError> {
        let file = |what, error: std::io::Error| AgencyError::File { what, error: error.to_string() };
        let egress = config.egress_log.as_deref().map(EgressLog::open).transpose();
        let egress = egress.map_err(|error| file("egress_log", error))?;
        // Nobody who calls waits for the agency to open: until it answers, it refuses.
        let agency = Agency::open(config, clock, egress.clone()).await?;
        let listener = TcpListener::bind(config.listen).await.map_err(|error| file("listen", error))?;
        let address = listener.local_addr().map_err(|error| file("listen", error))?;
        let app = App { agency: agency.clone(), name: config.name.as_str().into() };
        let router = router(app, &config.limits, egress);
        let idle = Duration::from_secs(config.limits.idle_seconds);
        let listener = BoundedListener::new(listener, config.limits.connections, idle);
        let (stop, stopped) = oneshot::channel();
        let serve = axum::serve(listener, router).with_graceful_shutdown(async {
            // A dropped sender stops it as well.
            let _ = stopped.await;
        });
        let served = tokio::spawn(serve.into_future());
        let worker = tokio::spawn(agency.clone().work(Duration::from_secs(config.refresh_seconds)));
        tracing::info!(%address, did = %agency.did(), "the gateway listens");
        Ok(Self { address, agency, stop, served, worker })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The agency it serves.
    pub fn agency(&self) -> &Arc<Agency> {
        &self.agency
    }

    /// Takes no more requests, finishes those under way if they end soon, and stops.
    ///
    /// # Errors
    /// What the listener ended with.
    pub async fn stop(self) -> std::io::Result<()> {
        let Self { agency, stop, served, worker, .. } = self;
        // Nobody listens if it has ended already, which is what is wanted.
        let _ = stop.send(());
        let ended = ended(served, GRACE).await;
        worker.abort();
        // Until it has ended it holds the vault. That it was cut short is what was wanted.
        let _ = worker.await;
        // So does a connection for a moment after its last answer; whoever starts anew opens the vault.
        let vault = Arc::downgrade(agency.vault());
        drop(agency);
        let closed = async {
            while vault.strong_count() > 0 {
                tokio::time::sleep(MOMENT).await;
            }
        };
        if tokio::time::timeout(GRACE, closed).await.is_err() {
            tracing::warn!("somebody still holds the vault of a gateway that stopped");
        }
        ended
    }
}

/// Waits for a server that was told to stop. Whoever began a request and never ends it does not keep it running.
async fn ended(mut served: JoinHandle<std::io::Result<()>>, grace: Duration) -> std::io::Result<()> {
    match tokio::time::timeout(grace, &mut served).await {
        Ok(ended) => ended.map_err(std::io::Error::other)?,
        Err(_) => {
            tracing::warn!("some requests were cut off when the gateway stopped");
            served.abort();
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn half_a_request_does_not_keep_a_gateway_from_stopping() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let serve = axum::serve(listener, Router::new()).with_graceful_shutdown(async {
            let _ = stopped.await;
        });
        let served = tokio::spawn(serve.into_future());
        let mut half = TcpStream::connect(address).await.unwrap();
        half.write_all(b"POST /v1/claims HT").await.unwrap();
        stop.send(()).unwrap();
        ended(served, Duration::from_millis(50)).await.unwrap();
        assert!(TcpStream::connect(address).await.is_err(), "nobody listens");
    }
}
