//! Why there is no certificate, in words that an operator can act on. What the authority says itself may hold names and
//! addresses: that is logged at DEBUG only.

use std::{error::Error as _, time::Duration};

use instant_acme::{Error, Problem};
use thiserror::Error;
use tracing::debug;

use super::client::AskError;
use crate::tls::TlsError;

/// There is no new certificate; the one there is stays in use.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    /// The directory's name is unknown.
    #[error("the directory's name does not resolve: check acme-directory, and the DNS of this machine")]
    DirectoryUnresolved,
    /// Nobody is there.
    #[error("the directory cannot be reached: check acme-directory, and that this machine may connect to it")]
    DirectoryUnreachable,
    /// It took too long.
    #[error("the directory does not answer in time: it is asked again by itself")]
    DirectorySilent,
    /// Somebody else is there, or an authority that browsers do not know.
    #[error(
        "the directory's own certificate is not trusted: if it is a private one, name whom to trust with acme-ca"
    )]
    DirectoryUntrusted,
    /// One of the clocks is wrong.
    #[error("by this machine's clock the directory's own certificate is out of date: set the clock")]
    Clock,
    /// Too many certificates, or too many failures.
    #[error("the authority was asked too often and refuses for a while: it is asked again by itself")]
    RateLimited,
    /// A domain is not in the DNS.
    #[error(
        "the authority finds no address for a domain: give it an A or AAAA record with this server's public address"
    )]
    DomainUnresolved,
    /// Nobody answers at a domain.
    #[error(
        "the authority cannot connect to a domain: its address has to be this server's, and TCP port 443 there (80, with http-port) has to be let in, and passed on to the port that Allo listens on"
    )]
    DomainUnreachable,
    /// Somebody else answers at a domain, or so it looks to the authority.
    #[error(
        "the authority does not find this server behind a domain: its address has to be this server's, and TCP port 443 there (80, with http-port) has to lead to the port that Allo listens on, with no proxy between that speaks TLS itself"
    )]
    DomainElsewhere,
    /// The owner of a domain allows other authorities only (RFC 8659).
    #[error("a domain's CAA record does not allow this authority: change the record, or acme-directory")]
    DomainForbidden,
    /// The authority has a rule against a domain.
    #[error("the authority gives no certificate for such a domain: check domain")]
    DomainRejected,
    /// Neither TLS-ALPN-01 is offered nor, where it could be used, HTTP-01.
    #[error(
        "the authority does not check domains by TLS (TLS-ALPN-01): set http-port to 80 for the other way that Allo has (HTTP-01), or choose another acme-directory"
    )]
    NoWay,
    /// The authority forgot the account, and the one that was made then, too.
    #[error("the authority does not know the account that it gave: it is asked again by itself")]
    AccountUnknown,
    /// The authority wants more than a key of its clients.
    #[error("the authority refuses the account: check acme-email, or choose another acme-directory")]
    AccountRefused,
    /// The authority has a reason for which there are no words here.
    #[error("the authority refuses: the log says at debug what it says")]
    Refused,
    /// The answers are not those of RFC 8555.
    #[error("what answers at acme-directory is no directory as of RFC 8555, or it is out of order")]
    Nonsense,
    /// The certificate cannot be kept, or not be used.
    #[error(transparent)]
    Certificate(#[from] TlsError),
}

impl Failure {
    /// Returns how long to wait at least before the next attempt.
    pub(super) fn patience(&self) -> Duration {
        match self {
            Self::RateLimited => RATE_LIMIT_PAUSE,
            _ => Duration::ZERO,
        }
    }

    /// Finds words for what an authority says (RFC 8555 §6.7).
    pub(super) fn of_problem(problem: &Problem) -> Self {
        debug!(%problem, "the authority refused");
        let kind = problem.r#type.as_deref().unwrap_or_default();
        match kind.strip_prefix("urn:ietf:params:acme:error:").unwrap_or(kind) {
            "rateLimited" => Self::RateLimited,
            "dns" => Self::DomainUnresolved,
            "connection" => Self::DomainUnreachable,
            // A name that answers with another certificate is `unauthorized`, or `tls` if it speaks no such protocol.
            "tls" | "unauthorized" | "incorrectResponse" => Self::DomainElsewhere,
            "caa" => Self::DomainForbidden,
            "rejectedIdentifier" | "unsupportedIdentifier" => Self::DomainRejected,
            "accountDoesNotExist" => Self::AccountUnknown,
            "externalAccountRequired" | "invalidContact" | "unsupportedContact" | "userActionRequired" => {
                Self::AccountRefused
            }
            _ => Self::Refused,
        }
    }
}

/// Authorities count failures by the hour.
///
/// Lower: a certificate comes sooner after that. Higher: the limit is not met again.
const RATE_LIMIT_PAUSE: Duration = Duration::from_hours(1);

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        debug!(error = %crate::chain(&error), "the authority was asked in vain");
        match &error {
            Error::Api(problem) => Self::of_problem(problem),
            Error::Timeout(_) => Self::DirectorySilent,
            Error::Other(source) => source.downcast_ref().map_or(Self::Nonsense, Self::of_asking),
            _ => Self::Nonsense,
        }
    }
}

impl Failure {
    fn of_asking(error: &AskError) -> Self {
        use rustls::CertificateError as E;
        match error {
            AskError::Resolve(_) => Self::DirectoryUnresolved,
            AskError::Connect(_) => Self::DirectoryUnreachable,
            AskError::Silent => Self::DirectorySilent,
            AskError::Tls(error) => match error.get_ref().and_then(|inner| inner.downcast_ref()) {
                Some(rustls::Error::InvalidCertificate(
                    E::Expired | E::ExpiredContext { .. } | E::NotValidYet | E::NotValidYetContext { .. },
                )) => Self::Clock,
                Some(rustls::Error::InvalidCertificate(_)) => Self::DirectoryUntrusted,
                _ => Self::DirectoryUnreachable,
            },
            AskError::Http(error) if error.source().is_some() => Self::DirectoryUnreachable,
            AskError::Address | AskError::Body(_) | AskError::Http(_) => Self::Nonsense,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use instant_acme::Error;

    use super::*;

    fn told(kind: &str) -> Failure {
        let text = format!(r#"{{"type": "urn:ietf:params:acme:error:{kind}", "detail": "192.0.2.1"}}"#);
        Failure::of_problem(&serde_json::from_str(&text).unwrap())
    }

    fn tls(error: rustls::CertificateError) -> Failure {
        let error = io::Error::other(rustls::Error::InvalidCertificate(error));
        Error::Other(Box::new(AskError::Tls(error))).into()
    }

    #[test]
    fn each_way_to_fail_has_words_of_its_own() {
        assert!(matches!(told("dns"), Failure::DomainUnresolved));
        assert!(matches!(told("connection"), Failure::DomainUnreachable));
        assert!(matches!(told("unauthorized"), Failure::DomainElsewhere));
        assert!(matches!(told("caa"), Failure::DomainForbidden));
        assert!(matches!(told("rateLimited"), Failure::RateLimited));
        assert!(matches!(told("malformed"), Failure::Refused));
        assert!(matches!(tls(rustls::CertificateError::NotValidYet), Failure::Clock));
        assert!(matches!(tls(rustls::CertificateError::UnknownIssuer), Failure::DirectoryUntrusted));
    }

    #[test]
    fn what_the_authority_says_is_not_repeated() {
        for kind in ["dns", "connection", "tls", "caa", "malformed", "rateLimited"] {
            assert!(!told(kind).to_string().contains("192.0.2.1"), "{kind}");
        }
    }
}
