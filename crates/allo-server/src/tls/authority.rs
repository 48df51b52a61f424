//! A small certificate authority of this server's own, for where nobody else would sign: a home, an office.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::{
    pki_types::{CertificateDer, PrivateKeyDer},
    sign::CertifiedKey,
};
use time::{Duration, OffsetDateTime};

use super::{
    TlsError,
    certificate::{lasts, names_of, parse},
    certified_key, file,
    names::host_name,
};

/// People install it on their phones by hand: as seldom as possible.
const AUTHORITY_LIFE: Duration = Duration::days(3650);

/// Phones refuse certificates of more than 398 days.
const LEAF_LIFE: Duration = Duration::days(396);

/// A certificate is replaced when this much or less of its life is left.
const RENEW_BEFORE: Duration = Duration::days(60);

/// Clocks that are behind by less than this accept a new certificate too.
const CLOCK_SKEW: Duration = Duration::days(1);

/// The authority, as it is kept in the data folder.
#[derive(Debug)]
pub(super) struct LocalAuthority {
    folder: PathBuf,
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

impl LocalAuthority {
    /// Opens the authority in `data`, or makes one: the first time, and when the old one is about to expire.
    pub(super) fn open(data: &Path) -> Result<Self, TlsError> {
        let folder = data.join("tls");
        file::make_folder(data)?;
        file::make_folder(&folder)?;
        let (certificate_path, key_path) = (folder.join("authority.crt"), folder.join("authority.key"));
        if !key_path.exists() || !certificate_path.exists() {
            return Self::make(folder);
        }
        let chain = file::read_chain(&certificate_path)?;
        let key = KeyPair::try_from(&file::read_key(&key_path)?)?;
        let certificate = chain.into_iter().next().expect("a chain that was read is not empty");
        if !lasts(&certificate, OffsetDateTime::now_utc() + LEAF_LIFE) {
            return Self::make(folder);
        }
        let issuer = Issuer::from_ca_cert_der(&certificate, key)?;
        Ok(Self { folder, certificate, issuer })
    }

