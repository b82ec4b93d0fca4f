//! One agency: its directory, its gateway in this process, and everybody who calls it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use causeway::actor::ActorDirectory;
use causeway::identity;
use causeway::ledger::Ledger;
use causeway::setup::{self, AgencyPlan};
use did_registry::{Did, Digest, Secret};
use gateway::Gateway;
use gateway::config::Config;
use gateway::operator::{Operators, Role, new_token};
use rand::rngs::OsRng;
use reqwest::Method;
use serde_json::Value;

use super::contract::Contract;
use super::{Answer, PATIENCE, Seat, TownClock, pause};

const ROLES: [Role; 4] = [Role::Issue, Role::Verify, Role::Admin, Role::Audit];

/// An agency.
pub struct Office {
    /// Its directory.
    pub directory: PathBuf,
    /// Its identifier.
    pub did: Did,
    seat: Seat,
    clock: TownClock,
    /// One operator a role, who has that role alone.
    tokens: Vec<(Role, Secret<String>)>,
    http: reqwest::Client,
    running: Option<Gateway>,
    /// What it promises of its answers.
    contract: Option<Contract>,
    /// Everything that it answered.
    said: Mutex<Vec<u8>>,
}

impl Office {
    /// Makes its directory, with an operator for each role, and registers its identifier.
    pub(super) async fn set_up(
        directory: &Path,
        seat: Seat,
        other: SocketAddr,
        (ledger, ledger_url): (&mut Ledger, &str),
        clock: &TownClock,
    ) -> anyhow::Result<Self> {
        let own = std::env::var_os("CARGO_MANIFEST_DIR")
            .context("a story is run by cargo, which names its folder")?;
        let data = Path::new(&own).join("../../shared/data/dcc");
        let data = std::fs::canonicalize(&data).with_context(|| format!("{} is needed", data.display()))?;
        let plan = AgencyPlan {
            name: format!("Health Bureau at {}", seat.address()),
            listen: seat.address(),
            public_url: seat.url(),
            ledger_url: ledger_url.to_owned(),
            genesis: ledger.genesis().clone(),
            status_hosts: vec![other.to_string()],
            guardians: None,
            trust_list: Some(data.join("trustlist.json")),
            trust_list_ages: None,
            value_sets: Some(data.join("valuesets")),
            circuit_keys: None,
            insecure_development_keys: false,
            egress_log: Some("egress.log".into()),
            refresh_seconds: 3_600,
            safe: None,
        };
        let agency = setup::agency(directory, &plan, &mut OsRng)?;
        let config = std::fs::read_to_string(&agency.config)?;
        let config = format!("transcode_as_of_any_time = true\n{config}\n[anchor]\nmax_delay_ms = 1\n");
        std::fs::write(&agency.config, config)?;
        let (mut operators, mut tokens) = (String::new(), Vec::new());
        for role in ROLES {
            let (token, digest) = new_token();
            operators += &Operators::entry(role.name(), &digest, &[role]);
            tokens.push((role, token));
        }
        std::fs::write(directory.join("operators.toml"), operators)?;
        identity::register(ledger, &ActorDirectory::open(directory)?).await?;
        Ok(Self {
            directory: directory.to_owned(),
            did: agency.did,
            seat,
            clock: clock.clone(),
            tokens,
            http: reqwest::Client::builder().timeout(Duration::from_secs(60)).build()?,
            running: None,
            contract: None,
            said: Mutex::default(),
        })
    }

    /// Its configuration, as its file says.
    ///
    /// # Errors
    /// The file's.
    pub fn config(&self) -> anyhow::Result<Config> {
        Ok(Config::load(&self.directory.join("gateway.toml"))?)
    }

    /// Changes the text of its configuration, for its next start.
    ///
    /// # Errors
    /// The file's.
    pub fn configure(&self, change: impl FnOnce(String) -> String) -> anyhow::Result<()> {
        let file = self.directory.join("gateway.toml");
        Ok(std::fs::write(&file, change(std::fs::read_to_string(&file)?))?)
    }

