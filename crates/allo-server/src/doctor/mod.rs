//! `allo doctor`: what may keep people from getting in, in plain words. It asks this machine alone, the resolver that it uses,
//! and what answers at the server's own names and addresses.

mod joins;
mod machine;
mod network;
mod outside;
mod udp;

use std::fmt::Write as _;

use serde_json::json;

use crate::config::Config;

/// How bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// There is nothing to do.
    Good,
    /// Some people may not get in, or there is something that only the operator can know.
    Doubtful,
    /// Nobody gets in, or nobody will before long.
    Bad,
}

impl Verdict {
    fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Doubtful => "doubtful",
            Self::Bad => "bad",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    subject: &'static str,
    verdict: Verdict,
    text: String,
    advice: Option<String>,
}

impl Finding {
    fn good(subject: &'static str, text: impl Into<String>) -> Self {
        Self { subject, verdict: Verdict::Good, text: text.into(), advice: None }
    }

    fn doubtful(subject: &'static str, text: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { subject, verdict: Verdict::Doubtful, text: text.into(), advice: Some(advice.into()) }
    }

    fn bad(subject: &'static str, text: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { subject, verdict: Verdict::Bad, text: text.into(), advice: Some(advice.into()) }
    }
}

/// Looks at everything. It waits for the network: not on a thread that serves sockets.
pub fn examine(config: &Config) -> Vec<Finding> {
    let mut findings = network::ports(config);
    findings.extend(network::names(config));
    findings.extend(outside::outside(config));
    findings.extend(network::router(config));
    findings.extend(machine::certificate(config));
    #[cfg(unix)]
    findings.push(machine::open_files());
    findings.push(machine::data_folder(config));
    findings.extend(joins::joins(config));
    findings
}

/// Returns whether something is bad.
pub fn is_bad(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.verdict == Verdict::Bad)
}

/// Returns the findings for a person to read.
pub fn text(findings: &[Finding]) -> String {
    let mut text = String::new();
    for Finding { subject, verdict, text: found, advice } in findings {
        // Writing to a string cannot fail.
        let _written = writeln!(text, "{:<10}{subject}: {found}", verdict.name());
        if let Some(advice) = advice {
            let _written = writeln!(text, "{:<10}{advice}", "");
        }
    }
    text
}

/// Returns the findings for a program to read.
pub fn json(findings: &[Finding]) -> String {
    let all: Vec<_> = findings
        .iter()
        .map(|it| json!({ "subject": it.subject, "verdict": it.verdict.name(), "text": it.text, "advice": it.advice }))
        .collect();
    format!("{}\n", json!({ "findings": all }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_good_says_what_to_do() {
        let findings = [Finding::good("a", "is well"), Finding::bad("b", "is ill", "Mend it.")];
        assert_eq!(text(&findings), "good      a: is well\nbad       b: is ill\n          Mend it.\n");
        assert!(is_bad(&findings) && !is_bad(&findings[..1]));
        let read: serde_json::Value = serde_json::from_str(&json(&findings)).unwrap();
        assert_eq!(
            (&read["findings"][1]["verdict"], &read["findings"][0]["advice"]),
            (&json!("bad"), &json!(null))
        );
    }
}
