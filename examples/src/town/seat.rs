//! Addresses that are known before anybody listens at them, and stay their holder's through a restart.

use std::net::{SocketAddr, TcpListener};

use anyhow::Context as _;

/// Ports below those that the system hands out by itself.
const FIRST: u16 = 20_000;
const PORTS: u16 = 10_000;

/// An address of this machine that no other test takes while this is held.
#[derive(Debug)]
pub struct Seat {
    port: u16,
    /// Whoever listens at the same port of this other address holds the seat.
    _claim: TcpListener,
}

impl Seat {
    /// Takes a free one.
    ///
    /// # Errors
    /// If there is none.
    pub fn take() -> anyhow::Result<Self> {
        // Processes start to look in different places.
        let start = u16::try_from(std::process::id() % u32::from(PORTS))?;
        let ports = (0..PORTS).map(|step| FIRST + (start + step) % PORTS);
        let claimed = ports.filter_map(|port| {
            let claim = TcpListener::bind(SocketAddr::from(([127, 77, 0, 1], port))).ok()?;
            TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port))).ok()?;
            Some(Self { port, _claim: claim })
        });
        claimed.into_iter().next().context("no port is free")
    }

    /// The address.
    pub fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    /// The address as a URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }
}
