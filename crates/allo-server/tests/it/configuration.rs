//! How settings are read, and what is said about mistakes.

use std::{fs, path::PathBuf, time::Duration};

use allo_server::config::{Config, LoadError, MediaWorkers, Sources, TlsMode, example};

/// What is to be read: `allo.toml`, the environment and the command line.
#[derive(Default)]
struct Given<'a> {
    file: &'a str,
    environment: &'a [(&'a str, &'a str)],
    flags: &'a [&'a str],
}

fn load(given: &Given) -> Result<Config, LoadError> {
    let folder = tempfile::tempdir().unwrap();
    if !given.file.is_empty() {
        fs::write(folder.path().join("allo.toml"), given.file).unwrap();
    }
    Config::load(Sources {
        arguments: ["allo"].iter().chain(given.flags).map(Into::into).collect(),
        environment: given
            .environment
            .iter()
            .map(|&(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        folder: folder.path().to_owned(),
    })
}

/// Returns the mistakes that are told, a line each.
fn mistakes(given: &Given) -> Vec<String> {
    match load(given) {
        Err(LoadError::Settings(problems)) => problems.iter().map(ToString::to_string).collect(),
        other => panic!("expected mistakes, got {other:?}"),
    }
}

#[test]
fn the_last_of_file_environment_and_flags_wins() {
    let file = "port = 1001\nlog = \"warn\"\nlease = \"9s\"\n";
    let environment = &[("ALLO_PORT", "1002"), ("ALLO_LOG", "debug"), ("PORT", "1009"), ("HOME", "/")];
    let flags = &["--port", "1003"];
    let port = |given: &Given| load(given).unwrap().port;
    assert_eq!(port(&Given::default()), 8443);
    assert_eq!(port(&Given { file, ..Given::default() }), 1001);
    assert_eq!(port(&Given { file, environment: &[("PORT", "1009")], ..Given::default() }), 1009);
    assert_eq!(port(&Given { file, environment, ..Given::default() }), 1002);
    assert_eq!(port(&Given { file, environment, flags }), 1003);
    let config = load(&Given { file, environment, flags }).unwrap();
    assert_eq!(config.rooms.lease, Duration::from_secs(9));
    assert_eq!(format!("{:?}", config.log), "debug");
}

#[test]
fn lists_are_given_in_each_way() {
    let file = r#"ice-server = ["stun:stun.example.org", "turn:turn.example.org ada secret"]"#;
    let config = load(&Given {
        file,
        environment: &[("ALLO_TRUSTED_PROXY", "10.0.0.0/8, 192.0.2.1")],
        flags: &["--allowed-origin", "https://a.example", "--allowed-origin", "https://b.example"],
    })
    .unwrap();
    assert_eq!(config.rooms.ice_servers.len(), 2);
    assert_eq!(config.rooms.ice_servers[1].credential.as_deref(), Some("secret"));
    assert_eq!(config.trusted_proxies.len(), 2);
    assert_eq!(config.allowed_origins.len(), 2);
    let none = load(&Given { environment: &[("ALLO_TRUSTED_PROXY", "")], ..Given::default() }).unwrap();
    assert!(none.trusted_proxies.is_empty());
}

#[test]
fn all_mistakes_are_told_at_once_each_with_its_place() {
    let told = mistakes(&Given {
        file: "# mine\nport = \"many\"\nprot = 1\ntrusted-proxy = [\"10.0.0.0/33\"]\nlisten = { a = 1 }\nrooms = 0\n",
        environment: &[("ALLO_LEASE", "soon"), ("ALLO_LISTN", "::"), ("PORT", "70000")],
        flags: &["--tls", "maybe", "--tls-key", "key.pem"],
    });
    assert_eq!(
        told,
        [
            "allo.toml:3: there is no setting prot; did you mean port?",
            "allo.toml:5: listen should be a text, a number, or a list of texts",
            "ALLO_LISTN: there is no setting ALLO_LISTN; did you mean ALLO_LISTEN?",
            r#"allo.toml:2: port: should be a number from 0 to 65535, not "many""#,
            r#"allo.toml:4: trusted-proxy: should be an IP address or a range of them, such as 10.0.0.0/8, not "10.0.0.0/33""#,
            r#"allo.toml:6: rooms: should be a whole number, at least 1, not "0""#,
            r#"PORT: should be a number from 0 to 65535, not "70000""#,
            r#"ALLO_LEASE: should be a time such as "10s", "500ms" or "2min", not "soon""#,
            r#"--tls: should be auto, files or off, not "maybe""#,
            "tls-key: needs tls-cert too",
        ]
    );
}

#[test]
fn numbers_and_texts_are_read_as_toml_writes_them() {
    let config =
        load(&Given { file: "rooms = 1_000\nport = \"1001\"\ntls = 'off'\n", ..Given::default() }).unwrap();
    assert_eq!((config.rooms.rooms, config.port, config.tls), (1000, 1001, TlsMode::Off));
    for file in ["port = 0x10\n", "port = 1.5\n", "port = true\n", "port = [1, 2]\n", "log = 1979-05-27\n"] {
        assert_eq!(mistakes(&Given { file, ..Given::default() }).len(), 1, "{file}");
    }
    let told = mistakes(&Given { file: "log = \"é\"\nprot = \"é", ..Given::default() });
    assert!(told.iter().any(|line| line.starts_with("allo.toml:2: ")), "{told:?}");
}

#[test]
fn a_file_that_is_not_toml_is_told_with_the_line() {
    let told = mistakes(&Given { file: "port = 1\nport = = 2\n", ..Given::default() });
    assert!(told.iter().all(|line| line.starts_with("allo.toml:2: ")), "{told:?}");
}

#[test]
fn a_password_is_not_repeated_in_a_mistake() {
    let told = mistakes(&Given { flags: &["--opening-password", "hunter2"], ..Given::default() });
    assert!(told.iter().all(|line| !line.contains("hunter2")), "{told:?}");
    let told = mistakes(&Given { flags: &["--ice-server", "turn:a.example hunter2"], ..Given::default() });
    assert!(told.len() == 1 && !told[0].contains("hunter2"), "{told:?}");
}

#[test]
fn a_file_that_was_asked_for_must_be_there() {
    let told = mistakes(&Given { flags: &["--config", "other.toml"], ..Given::default() });
    assert!(told[0].starts_with("other.toml: cannot be read"), "{told:?}");
}

#[test]
fn a_certificate_needs_its_key_and_a_use() {
    for (flags, told) in [
        (&["--tls", "files"][..], "tls: files needs tls-cert and tls-key"),
        (&["--tls-cert", "a"], "tls-cert: needs tls-key too"),
        (
            &["--tls", "off", "--tls-cert", "a", "--tls-key", "b"],
            "tls: off leaves tls-cert and tls-key unused: remove them",
        ),
    ] {
        assert_eq!(mistakes(&Given { flags, ..Given::default() }), [told]);
    }
    let config = load(&Given { flags: &["--tls-cert", "a", "--tls-key", "b"], ..Given::default() }).unwrap();
    assert_eq!((config.tls, config.tls_cert), (TlsMode::Auto, Some(PathBuf::from("a"))));
}

#[test]
fn rooms_cannot_go_through_a_media_plane_that_is_not_there() {
    let flags = &["--topology", "sfu", "--media-workers", "0"];
    assert_eq!(mistakes(&Given { flags, ..Given::default() }), ["topology: sfu needs media-workers"]);
}

#[test]
fn an_unknown_flag_is_told_with_the_nearest() {
    let Err(LoadError::CommandLine(error)) = load(&Given { flags: &["--prot", "1"], ..Given::default() })
    else {
        panic!("an unknown flag was taken");
    };
    assert!(error.to_string().contains("--port"), "{error}");
}

#[test]
fn the_procfile_is_understood() {
    let procfile = include_str!("../../../../Procfile");
    let command =
        procfile.strip_prefix("web: target/release/allo ").expect("one line, for the web dyno").trim();
    let flags: Vec<&str> = command.split(' ').collect();
    let config =
        load(&Given { environment: &[("PORT", "4711")], flags: &flags, ..Given::default() }).unwrap();
    assert_eq!((config.port, config.tls), (4711, TlsMode::Off));
    // There is no UDP on Heroku.
    assert_eq!(config.media.workers, MediaWorkers::Number(0));
    assert!(include_str!("../../../../docs/operating.md").contains(procfile));
}

/// `UPDATE=1 cargo test -p allo-server example` writes the file anew.
#[test]
fn the_example_file_has_every_setting_with_its_default() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../allo.example.toml");
    if std::env::var_os("UPDATE").is_some() {
        fs::write(path, example()).unwrap();
    }
    let file = fs::read_to_string(path).unwrap();
    assert!(
        file == example(),
        "allo.example.toml is stale: run `UPDATE=1 cargo test -p allo-server example`"
    );

    // With every line in force, it changes nothing.
    let is_setting = |line: &&str| line.starts_with("# ") && line.contains(" = ");
    let settings: Vec<&str> = file.lines().filter(is_setting).map(|line| &line[2..]).collect();
    let config = load(&Given { file: &settings.join("\n"), ..Given::default() }).unwrap();
    assert_eq!(format!("{config:?}"), format!("{:?}", Config::default()));
}

#[test]
fn tokens_need_a_key_and_a_name() {
    let key = &["--token-key", "EdDSA key.pem"];
    assert_eq!(
        mistakes(&Given { flags: key, ..Given::default() }),
        ["token-key: needs token-audience: the name of this server in the tokens"]
    );
    let told =
        mistakes(&Given { file: "token-required = true\nopening = [\"token\"]\n", ..Given::default() });
    assert_eq!(
        told,
        [
            "token-required: needs token-key: nobody could come in",
            "opening: token needs token-key: there would be none"
        ]
    );
    let domain = &["--token-key", "EdDSA key.pem", "--domain", "meet.example.org"];
    assert!(load(&Given { flags: domain, ..Given::default() }).is_ok(), "the domain is the name");
}

#[test]
fn a_provider_is_named_whole() {
    let issuer = &["--oidc-issuer", "https://login.example.org"];
    assert_eq!(
        mistakes(&Given { flags: issuer, ..Given::default() }),
        ["oidc-issuer: needs oidc-client-id: the name that it has given to this server"]
    );
    let told = mistakes(&Given { flags: &["--opening", "login"], ..Given::default() });
    assert_eq!(told, ["opening: login needs oidc-issuer: nobody could sign in"]);
}
