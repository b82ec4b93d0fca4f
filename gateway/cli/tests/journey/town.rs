//! One ledger node and two gateways as processes in a directory of their own, ended with the test.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use causeway::actor::ActorDirectory;
use causeway::command::{self, Cli, Ending, World};
use causeway::committee::vote;
use causeway::ledger::Ledger;
use causeway::screen::Screen;
use clap::Parser as _;
use credential::presentation::document_digest;
use credential::transcoding::pass_schema;
use did_registry::{CredentialType, Digest, Motion, Timestamp};
use gateway::clock::Clock;
use ledger_node::{Config, Node, RunningNode};
use serde_json::{Value, json};

pub(crate) type Done = (anyhow::Result<Ending>, String);

pub(crate) struct Agency {
    pub(crate) did: String,
    pub(crate) url: String,
    pub(crate) token: String,
}

pub(crate) struct Town {
    home: tempfile::TempDir,
    processes: Vec<(String, Child)>,
    own_node: Option<RunningNode>,
    /// Seconds by which the own node's clock is ahead.
    ahead: Arc<AtomicU64>,
    http: reqwest::Client,
    pub(crate) node: String,
    pub(crate) guangdong: Agency,
    pub(crate) macau: Agency,
    /// The schema of test results, Macau's policy for its pass, the gate's policy.
    pub(crate) schema: String,
    pub(crate) entry: String,
    pub(crate) gate: String,
    /// Macau's policy that is proved.
    pub(crate) proved: String,
}

impl Drop for Town {
    fn drop(&mut self) {
        for (_, process) in &mut self.processes {
            let _ended = process.kill().and_then(|()| process.wait());
        }
    }
}

/// A port that was free just now.
fn port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn now() -> Timestamp {
    Clock::system().now()
}

impl Town {
    /// A network and its node, and nobody else yet.
    pub(crate) async fn found() -> Self {
        let mut town = Self::planned().await;
        town.node = town.process("network/node", &["node", "run", "network"]);
        town
    }

    /// The same with a node in this process, whose clock is set by [`Town::wait`].
    pub(crate) async fn found_in_time() -> Self {
        let mut town = Self::planned().await;
        let config = Config::read(&town.path("network/node/ledger.toml")).unwrap();
        let ahead = town.ahead.clone();
        let clock = Arc::new(move || now().plus(ahead.load(Ordering::SeqCst)));
        let node = Node::start_at(config, clock).await.unwrap();
        town.node = node.url();
        std::fs::write(town.path("network/node/address"), &town.node).unwrap();
        town.own_node = Some(node);
        town
    }

    /// Moves the ledger's clock on.
    pub(crate) fn wait(&self, seconds: u64) {
        assert!(self.own_node.is_some(), "a process has the system's clock");
        self.ahead.fetch_add(seconds, Ordering::SeqCst);
    }

    async fn planned() -> Self {
        let none = || Agency { did: String::new(), url: String::new(), token: String::new() };
        let town = Self {
            own_node: None,
            ahead: Arc::default(),
            home: tempfile::tempdir().unwrap(),
            processes: Vec::new(),
            http: reqwest::Client::new(),
            node: String::new(),
            guangdong: none(),
            macau: none(),
            schema: String::new(),
            entry: String::new(),
            gate: String::new(),
            proved: String::new(),
        };
        town.good(&["network", "new", "network"]).await;
        town
    }

    /// Everything up: registered, recognised, published, listening, and known to each other.
    pub(crate) async fn start() -> Self {
        let mut town = Self::found().await;
        let (g, m) = (port(), port());
        town.guangdong = town.agency("guangdong", g, m).await;
        town.macau = town.agency("macau", m, g).await;
        for (did, kind) in [(&town.guangdong.did, "TestResult"), (&town.macau.did, "HealthPass")] {
            assert_eq!(town.recognise(did, kind).await.0.unwrap(), Ending::Good);
        }
        town.publish().await;
        town.process("guangdong", &["gateway", "run", "guangdong"]);
        town.process("macau", &["gateway", "run", "macau"]);
        town.refresh().await;
        town
    }

    async fn agency(&self, name: &str, port: u16, other: u16) -> Agency {
        self.register(name, port, &["--status-host", &format!("127.0.0.1:{other}")]).await
    }

    /// An agency that is registered and does not run.
    pub(crate) async fn idle(&self, name: &str, more: &[&str]) -> Agency {
        self.register(name, port(), more).await
    }

