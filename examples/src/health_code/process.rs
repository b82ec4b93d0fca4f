//! The parties as processes: each with its own directory, its own log, and an end that is sure to come.
//!
//! A party writes the address it listens on into a file; it is ready when it answers there. Whoever drops
//! [`Parties`] ends them, whatever the reason: an error, a panic, Ctrl-C. What a story leaves all the same,
//! because it was to be kept or because kill -9 left it no time, the next one ends ([`end_left`]).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use tokio::process::{Child, Command};

/// How long a party may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is asked meanwhile.
const ASK: Duration = Duration::from_millis(10);

/// One running party.
struct Party {
    name: &'static str,
    directory: PathBuf,
    url: String,
    child: Child,
    kept: bool,
}

/// The running parties and the program they run.
pub struct Parties {
    causeway: PathBuf,
    running: Vec<Party>,
}

impl Parties {
    /// None yet; `causeway` is the program.
    ///
    /// # Errors
    /// If there is no such program.
    pub fn of(causeway: &Path) -> anyhow::Result<Self> {
        ensure!(
            causeway.is_file(),
            "{} is not there; build it with `cargo build --release -p causeway`",
            causeway.display()
        );
        Ok(Self { causeway: causeway.to_owned(), running: Vec::new() })
    }

    /// The program.
    pub fn program(&self) -> &Path {
        &self.causeway
    }

    /// Starts a party that runs until it is ended; gives the address it answers at.
    ///
    /// # Errors
    /// If it ends early or does not answer in time, with the end of its log.
    pub async fn start(
        &mut self,
        name: &'static str,
        directory: &Path,
        arguments: &[&str],
    ) -> anyhow::Result<String> {
        let address = directory.join("address");
        if address.exists() {
            fs::remove_file(&address)?; // of an earlier run
        }
        let log = fs::File::options().create(true).append(true).open(directory.join("log"))?;
        let child = Command::new(&self.causeway)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            // Ctrl-C is for whoever started the story; the story then ends its parties itself.
            .process_group(0)
            .spawn()?;
        let mut party =
            Party { name, directory: directory.to_owned(), url: String::new(), child, kept: false };
        party.url = party.ready(&address).await?;
        let url = party.url.clone();
        self.running.push(party);
        Ok(url)
    }

    /// The address of a party that was left running; one that was not is started, as by [`Parties::start`].
    ///
    /// # Errors
    /// As [`Parties::start`].
    pub async fn find_or_start(
        &mut self,
        name: &'static str,
        directory: &Path,
        arguments: &[&str],
    ) -> anyhow::Result<String> {
        match answering(&client()?, &directory.join("address")).await {
            Some(url) => Ok(url),
            None => self.start(name, directory, arguments).await,
        }
    }

    /// Ends one party, at once, as a power cut would.
    ///
    /// # Errors
    /// If there is no such party.
    pub async fn end(&mut self, name: &str) -> anyhow::Result<()> {
        let place = self.running.iter().position(|party| party.name == name).context("no such party runs")?;
        let mut party = self.running.swap_remove(place);
        Ok(party.child.kill().await?)
    }

    /// Ends all, and waits until they are gone.
    ///
    /// # Errors
    /// The system's.
    pub async fn end_all(&mut self) -> anyhow::Result<()> {
        for party in &mut self.running {
            party.child.kill().await?;
        }
        self.running.clear();
        Ok(())
    }

    /// Leaves all running; gives names, addresses and process numbers.
    ///
    /// # Errors
    /// If one has ended.
    pub fn keep(mut self) -> anyhow::Result<Vec<(&'static str, String, u32)>> {
        let mut kept = Vec::new();
        for party in &mut self.running {
            let id = party.child.id().with_context(|| format!("{} has ended", party.name))?;
            kept.push((party.name, party.url.clone(), id));
        }
        self.running.iter_mut().for_each(|party| party.kept = true);
        Ok(kept)
    }
}

