//! What building the page says to people whose Node.js will not do.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../node.rs"]
mod node;

use std::process::Command;

/// Returns what is said when `node` on the path is a program that prints `version`, or when there is none.
fn said_of(version: Option<&str>) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    if let Some(version) = version {
        let script = format!("#!/bin/sh\n[ \"$1\" = --version ] && echo '{version}'\n");
        // By another process: a file that this one has open for writing, in whatever thread, cannot be run.
        let mut shell = Command::new("sh");
        shell.args(["-c", "printf %s \"$0\" > node && chmod +x node", &script]).current_dir(folder.path());
        assert!(shell.status().unwrap().success());
    }
    let mut command = Command::new("node");
    command.env("PATH", folder.path());
    node::check(command).err().map(|error| format!("{error:#}"))
}

#[test]
fn a_node_that_is_new_enough_is_taken_without_a_word() {
    for version in ["v20.19.0", "v20.20.1", "v22.12.0", "v23.0.0", "v24.1.0", "v104.0.0-nightly"] {
        assert_eq!(said_of(Some(version)), None, "{version}");
    }
}

#[test]
fn an_old_node_is_named_with_what_to_do() {
    for version in ["v20.18.3", "v18.20.0", "v22.11.0", "v21.7.3", "v0.12.18"] {
        let said = said_of(Some(version)).unwrap_or_default();
        assert!(said.starts_with(&format!("Node.js {version} is too old.\n")), "{said}");
        for part in ["20.19", "22.12", "npm", "https://nodejs.org", "ALLO_WEB_DIST"] {
            assert!(said.contains(part), "{part} in {said}");
        }
    }
}

#[test]
fn without_node_one_is_told_so_with_what_to_do() {
    assert_eq!(said_of(None), Some(format!("Node.js was not found.\n{}", node::ADVICE)));
}

#[test]
fn a_program_that_is_no_node_is_not_taken_for_one() {
    for text in ["", "20.19.0", "v20", "vx.y.z"] {
        let said = said_of(Some(text)).unwrap_or_default();
        assert!(said.starts_with(&format!("`node --version` tells no version, but {text:?}.\n")), "{said}");
    }
}
