//! The corpus of every fuzz target, replayed as it is and with seeded mutations.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::Path;

use allo_fuzz::{TARGETS, Target};

/// Mutations of each file. The same ones in each run.
const MUTATIONS: usize = 300;

fn corpus((name, _): Target) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(|path| fs::read(path).unwrap()).collect()
}

/// Does to an input what networks and enemies do.
fn mutate(random: &mut fastrand::Rng, input: &mut Vec<u8>, other: &[u8]) {
    for _ in 0..random.usize(1..6) {
        let at = random.usize(0..=input.len());
        match random.u8(0..6) {
            0 => input.truncate(at),
            1 => input.insert(at, random.u8(..)),
            2 if at < input.len() => input[at] = random.u8(..),
            3 if at < input.len() => input[at] ^= 1 << random.u8(0..8),
            4 => {
                let end = random.usize(at..=input.len().min(at + 64));
                let piece = input[at..end].to_vec();
                input.splice(at..at, piece);
            }
            5 if !other.is_empty() => {
                let from = random.usize(0..other.len());
                let end = random.usize(from..=other.len().min(from + 64));
                input.splice(at..at, other[from..end].iter().copied());
            }
            _ => {}
        }
    }
}

fn replay(target: Target) {
    let files = corpus(target);
    assert!(!files.is_empty(), "{} has a corpus", target.0);
    let mut random = fastrand::Rng::with_seed(1);
    for (n, file) in files.iter().enumerate() {
        target.1(file);
        for _ in 0..MUTATIONS {
            let mut input = file.clone();
            mutate(&mut random, &mut input, &files[(n + 1) % files.len()]);
            target.1(&input);
        }
    }
}

#[test]
fn no_conversation_panics() {
    replay(TARGETS[0]);
}

#[test]
fn no_name_panics() {
    replay(TARGETS[1]);
}

#[test]
fn no_offer_panics() {
    replay(TARGETS[2]);
}

#[test]
fn no_datagram_panics() {
    replay(TARGETS[3]);
}

#[test]
fn no_redundancy_panics() {
    replay(TARGETS[4]);
}

#[test]
fn nothing_that_is_said_to_the_turn_server_panics() {
    replay(TARGETS[5]);
}

#[test]
fn no_report_panics() {
    replay(TARGETS[6]);
}

#[test]
fn whatever_comes_is_told_apart() {
    replay(TARGETS[7]);
}

#[test]
fn no_descriptor_of_layers_panics() {
    replay(TARGETS[8]);
}

#[test]
fn no_dependency_descriptor_panics() {
    replay(TARGETS[9]);
}