    /// Starts its gateway.
    ///
    /// # Errors
    /// The gateway's.
    pub async fn start(&mut self) -> anyhow::Result<()> {
        ensure!(self.running.is_none(), "it runs already");
        self.running = Some(Gateway::start(&self.config()?, self.clock.gateway()).await?);
        let document = self.http.get(format!("{}/openapi.json", self.url())).send().await?;
        self.contract = Some(Contract::read(&document.json().await?)?);
        Ok(())
    }

    /// Stops its gateway in good order.
    ///
    /// # Errors
    /// What its listener ended with.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        // An idle connection would keep the listener.
        self.http = reqwest::Client::builder().timeout(Duration::from_secs(60)).build()?;
        if let Some(gateway) = self.running.take() {
            gateway.stop().await?;
        }
        Ok(())
    }

    /// Where it answers.
    pub fn url(&self) -> String {
        self.seat.url()
    }

    /// The token of the operator who has this role alone.
    ///
    /// # Errors
    /// Never: every role has one.
    pub fn token(&self, role: Role) -> anyhow::Result<&str> {
        let found = self.tokens.iter().find(|(own, _)| *own == role);
        Ok(found.context("every role has an operator")?.1.expose())
    }

    /// Asks at an address, as an operator or as anybody.
    ///
    /// # Errors
    /// If it does not answer.
    pub async fn get(&self, role: Option<Role>, path: &str) -> anyhow::Result<Answer> {
        self.send(Method::GET, path, role.map(|role| self.token(role)).transpose()?, None).await
    }

    /// Posts without a body.
    ///
    /// # Errors
    /// If it does not answer.
    pub async fn call(&self, role: Option<Role>, path: &str) -> anyhow::Result<Answer> {
        self.send(Method::POST, path, role.map(|role| self.token(role)).transpose()?, None).await
    }

    /// Posts JSON.
    ///
    /// # Errors
    /// If it does not answer.
    pub async fn post(&self, role: Option<Role>, path: &str, body: &Value) -> anyhow::Result<Answer> {
        let token = role.map(|role| self.token(role)).transpose()?;
        let bytes = serde_json::to_vec(body)?;
        self.send(Method::POST, path, token, Some(("application/json", bytes))).await
    }

    /// Any request at all.
    ///
    /// # Errors
    /// If it does not answer, or not as its document says.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<(&str, Vec<u8>)>,
    ) -> anyhow::Result<Answer> {
        let mut request = self.http.request(method.clone(), format!("{}{path}", self.url()));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some((kind, bytes)) = &body {
            request = request.header("content-type", *kind).body(bytes.clone());
        }
        let response = request.send().await?;
        let kind = response.headers().get("content-type").map(|kind| kind.to_str().map(str::to_owned));
        let status = response.status().as_u16();
        let answer = Answer {
            status,
            kind: kind.transpose()?.unwrap_or_default(),
            bytes: response.bytes().await?.into(),
        };
        self.said.lock().unwrap_or_else(PoisonError::into_inner).extend(&answer.bytes);
        if let Some(contract) = &self.contract {
            let body = body.as_ref().map(|(kind, bytes)| (*kind, bytes.as_slice()));
            contract
                .check((&method, path), body, &answer)
                .with_context(|| format!("{method} {path}: {answer:?}"))?;
        }
        Ok(answer)
    }

    /// Everything that it answered so far.
    pub fn said(&self) -> Vec<u8> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Imports records and waits for the end; gives the job as the agency reports it.
    ///
    /// # Errors
    /// The agency's refusal.
    pub async fn import(&self, schema: &Digest, csv: &str) -> anyhow::Result<Value> {
        let token = Some(self.token(Role::Issue)?);
        let body = Some(("text/csv", csv.as_bytes().to_vec()));
        let answer =
            self.send(Method::POST, &format!("/v1/records/import?schema={schema}"), token, body).await?;
        ensure!(answer.status == 202, "{answer:?}");
        let job =
            answer.json().get("job").and_then(Value::as_str).context("an import has a name")?.to_owned();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let progress = self.get(Some(Role::Issue), &format!("/v1/records/imports/{job}")).await?.json();
            if progress.get("state").and_then(Value::as_str) == Some("finished") {
                return Ok(progress);
            }
            ensure!(Instant::now() < deadline, "the import does not end: {progress}");
            pause().await;
        }
    }
}
