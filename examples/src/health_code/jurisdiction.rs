//! One side of the border: its health authority, its people, and the door for both.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use causeway::actor::ActorDirectory;
use causeway::agency::Agency;
use causeway::files;
use causeway::identity;
use causeway::ledger::Ledger;
use causeway::setup::{self, AgencyPlan, NewAgency};
use did_registry::{Did, Secret};
use ledger_chain::Genesis;
use rand::rngs::OsRng;

use super::desk::Desk;
use super::process::Parties;
use crate::population::{Person, Side};

/// The file with the operator's token, in an agency's directory.
pub const TOKEN: &str = "admin.token";

/// What a side is called.
pub trait Named {
    /// In one word.
    fn name(self) -> &'static str;
    /// Its health authority.
    fn authority(self) -> &'static str;
    /// Its directory.
    fn folder(self) -> &'static str;
    /// The lanes of its gate.
    fn gate(self) -> [&'static str; 2];
    /// The other side.
    fn other(self) -> Side;
}

impl Named for Side {
    fn name(self) -> &'static str {
        match self {
            Self::Guangdong => "Guangdong",
            Self::Macau => "Macau",
        }
    }

    fn authority(self) -> &'static str {
        match self {
            Self::Guangdong => "Guangdong Health Commission (demonstration)",
            Self::Macau => "Macau Health Bureau (demonstration)",
        }
    }

    fn folder(self) -> &'static str {
        match self {
            Self::Guangdong => "guangdong",
            Self::Macau => "macau",
        }
    }

    fn gate(self) -> [&'static str; 2] {
        match self {
            Self::Guangdong => ["Gongbei, lane 1", "Gongbei, lane 2"],
            Self::Macau => ["Portas do Cerco, lane 1", "Portas do Cerco, lane 2"],
        }
    }

    fn other(self) -> Side {
        match self {
            Self::Guangdong => Self::Macau,
            Self::Macau => Self::Guangdong,
        }
    }
}

/// A health authority and the people whose records it keeps.
pub struct Jurisdiction {
    /// Which side.
    pub side: Side,
    /// Its directory: configuration, keys, vault, logs.
    pub directory: PathBuf,
    /// Its identifier.
    pub did: Did,
    /// Where it is called.
    pub url: String,
    /// As a citizen calls it.
    pub agency: Agency,
    /// As its operator calls it.
    pub desk: Desk,
    /// The operator's token, in a file.
    pub token: PathBuf,
    /// Whose records it keeps.
    pub people: Vec<Person>,
}

impl Jurisdiction {
    /// Makes the authority's directory and registers its identifier. It does not run yet.
    ///
    /// # Errors
    /// The system's or the ledger's.
    pub async fn set_up(
        side: Side,
        directory: &Path,
        (own, other): (SocketAddr, SocketAddr),
        ledger_url: &str,
        ledger: &mut Ledger,
        (data, keys): (&Path, Option<&Path>),
        people: Vec<Person>,
    ) -> anyhow::Result<Self> {
        let genesis: Genesis = ledger.genesis().clone();
        let url = format!("http://{own}");
        let plan = AgencyPlan {
            name: side.authority().to_owned(),
            listen: own,
            public_url: url.clone(),
            ledger_url: ledger_url.to_owned(),
            genesis,
            status_hosts: vec![other.to_string()],
            guardians: None,
            trust_list: Some(data.join("trustlist.json")),
            trust_list_ages: None,
            value_sets: Some(data.join("valuesets")),
            circuit_keys: keys.map(Path::to_owned),
            insecure_development_keys: keys.is_some(),
            egress_log: Some("egress.log".into()),
            refresh_seconds: 1,
            safe: None,
        };
        let NewAgency { did, token, config, .. } = setup::agency(directory, &plan, &mut OsRng)?;
        // The real certificates at hand ended years ago.
        let text = std::fs::read_to_string(&config)?;
        std::fs::write(&config, format!("transcode_as_of_any_time = true\n{text}"))?;
        let file = directory.join(TOKEN);
        files::create(&file, token.expose().as_bytes(), files::PRIVATE)?;
        identity::register(ledger, &ActorDirectory::open(directory)?).await?;
        Ok(Self {
            side,
            directory: directory.to_owned(),
            did,
            agency: Agency::new(&url)?,
            desk: Desk::new(&url, token)?,
            url,
            token: file,
            people,
        })
    }

    /// Starts its gateway as a process.
    ///
    /// # Errors
    /// If it does not come up.
    pub async fn start(&self, parties: &mut Parties) -> anyhow::Result<()> {
        let directory = self.directory.to_str().context("the directory's name is UTF-8")?;
        parties.start(self.side.name(), &self.directory, &["gateway", "run", directory]).await?;
        Ok(())
    }

    /// The operator's token.
    ///
    /// # Errors
    /// The system's.
    pub fn token(&self) -> anyhow::Result<Secret<String>> {
        Ok(Secret::new(files::read_text(&self.token, 1024)?))
    }

    /// Host and port of its address.
    pub fn host(&self) -> &str {
        self.url.split_once("://").map_or(self.url.as_str(), |(_, host)| host)
    }

    /// What it wrote down of everything it sent.
    pub fn egress(&self) -> PathBuf {
        self.directory.join("egress.log")
    }
}

/// Two free addresses of this machine.
///
/// # Errors
/// The system's.
pub fn free_addresses() -> anyhow::Result<[SocketAddr; 2]> {
    // Both are held until both are known, so they differ.
    let (one, two) = (TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?);
    Ok([one.local_addr()?, two.local_addr()?])
}