    async fn register(&self, name: &str, port: u16, more: &[&str]) -> Agency {
        let listen = format!("127.0.0.1:{port}");
        let words = [
            "gateway",
            "init",
            name,
            "--name",
            "An agency",
            "--ledger",
            &self.node,
            "--genesis",
            "network/genesis.bin",
            "--listen",
            &listen,
            "--refresh",
            "1",
        ];
        let text = self.good(&[words.as_slice(), more].concat()).await;
        let token = text.lines().map(str::trim).find(|line| line.len() == 64).expect("shown once").to_owned();
        let did = std::fs::read_to_string(self.path(name).join("did")).unwrap().trim().to_owned();
        self.good(&["gateway", "register", name]).await;
        let again = self.good(&["gateway", "register", name]).await;
        assert!(again.contains("registered before"), "{again}");
        Agency { did, url: format!("http://{listen}"), token }
    }

    async fn publish(&mut self) {
        let code = |codes: Value| json!({"kind": {"code": {"of": codes}}, "required": true});
        let tests = json!({"credential_type": "TestResult", "version": 1, "claims": {
            "result": code(json!(["negative", "positive"])), "sampled": {"kind": "date", "required": true}}});
        let passes = serde_json::to_value(pass_schema(&CredentialType::new("HealthPass").unwrap())).unwrap();
        self.schema = self.published("schema", tests, "guangdong").await;
        let passes = self.published("schema", passes, "macau").await;
        let (from, until) = (now().minus(86_400), now().plus(30 * 86_400));
        let policy = |name: &str,
                      kind: &str,
                      schema: &str,
                      predicates: Value,
                      retained: Value,
                      pass: Value| {
            json!({"name": name, "version": 1, "purpose": "To let travellers in", "credential_type": kind, "schema": schema,
                   "predicates": predicates, "retained": retained, "from": from, "until": until, "pass": pass})
        };
        let is = |claim: &str, value: &str| json!({"claim": claim, "test": {"equals": {"text": value}}});
        let recent = json!({"claim": "sampled", "test": {"at-least": {"days-from-today": -7}}});
        let pass = json!({"credential_type": "HealthPass", "hours": 24});
        let kept = json!(["result", "sampled"]);
        let entry = policy(
            "entry",
            "TestResult",
            &self.schema,
            json!([is("result", "negative"), recent]),
            kept,
            pass,
        );
        let gate =
            policy("gate", "HealthPass", &passes, json!([is("colour", "green")]), json!([]), Value::Null);
        self.published("policy", entry.clone(), "guangdong").await;
        self.entry = self.published("policy", entry.clone(), "macau").await;
        let mut proved = entry.clone();
        proved["name"] = "proved".into();
        proved["pass"] = Value::Null;
        proved["retained"] = json!([]);
        proved["proof"] = json!({"epoch_hours": 24, "scope": "gate-and-day"});
        self.proved = self.published("policy", proved, "macau").await;
        self.gate = self.published("policy", gate, "macau").await;
        let entry_again = self.published("policy", entry, "macau").await;
        assert_eq!(entry_again, self.entry, "publishing again is harmless");
    }

    /// Publishes JSON and gives its identifier.
    async fn published(&self, what: &str, content: Value, by: &str) -> String {
        std::fs::write(self.path("publish.json"), content.to_string()).unwrap();
        let text = self.good(&[what, "publish", "publish.json", by]).await;
        text.lines().last().unwrap().trim().to_owned()
    }

    /// The committee adopts keys of the circuits that nobody has.
    pub(crate) async fn adopt_others(&self) {
        let genesis = causeway::trust::read_genesis(&self.path("network/genesis.bin")).unwrap();
        let mut ledger = Ledger::connect(&self.node, genesis).await.unwrap();
        let members =
            [1, 2].map(|n| ActorDirectory::open(&self.path(&format!("network/members/{n}"))).unwrap());
        let motion = Motion::AdoptCircuitKeys(Digest::sha256(b"others"));
        let voted = vote(&mut ledger, &members, &motion, None, now().plus(86_400)).await.unwrap();
        assert!(voted.ballot.unwrap().decided.is_some());
    }

    /// Starts a gateway anew with another configuration.
    pub(crate) fn configure(&mut self, home: &str, change: impl FnOnce(String) -> String) {
        self.stop(home);
        let path = self.path(home).join("gateway.toml");
        std::fs::write(&path, change(std::fs::read_to_string(&path).unwrap())).unwrap();
        self.process(home, &["gateway", "run", home]);
    }

