//! A certificate of a public authority, got and renewed by ACME (RFC 8555).
//!
//! ```text
//! none or old ──due──> ordered ──got──> in use ──two thirds of its life──> due
//!                         └──failed──> due after a pause; what was in use stays in use
//! ```

mod challenges;
pub(crate) mod client;
mod failure;
mod order;

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwapOption;
use instant_acme::{Account, AccountCredentials, NewAccount};
use rustls::{pki_types::CertificateDer, sign::CertifiedKey};
use time::OffsetDateTime;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

pub(super) use self::challenges::Challenges;
pub(crate) use self::challenges::PROTOCOL;
use self::client::Client;
pub(crate) use self::failure::Failure;
use super::{
    Current, TlsError,
    certificate::{names_of, parse},
    certified_key, file,
};
use crate::config::{AcmeConfig, Domain};

/// How often the age of the certificate is looked at: clocks are set, and machines sleep.
///
/// Lower: it is seen sooner. Higher: less work, of which there is next to none.
const LOOK_INTERVAL: Duration = Duration::from_mins(10);

/// The pause after a first failure. Each further one is three times as long.
///
/// Authorities allow five failures an hour; these are four. Lower: a mistake that was put right is noticed sooner.
const FIRST_PAUSE: Duration = Duration::from_mins(2);

/// The longest pause. Lower: less of the certificate's last third passes in vain. Higher: the authority is asked less.
const LONGEST_PAUSE: Duration = Duration::from_hours(6);

/// What gets the certificate.
#[derive(Debug)]
pub(super) struct Acme {
    /// Of this directory alone: a certificate to try things out with is never taken for one of the real authority.
    folder: PathBuf,
    config: AcmeConfig,
    /// Whether the authority may ask by plain HTTP.
    has_plain_http: bool,
    client: Client,
    /// Whether the certificate in use is the authority's.
    is_served: AtomicBool,
    trouble: ArcSwapOption<Failure>,
}

