//! Certificates and keys on disk.

use std::{fs, io, path::Path};

use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject as _};

use super::TlsError;
use crate::private;

/// Reads a certificate chain, the server's own certificate first.
pub(super) fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = read(path)?;
    let chain: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(&text).collect();
    let chain = chain.map_err(|source| TlsError::Pem { path: path.into(), source })?;
    if chain.is_empty() {
        return Err(TlsError::Empty { path: path.into(), what: "certificate" });
    }
    Ok(chain)
}

/// Reads a private key, which nobody else on this machine may be able to read.
pub(super) fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let text = read(path)?;
    if is_exposed(path).map_err(|source| TlsError::Read { path: path.into(), source })? {
        return Err(TlsError::Exposed(path.into()));
    }
    match PrivateKeyDer::from_pem_slice(&text) {
        Ok(key) => Ok(key),
        Err(pem::Error::NoItemsFound) => Err(TlsError::Empty { path: path.into(), what: "private key" }),
        Err(source) => Err(TlsError::Pem { path: path.into(), source }),
    }
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|source| TlsError::Read { path: path.into(), source })
}

pub(super) fn make_folder(path: &Path) -> Result<(), TlsError> {
    private::make_folder(path).map_err(|source| TlsError::Write { path: path.into(), source })
}

pub(super) fn write(path: &Path, text: &str) -> Result<(), TlsError> {
    private::write(path, text.as_bytes()).map_err(|source| TlsError::Write { path: path.into(), source })
}

/// Removes a file that need not be there.
pub(super) fn remove(path: &Path) -> Result<(), TlsError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(TlsError::Write { path: path.into(), source })
        }
        _ => Ok(()),
    }
}

#[cfg(unix)]
fn is_exposed(path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(fs::metadata(path)?.permissions().mode() & 0o007 != 0)
}

#[cfg(not(unix))]
fn is_exposed(_: &Path) -> io::Result<bool> {
    Ok(false)
}
