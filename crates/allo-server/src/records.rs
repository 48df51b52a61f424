//! What is known of rooms that have an owner, in the data folder: one sealed file for each.
//!
//! A file shows neither the name of its room nor what is in it: both are under a key that is made from that of the identities.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use allo_room::{IdentitySecret, RoomName, RoomRecord, RoomsConfig};
use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    hmac,
};
use serde::{Deserialize, Serialize};
use tokio::{
    sync::Notify,
    task::{JoinHandle, spawn_blocking},
};
use tracing::{debug, warn};

use crate::{passwords::hex, private};

/// The longest file looked at: a record of a thousand people is far shorter.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Changes that come within this time are written together.
///
/// Higher: fewer writes. Lower: less is lost when the machine fails.
const WRITE_INTERVAL: Duration = Duration::from_millis(100);

/// What stands in a file.
#[derive(Serialize, Deserialize)]
struct Content {
    room: String,
    record: RoomRecord,
}

/// The files.
struct Folder {
    path: PathBuf,
    key: RandomizedNonceKey,
    names: hmac::Key,
}

/// What is to be written: the latest word about each room; `None` for nothing any more. It holds no more rooms than there are.
type Waiting = BTreeMap<RoomName, Option<RoomRecord>>;

#[derive(Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    changed: Notify,
    finished: Notify,
}

/// Writes down what is to be known of rooms, beside them: nobody waits for a disk.
pub(crate) struct Records {
    shared: Arc<Shared>,
    writer: JoinHandle<()>,
}

impl Records {
    /// Reads what is there, and begins to write. Files that cannot be read are passed over.
    pub(crate) fn open(
        data: &Path,
        secret: &IdentitySecret,
        config: &RoomsConfig,
    ) -> io::Result<(Self, Vec<(RoomName, RoomRecord)>)> {
        private::make_folder(data)?;
        let folder = Folder::new(data.join("rooms"), secret)?;
        private::make_folder(&folder.path)?;
        let known = folder.read_all(config)?;
        let shared = Arc::new(Shared::default());
        let writer = tokio::spawn(write_on(Arc::new(folder), shared.clone()));
        Ok((Self { shared, writer }, known))
    }

    /// Has something written down soon.
    pub(crate) fn keep(&self, room: RoomName, record: Option<RoomRecord>) {
        self.shared.waiting().insert(room, record);
        self.shared.changed.notify_one();
    }

    /// Writes what waits, and ends.
    pub(crate) async fn finish(self) {
        self.shared.finished.notify_one();
        // It ends after the write that is under way.
        let _ended = self.writer.await;
    }
}

