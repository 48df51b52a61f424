//! Checks that no compiler makes: walls between crates, tests that do not run, words that do not belong.

use std::fs;

use anyhow::{Context as _, Result, bail};

use crate::run::{command, is_installed, output, root, say};

/// A crate and what it never depends on, tests aside.
const WALLS: [(&str, &[&str]); 8] = [
    ("allo-protocol", &["allo-", "tokio", "rand", "tracing"]),
    (
        "allo-room",
        &[
            "tokio",
            "str0m",
            "axum",
            "rustls",
            "socket",
            "getrandom",
            "allo-server",
            "allo-client",
            "allo-sfu",
        ],
    ),
    ("allo-sfu", &["tokio", "axum", "rustls", "socket", "rand", "allo-server", "allo-client", "allo-room"]),
    ("allo-dtls", &["tokio", "axum", "rustls", "socket", "allo-"]),
    ("allo-turn", &["tokio", "str0m", "axum", "rustls", "socket", "rand", "allo-"]),
    ("allo-client", &["allo-room", "allo-server", "allo-sfu", "allo-turn"]),
    ("allo-load", &["allo-room", "allo-server", "allo-sfu", "allo-turn"]),
    ("allo-server", &["allo-client", "allo-load"]),
];

/// Crates without sockets, threads, clocks or files. Each has a `clippy.toml` that says so.
const SANS_IO: [&str; 4] = ["allo-dtls", "allo-room", "allo-sfu", "allo-turn"];

/// A text that must not stand in files whose path ends like this, and why.
struct Ban {
    endings: &'static [&'static str],
    text: &'static str,
    why: &'static str,
}

/// The only part of the media plane that may name the WebRTC engine.
const ENGINE_FOLDER: &str = "crates/allo-sfu/src/transport/";

const BANS: [Ban; 12] = [
    Ban {
        endings: &["crates/allo-sfu/src/", ".rs"],
        text: concat!("str0m", "::"),
        why: "only transport/ knows the engine",
    },
    Ban { endings: &[".rs"], text: concat!("#[", "ignore"), why: "a test runs or is deleted" },
    Ban { endings: &[".rs"], text: concat!("todo", "!("), why: "what is not done is not committed" },
    Ban {
        endings: &["tests/", ".rs"],
        text: concat!("thread::", "sleep"),
        why: "a test waits for the event, not for the clock",
    },
    Ban {
        endings: &[".ts"],
        text: concat!("waitFor", "Timeout"),
        why: "a test waits for the event, not for the clock",
    },
    Ban { endings: &[".ts"], text: concat!("test.", "skip"), why: "a test runs or is deleted" },
    Ban { endings: &[".ts"], text: concat!("test.", "fixme"), why: "a test runs or is deleted" },
    Ban { endings: &[".ts"], text: concat!("test.", "only"), why: "all tests run" },
    Ban { endings: &[".ts", ".svelte"], text: concat!("inner", "HTML"), why: "text is shown as text" },
    Ban { endings: &[".svelte"], text: concat!("{@", "html"), why: "text is shown as text" },
    Ban { endings: &[".rs", ".ts", ".svelte"], text: concat!("FIX", "ME"), why: "mend it or file it" },
    Ban { endings: &[".rs", ".ts", ".svelte"], text: concat!("TO", "DO"), why: "mend it or file it" },
];

/// Runs every check, and tells all that is wrong at once.
pub(crate) fn check() -> Result<()> {
    let mut wrong = Vec::new();
    walls(&mut wrong)?;
    words(&mut wrong)?;
    named_tests(&mut wrong)?;
    service(&mut wrong);
    if wrong.is_empty() {
        say("Tidy.");
        return Ok(());
    }
    bail!("not tidy:\n  {}", wrong.join("\n  "))
}

/// What the service may be exposed to, in tenths, as `systemd-analyze security` counts it.
///
/// Lower: fewer things that a fault in the program could reach. Below 15 it could not bind port 443.
const EXPOSURE_MAX: u8 = 20;

/// Checks the unit for systemd, where systemd is installed; it need not run.
fn service(wrong: &mut Vec<String>) {
    if !is_installed("systemd-analyze") {
        return say("systemd-analyze is not installed: contrib/allo.service was not looked at.");
    }
    let analyze = format!(
        "systemd-analyze security --offline=yes --no-pager --threshold={EXPOSURE_MAX} contrib/allo.service"
    );
    if output(command(".", &analyze)).is_none() {
        wrong.push(format!("contrib/allo.service: `{analyze}` says that it is too exposed, or is no unit"));
    }
}

