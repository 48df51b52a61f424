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

/// What changes when a file does: its time and its length, of both files. `None` for a file that is not there.
type Stamp = [Option<(SystemTime, u64)>; 2];

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

fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let data = fs::metadata(path).ok()?;
    Some((data.modified().ok()?, data.len()))
}
