//! Fetching from addresses that others wrote: bounded in size and time, no redirects, allowed hosts only.

use std::time::Duration;

use ledger_node::egress::EgressLog;
use reqwest::redirect::Policy;

/// Bytes of the largest status list token.
const TOKEN: usize = credential::status::TOKEN_BYTES;

/// A client for status lists.
#[derive(Clone, Debug)]
pub(crate) struct Fetcher {
    client: reqwest::Client,
    hosts: Vec<String>,
    egress: Option<EgressLog>,
}

/// Why a fetch failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// Not an address this agency fetches from.
    #[error("status lists are fetched from the hosts named in the configuration; {0:?} is none of them")]
    Host(String),
    /// The other side cannot be reached, or answers otherwise.
    #[error("{0}")]
    Http(#[from] reqwest::Error),
    /// It could not be written down first.
    #[error("what is sent is written down first: {0}")]
    Unrecorded(#[from] std::io::Error),
    /// Over the limit.
    #[error("a status list token has at most {TOKEN} bytes")]
    TooLarge,
    /// Not text.
    #[error("a status list token is text")]
    NotText,
}

impl Fetcher {
    /// A fetcher that talks to `hosts` (each `host` or `host:port`) and nobody else, and writes down what it sends.
    ///
    /// # Errors
    /// [`FetchError::Http`] if the system's client cannot be set up.
    pub(crate) fn new(hosts: Vec<String>, egress: Option<EgressLog>) -> Result<Self, FetchError> {
        let client = reqwest::Client::builder()
            .redirect(Policy::none())
            .connect_timeout(Duration::from_secs(3))
            .timeout(Duration::from_secs(10))
            .build()?;
        Ok(Self { client, hosts, egress })
    }

    /// A status list token.
    ///
    /// # Errors
    /// [`FetchError`].
    pub(crate) async fn status_token(&self, uri: &str) -> Result<String, FetchError> {
        let refuse = || FetchError::Host(uri.to_owned());
        let url = reqwest::Url::parse(uri).map_err(|_| refuse())?;
        let host = url.host_str().ok_or_else(refuse)?;
        let named = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        if !matches!(url.scheme(), "http" | "https") || !self.hosts.contains(&named) {
            return Err(refuse());
        }
        let request = self.client.get(url).build()?;
        if let Some(egress) = &self.egress {
            egress.append_request("to another agency", &request)?;
        }
        let mut response = self.client.execute(request).await?.error_for_status()?;
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if bytes.len() + chunk.len() > TOKEN {
                return Err(FetchError::TooLarge);
            }
            bytes.extend_from_slice(&chunk);
        }
        String::from_utf8(bytes).map_err(|_| FetchError::NotText)
    }
}
