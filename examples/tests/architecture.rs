//! The test that holds the house up: layers, purity, sizes, names, licences, and documents that tell the truth.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use serde_json::Value;

#[derive(PartialEq, Eq, Clone, Copy)]
enum Kind {
    /// Functions over values; builds for the browser.
    Pure,
    /// Clocks, disks, sockets, threads; decides nothing.
    Shell,
}
use Kind::{Pure, Shell};

/// Every crate: package, folder, layer, kind. A crate imports from lower layers only.
const ROOMS: [(&str, &str, u8, Kind); 10] = [
    ("zk-ceremony", "zk-circuits/ceremony", 1, Pure),
    ("zk-policy", "zk-circuits/policy", 2, Pure),
    ("did-registry", "did-registry", 3, Pure),
    ("credential", "credential-service/credential", 4, Pure),
    ("ledger-chain", "ledger/chain", 5, Pure),
    ("ledger-node", "ledger/node", 6, Shell),
    ("wallet", "gateway/wallet", 6, Pure),
    ("gateway", "gateway/server", 7, Shell),
    ("causeway", "gateway/cli", 8, Shell),
    ("causeway-examples", "examples", 9, Shell),
];

/// What no pure crate stands on, however far down.
const SHELL_LIBRARIES: [&str; 10] = [
    "axum",
    "hyper",
    "librocksdb-sys",
    "mio",
    "rayon",
    "reqwest",
    "rocksdb",
    "socket2",
    "tokio",
    "tracing-subscriber",
];

/// Longest file of code, tests aside: longer ones lose their reader.
const LINES: usize = 600;

fn root() -> PathBuf {
    Path::new(&std::env::var("CARGO_MANIFEST_DIR").unwrap()).parent().unwrap().to_owned()
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What cargo knows of the workspace, for this machine's platform.
static METADATA: LazyLock<Value> = LazyLock::new(|| {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let version = Command::new("rustc").arg("-vV").output().unwrap().stdout;
    let version = String::from_utf8(version).unwrap();
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let arguments = ["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform", host];
    let output = Command::new(cargo).args(arguments).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
});

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Packages by identifier.
fn packages() -> BTreeMap<&'static str, &'static Value> {
    list(&METADATA, "packages").iter().map(|package| (text(package, "id"), package)).collect()
}

fn members() -> Vec<&'static Value> {
    let ids: BTreeSet<_> = list(&METADATA, "workspace_members").iter().filter_map(Value::as_str).collect();
    packages().into_iter().filter(|(id, _)| ids.contains(id)).map(|(_, package)| package).collect()
}

fn layer(package: &str) -> Option<u8> {
    ROOMS.iter().find(|room| room.0 == package).map(|room| room.2)
}

fn pure() -> Vec<&'static str> {
    ROOMS.iter().filter(|room| room.3 == Pure).map(|room| room.0).collect()
}