fn walls(wrong: &mut Vec<String>) -> Result<()> {
    for (name, banned) in WALLS {
        let path = format!("crates/{name}/Cargo.toml");
        let manifest =
            fs::read_to_string(root().join(&path)).with_context(|| format!("cannot read {path}"))?;
        for dependency in dependencies(&manifest) {
            if banned.iter().any(|banned| dependency.contains(banned)) {
                wrong.push(format!("{path}: {name} must not depend on {dependency}"));
            }
        }
    }
    for name in SANS_IO {
        let path = format!("crates/{name}/clippy.toml");
        let is_walled =
            fs::read_to_string(root().join(&path)).is_ok_and(|text| text.contains("Instant::now"));
        if !is_walled {
            wrong.push(format!("{path}: it must forbid clocks, sockets, threads and files"));
        }
    }
    Ok(())
}

/// Returns the names in the `[dependencies]` table of a manifest.
fn dependencies(manifest: &str) -> Vec<&str> {
    let table = manifest.split("\n[dependencies]\n").nth(1).unwrap_or_default();
    let table = table.split("\n[").next().unwrap_or_default();
    let names = table.lines().filter(|line| !line.starts_with('#') && line.contains('='));
    names.filter_map(|line| line.split(['.', '=', ' ']).next()).filter(|name| !name.is_empty()).collect()
}

fn words(wrong: &mut Vec<String>) -> Result<()> {
    let listing = command(".", "git ls-files --cached --others --exclude-standard");
    let files = output(listing).context("`git ls-files` failed")?;
    for path in files.lines().filter(|path| !path.starts_with("xtask/src/tidy.rs")) {
        let is_banned_here = |ban: &&Ban| match ban.endings {
            ["crates/allo-sfu/src/", _] if path.starts_with(ENGINE_FOLDER) => false,
            [folder, ending] if folder.ends_with('/') => path.contains(folder) && path.ends_with(ending),
            endings => endings.iter().any(|ending| path.ends_with(ending)),
        };
        let bans: Vec<&Ban> = BANS.iter().filter(is_banned_here).collect();
        let Ok(text) = fs::read_to_string(root().join(path)) else { continue };
        for (number, line) in text.lines().enumerate() {
            for ban in bans.iter().filter(|ban| line.contains(ban.text)) {
                wrong.push(format!("{path}:{}: `{}`: {}", number + 1, ban.text, ban.why));
            }
        }
    }
    Ok(())
}

/// A document that names the tests which prove what it says.
const PROVEN: &str = "docs/abuse.md";

fn named_tests(wrong: &mut Vec<String>) -> Result<()> {
    let document =
        fs::read_to_string(root().join(PROVEN)).with_context(|| format!("cannot read {PROVEN}"))?;
    let listing = command(".", "git ls-files --cached --others --exclude-standard crates/*.rs");
    let files = output(listing).context("`git ls-files` failed")?;
    let code: String = files.lines().filter_map(|path| fs::read_to_string(root().join(path)).ok()).collect();
    for test in tests_named_in(&document) {
        if !code.contains(&format!("fn {test}(")) {
            wrong.push(format!("{PROVEN}: there is no test `{test}`"));
        }
    }
    Ok(())
}

/// Returns the last parts of what is written as `module::test`.
fn tests_named_in(document: &str) -> impl Iterator<Item = &str> {
    document.split('`').skip(1).step_by(2).filter_map(|code| Some(code.split_once("::")?.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tests_that_a_document_names_are_found() {
        let document = "| A `word` | none | `module::one_test`, `module::another` |";
        assert_eq!(tests_named_in(document).collect::<Vec<_>>(), ["one_test", "another"]);
    }

    #[test]
    fn the_names_of_dependencies_are_found() {
        let manifest = "[package]\nname = \"x\"\n\n[dependencies]\n# a = 1\nserde.workspace = true\ntokio = \"1\"\n\n[dev-dependencies]\nrand = \"1\"\n";
        assert_eq!(dependencies(manifest), ["serde", "tokio"]);
    }
}
