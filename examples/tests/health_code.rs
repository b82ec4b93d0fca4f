//! The health code, told short with real processes, and held to its word.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use causeway_examples::health_code::process;
use causeway_examples::health_code::stage::Stage;
use causeway_examples::health_code::{Options, tell};
use causeway_examples::population::Story;

const PEOPLE: usize = 200;
const TRAVELLERS: usize = 60;
const PROVING: usize = 10;

fn root() -> PathBuf {
    Path::new(&std::env::var("CARGO_MANIFEST_DIR").unwrap()).parent().unwrap().to_owned()
}

/// The program, which `make test` builds with the tests of its own package.
fn causeway() -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_health-code")).with_file_name("causeway");
    assert!(program.is_file(), "{} is missing: cargo build --release -p causeway", program.display());
    program
}

fn options(directory: &Path) -> Options {
    Options {
        directory: directory.join("story"),
        causeway: causeway(),
        data: root().join("../shared/data/dcc"),
        travellers: TRAVELLERS,
        proving: PROVING,
        people: PEOPLE,
        keep: false,
    }
}

/// A writer that several hold.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Paper {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Processes that work below a directory.
fn running(directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap() {
        let words = std::fs::read(entry.unwrap().path().join("cmdline")).unwrap_or_default();
        let words = String::from_utf8_lossy(&words).into_owned();
        if words.contains(&*directory.to_string_lossy()) {
            found.push(words);
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_ends_as_the_story_says_and_every_promise_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let directory = std::fs::canonicalize(directory.path()).unwrap();
    let paper = Paper::default();
    let outcome = Box::pin(tell(&options(&directory), &Stage::plain(Box::new(paper.clone())))).await;
    let outcome = outcome.unwrap_or_else(|error| panic!("{error:#}\n{}", paper.text()));
    assert_eq!(outcome.broken(), Vec::<String>::new(), "\n{}", paper.text());

    let proved = outcome.proved.as_ref().expect("some crossed in zero knowledge");
    assert_eq!((proved.travellers, proved.accepted), (2 * PROVING, 3 * PROVING), "half of them twice");
    assert_eq!(outcome.told.len(), 2 * (TRAVELLERS - PROVING), "everybody else's story was told");
    for story in Story::ALL {
        assert!(outcome.told.iter().any(|told| told.story == story), "{story:?} was told");
    }
    let crossed = outcome.told.iter().filter(|told| told.journey.as_ref().unwrap().crossed()).count();
    let passes = outcome.told.iter().filter(|told| told.story == Story::Passes).count();
    assert_eq!(crossed, passes);
    assert!(outcome.told.iter().all(|told| {
        let journey = told.journey.as_ref().unwrap();
        journey.shown.is_some() == journey.first_pass.is_some()
            && (!journey.crossed() || journey.shown.is_some())
    }));

    assert_eq!((outcome.foreign.cases, outcome.foreign.accepted, outcome.foreign.transcoded), (121, 81, 81));
    assert_eq!(outcome.foreign.refused.values().sum::<usize>(), 40);

    assert_eq!(outcome.proof.promises.len(), 11);
    assert!(outcome.proof.audit.is_complete(), "{:#?}", outcome.proof.audit);
    for compared in ["pass", "consent", "consent anchored", "verdict"] {
        assert!(outcome.proof.audit.checks.iter().any(|check| check.name == compared), "{compared}");
    }
    assert!(
        outcome.proof.ledger.commitments > 3 * crossed as u64,
        "credentials, passes, consents, decisions"
    );

    let text = paper.text();
    assert!(!text.contains('\u{1b}'), "no escapes outside a terminal");
    assert!(text.contains("ALL AS IT MUST BE"), "{text}");
    assert_eq!(running(&directory), Vec::<String>::new(), "nothing is left running");

    // The story is over; looking closer at one traveller starts whom it needs, and ends them again.
    let [crossed, refused] = closer(&text);
    assert!(crossed.contains("recomputed from the presentation") && crossed.contains("crossed"), "{crossed}");
    assert!(refused.contains("at the desk") && !refused.contains("recomputed"), "{refused}");
    assert_eq!(running(&directory), Vec::<String>::new(), "nothing is left running");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_that_no_story_wrote_is_not_emptied() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("somebody's thesis");
    std::fs::write(&file, "years of work").unwrap();
    assert!(process::clear(directory.path()).await.unwrap_err().to_string().contains("no story wrote"));
    assert!(file.exists());
    std::fs::remove_file(&file).unwrap();
    for _ in 0..2 {
        process::clear(directory.path()).await.unwrap();
        std::fs::write(&file, "of this story").unwrap();
    }
}

/// What the commands say with which the story ends: that for one who crossed, that for one who was refused.
fn closer(text: &str) -> [String; 2] {
    let commands: Vec<&str> = text.lines().filter(|line| line.contains("health-code look ")).collect();
    let [crossed, refused] = commands.as_slice() else { panic!("{text}") };
    [crossed, refused].map(|command| {
        let look = Command::new("sh").args(["-c", command]).output().unwrap();
        let said = String::from_utf8(look.stdout).unwrap();
        assert!(look.status.success(), "{command}\n{said}{}", String::from_utf8_lossy(&look.stderr));
        said
    })
}

#[test]
fn whoever_looks_where_no_story_was_told_hears_so() {
    let directory = tempfile::tempdir().unwrap();
    let mut look = Command::new(env!("CARGO_BIN_EXE_health-code"));
    let look = look.args(["look", "1", "--directory"]).arg(directory.path()).output().unwrap();
    let said = String::from_utf8(look.stderr).unwrap();
    assert!(!look.status.success() && said.contains("no story was told to its end here"), "{said}");
}

/// The story as a program of its own, small.
fn program(directory: &Path, keep: bool) -> Command {
    assert!(causeway().is_file(), "the story's program finds the other beside it");
    let mut program = Command::new(env!("CARGO_BIN_EXE_health-code"));
    program.args(["--people", "120", "--travellers", "40"]);
    program.arg("--directory").arg(directory).arg("--data").arg(root().join("../shared/data/dcc"));
    program.env_remove("KEEP").env_remove("PEOPLE").env_remove("TRAVELLERS");
    if keep {
        program.arg("--keep");
    }
    program
}

#[test]
fn an_interrupted_story_leaves_nothing_running() {
    let directory = tempfile::tempdir().unwrap();
    let story = std::fs::canonicalize(directory.path()).unwrap().join("story");
    let mut program = program(&story, false).stdout(std::process::Stdio::null()).spawn().unwrap();
    // All three parties are up, and the program names the directory as well.
    while running(&story).len() < 4 {
        assert!(program.try_wait().unwrap().is_none(), "the story ended before it could be interrupted");
        std::thread::park_timeout(std::time::Duration::from_millis(5));
    }
    let id = program.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    assert_eq!(program.wait().unwrap().code(), Some(130));
    assert_eq!(running(&story), Vec::<String>::new(), "nothing is left running");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_story_that_was_killed_outright_leaves_the_next_one_ends() {
    let directory = tempfile::tempdir().unwrap();
    let story = std::fs::canonicalize(directory.path()).unwrap().join("story");
    let mut program = program(&story, false).stdout(std::process::Stdio::null()).spawn().unwrap();
    while running(&story).len() < 4 {
        assert!(program.try_wait().unwrap().is_none(), "the story ended before it could be killed");
        std::thread::park_timeout(std::time::Duration::from_millis(5));
    }
    program.kill().unwrap();
    program.wait().unwrap();
    assert_eq!(running(&story).len(), 3, "nobody was there to end its parties");
    // Somebody who looks at the same files is no party.
    let mut reader = Command::new("sh");
    reader.args(["-c", "read line", "run"]).arg(story.join("macau")).stdin(std::process::Stdio::piped());
    let mut reader = reader.spawn().unwrap();
    process::clear(&story).await.unwrap();
    assert_eq!(running(&story).len(), 1, "only the reader is left");
    drop(reader.stdin.take());
    reader.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kept_story_stays_up_until_the_next_one_begins() {
    let directory = tempfile::tempdir().unwrap();
    let story = std::fs::canonicalize(directory.path()).unwrap().join("story");
    let told = program(&story, true).output().unwrap();
    let text = String::from_utf8(told.stdout).unwrap();
    assert!(told.status.success(), "{text}{}", String::from_utf8_lossy(&told.stderr));
    assert_eq!(running(&story).len(), 3, "{text}");
    let address = |party: &str| std::fs::read_to_string(story.join(party).join("address")).unwrap();
    for party in ["ledger/node", "guangdong", "macau"] {
        let url = address(party);
        assert!(text.contains(url.trim()), "the address of {party} is printed: {text}");
        let health = reqwest::get(format!("{}/health", url.trim())).await.unwrap();
        assert!(health.status().is_success(), "{party} answers");
    }
    let [crossed, _] = closer(&text);
    assert!(crossed.contains("recomputed from the presentation"), "{crossed}");
    assert_eq!(running(&story).len(), 3, "who was running still is");
    // The auditor's own command, as it is printed.
    let command = text.split("CAUSEWAY_TOKEN=").nth(1).unwrap().split("\n\n").next().unwrap();
    let command = format!("CAUSEWAY_TOKEN={command}");
    let audit = Command::new("sh").args(["-c", &command]).output().unwrap();
    let said = String::from_utf8(audit.stdout).unwrap();
    assert!(audit.status.success(), "{command}\n{said}{}", String::from_utf8_lossy(&audit.stderr));
    assert!(said.contains("recomputed from the presentation"), "{said}");
    process::clear(&story).await.unwrap();
    assert_eq!(running(&story), Vec::<String>::new(), "the next story ends what the last one left");
}
