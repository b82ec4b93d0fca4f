//! A ledger and two agencies as processes that can be killed and come back at the same address.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use causeway::actor::ActorDirectory;
use causeway::agency::ReceiptAnswer;
use causeway::ledger::Ledger;
use causeway::setup::Network;
use causeway_examples::health_code::consortium::{HEALTH_PASS, Rules, Voice, found, recognise};
use causeway_examples::health_code::desk::{Desk, Import};
use causeway_examples::health_code::jurisdiction::Jurisdiction;
use causeway_examples::health_code::process::Parties;
use causeway_examples::population::{self, Health, Person, Side, write_csv};
use causeway_examples::town::Seat;
use credential::Overall;
use credential::facts::Facts;
use credential::status::Status;
use credential::transcoding::pass_schema;
use did_registry::{CredentialType, Did, Digest, SigningKey, Suite, Timestamp};
use gateway::audit::{Entry, Subject};
use gateway::clock::Clock;
use ledger_chain::Operation;
use ledger_chain::bundle::TrustBundle;
use ledger_chain::light::TrustedHead;
use ledger_chain::receipt::AnchorReceipt;
use rand::SeedableRng as _;
use rand::rngs::OsRng;
use rand_chacha::ChaCha20Rng;
use serde_json::{Value, json};
use tempfile::TempDir;
use wallet::{Application, Claim, HeldPass, Holding};

/// How long something that must happen may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until something holds.
pub(super) async fn wait_for(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "no {what} in time");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// The program, which lies beside this package's own: a run of the whole workspace builds both.
fn program() -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_health-code")).with_file_name("causeway");
    assert!(program.is_file(), "{} is missing: cargo build --release -p causeway", program.display());
    program
}

/// Everybody, as processes.
pub(super) struct Frontier {
    pub(super) ledger: Ledger,
    /// Macau's rules.
    pub(super) rules: Rules,
    network: Network,
    parties: Parties,
    sides: Vec<Jurisdiction>,
    _seats: [Seat; 3],
    _directory: TempDir,
}