impl Shared {
    fn waiting(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn write_on(folder: Arc<Folder>, shared: Arc<Shared>) {
    let mut is_finished = false;
    while !is_finished {
        tokio::select! {
            () = shared.finished.notified() => is_finished = true,
            () = shared.changed.notified() => {}
        }
        let waiting = std::mem::take(&mut *shared.waiting());
        let folder = folder.clone();
        let written = spawn_blocking(move || folder.write_all(waiting)).await;
        if !matches!(written, Ok(Ok(()))) {
            warn!("cannot write down what is known of rooms: after a restart, some of it may be missing");
        }
        if !is_finished {
            tokio::select! {
                () = shared.finished.notified() => shared.finished.notify_one(),
                () = tokio::time::sleep(WRITE_INTERVAL) => {}
            }
        }
    }
}

impl Folder {
    fn new(path: PathBuf, secret: &IdentitySecret) -> io::Result<Self> {
        let key = RandomizedNonceKey::new(&AES_256_GCM, &secret.derive("room records"));
        let key = key.map_err(|_| io::Error::other("the key cannot be used"))?;
        let names = hmac::Key::new(hmac::HMAC_SHA256, &secret.derive("room record names"));
        Ok(Self { path, key, names })
    }

    /// Returns the name of the file of a room.
    fn file_name(&self, room: &RoomName) -> String {
        let tag = hmac::sign(&self.names, room.as_str().as_bytes());
        hex(&tag.as_ref()[..16])
    }

    fn read_all(&self, config: &RoomsConfig) -> io::Result<Vec<(RoomName, RoomRecord)>> {
        let mut known = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let age = entry.metadata()?.modified()?.elapsed().unwrap_or_default();
            if age > config.owner_memory {
                fs::remove_file(entry.path())?;
                continue;
            }
            if known.len() >= config.records {
                warn!("more rooms with an owner are in the data folder than owned-rooms: some are not read");
                break;
            }
            if let Some(record) = self.read(&entry) {
                known.push(record);
            } else {
                debug!("a file in the folder of rooms cannot be read");
            }
        }
        Ok(known)
    }

    fn read(&self, entry: &fs::DirEntry) -> Option<(RoomName, RoomRecord)> {
        if entry.metadata().ok()?.len() > FILE_BYTES_MAX {
            return None;
        }
        let name = entry.file_name();
        let mut bytes = fs::read(entry.path()).ok()?;
        let (nonce, sealed) = bytes.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let text = self.key.open_in_place(nonce, Aad::from(name.as_encoded_bytes()), sealed).ok()?;
        let Content { room, record } = serde_json::from_slice(text).ok()?;
        Some((RoomName::parse(&room, u32::MAX).ok()?, record))
    }

    /// Writes what it can, and returns the first error.
    fn write_all(&self, waiting: Waiting) -> io::Result<()> {
        let written = waiting.into_iter().map(|(room, record)| self.write(&room, record));
        written.fold(Ok(()), Result::and)
    }

    fn write(&self, room: &RoomName, record: Option<RoomRecord>) -> io::Result<()> {
        let name = self.file_name(room);
        let path = self.path.join(&name);
        let Some(record) = record else {
            return match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            };
        };
        let mut sealed = serde_json::to_vec(&Content { room: room.as_str().to_owned(), record })?;
        let nonce = self.key.seal_in_place_append_tag(Aad::from(name.as_bytes()), &mut sealed);
        let nonce = nonce.map_err(|_| io::Error::other("it cannot be sealed"))?;
        private::write(&path, &[nonce.as_ref().as_slice(), &sealed].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(n: u8) -> IdentitySecret {
        IdentitySecret::new([n; 32])
    }

    fn record() -> RoomRecord {
        let owner = vec![7; 32];
        let text = serde_json::json!({
            "owner": owner, "lobby": true, "locked": true, "password": null, "participants_max": null,
            "recorders": "moderators", "people": {},
        });
        serde_json::from_value(text).unwrap()
    }

    fn room(name: &str) -> RoomName {
        RoomName::parse(name, 128).unwrap()
    }

    #[tokio::test]
    async fn what_is_kept_is_there_at_the_next_start() {
        let data = tempfile::tempdir().unwrap();
        let config = RoomsConfig::default();
        let (records, known) = Records::open(data.path(), &secret(1), &config).unwrap();
        assert!(known.is_empty());
        records.keep(room("family"), Some(record()));
        records.keep(room("school"), Some(record()));
        records.keep(room("school"), None);
        records.finish().await;
        let (records, known) = Records::open(data.path(), &secret(1), &config).unwrap();
        assert_eq!(known, [(room("family"), record())]);
        records.keep(room("family"), None);
        records.finish().await;
        assert!(Records::open(data.path(), &secret(1), &config).unwrap().1.is_empty());
    }

    #[test]
    fn a_file_tells_nothing_to_whoever_has_not_the_key() {
        let data = tempfile::tempdir().unwrap();
        let folder = Folder::new(data.path().to_owned(), &secret(1)).unwrap();
        folder.write(&room("family"), Some(record())).unwrap();
        let entry = fs::read_dir(data.path()).unwrap().next().unwrap().unwrap();
        let content = fs::read(entry.path()).unwrap();
        for word in ["family", "owner", "locked"] {
            assert!(!content.windows(word.len()).any(|window| window == word.as_bytes()), "{word}");
            assert!(!entry.file_name().to_string_lossy().contains(word));
        }
        let other = Folder::new(data.path().to_owned(), &secret(2)).unwrap();
        assert!(other.read_all(&RoomsConfig::default()).unwrap().is_empty());
    }

    #[test]
    fn a_file_that_was_changed_or_exchanged_is_passed_over() {
        let data = tempfile::tempdir().unwrap();
        let folder = Folder::new(data.path().to_owned(), &secret(1)).unwrap();
        folder.write(&room("family"), Some(record())).unwrap();
        let path = data.path().join(folder.file_name(&room("family")));
        let content = fs::read(&path).unwrap();
        let passes = |content: &[u8], path: &Path| {
            fs::write(path, content).unwrap();
            folder.read_all(&RoomsConfig::default()).unwrap().is_empty()
        };
        for n in [0, NONCE_LEN, content.len() - 1] {
            let mut changed = content.clone();
            changed[n] ^= 1;
            assert!(passes(&changed, &path));
        }
        for n in 0..NONCE_LEN + 17 {
            assert!(passes(&content[..n], &path));
        }
        fs::remove_file(&path).unwrap();
        assert!(passes(&content, &data.path().join(folder.file_name(&room("school")))));
    }
}
