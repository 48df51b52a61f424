//! The command `allo-load`, as a person sees it.

use allo_server::Server;
use allo_server::config::Config;
use serde_json::Value;
use tokio::process::Command;

#[tokio::test(flavor = "multi_thread")]
async fn it_prints_a_table_and_writes_json() {
    let data = tempfile::tempdir().unwrap();
    let config = Config {
        listen: vec!["127.0.0.1".parse().unwrap()],
        port: 0,
        data: Some(data.path().to_owned()),
        ..Config::default()
    };
    let server = Server::start(config).unwrap();
    let json = data.path().join("report.json");
    let output = Command::new(env!("CARGO_BIN_EXE_allo-load"))
        .args(["--url", &format!("https://localhost:{}", server.addresses()[0].port())])
        .args(["--scenario", "audio", "--participants", "3", "--duration", "2", "--ca"])
        .arg(data.path().join("tls/authority.crt"))
        .arg("--json")
        .arg(&json)
        .output()
        .await
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    // It ends with 3 when other programs kept the tester from being in time.
    assert!(matches!(output.status.code(), Some(0 | 3)), "{out}{err}");
    assert!(out.contains("packets received") && err.contains("measuring: 3 connected"), "{out}{err}");
    let report: Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    assert_eq!(report["scenario"]["name"], "audio");
    assert!(report["groups"][0]["counts"]["received"].as_u64() > Some(200), "{report}");
    let is_bottleneck = report["verdict"]["isTesterBottleneck"].as_bool().unwrap();
    assert_eq!(report["figures"].is_null(), is_bottleneck, "{report}");
    assert_eq!(output.status.code() == Some(3), is_bottleneck);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_fails_when_there_is_no_server() {
    // Nobody listens at a port that is taken and not listened at.
    let taken = tokio::net::TcpSocket::new_v4().unwrap();
    taken.bind((std::net::Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let port = taken.local_addr().unwrap().port();
    let output = Command::new(env!("CARGO_BIN_EXE_allo-load"))
        .args(["--insecure", "--scenario", "audio", "--url", &format!("https://localhost:{port}")])
        .output()
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(err.contains("cannot reach the server"), "{err}");
}
