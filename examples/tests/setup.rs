//! `.ci/setup` on machines that lack something: it says what, and what to do, before anything is built.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A clone with nothing in it but the script, on a machine whose tools are played by scripts.
struct Machine {
    home: tempfile::TempDir,
}

impl Machine {
    fn new() -> Self {
        let machine = Self { home: tempfile::tempdir().unwrap() };
        let own = std::env::var("CARGO_MANIFEST_DIR").unwrap();
        let root = Path::new(&own).parent().unwrap();
        for folder in ["bin", "clone/.ci"] {
            fs::create_dir_all(machine.path(folder)).unwrap();
        }
        for file in ["Cargo.toml", ".ci/setup"] {
            fs::copy(root.join(file), machine.path("clone").join(file)).unwrap();
        }
        machine.tool("rustc", "echo rustc 1.92.0 '(abc 2025-12-08)'");
        machine.tool("cargo", "exit 0");
        machine.tool("rustup", "exit 1");
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        fs::canonicalize(self.home.path()).unwrap().join(name)
    }

    fn tool(&self, name: &str, script: &str) {
        let file = self.path("bin").join(name);
        fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Whether it went well, and what was said.
    fn setup(&self, what: &str) -> (bool, String) {
        let tools = format!("{}:/usr/bin:/bin", self.path("bin").display());
        let script = self.path("clone/.ci/setup");
        let done = Command::new(script).arg(what).env("PATH", tools).output().unwrap();
        (
            done.status.success(),
            String::from_utf8(done.stderr).unwrap() + &String::from_utf8_lossy(&done.stdout),
        )
    }
}

#[test]
fn a_rust_that_is_too_old_is_called_that() {
    let machine = Machine::new();
    for old in ["1.91.1", "1.9.0", "1.60.0-nightly"] {
        machine.tool("rustc", &format!("echo rustc {old}"));
        let (good, said) = machine.setup("build");
        assert!(!good && said.contains(&format!("Rust {old} is too old: 1.92 or later is needed")), "{said}");
    }
    machine.tool("dpkg-query", "echo installed");
    for new in ["1.92.0", "1.100.0", "2.0.0", "1.93.0-beta.1"] {
        machine.tool("rustc", &format!("echo rustc {new}"));
        assert_eq!(machine.setup("build"), (true, String::new()), "{new}");
    }
}

#[test]
fn what_linting_needs_is_named_and_added_where_rustup_is() {
    let machine = Machine::new();
    assert_eq!(machine.setup("lint"), (true, String::new()));
    machine.tool("cargo", "[ $1 != fmt ] && [ $1 != clippy ]");
    let (good, said) = machine.setup("lint");
    assert!(!good && said.contains("rustup could not add rustfmt clippy"), "{said}");
    machine.tool("rustup", "echo rustup $@");
    let (good, said) = machine.setup("lint");
    assert!(good && said.contains("rustup component add rustfmt clippy"), "{said}");
}

#[test]
fn missing_test_data_is_named_by_the_place_where_it_belongs() {
    let machine = Machine::new();
    for folder in ["certlogic", "dcc", "vectors"] {
        let place = machine.path("shared/data").join(folder);
        let (good, said) = machine.setup("data");
        assert!(!good && said.contains(&format!("expected in {}, beside", place.display())), "{said}");
        fs::create_dir_all(&place).unwrap();
    }
    assert_eq!(machine.setup("data"), (true, String::new()));
}

#[test]
fn what_it_does_not_know_it_refuses() {
    let (good, said) = Machine::new().setup("everything");
    assert!(!good && said.contains("there is no everything"), "{said}");
}