    pub(crate) async fn recognise(&self, did: &str, kind: &str) -> Done {
        let members = ["--member", "network/members/1", "--member", "network/members/2"];
        self.run(
            &[["committee", "recognise"].as_slice(), &members, &["--issuer", did, "--type", kind]].concat(),
        )
        .await
    }

    pub(crate) async fn withdraw(&self, did: &str, kind: &str) -> Done {
        let members = ["--member", "network/members/2", "--member", "network/members/3"];
        self.run(
            &[["committee", "withdraw"].as_slice(), &members, &["--issuer", did, "--type", kind]].concat(),
        )
        .await
    }

    /// Imports one record a row into Guangdong's vault and gives a claim code for each.
    pub(crate) async fn import_and_offer(&self, header: &str, rows: &[(&str, &str)]) -> Vec<String> {
        let day = now().date();
        let rows_text: String = rows.iter().map(|(id, result)| format!("{id},{result},{day}\n")).collect();
        let url = format!("{}/v1/records/import?schema={}", self.guangdong.url, self.schema);
        let request =
            self.http.post(url).header("content-type", "text/csv").body(format!("{header}\n{rows_text}"));
        let job = self.operator(request, &self.guangdong.token).await;
        let job = format!("{}/v1/records/imports/{}", self.guangdong.url, job["job"].as_str().unwrap());
        while self.operator(self.http.get(&job), &self.guangdong.token).await["state"] != "finished" {
            tokio::task::yield_now().await;
        }
        let ids: Vec<&str> = rows.iter().map(|(id, _)| *id).collect();
        let request = self.http.post(format!("{}/v1/offers", self.guangdong.url));
        let request = request.json(&json!({"schema": self.schema, "record_ids": ids}));
        let offers = self.operator(request, &self.guangdong.token).await;
        offers["offers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|offer| offer["code"].as_str().unwrap().to_owned())
            .collect()
    }

    async fn operator(&self, request: reqwest::RequestBuilder, token: &str) -> Value {
        let response = request.bearer_auth(token).send().await.unwrap();
        let (status, text) = (response.status(), response.text().await.unwrap());
        assert!(status.is_success(), "{status}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Waits until both status lists are published and both agencies have seen them.
    pub(crate) async fn refresh(&self) {
        for agency in [&self.guangdong, &self.macau] {
            while !self
                .http
                .get(format!("{}/status/1", agency.url))
                .send()
                .await
                .unwrap()
                .status()
                .is_success()
            {
                tokio::task::yield_now().await;
            }
        }
        for agency in [&self.guangdong, &self.macau] {
            self.operator(self.http.post(format!("{}/v1/trust/refresh", agency.url)), &agency.token).await;
        }
    }

    pub(crate) async fn evidence(&self, pass: &Value) -> Value {
        let pass = document_digest(pass);
        let request = self.http.get(format!("{}/v1/audit/transcodings/{pass}", self.macau.url));
        self.operator(request, &self.macau.token).await
    }

    /// An audit that may fetch Guangdong's status list.
    pub(crate) async fn audit(&self, words: &[&str]) -> Done {
        let host = self.guangdong.url.trim_start_matches("http://");
        self.audit_alone(&[words, &["--status-host", host]].concat()).await
    }

    /// An audit that may fetch no list.
    pub(crate) async fn audit_alone(&self, words: &[&str]) -> Done {
        let first = ["audit", "transcoding", "--node", &self.node, "--genesis", "network/genesis.bin"];
        self.run(&[first.as_slice(), words].concat()).await
    }

    /// A challenge of the gate, answered by a wallet.
    pub(crate) async fn shown_to_gate(&self, wallet: &str) -> String {
        let challenge = self.good(&["checkpoint", "challenge", "gate", "--text"]).await;
        let (done, text) = self.wallet(wallet, &["present", challenge.trim(), "--text"]).await;
        assert_eq!(done.unwrap(), Ending::Good);
        text.trim().to_owned()
    }

    /// The identifier of something a wallet holds.
    pub(crate) fn held(&self, wallet: &str, what: &str, index: usize) -> String {
        let text = std::fs::read_to_string(self.path(wallet)).unwrap();
        let held = serde_json::from_str::<Value>(&text).unwrap()[what][index].clone();
        let issued = if what == "passes" { &held["pass"] } else { &held["issued"] };
        issued["id"].as_str().unwrap().to_owned()
    }

    /// A pass that a wallet holds, as it was issued.
    pub(crate) fn held_pass(&self, wallet: &str, index: usize) -> Value {
        let text = std::fs::read_to_string(self.path(wallet)).unwrap();
        let held = serde_json::from_str::<Value>(&text).unwrap();
        held["passes"][index]["pass"]["credential"].clone()
    }

    // --- words ------------------------------------------------------------------------------------------

    /// Every file but the node's and locks, to tell that nothing changed.
    pub(crate) fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let (mut files, mut left) = (BTreeMap::new(), vec![self.home.path().to_owned()]);
        while let Some(path) = left.pop() {
            if path.ends_with("network/node") || path.ends_with("lock") {
                continue;
            }
            if path.is_dir() {
                left.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
            } else {
                files.insert(path.clone(), std::fs::read(path).unwrap());
            }
        }
        files
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub(crate) fn wallet_words(&self, file: &str, words: &[&str]) -> Vec<String> {
        let first = ["wallet", "--file", file, "--genesis", "network/genesis.bin"];
        first.iter().chain(words).map(|word| (*word).to_owned()).collect()
    }

    pub(crate) async fn wallet(&self, file: &str, words: &[&str]) -> Done {
        self.typing("", &self.wallet_words(file, words)).await
    }

    pub(crate) async fn run(&self, words: &[&str]) -> Done {
        self.typing("", &words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>()).await
    }

    pub(crate) async fn good(&self, words: &[&str]) -> String {
        let (done, text) = self.run(words).await;
        assert_eq!(done.unwrap_or_else(|error| panic!("{words:?}: {error:#}")), Ending::Good, "{text}");
        text
    }

    /// Runs a command in this process; what names a file of the town is made to.
    pub(crate) async fn typing(&self, typed: &str, words: &[String]) -> Done {
        let words = words.iter().enumerate().map(|(index, word)| self.located(index, word));
        let cli = Cli::try_parse_from(std::iter::once("causeway".to_owned()).chain(words)).unwrap();
        let mut out = Vec::new();
        let mut screen = Screen::new(&mut out, false);
        let mut input = typed.as_bytes();
        let world = World { screen: &mut screen, input: &mut input, clock: Clock::system() };
        let done = Box::pin(command::run(cli, world)).await;
        (done, String::from_utf8(out).unwrap())
    }

    /// Files of the town by their place in it; words that are no files stay.
    fn located(&self, index: usize, word: &str) -> String {
        const FILES: [&str; 6] = ["network", "guangdong", "macau", "gate", "elsewhere", "other"];
        let first = word.split('/').next().unwrap_or_default();
        // The first word is the command, and one of those is called as a directory is.
        let kind = word.rsplit_once('.').map(|(_, kind)| kind);
        let kinds = ["json", "key", "recovery", "safe", "bundle", "pdf", "png"];
        let is_file = index > 0 && (FILES.contains(&first) || kind.is_some_and(|kind| kinds.contains(&kind)));
        if is_file { self.path(word).display().to_string() } else { word.to_owned() }
    }

    // --- processes --------------------------------------------------------------------------------------

    /// The binary itself.
    pub(crate) fn binary(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_causeway"));
        command.args(words).current_dir(self.home.path()).env_remove("CAUSEWAY_LEDGER");
        command
    }

    /// Starts a process and gives its address, which it writes before its first line.
    pub(crate) fn process(&mut self, home: &str, words: &[&str]) -> String {
        let mut process = self.binary(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        if line.is_empty() {
            let mut said = String::new();
            process.stderr.as_mut().unwrap().read_to_string(&mut said).unwrap();
            panic!("{words:?} ended: {said}");
        }
        self.processes.push((home.to_owned(), process));
        std::fs::read_to_string(self.path(home).join("address")).unwrap().trim().to_owned()
    }

    /// Tells a process to stop and waits until it has.
    pub(crate) fn stop(&mut self, home: &str) {
        let place = self.processes.iter().position(|(name, _)| name == home).unwrap();
        let (_, mut process) = self.processes.remove(place);
        let told = Command::new("kill").args(["-TERM", &process.id().to_string()]).status().unwrap();
        assert!(told.success());
        assert!(process.wait().unwrap().success(), "stopped in good order");
    }
}
