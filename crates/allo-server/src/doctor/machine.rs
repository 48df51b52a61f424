//! What this machine has: a certificate, open files, a folder.

use std::{fs, path::Path};

use time::{Duration, OffsetDateTime};

use super::Finding;
use crate::{
    chain,
    config::{Config, TlsMode},
    tls::{self, Validity},
};

/// A certificate that ends sooner than this should have been renewed: those of 90 days are, at 30.
const CERTIFICATE_REST: Duration = Duration::days(14);

/// Each participant takes a few open files. With less than this, a large room is at the bound.
#[cfg(unix)]
const OPEN_FILES_MIN: u64 = 4096;

/// Looks at the certificate and at the clock, which has nothing else on this machine to be compared with.
pub(super) fn certificate(config: &Config) -> Option<Finding> {
    if config.tls == TlsMode::Off {
        return None;
    }
    Some(match tls::validity(config) {
        Ok(Some(validity)) => judge(&validity, OffsetDateTime::now_utc()),
        Ok(None) => {
            Finding::good("certificate", "this server signs it itself, and browsers ask before they go on")
        }
        Err(error) => Finding::bad(
            "certificate",
            chain(&error),
            "The server does not start with it: check tls-cert and tls-key.",
        ),
    })
}

fn judge(validity: &Validity, now: OffsetDateTime) -> Finding {
    let rest = validity.not_after - now;
    if now < validity.not_before {
        let advice = "The clock of this machine is behind, or the certificate was made by one that is ahead: set the clock.";
        return Finding::bad("certificate", "it is not valid yet", advice);
    }
    let renew =
        "Renew it; the server takes new files by itself. If it is new, the clock of this machine is wrong.";
    match rest.whole_days() {
        _ if rest.is_negative() => Finding::bad("certificate", "it has expired", renew),
        days if rest < CERTIFICATE_REST => {
            Finding::doubtful("certificate", format!("it ends within {} days", days + 1), renew)
        }
        days => Finding::good("certificate", format!("it is good for {days} days")),
    }
}

/// Looks at how many files may be open, as the server would raise the limit.
#[cfg(unix)]
pub(super) fn open_files() -> Finding {
    use rustix::process::{Resource, getrlimit};
    match getrlimit(Resource::Nofile).maximum {
        Some(files) if files < OPEN_FILES_MIN => Finding::doubtful(
            "open files",
            format!("only {files} may be open"),
            "Each connection is one. Raise it: LimitNOFILE= of the service, or `ulimit -Hn`.",
        ),
        Some(files) => Finding::good("open files", format!("{files} may be open")),
        None => Finding::good("open files", "as many as there is room for may be open"),
    }
}

/// Looks at the data folder, and makes nothing that stays.
pub(super) fn data_folder(config: &Config) -> Finding {
    match config.data_folder() {
        Some(folder) => folder_finding(&folder),
        None => Finding::bad("data folder", "nothing says where it is", "Name one with --data."),
    }
}

fn folder_finding(folder: &Path) -> Finding {
    let (subject, shown) = ("data folder", folder.display());
    if !folder.exists() {
        let advice =
            "Run this as the user whom the server runs as, with the same settings, after the first start.";
        return Finding::doubtful(subject, format!("{shown} is not there yet"), advice);
    }
    // Never the name of a file that is there.
    let probe = folder.join(format!("doctor-{}.new", std::process::id()));
    let written = fs::OpenOptions::new().write(true).create_new(true).open(&probe);
    if let Err(error) = written.and_then(|_| fs::remove_file(&probe)) {
        let advice =
            "Run this as the user whom the server runs as; if you did, that user must own the folder.";
        return Finding::bad(subject, format!("{shown} cannot be written to: {error}"), advice);
    }
    if is_open_to_others(folder) {
        let advice = format!("Run `chmod 700 {shown}`.");
        return Finding::doubtful(
            subject,
            format!("other users of this machine can look into {shown}"),
            advice,
        );
    }
    Finding::good(subject, format!("{shown} can be written to, and only by its owner"))
}

#[cfg(unix)]
fn is_open_to_others(folder: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(folder).is_ok_and(|data| data.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn is_open_to_others(_: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn a_certificate_is_judged_by_what_is_left_of_it() {
        let start = OffsetDateTime::UNIX_EPOCH + Duration::days(20_000);
        let validity = Validity { not_before: start, not_after: start + Duration::days(90) };
        let verdict = |days| judge(&validity, start + Duration::days(days)).verdict;
        assert_eq!([-1, 0, 76, 77, 89, 91].map(verdict), {
            use Verdict::{Bad, Doubtful, Good};
            [Bad, Good, Good, Doubtful, Doubtful, Bad]
        });
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_others_can_look_into_is_told_and_left_as_it_was() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let verdict = |mode| {
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
            folder_finding(folder.path()).verdict
        };
        assert_eq!([0o700, 0o755].map(verdict), [Verdict::Good, Verdict::Doubtful]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        assert_eq!(folder_finding(&folder.path().join("none")).verdict, Verdict::Doubtful);
    }
}