impl Frontier {
    /// The ledger alone.
    pub(super) async fn open_ledger() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let place = std::fs::canonicalize(directory.path()).unwrap();
        let network = found(&place.join("ledger")).unwrap();
        let seats = [(); 3].map(|()| Seat::take().unwrap());
        let file = network.node.join("ledger.toml");
        let mut config = ledger_node::Config::read(&file).unwrap();
        config.listen = seats[0].address();
        config.write(&file).unwrap();
        let mut parties = Parties::of(&program()).unwrap();
        start_ledger(&mut parties, &network).await;
        let ledger = Ledger::connect(&seats[0].url(), network.genesis.clone()).await.unwrap();
        let nobody = network.members[0].1.clone();
        let rules = Rules::of(&nobody, &population::schema(), Clock::system().now()).unwrap();
        Self { ledger, rules, network, parties, sides: Vec::new(), _seats: seats, _directory: directory }
    }

    /// The ledger and both agencies, acquainted.
    pub(super) async fn open() -> Self {
        let mut frontier = Self::open_ledger().await;
        let place = frontier.network.node.parent().and_then(Path::parent).unwrap().to_owned();
        let data = Path::new(&std::env::var("CARGO_MANIFEST_DIR").unwrap()).join("../../shared/data/dcc");
        let data = std::fs::canonicalize(data).unwrap();
        let (one, two) = (frontier._seats[1].address(), frontier._seats[2].address());
        let url = frontier._seats[0].url();
        for (side, name, addresses) in
            [(Side::Guangdong, "guangdong", (one, two)), (Side::Macau, "macau", (two, one))]
        {
            let (ledger, files) = (&mut frontier.ledger, (data.as_path(), None));
            let home = place.join(name);
            let side = Jurisdiction::set_up(side, &home, addresses, &url, ledger, files, Vec::new()).await;
            frontier.sides.push(side.unwrap());
        }
        frontier.agree().await;
        for side in &frontier.sides {
            side.start(&mut frontier.parties).await.unwrap();
        }
        frontier.acquaint().await;
        frontier
    }

    async fn agree(&mut self) {
        let voice =
            |directory: &Path| Voice::of(directory, self.ledger.client(), &self.network.ledger).unwrap();
        let committee: Vec<Voice> =
            self.network.members.iter().map(|(directory, _)| voice(directory)).collect();
        let pass = pass_schema(&CredentialType::new(HEALTH_PASS).unwrap());
        let guangdong = voice(&self.sides[0].directory);
        for schema in [population::schema(), pass, credential::foreign::schema()] {
            guangdong.say(Operation::Schema(schema)).await.unwrap();
        }
        for side in &self.sides {
            recognise(&committee, &side.did).await.unwrap();
        }
        self.rules = Rules::of(&self.sides[1].did, &population::schema(), self.now()).unwrap();
        self.rules.publish(&voice(&self.sides[1].directory)).await.unwrap();
    }

    pub(super) fn now(&self) -> Timestamp {
        Clock::system().now()
    }

    pub(super) fn guangdong(&self) -> &Jurisdiction {
        &self.sides[0]
    }

    pub(super) fn macau(&self) -> &Jurisdiction {
        &self.sides[1]
    }

    /// The committee's members and their control keys.
    pub(super) fn members(&self) -> Vec<(Did, SigningKey)> {
        let member = |(path, did): &(PathBuf, Did)| {
            (did.clone(), ActorDirectory::open(path).unwrap().control().unwrap())
        };
        self.network.members.iter().map(member).collect()
    }

    /// SIGKILL: no destructor runs, no buffer is flushed.
    pub(super) async fn kill(&mut self, name: &str) {
        self.parties.end(name).await.unwrap();
    }

    pub(super) async fn start(&mut self, name: &str) {
        let side = if name == "Guangdong" { &self.sides[0] } else { &self.sides[1] };
        side.start(&mut self.parties).await.unwrap();
    }

    pub(super) async fn start_ledger(&mut self) {
        start_ledger(&mut self.parties, &self.network).await;
    }

    /// Waits until each agency has published its status list and has the other's.
    pub(super) async fn acquaint(&self) {
        let deadline = Instant::now() + PATIENCE;
        for side in &self.sides {
            // A refusal says that the agency or the ledger is not ready.
            while side.desk.refresh().await.is_err() || self.facts_of(side).await.statuses.len() < 2 {
                assert!(Instant::now() < deadline, "the agencies know each other's status lists");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }

    async fn facts_of(&self, side: &Jurisdiction) -> Facts {
        let bundle = TrustBundle::from_bytes(&side.agency.bundle(None).await.unwrap()).unwrap();
        let trusted = TrustedHead::from_genesis(&self.network.genesis, &bundle.head).unwrap();
        bundle.verify(&trusted).unwrap().1
    }

    /// What Macau believes, as wallets verify it.
    pub(super) async fn facts(&self) -> Facts {
        self.facts_of(self.macau()).await
    }

    pub(super) async fn trusted(&self) -> TrustedHead {
        self.ledger.client().trust(&self.network.genesis).await.unwrap()
    }

    /// A seeded population with its table.
    pub(super) fn population(&self, count: usize) -> (Digest, String, Vec<Person>) {
        let mut rng = ChaCha20Rng::seed_from_u64(11);
        let people = population::people(Side::Guangdong, count, self.now().date(), &mut rng);
        let mut csv = Vec::new();
        write_csv(&mut csv, &people).unwrap();
        (population::schema().id(), String::from_utf8(csv).unwrap(), people)
    }

    /// How far an import is, once that is `enough` or all.
    pub(super) async fn progress(&self, job: &str, enough: u64) -> Import {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let seen = self.guangdong().desk.import_progress(job).await.unwrap();
            if seen.rows_done >= enough || seen.state == "finished" {
                return seen;
            }
            assert!(Instant::now() < deadline, "the import does not move: {seen:?}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Claim codes of people with a fresh negative test.
    pub(super) async fn codes(&self, count: usize) -> Vec<String> {
        let (schema, csv, people) = self.population(count + count / 10 + 10);
        let job = self.guangdong().desk.import(&schema, csv).await.unwrap();
        let done = self.progress(&job, u64::MAX).await;
        assert_eq!(done.stored, people.len() as u64);
        let well = people.iter().filter(|person| person.health == Health::Negative).take(count);
        let records: Vec<String> = well.map(|person| person.record_id.clone()).collect();
        let offers = self.guangdong().desk.offer(&schema, &records).await.unwrap();
        offers.into_iter().map(|offer| offer.code).collect()
    }

    /// Redeems a code.
    pub(super) async fn claim(&self, code: &str, facts: &Facts) -> anyhow::Result<Holding> {
        let (claim, request) = Claim::begin(code, &self.guangdong().did, Suite::P256, &mut OsRng);
        let issued = self.guangdong().agency.claim(&request).await?;
        Ok(claim.accept(issued, facts, self.now())?)
    }

    /// The receipt of something issued, however long the ledger takes within reason.
    pub(super) async fn receipt(&self, name: &str, id: &Digest) -> AnchorReceipt {
        let side = if name == "Guangdong" { self.guangdong() } else { self.macau() };
        let deadline = Instant::now() + PATIENCE;
        loop {
            match side.agency.receipt(id).await.unwrap() {
                ReceiptAnswer::Ready(text) => {
                    return AnchorReceipt::from_bytes(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap();
                }
                ReceiptAnswer::Pending => assert!(Instant::now() < deadline, "{id} was not anchored"),
            }
        }
    }

    /// Credentials with their receipts.
    pub(super) async fn credentials(&self, codes: &[String], facts: &Facts) -> Vec<Holding> {
        let mut holdings = Vec::new();
        for code in codes {
            holdings.push(self.claim(code, facts).await.unwrap());
        }
        for holding in &mut holdings {
            let receipt = self.receipt("Guangdong", holding.id()).await;
            holding.set_anchor(URL_SAFE_NO_PAD.encode(receipt.to_bytes()));
        }
        holdings
    }

    /// Applies for Macau's pass, which must be given.
    pub(super) async fn pass(&self, holding: &Holding, facts: &Facts) -> HeldPass {
        let challenge = self.macau().agency.challenge(&self.rules.entry.id()).await.unwrap();
        let begun = Application::begin(holding, &challenge, facts, true, self.now(), &mut OsRng);
        let (application, request) = begun.unwrap();
        let response = self.macau().agency.apply(&request).await.unwrap();
        application.accept(response, facts, self.now()).unwrap()
    }

    /// Shows a pass to Macau, which must accept it.
    pub(super) async fn shown(&self, pass: &HeldPass) {
        let challenge = self.macau().agency.challenge(&self.rules.gate.id()).await.unwrap();
        let text = pass.show(&challenge.audience.to_string(), &challenge.nonce, self.now()).unwrap();
        let body = json!({"presentation": text, "nonce": challenge.nonce});
        let address = format!("{}/v1/presentations/verify", self.macau().url);
        let answer = reqwest::Client::new().post(address).json(&body).send().await.unwrap();
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(answer["overall"], json!(Overall::Accept), "{answer}");
    }

    /// Another operator's desk at Guangdong.
    pub(super) fn desk(&self) -> Desk {
        Desk::new(&self.guangdong().url, self.guangdong().token().unwrap()).unwrap()
    }

    /// Whether Guangdong's list, as Macau knows it, has a credential revoked.
    pub(super) fn is_red(&self, facts: &Facts, holding: &Holding) -> bool {
        let list = facts.statuses.values().find(|list| list.issuer == self.guangdong().did).unwrap();
        let index = &holding.issued().data_integrity["credentialStatus"]["statusListIndex"];
        let index = index.as_str().unwrap().parse().unwrap();
        list.list.list().get(index).unwrap() == Status::Invalid
    }

    /// Waits until Macau knows these to be revoked and the others not.
    pub(super) async fn wait_for_red(&self, holdings: &[Holding], expected: &BTreeSet<Digest>) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.acquaint().await;
            let facts = self.facts().await;
            let red = holdings.iter().filter(|holding| self.is_red(&facts, holding));
            let red: BTreeSet<Digest> = red.map(|holding| *holding.id()).collect();
            if red == *expected {
                return;
            }
            assert!(Instant::now() < deadline, "{} are red, not {}", red.len(), expected.len());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Whether the holder can read why a credential of Guangdong's is red.
    pub(super) async fn explained(&self, id: &Digest) -> bool {
        let address = format!("{}/v1/credentials/{id}/status", self.guangdong().url);
        let answer = reqwest::Client::new().get(address).send().await.unwrap();
        let status = answer.status().as_u16();
        assert!([200, 404].contains(&status), "{status}");
        status == 200
    }

    /// What Guangdong's audit log says that this was done to.
    pub(super) async fn noted(&self, operation: &str) -> BTreeSet<Digest> {
        let address = format!("{}/v1/audit/log?limit=4096", self.guangdong().url);
        let token = self.guangdong().token().unwrap();
        let answer = reqwest::Client::new().get(address).bearer_auth(token.expose()).send().await.unwrap();
        let entries: Vec<Entry> = answer.json().await.unwrap();
        let own = entries.into_iter().filter(|entry| entry.operation == operation);
        let digest = |subject| match subject {
            Subject::Digest(digest) => Some(digest),
            _ => None,
        };
        own.flat_map(|entry| entry.subjects).filter_map(digest).collect()
    }

    /// What Macau keeps of the decision behind a pass.
    pub(super) async fn evidence(&self, pass: &HeldPass) -> Value {
        let token = self.macau().token().unwrap();
        let address = format!("{}/v1/audit/transcodings/{}", self.macau().url, pass.digest());
        let answer = reqwest::Client::new().get(address).bearer_auth(token.expose()).send().await.unwrap();
        answer.json().await.unwrap()
    }
}

async fn start_ledger(parties: &mut Parties, network: &Network) {
    let node = network.node.to_str().unwrap();
    parties.start("ledger", &network.node, &["node", "run", node]).await.unwrap();
}
