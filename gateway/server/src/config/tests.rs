use std::os::unix::fs::PermissionsExt as _;
use std::sync::LazyLock;

use super::*;
use crate::key_file::KeyFileError;

const WHOLE: &str = r#"
listen = "127.0.0.1:8080"
name = "Saúde de Macau 澳門"
did = "did:causeway:demo:11111111111111111111111111111111"
public_url = "https://health.gd.example"
directory = "data"
kek_file = "secrets/kek"
control_key_file = "secrets/control"
assertion_ed25519_key_file = "secrets/ed25519"
assertion_p256_key_file = "secrets/p256"
operators_file = "operators.toml"
ledger_url = "http://ledger:7700"
genesis_file = "genesis.json"
"#;

/// With a trust list.
static LISTED: LazyLock<String> = LazyLock::new(|| format!("{WHOLE}trust_list_file = \"list.json\"\n"));

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(text, Path::new("/etc/causeway"))
}

/// The configuration with one line replaced or added.
fn with(line: &str) -> String {
    let name = line.split('=').next().unwrap();
    let kept: Vec<&str> = WHOLE.lines().filter(|old| !old.starts_with(name)).collect();
    format!("{line}\n{}", kept.join("\n"))
}

#[test]
fn defaults_and_paths_are_as_documented() {
    let config = parse(WHOLE).unwrap();
    assert_eq!(config.kek_file, Path::new("/etc/causeway/secrets/kek"));
    assert_eq!(config.vault_directory(), Path::new("/etc/causeway/data/vault"));
    assert_eq!((config.ages.amber_hours, config.ages.refuse_hours), (24, 72));
    assert_eq!(config.limits.import().chunk_rows, 500);
    assert_eq!((config.anchor.max_delay(), config.anchor.max_size), (Duration::from_millis(200), 4096));
    assert_eq!((config.trust_list_file, config.egress_log), (None, None));
    assert_eq!(config.trust_list_ages, None, "an old trust list is told, and refuses nothing");
    let config =
        parse(&format!("{WHOLE}egress_log = \"/var/log/egress\"\n[ages]\nrefuse_hours = 48")).unwrap();
    assert_eq!(config.egress_log.as_deref(), Some(Path::new("/var/log/egress")), "absolute paths stay");
    assert_eq!((config.ages.amber_hours, config.ages.refuse_hours), (24, 48));
    let config = parse(&format!("{}[trust_list_ages]\nrefuse_hours = 36", *LISTED)).unwrap();
    let limits = config.trust_list_ages.unwrap().limits();
    assert_eq!((limits.amber, limits.refuse), (24 * 3600, 36 * 3600));
}

#[test]
fn an_error_names_its_field() {
    let cases = [
        (with("name = \"\""), "name"),
        (with("name = \"a\\u0007\""), "name"),
        (with("public_url = \"ftp://gd.example\""), "public_url"),
        (with("public_url = \"http://gd.example\""), "public_url"),
        (with("public_url = \"https://gd.example/\""), "public_url"),
        (with("public_url = \"https://gd.example/api\""), "public_url"),
        (with("public_url = \"https://user:secret@gd.example\""), "public_url"),
        (with("public_url = \"gd.example\""), "public_url"),
        (with("ledger_url = \"unix:/run/ledger\""), "ledger_url"),
        (with("transcode_as_of_any_time = true"), "transcode_as_of_any_time"),
        (with("assertion_p256_key_file = \"secrets/control\""), "assertion_p256_key_file"),
        (with("kek_file = \"data/vault/kek\""), "kek_file"),
        (format!("{WHOLE}[ages]\namber_hours = 0"), "ages.amber_hours"),
        (format!("{WHOLE}[ages]\nrefuse_hours = 24"), "ages.refuse_hours"),
        (format!("{WHOLE}[ages]\nrefuse_hours = 100000"), "ages.refuse_hours"),
        (format!("{WHOLE}[trust_list_ages]\nrefuse_hours = 72"), "trust_list_ages"),
        (format!("{}[trust_list_ages]\namber_hours = 0", *LISTED), "trust_list_ages.amber_hours"),
        (format!("{}[trust_list_ages]\nrefuse_hours = 24", *LISTED), "trust_list_ages.refuse_hours"),
        (format!("{}[trust_list_ages]\nrefuse_hours = 9999", *LISTED), "trust_list_ages.refuse_hours"),
        (format!("{WHOLE}[limits]\nbody_bytes = 10"), "limits.body_bytes"),
        (format!("{WHOLE}[limits]\nrequest_seconds = 0"), "limits.request_seconds"),
        (format!("{WHOLE}[limits]\nconnections = 0"), "limits.connections"),
        (format!("{WHOLE}[limits]\nidle_seconds = 60"), "limits.idle_seconds"),
        (format!("{WHOLE}[limits]\nimport_file_bytes = 0"), "limits.import_file_bytes"),
        (format!("{WHOLE}[limits]\nimport_row_bytes = 2000000"), "limits.import_row_bytes"),
        (format!("{WHOLE}[limits]\nimport_rows = 0"), "limits.import_rows"),
        (format!("{WHOLE}[limits]\nimport_chunk_rows = 0"), "limits.import_chunk_rows"),
        (format!("{WHOLE}[anchor]\nmax_delay_ms = 0"), "anchor.max_delay_ms"),
        (format!("{WHOLE}[anchor]\nmax_size = 0"), "anchor.max_size"),
    ];
    for (text, expected) in cases {
        let error = parse(&text).expect_err(expected);
        assert!(matches!(&error, ConfigError::Field { field, .. } if *field == expected), "{error}");
        assert!(error.to_string().starts_with(expected));
    }
    let here = with("public_url = \"http://127.0.0.1:8080\"");
    assert!(parse(&here).is_ok(), "this machine needs no TLS");
    assert!(!parse(&here).unwrap().transcode_as_of_any_time);
    assert!(parse(&format!("transcode_as_of_any_time = true\n{here}")).unwrap().transcode_as_of_any_time);
}