    fn make(folder: PathBuf) -> Result<Self, TlsError> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        let host = host_name().unwrap_or_else(|| "this machine".to_owned());
        params.distinguished_name.remove(DnType::CommonName);
        params.distinguished_name.push(DnType::CommonName, format!("Allo local authority on {host}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        set_life(&mut params, AUTHORITY_LIFE);
        let certificate = params.self_signed(&key)?;
        file::write(&folder.join("authority.key"), &key.serialize_pem())?;
        file::write(&folder.join("authority.crt"), &certificate.pem())?;
        Ok(Self { folder, certificate: certificate.der().clone(), issuer: Issuer::new(params, key) })
    }

    /// Returns the authority's own certificate.
    pub(super) fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// Returns a certificate for `names`: the one on disk as long as it will do, or else a new one.
    pub(super) fn leaf(&self, names: &BTreeSet<String>) -> Result<CertifiedKey, TlsError> {
        let (certificate_path, key_path) = (self.folder.join("server.crt"), self.folder.join("server.key"));
        if let (Ok(chain), Ok(key)) = (file::read_chain(&certificate_path), file::read_key(&key_path))
            && self.will_do(&chain[0], names)
            && let Ok(key) = certified_key(chain, key)
        {
            return Ok(key);
        }
        let key = KeyPair::generate()?;
        let leaf = leaf_params(names)?.signed_by(&key, &self.issuer)?;
        file::write(&key_path, &key.serialize_pem())?;
        file::write(&certificate_path, &leaf.pem())?;
        let key = PrivateKeyDer::try_from(key.serialize_der())
            .map_err(|error| rustls::Error::General(error.into()))?;
        Ok(certified_key(vec![leaf.der().clone()], key)?)
    }

    /// Returns whether a certificate is this authority's, will last, and is for exactly these names.
    fn will_do(&self, leaf: &CertificateDer<'_>, names: &BTreeSet<String>) -> bool {
        let (Some(authority), Some(parsed)) = (parse(&self.certificate), parse(leaf)) else { return false };
        parsed.verify_signature(Some(authority.public_key())).is_ok()
            && lasts(leaf, OffsetDateTime::now_utc() + RENEW_BEFORE)
            && names_of(&parsed) == *names
    }
}

fn leaf_params(names: &BTreeSet<String>) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(names.iter().cloned().collect::<Vec<_>>())?;
    params.distinguished_name.remove(DnType::CommonName);
    params.distinguished_name.push(DnType::CommonName, "Allo");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    set_life(&mut params, LEAF_LIFE);
    Ok(params)
}

fn set_life(params: &mut CertificateParams, life: Duration) {
    let now = OffsetDateTime::now_utc();
    params.not_before = now - CLOCK_SKEW;
    params.not_after = now + life;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn authority_and_leaf_are_kept() {
        let data = tempfile::tempdir().unwrap();
        let ours = names(&["localhost", "192.0.2.1", "2001:db8::1"]);
        let first = LocalAuthority::open(data.path()).unwrap();
        let leaf = first.leaf(&ours).unwrap();
        let second = LocalAuthority::open(data.path()).unwrap();
        assert_eq!(first.certificate(), second.certificate());
        assert_eq!(second.leaf(&ours).unwrap().cert, leaf.cert);
    }

    #[test]
    fn a_leaf_is_made_anew_when_a_name_comes_or_goes() {
        let data = tempfile::tempdir().unwrap();
        let authority = LocalAuthority::open(data.path()).unwrap();
        let one = authority.leaf(&names(&["localhost"])).unwrap();
        let two = authority.leaf(&names(&["localhost", "192.0.2.1"])).unwrap();
        assert_ne!(one.cert, two.cert);
        assert_ne!(two.cert, authority.leaf(&names(&["localhost"])).unwrap().cert);
    }

    #[test]
    fn a_leaf_lives_as_long_as_phones_accept_and_only_serves() {
        let data = tempfile::tempdir().unwrap();
        let leaf = LocalAuthority::open(data.path()).unwrap().leaf(&names(&["localhost"])).unwrap();
        let parsed = parse(&leaf.cert[0]).unwrap();
        let life = parsed.validity().not_after.timestamp() - parsed.validity().not_before.timestamp();
        assert!(life <= 397 * 24 * 3600, "{life} s");
        assert!(!parsed.is_ca());
        let usage = parsed.extended_key_usage().unwrap().unwrap().value;
        assert!(usage.server_auth && !usage.client_auth && !usage.any);
    }

    #[test]
    fn a_leaf_of_another_authority_or_about_to_expire_is_made_anew() {
        let data = tempfile::tempdir().unwrap();
        let ours = names(&["localhost"]);
        let authority = LocalAuthority::open(data.path()).unwrap();
        let leaf = authority.leaf(&ours).unwrap();
        let other = tempfile::tempdir().unwrap();
        assert!(!LocalAuthority::open(other.path()).unwrap().will_do(&leaf.cert[0], &ours));

        let mut params = leaf_params(&ours).unwrap();
        params.not_after = OffsetDateTime::now_utc() + Duration::days(59);
        let old = params.signed_by(&KeyPair::generate().unwrap(), &authority.issuer).unwrap();
        assert!(!authority.will_do(old.der(), &ours));
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_read_the_keys() {
        use std::{fs, os::unix::fs::PermissionsExt as _};
        let parent = tempfile::tempdir().unwrap();
        let data = parent.path().join("data");
        let authority = LocalAuthority::open(&data).unwrap();
        authority.leaf(&names(&["localhost"])).unwrap();
        let mode = |path: &str| fs::metadata(data.join(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(""), 0o700);
        assert_eq!(mode("tls"), 0o700);
        assert_eq!(mode("tls/authority.key"), 0o600);
        assert_eq!(mode("tls/server.key"), 0o600);

        fs::set_permissions(data.join("tls/authority.key"), fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(LocalAuthority::open(&data), Err(TlsError::Exposed(_))));
    }
}
