//! The examples of `docs/protocol.md` are the golden samples of the protocol.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;

use allo_protocol::{ClientMessage, ErrorCode, ServerMessage};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

const DOCUMENT: &str = include_str!("../../../../docs/protocol.md");

/// Returns the JSON examples of one `##` section of the document.
fn examples(section: &str) -> Vec<Value> {
    let (_, rest) = DOCUMENT.split_once(&format!("\n## {section}\n")).expect("the section exists");
    let body = rest.split("\n## ").next().unwrap_or(rest);
    let blocks = body.split("```json\n").skip(1);
    blocks.map(|block| serde_json::from_str(block.split("```").next().unwrap()).unwrap()).collect()
}

/// Parses and writes again each example, and returns the types seen.
fn check<M: Serialize + DeserializeOwned>(section: &str) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    for example in examples(section) {
        let message: M = serde_json::from_value(example.clone()).unwrap_or_else(|e| panic!("{example}: {e}"));
        assert_eq!(serde_json::to_value(&message).unwrap(), example);
        seen.insert(example["type"].as_str().unwrap().to_owned());
    }
    seen
}

/// Returns the types that the schema of `M` knows.
fn types<M: schemars::JsonSchema>() -> BTreeSet<String> {
    let schema = serde_json::to_value(schemars::schema_for!(M)).unwrap();
    let variants = schema["oneOf"].as_array().unwrap();
    variants.iter().map(|v| v["properties"]["type"]["const"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_client_message_has_an_example_that_parses() {
    assert_eq!(check::<ClientMessage>("Messages from the client"), types::<ClientMessage>());
}

#[test]
fn every_server_message_has_an_example_that_parses() {
    assert_eq!(check::<ServerMessage>("Messages from the server"), types::<ServerMessage>());
}

#[test]
fn every_error_code_stands_in_the_table() {
    let schema = serde_json::to_value(schemars::schema_for!(ErrorCode)).unwrap();
    let codes = schema["oneOf"].as_array().unwrap().iter().map(|code| code["const"].as_str().unwrap());
    for code in codes {
        assert!(DOCUMENT.contains(&format!("| `{code}` |")), "{code} is not in docs/protocol.md");
    }
}

#[test]
fn hostile_text_is_refused_without_a_panic() {
    let nested = "[".repeat(10_000);
    let huge = format!(r#"{{"type":"hello","protocolVersion":{},"client":""}}"#, "9".repeat(400));
    let texts = [
        "",
        "null",
        "[]",
        "{}",
        "NaN",
        &nested,
        &huge,
        r#"{"type":"fly"}"#,
        r#"{"type":"leave","from":"p1"}"#,
        r#"{"type":"leave","type":"ping"}"#,
        r#"{"type":"vouch","peer":"a","peer":"b"}"#,
        r#"{"type":"vouch","peer":7}"#,
        r#"{"type":"vouch","peer":"<script>"}"#,
        r#"{"type":"vouch","peer":"\ud800"}"#,
        r#"{"type":"hello","protocolVersion":-1,"client":""}"#,
        r#"{"type":"hello","protocolVersion":1.5,"client":""}"#,
        r#"{"type":"hello","protocolVersion":4294967296,"client":""}"#,
        r#"{"type":"sessionDescription","to":"a","link":1,"description":{"type":"rollback","sdp":""}}"#,
        r#"{"type":"sessionDescription","to":"a","link":1,"description":{"type":"offer","sdp":"","x":1}}"#,
    ];
    for text in texts {
        assert!(serde_json::from_str::<ClientMessage>(text).is_err(), "{text:.80}");
    }
}

#[test]
fn a_client_reads_past_fields_that_it_does_not_know() {
    let pong = json!({ "type": "pong", "futureField": [1, 2, 3] });
    assert_eq!(serde_json::from_value::<ServerMessage>(pong).unwrap(), ServerMessage::Pong {});
}

#[test]
fn no_integer_is_wider_than_javascript_can_hold() {
    let schemas = [
        serde_json::to_string(&schemars::schema_for!(ClientMessage)).unwrap(),
        serde_json::to_string(&schemars::schema_for!(ServerMessage)).unwrap(),
    ];
    for schema in schemas {
        assert!(!schema.contains("int64") && !schema.contains("int128"), "{schema}");
    }
}
