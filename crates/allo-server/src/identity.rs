//! What participants are recognised by after a restart.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use allo_room::IdentitySecret;
use aws_lc_rs::error::Unspecified;
use tracing::warn;

use crate::private;

/// Returns the secret in the data folder, which is made at the first start.
///
/// Where it cannot be kept, the server works all the same: after a restart everyone is somebody new.
pub(crate) fn secret(data: Option<&Path>) -> Result<IdentitySecret, Unspecified> {
    let mut random = [0; 32];
    aws_lc_rs::rand::fill(&mut random)?;
    let kept = data.map(|folder| (path(folder), read_or_make(folder, random)));
    match kept {
        Some((_, Ok(secret))) => return Ok(IdentitySecret::new(secret)),
        Some((path, Err(error))) => {
            warn!(path = %path.display(), %error, "cannot keep this file: after a restart, calls begin anew");
        }
        None => warn!("no data folder: after a restart, calls begin anew"),
    }
    Ok(IdentitySecret::new(random))
}

fn path(folder: &Path) -> PathBuf {
    folder.join("identity.key")
}

fn read_or_make(folder: &Path, fresh: [u8; 32]) -> io::Result<[u8; 32]> {
    let path = path(folder);
    match fs::read(&path) {
        // What was cut short when a disk was full is made anew.
        Ok(content) => {
            if let Ok(secret) = <[u8; 32]>::try_from(content) {
                return Ok(secret);
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    private::make_folder(folder)?;
    private::write(&path, &fresh)?;
    Ok(fresh)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_is_the_same_at_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        assert_eq!(read_or_make(&data, [1; 32]).unwrap(), [1; 32]);
        assert_eq!(read_or_make(&data, [2; 32]).unwrap(), [1; 32]);
    }

    #[test]
    fn a_file_that_was_cut_short_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(path(folder.path()), "short").unwrap();
        assert_eq!(read_or_make(folder.path(), [2; 32]).unwrap(), [2; 32]);
        assert_eq!(fs::read(path(folder.path())).unwrap(), [2; 32]);
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_can_read_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        read_or_make(folder.path(), [1; 32]).unwrap();
        let mode = fs::metadata(path(folder.path())).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_server_that_cannot_keep_it_starts_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let in_the_way = folder.path().join("file");
        fs::write(&in_the_way, "").unwrap();
        assert!(read_or_make(&in_the_way, [1; 32]).is_err());
        assert!(secret(Some(&in_the_way)).is_ok());
        assert!(secret(None).is_ok());
    }
}