impl Acme {
    /// Opens what is kept in `data`; returns with it the certificate that was got before, however old it is.
    pub(super) fn open(
        data: &Path,
        config: &AcmeConfig,
        has_plain_http: bool,
    ) -> Result<(Self, Option<CertifiedKey>), TlsError> {
        let folder = data.join("tls").join(folder_name(config.directory.as_str()));
        for folder in [data, &data.join("tls"), &folder] {
            file::make_folder(folder)?;
        }
        let client = Client::new(config.ca.as_deref())?;
        let kept = match read(&folder.join(CERTIFICATE)) {
            Ok(key) => Some(key),
            Err(TlsError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => None,
            Err(error @ TlsError::Exposed(_)) => return Err(error),
            Err(error) => {
                warn!(error = %crate::chain(&error), "the certificate that was kept is of no use");
                None
            }
        };
        let is_served = AtomicBool::new(kept.is_some());
        let trouble = ArcSwapOption::empty();
        let config = config.clone();
        Ok((Self { folder, config, has_plain_http, client, is_served, trouble }, kept))
    }

    /// Returns whether the certificate in use is the authority's.
    pub(super) fn is_served(&self) -> bool {
        self.is_served.load(Ordering::Relaxed)
    }

    /// Returns why the last attempt failed, if it did.
    pub(super) fn trouble(&self) -> Option<Arc<Failure>> {
        self.trouble.load_full()
    }

    /// Gets a certificate whenever one is due, until `stop`.
    pub(super) async fn keep(&self, current: &Current, stop: &CancellationToken) {
        let mut failures = 0;
        loop {
            let wait = self.wait(current).min(LOOK_INTERVAL);
            if stop.run_until_cancelled(sleep(wait)).await.is_none() {
                return;
            }
            if !self.wait(current).is_zero() {
                continue;
            }
            let Some(obtained) = stop.run_until_cancelled(self.obtain(&current.challenges)).await else {
                return;
            };
            current.challenges.clear();
            let pause = match obtained {
                Ok(key) => {
                    current.key.store(Arc::new(key));
                    self.is_served.store(true, Ordering::Relaxed);
                    self.trouble.store(None);
                    failures = 0;
                    info!("the authority gave a certificate, which is in use from now on");
                    SUCCESS_PAUSE
                }
                Err(failure) => {
                    failures += 1;
                    let pause = pause_after(failures).max(failure.patience());
                    warn!(error = %crate::chain(&failure), again_in_s = pause.as_secs(), "no certificate from the authority; the one in use stays");
                    self.trouble.store(Some(Arc::new(failure)));
                    pause
                }
            };
            if stop.run_until_cancelled(sleep(pause)).await.is_none() {
                return;
            }
        }
    }

    /// Returns how long the certificate in use will do.
    fn wait(&self, current: &Current) -> Duration {
        if !self.is_served() {
            return Duration::ZERO;
        }
        let key = current.key.load();
        time_left(&key.cert[0], &self.config.domains, OffsetDateTime::now_utc())
    }

    async fn obtain(&self, challenges: &Challenges) -> Result<CertifiedKey, Failure> {
        let mut ordered = self.order(challenges).await;
        if matches!(ordered, Err(Failure::AccountUnknown)) {
            file::remove(&self.folder.join(ACCOUNT))?;
            ordered = self.order(challenges).await;
        }
        let path = self.folder.join(CERTIFICATE);
        file::write(&path, &ordered?)?;
        Ok(read(&path)?)
    }

    async fn order(&self, challenges: &Challenges) -> Result<String, Failure> {
        let account = self.account().await?;
        order::fulfil(&account, &self.config.domains, challenges, self.has_plain_http).await
    }

    /// Returns the account, which is made the first time.
    async fn account(&self) -> Result<Account, Failure> {
        let path = self.folder.join(ACCOUNT);
        let builder = Account::builder_with_http(Box::new(self.client.clone()));
        if let Some(credentials) = read_account(&path)? {
            return Ok(builder.from_credentials(credentials).await?);
        }
        let contact = self.config.email.as_ref().map(crate::config::Email::contact);
        let contact: Vec<_> = contact.iter().map(String::as_str).collect();
        let wanted =
            NewAccount { contact: &contact, terms_of_service_agreed: true, only_return_existing: false };
        let directory = self.config.directory.as_str().to_owned();
        let (account, credentials) = builder.create(&wanted, directory, None).await?;
        let text = serde_json::to_string(&credentials).map_err(|_| Failure::Nonsense)?;
        file::write(&path, &text)?;
        Ok(account)
    }
}

/// The key and the chain in one file, so that they are replaced at once.
const CERTIFICATE: &str = "certificate.pem";

/// The account's key, and its number at the authority.
const ACCOUNT: &str = "account.json";

/// The least time between two certificates, for an authority whose certificates live but for seconds.
const SUCCESS_PAUSE: Duration = Duration::from_secs(1);

fn folder_name(directory: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, directory.as_bytes());
    let hex: Vec<_> = digest.as_ref()[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("acme-{}", hex.concat())
}

fn read(path: &Path) -> Result<CertifiedKey, TlsError> {
    let key = file::read_key(path)?;
    certified_key(file::read_chain(path)?, key)
        .map_err(|source| TlsError::Unusable { path: path.into(), source })
}

/// Reads the account; `None` when there is none, or none that can be read. Then another one is made.
fn read_account(path: &Path) -> Result<Option<AccountCredentials>, TlsError> {
    match file::read(path) {
        Ok(text) => Ok(serde_json::from_slice(&text).ok()),
        Err(TlsError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns the time for which a certificate is left alone: until a third of its life is left, if it is for these domains.
///
/// A third is what authorities advise, and it fits certificates of 90 days as well as those of six.
fn time_left(certificate: &CertificateDer<'_>, domains: &[Domain], now: OffsetDateTime) -> Duration {
    let Some(parsed) = parse(certificate) else { return Duration::ZERO };
    let wanted: BTreeSet<String> = domains.iter().map(|domain| domain.as_str().to_owned()).collect();
    if names_of(&parsed) != wanted {
        return Duration::ZERO;
    }
    let (from, to) = (parsed.validity().not_before.timestamp(), parsed.validity().not_after.timestamp());
    let renew_at = to.saturating_sub(to.saturating_sub(from) / 3);
    Duration::from_secs(renew_at.saturating_sub(now.unix_timestamp()).try_into().unwrap_or(0))
}

fn pause_after(failures: u32) -> Duration {
    let factor = 3_u32.saturating_pow(failures.saturating_sub(1));
    FIRST_PAUSE.saturating_mul(factor).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    #[test]
    fn pauses_grow_and_stay_below_what_authorities_allow() {
        let pauses: Vec<_> = (1..=5).map(|failures| pause_after(failures).as_secs() / 60).collect();
        assert_eq!(pauses, [2, 6, 18, 54, 162]);
        assert!(
            pauses[..4].iter().sum::<u64>() > 60,
            "the fifth failure is more than an hour after the first"
        );
        assert_eq!(pause_after(u32::MAX), LONGEST_PAUSE);
    }

    #[test]
    fn a_certificate_is_due_at_two_thirds_of_its_life_or_when_domains_change() {
        let now = OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap();
        let mut params = CertificateParams::new(vec!["meet.example.org".to_owned()]).unwrap();
        params.not_before = now;
        params.not_after = now + time::Duration::days(90);
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let domains =
            |names: &[&str]| names.iter().map(|name| Domain::new(name).unwrap()).collect::<Vec<_>>();
        let ours = domains(&["meet.example.org"]);
        assert_eq!(time_left(certificate.der(), &ours, now), Duration::from_hours(24 * 60));
        assert_eq!(time_left(certificate.der(), &ours, now + time::Duration::days(60)), Duration::ZERO);
        assert_eq!(time_left(certificate.der(), &ours, now + time::Duration::days(400)), Duration::ZERO);
        let more = domains(&["meet.example.org", "call.example.org"]);
        assert_eq!(time_left(certificate.der(), &more, now), Duration::ZERO);
    }

    #[test]
    fn each_directory_has_a_folder_of_its_own() {
        let folder = folder_name("https://a.example/directory");
        assert_eq!(folder, folder_name("https://a.example/directory"));
        assert_ne!(folder, folder_name("https://b.example/directory"));
    }
}
