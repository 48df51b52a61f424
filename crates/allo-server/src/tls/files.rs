//! A certificate from files, read again when they change.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::SystemTime,
};

use rustls::sign::CertifiedKey;

use super::{TlsError, certified_key, file};

/// A certificate chain and its key, in files that someone else replaces.
#[derive(Debug)]
pub(super) struct CertificateFiles {
    certificate: PathBuf,
    key: PathBuf,
    watch: Mutex<Watch>,
}

#[derive(Debug)]
struct Watch {
    /// The files as they were when last read, well or badly.
    read: Stamp,
    /// The files as they were at the last look.
    seen: Stamp,
}

/// What changes when a file does: its time, its length and its number, of both files. `None` for one that is not there.
type Stamp = [Option<(SystemTime, u64, u64)>; 2];

impl CertificateFiles {
    /// Reads the files for the first time.
    pub(super) fn open(certificate: PathBuf, key: PathBuf) -> Result<(Self, CertifiedKey), TlsError> {
        let stamp = [stamp(&certificate), stamp(&key)];
        let files = Self { certificate, key, watch: Mutex::new(Watch { read: stamp, seen: stamp }) };
        let key = files.read()?;
        Ok((files, key))
    }

    /// Reads the files again if they have changed since, and not since the last look: then both are in place.
    pub(super) fn changed(&self) -> Result<Option<CertifiedKey>, TlsError> {
        let now = [stamp(&self.certificate), stamp(&self.key)];
        let mut watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner);
        let is_settled = watch.seen == now;
        watch.seen = now;
        if watch.read == now || !is_settled {
            return Ok(None);
        }
        watch.read = now;
        self.read().map(Some)
    }

    fn read(&self) -> Result<CertifiedKey, TlsError> {
        let chain = file::read_chain(&self.certificate)?;
        let key = file::read_key(&self.key)?;
        certified_key(chain, key)
            .map_err(|source| TlsError::Unusable { path: self.certificate.clone(), source })
    }
}

fn stamp(path: &Path) -> Option<(SystemTime, u64, u64)> {
    let data = fs::metadata(path).ok()?;
    Some((data.modified().ok()?, data.len(), number(&data)))
}

/// Two files written one after the other can have the same time: clocks of file systems are coarse.
#[cfg(unix)]
fn number(data: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(data)
}

#[cfg(not(unix))]
fn number(_: &fs::Metadata) -> u64 {
    0
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    /// Makes a certificate and its key, in PEM.
    fn pair() -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    #[test]
    fn two_files_are_read_when_both_are_in_place() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate_path, key_path) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
        let (certificate, key) = pair();
        file::write(&certificate_path, &certificate).unwrap();
        file::write(&key_path, &key).unwrap();
        let (files, first) = CertificateFiles::open(certificate_path.clone(), key_path.clone()).unwrap();
        assert!(files.changed().unwrap().is_none());

        let (certificate, key) = pair();
        file::write(&certificate_path, &certificate).unwrap();
        assert!(files.changed().unwrap().is_none(), "a look in the midst of the change");
        file::write(&key_path, &key).unwrap();
        assert!(files.changed().unwrap().is_none(), "the first look after it");
        assert_ne!(files.changed().unwrap().unwrap().cert, first.cert);
        assert!(files.changed().unwrap().is_none());
    }

    #[test]
    fn files_that_do_not_belong_together_are_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate_path, key_path) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
        let (certificate, key) = pair();
        file::write(&certificate_path, &certificate).unwrap();
        file::write(&key_path, &key).unwrap();
        let (files, _) = CertificateFiles::open(certificate_path, key_path.clone()).unwrap();
        file::write(&key_path, &pair().1).unwrap();
        assert!(files.changed().unwrap().is_none());
        assert!(matches!(files.changed(), Err(TlsError::Unusable { .. })));
        assert!(files.changed().unwrap().is_none());
    }
}