#[test]
fn missing_unknown_and_mistyped_fields_are_named() {
    for line in WHOLE.lines().filter(|line| !line.is_empty()) {
        let name = line.split(' ').next().unwrap();
        let error = parse(&WHOLE.replace(line, "")).expect_err(name);
        assert!(matches!(&error, ConfigError::Shape(text) if text.contains(name)), "{error}");
    }
    for (text, name) in [
        (format!("{WHOLE}lissten = 1"), "lissten"),
        (format!("{WHOLE}[ages]\namber = 1"), "amber"),
        (format!("{}[trust_list_ages]\nhours = 1", *LISTED), "hours"),
        (format!("{WHOLE}[limits]\nrows = 1"), "rows"),
        (format!("{WHOLE}[anchor]\nsize = 1"), "size"),
        (with("listen = \"everywhere\""), "listen"),
        (with("did = \"did:web:gd.example\""), "did"),
        (format!("{WHOLE}next_key_file = \"next.key\""), "next_key_file"), // it lies in a safe
        (format!("{WHOLE}[ages]\namber_hours = -1"), "amber_hours"),
    ] {
        let error = parse(&text).expect_err(name);
        assert!(matches!(&error, ConfigError::Shape(text) if text.contains(name)), "{error}");
    }
}

struct Office {
    directory: tempfile::TempDir,
}

/// A directory with everything that a configuration names.
fn office() -> Office {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    fs::create_dir(path("secrets")).unwrap();
    Kek::generate().save(&path("secrets/kek")).unwrap();
    for (name, byte) in [("control", 1), ("ed25519", 3), ("p256", 4)] {
        key_file::create(&path("secrets").join(name), &Secret::new([byte; 32])).unwrap();
    }
    let (_, digest) = crate::operator::new_token();
    fs::write(path("operators.toml"), Operators::entry("a", &digest, &[crate::operator::Role::Admin]))
        .unwrap();
    fs::write(path("genesis.json"), "{}").unwrap();
    fs::write(path("gateway.toml"), WHOLE).unwrap();
    Office { directory }
}

impl Office {
    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn load(&self) -> Result<Config, ConfigError> {
        Config::load(&self.path("gateway.toml"))
    }
}

#[test]
fn a_whole_office_loads() {
    let office = office();
    let config = office.load().unwrap();
    let keys = config.keys().unwrap();
    assert_eq!(keys.control.suite(), Suite::Ed25519);
    assert_eq!(keys.assertion_p256.suite(), Suite::P256);
    assert_ne!(keys.control.public_key(), keys.assertion_ed25519.public_key());
    assert!(config.kek().is_ok() && config.operators().is_ok());
    assert!(!format!("{keys:?}").contains(&"01".repeat(32)), "public halves only");
}

#[test]
fn files_that_are_missing_open_or_alike_are_refused_by_field() {
    let office = office();
    let config = office.load().unwrap();
    const FIELD: &str = "assertion_ed25519_key_file";
    let file = office.path("secrets/ed25519");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    let error = config.keys().unwrap_err();
    assert!(
        matches!(error, ConfigError::KeyFile { field: FIELD, error: KeyFileError::TooOpen(0o640) }),
        "{error}"
    );
    fs::remove_file(&file).unwrap();
    key_file::create(&file, &Secret::new([1; 32])).unwrap();
    assert!(matches!(config.keys(), Err(ConfigError::Field { field: FIELD, .. })), "the control key again");
    fs::remove_file(&file).unwrap();
    assert!(matches!(config.keys(), Err(ConfigError::KeyFile { field: FIELD, .. })));

    key_file::create(&file, &Secret::new([3; 32])).unwrap();
    fs::remove_file(office.path("secrets/p256")).unwrap();
    key_file::create(&office.path("secrets/p256"), &Secret::new([255; 32])).unwrap();
    assert!(
        matches!(config.keys(), Err(ConfigError::Key { field: "assertion_p256_key_file", .. })),
        "over the order"
    );

    fs::set_permissions(office.path("secrets/kek"), fs::Permissions::from_mode(0o604)).unwrap();
    assert!(matches!(config.kek(), Err(ConfigError::KeyFile { field: "kek_file", .. })));
    fs::write(office.path("operators.toml"), "nothing").unwrap();
    assert!(matches!(config.operators(), Err(ConfigError::Operators(_))));
    fs::remove_file(office.path("genesis.json")).unwrap();
    assert!(matches!(office.load(), Err(ConfigError::Field { field: "genesis_file", .. })));
    fs::write(office.path("gateway.toml"), " ".repeat(100 << 10)).unwrap();
    assert!(matches!(office.load(), Err(ConfigError::TooLarge)));
    fs::remove_file(office.path("gateway.toml")).unwrap();
    assert!(matches!(office.load(), Err(ConfigError::Unreadable(_))));
}