/// Files below the root with this ending, but for what cargo and git keep there.
fn files(ending: &str) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![root()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && !["target", "out"].contains(&name.as_str()) && !name.starts_with('.') {
                folders.push(path);
            } else if name.ends_with(ending) {
                found.push(path.strip_prefix(root()).unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

#[test]
fn every_crate_has_a_room_and_a_layer() {
    let found: BTreeSet<(String, String)> = members()
        .into_iter()
        .map(|package| {
            let manifest = Path::new(text(package, "manifest_path"));
            let folder = manifest.parent().unwrap().strip_prefix(root()).unwrap();
            (text(package, "name").to_owned(), folder.to_string_lossy().into_owned())
        })
        .collect();
    let expected = ROOMS.iter().map(|room| (room.0.to_owned(), room.1.to_owned())).collect();
    assert_eq!(found, expected);
}

#[test]
fn the_root_manifest_is_the_table_of_contents() {
    let manifest = read("Cargo.toml");
    let start = manifest.find("members = [").unwrap();
    let end = start + manifest[start..].find("\n]").unwrap();
    let lines: Vec<&str> = manifest[start..end].lines().skip(1).collect();
    let mut last = 0;
    for line in lines {
        let (folder, comment) = line.trim().split_once(", ").unwrap_or_else(|| panic!("no comment: {line}"));
        assert!(comment.trim().starts_with("# "), "each member says what it is: {line}");
        let room = ROOMS.iter().find(|room| format!("\"{}\"", room.1) == folder).unwrap();
        assert!(room.2 >= last, "members are listed from the ground up: {line}");
        last = room.2;
    }
}

#[test]
fn dependencies_point_strictly_down() {
    for package in members() {
        let name = text(package, "name");
        for dependency in list(package, "dependencies") {
            let other = text(dependency, "name");
            if let Some(below) = layer(other) {
                assert!(below < layer(name).unwrap(), "{name} imports {other}, which is not below it");
            }
        }
    }
}

#[test]
fn pure_crates_stand_on_no_shell_library() {
    let nodes: BTreeMap<&str, &Value> =
        list(&METADATA["resolve"], "nodes").iter().map(|node| (text(node, "id"), node)).collect();
    let packages = packages();
    for package in members().into_iter().filter(|package| pure().contains(&text(package, "name"))) {
        let start = text(package, "id");
        let mut through = BTreeMap::from([(start, String::new())]);
        let mut queue = vec![start];
        while let Some(id) = queue.pop() {
            for dependency in list(nodes[id], "deps") {
                let normal = list(dependency, "dep_kinds").iter().any(|kind| kind["kind"].is_null());
                let below = text(dependency, "pkg");
                if normal && !through.contains_key(below) {
                    let path = format!("{} → {}", through[id], text(packages[below], "name"));
                    assert!(!SHELL_LIBRARIES.contains(&text(packages[below], "name")), "{start}{path}");
                    through.insert(below, path);
                    queue.push(below);
                }
            }
        }
        assert!(through.len() > 10, "the tree of {start} was walked");
    }
}

#[test]
fn bans_reach_every_pure_crate_and_no_shell_crate() {
    for (name, folder, _, kind) in ROOMS {
        let own = root().join(folder).join("clippy.toml").exists();
        assert_eq!(own, kind == Shell, "{name}: the nearest clippy.toml replaces the root's bans");
    }
    let bans = read("clippy.toml");
    for banned in [
        "std::time::SystemTime",
        "std::fs::read",
        "std::net::TcpStream",
        "std::thread::spawn",
        "std::env::var",
    ] {
        assert!(bans.contains(&format!("\"{banned}")), "{banned}");
    }
}

#[test]
fn documents_and_makefile_name_the_same_pure_crates() {
    let makefile = read("Makefile");
    let listed = makefile.lines().find_map(|line| line.strip_prefix("PURE := ")).unwrap();
    assert_eq!(listed.split_whitespace().collect::<Vec<_>>(), pure());
    let architecture = read("ARCHITECTURE.md");
    let listed = architecture.lines().find_map(|line| line.strip_prefix("Pure crates: ")).unwrap();
    assert_eq!(backticked(listed), pure());
}

#[test]
fn crates_inherit_lints_and_pin_versions() {
    let mut faults = Vec::new();
    for (name, folder, ..) in ROOMS {
        let manifest = read(format!("{folder}/Cargo.toml"));
        if !manifest.contains("[lints]\nworkspace = true") {
            faults.push(format!("{name} does not inherit the workspace's lints"));
        }
        if !manifest.contains("\ndescription = \"") || manifest.contains("\ndescription = \"\"") {
            faults.push(format!("{name} does not say what it is"));
        }
        let dependencies = manifest.split("dependencies]\n").skip(1).flat_map(str::lines);
        for line in dependencies.filter(|line| !line.starts_with('[')) {
            if line.contains(" = \"") || line.contains("version") {
                faults.push(format!("{name} gives a version, which belongs in the root: {line}"));
            }
        }
    }
    let manifest = read("Cargo.toml");
    let dependencies =
        manifest.split("[workspace.dependencies]").nth(1).unwrap().split("\n[").next().unwrap();
    for line in dependencies.lines().filter(|line| line.contains(" = ") && !line.starts_with('#')) {
        if !line.contains("\"=") && !line.contains("path = ") {
            faults.push(format!("not pinned exactly: {line}"));
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

/// The fuzz package is no room of the workspace: its flags would compile the house anew. So cargo does not hold it
/// to the house's versions, and this does.
#[test]
fn the_fuzz_package_stands_on_pure_crates_at_the_versions_of_the_house() {
    let manifest = read("examples/fuzz/Cargo.toml");
    assert!(manifest.contains("\n[workspace]\n"), "a workspace of its own");
    let house = read("Cargo.toml");
    let dependencies = manifest.split("[dependencies]\n").nth(1).unwrap().split("\n\n").next().unwrap();
    for line in dependencies.lines() {
        let (name, version) = line.split_once(" = ").unwrap();
        let fuzzer = name == "libfuzzer-sys" && version.starts_with("\"=");
        let same = house.lines().any(|own| {
            own.strip_prefix(name).is_some_and(|own| own.starts_with(" = ") && own.contains(version))
        });
        assert!(fuzzer || pure().contains(&name) || same, "neither pure nor of the house: {line}");
    }
}

#[test]
fn one_version_of_what_must_not_be_doubled() {
    for name in ["curve25519-dalek", "tokio", "rocksdb", "ring"] {
        let versions: Vec<_> =
            packages().into_values().filter(|package| text(package, "name") == name).collect();
        assert_eq!(versions.len(), 1, "{name}");
    }
}

#[test]
fn licences_are_on_the_list() {
    let deny = read("deny.toml");
    let list = deny.split("allow = [").nth(1).unwrap().split(']').next().unwrap();
    let allowed: BTreeSet<&str> = list.split('"').skip(1).step_by(2).collect();
    // "(A OR B) AND C": every part of a conjunction needs one licence that is on the list.
    let permitted = |expression: &str| {
        let expression = expression.replace(['(', ')'], "").replace('/', " OR ");
        expression
            .split(" AND ")
            .all(|part| part.split(" OR ").any(|licence| allowed.contains(licence.trim())))
    };
    let foreign = packages().into_values().filter(|package| !package["source"].is_null());
    let refused: Vec<_> = foreign
        .filter(|package| !permitted(text(package, "license")))
        .map(|package| text(package, "id"))
        .collect();
    assert_eq!(refused, Vec::<&str>::new());
}

#[test]
fn files_are_short_and_named_for_what_they_hold() {
    let vague = ["common", "helper", "helpers", "manager", "mod", "types", "util", "utils"];
    for path in files(".rs") {
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        assert!(!vague.contains(&stem.as_str()), "{}: a file is named for what it holds", path.display());
        let is_test = stem == "tests" || path.components().any(|part| part.as_os_str() == "tests");
        let lines = read(&path).lines().count();
        assert!(is_test || lines <= LINES, "{}: {lines} lines", path.display());
    }
    for path in files("") {
        let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        let folders = &parts[..parts.len() - 1];
        assert!(!folders.iter().any(|part| vague.contains(&part.as_str())), "{}", path.display());
    }
}

#[test]
fn every_folder_has_a_short_readme() {
    let folders: BTreeSet<&str> = ROOMS.iter().filter_map(|room| room.1.split('/').next()).collect();
    for folder in folders {
        let lines = read(format!("{folder}/README.md")).lines().count();
        assert!((3..=20).contains(&lines), "{folder}/README.md: {lines} lines");
    }
}

#[test]
fn code_has_no_stubs_skips_or_sleeps() {
    // Written in two parts so that this file does not find itself.
    let banned = [["todo", "!("], ["unimplemented", "!("], ["#[ign", "ore"], ["thread::sle", "ep("]]
        .map(|word| word.concat());
    for path in files(".rs") {
        let code = read(&path);
        for word in &banned {
            assert!(!code.contains(word), "{} contains {word}", path.display());
        }
    }
}

/// The words between backticks.
fn backticked(line: &str) -> Vec<&str> {
    line.split('`').skip(1).step_by(2).collect()
}

/// Names of all functions in the sources: what a document may call a test.
fn functions() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for path in files(".rs") {
        for line in read(&path).lines() {
            if let Some(rest) = line.trim_start().trim_start_matches("async ").strip_prefix("fn ") {
                names.insert(rest.split(['(', '<']).next().unwrap().to_owned());
            }
        }
    }
    names
}

/// Each name in the last column must be a test, a file, or a command; each in the others that looks like a file, a file.
/// A row that nothing shows says `not yet`, openly; whatever it names besides must exist all the same.
fn check_table(document: &str, heading: &str) -> Vec<String> {
    let (functions, text) = (functions(), read(document));
    let after = text.split_once(heading).unwrap_or_else(|| panic!("{document} has no {heading:?}")).1;
    let lines: Vec<&str> = after.lines().collect();
    let is_row = |i: &usize| {
        lines[*i].starts_with("| ") && !lines.get(i + 1).is_some_and(|next| next.starts_with("|---"))
    };
    let rows: Vec<&str> = (0..lines.len()).filter(is_row).map(|i| lines[i]).collect();
    assert!(rows.len() > 5, "{document}: the table is read");
    let mut faults = Vec::new();
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let number = cells.first().copied().unwrap_or_default();
        let last = cells.last().copied().unwrap_or_default();
        let proof = backticked(last);
        let open = last.strip_prefix("not yet: ").is_some_and(|missing| !missing.is_empty());
        if (proof.is_empty() && !open) || last.contains("planned") {
            faults
                .push(format!("{document}, {number}: nothing shows it, and it does not say what is missing"));
        }
        for name in proof {
            let command = ["make ", "causeway "].iter().any(|start| name.starts_with(start));
            let test = functions.contains(name.rsplit("::").next().unwrap_or(name));
            let file = name.contains('/') && root().join(name).exists();
            if !(command || test || file) {
                faults.push(format!("{document}, {number}: no such test: {name}"));
            }
        }
        for name in cells.iter().rev().skip(1).flat_map(|cell| backticked(cell)) {
            let file =
                name.contains('/') && (name.ends_with(".rs") || name.ends_with(".md") || name.ends_with('/'));
            if file && !root().join(name).exists() {
                faults.push(format!("{document}, {number}: no such file: {name}"));
            }
        }
    }
    faults
}

#[test]
fn documents_name_tests_and_files_that_exist() {
    let faults =
        [check_table("ARCHITECTURE.md", "## Invariants"), check_table("docs/specs.md", "# ")].concat();
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}