impl Party {
    /// Waits until the party answers; gives its address.
    async fn ready(&mut self, address: &Path) -> anyhow::Result<String> {
        let http = client()?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended with {status} at its start:\n{}", self.name, self.last_words());
            }
            if let Some(url) = answering(&http, address).await {
                return Ok(url);
            }
            if Instant::now() > deadline {
                bail!("{} did not answer within {} s:\n{}", self.name, PATIENCE.as_secs(), self.last_words());
            }
            tokio::time::sleep(ASK).await;
        }
    }

    fn last_words(&self) -> String {
        let log = fs::read_to_string(self.directory.join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines.get(lines.len().saturating_sub(15)..).unwrap_or_default().join("\n")
    }
}

impl Drop for Party {
    fn drop(&mut self) {
        if !self.kept {
            // It may have ended by itself, which is what is wanted.
            let _ = self.child.start_kill();
        }
    }
}

fn client() -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder().timeout(Duration::from_secs(5)).build()
}

/// The address that a party wrote into a file, if it answers there.
async fn answering(http: &reqwest::Client, address: &Path) -> Option<String> {
    // Written at once by a rename or in one short write; a first half does not parse.
    let url = base(fs::read_to_string(address).ok()?.trim())?;
    let health = http.get(format!("{url}/health")).send().await.ok()?;
    health.status().is_success().then_some(url)
}

/// A URL, or an address and port, as a URL without a closing slash.
fn base(text: &str) -> Option<String> {
    let url = if text.starts_with("http") { text.to_owned() } else { format!("http://{text}") };
    let parsed = reqwest::Url::parse(&url).ok()?;
    (parsed.port_or_known_default()? != 0).then(|| url.trim_end_matches('/').to_owned())
}

/// Ends what an earlier story left running below `directory`, however that story ended, and nothing else.
///
/// # Errors
/// The system's.
pub async fn end_left(directory: &Path) -> anyhow::Result<usize> {
    let left = parties_below(&fs::canonicalize(directory)?);
    for id in &left {
        let status = Command::new("kill").args(["-KILL", &id.to_string()]).status().await?;
        ensure!(status.success(), "process {id}, left by an earlier story, could not be ended");
        gone(*id).await?;
    }
    Ok(left.len())
}

/// The processes that are parties in a directory: the program, told to run in a place below. They are looked
/// for, because a list of them would lack what its writer did not live to write. None where there is no `/proc`.
fn parties_below(directory: &Path) -> Vec<u32> {
    let party = |id: &u32| {
        let words = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default(); // ended meanwhile
        let words: Vec<&str> = words
            .split(|byte| *byte == 0)
            .map(|word| std::str::from_utf8(word).unwrap_or_default())
            .collect();
        let [program, _, "run", place, ..] = words.as_slice() else { return false };
        Path::new(program).file_name().is_some_and(|name| name == "causeway")
            && fs::canonicalize(place).is_ok_and(|place| place != directory && place.starts_with(directory))
    };
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(party).collect()
}

/// Waits until a process is gone; a zombie that its parent has not looked at yet is gone as well.
async fn gone(id: u32) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while fs::read(format!("/proc/{id}/cmdline")).is_ok_and(|words| !words.is_empty()) {
        ensure!(Instant::now() < deadline, "process {id} does not end");
        tokio::time::sleep(ASK).await;
    }
    Ok(())
}

/// Empties `directory`, ending what was left running in it. Only a directory that a story made is emptied.
///
/// # Errors
/// If the directory holds something else, or the system's.
pub async fn clear(directory: &Path) -> anyhow::Result<()> {
    const MARK: &str = ".causeway-story";
    if directory.exists() {
        end_left(directory).await?;
        let empty = fs::read_dir(directory)?.next().is_none();
        let ours = directory.join(MARK).exists();
        ensure!(
            empty || ours,
            "{} holds something that no story wrote; name another directory",
            directory.display()
        );
        fs::remove_dir_all(directory)?;
    }
    fs::create_dir_all(directory)?;
    fs::write(directory.join(MARK), "made by a story; it is emptied when the story is told again\n")?;
    Ok(())
}
