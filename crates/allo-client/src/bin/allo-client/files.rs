//! Files that a participant sends, and those that it saves.

use std::collections::{BTreeMap, VecDeque};
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use allo_client::client::{Event, WebRtcClient};
use allo_client::{FileError, NewFile};
use allo_protocol::{FileId, FileOffer, FileOutcome, ParticipantId};
use anyhow::{Context, ensure};
use tokio::fs::File;

use crate::file_name::{create, safe_name};

/// Files that are saved at a time: as many as the server lets one take. The others wait.
const COMING_MAX: usize = 3;
/// Files that wait to be saved: as many as can be on offer in a room. Beyond it, they are left.
const WAITING_MAX: usize = 64;
/// Offers that are remembered, so as not to take them again when they are told again. Beyond it, the oldest are forgotten.
const SEEN_MAX: usize = 256;

/// What to do with files.
#[derive(Debug, Clone, Default)]
pub(crate) struct FileOptions {
    /// What to send to everyone, as soon as somebody is there.
    pub(crate) send: Vec<PathBuf>,
    /// Where to save what is sent.
    pub(crate) save: Option<PathBuf>,
}

impl FileOptions {
    /// Looks whether all of it is there.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        for path in &self.send {
            let file = path.metadata().with_context(|| format!("cannot send {}", path.display()))?;
            ensure!(file.is_file(), "cannot send {}: it is no file", path.display());
        }
        let Some(folder) = &self.save else { return Ok(()) };
        let is_folder =
            folder.metadata().with_context(|| format!("cannot save files in {}", folder.display()))?.is_dir();
        ensure!(is_folder, "cannot save files in {}: it is no folder", folder.display());
        Ok(())
    }
}

/// The files of one participant. What becomes of them is said in sentences on standard error.
#[derive(Debug)]
pub(crate) struct Files {
    options: FileOptions,
    you: Option<ParticipantId>,
    /// What is on offer from here: eight at most.
    offered: BTreeMap<FileId, String>,
    coming: BTreeMap<FileId, Coming>,
    waiting: VecDeque<FileOffer>,
    /// By whom, and under which of their numbers: the server's number may come again after it was restarted.
    seen: VecDeque<(FileId, ParticipantId, u32)>,
    /// Whether there is somebody to watch numbers grow.
    is_watched: bool,
}

#[derive(Debug)]
struct Coming {
    name: String,
    path: PathBuf,
}

impl Files {
    pub(crate) fn new(options: FileOptions) -> Self {
        Self {
            options,
            you: None,
            offered: BTreeMap::new(),
            coming: BTreeMap::new(),
            waiting: VecDeque::new(),
            seen: VecDeque::new(),
            is_watched: std::io::stderr().is_terminal(),
        }
    }

    /// Takes what happened.
    pub(crate) async fn handle(&mut self, client: &WebRtcClient, event: &Event) {
        match event {
            Event::Joined { you, participants, .. } => {
                self.you = Some(you.clone());
                // Those that are still on offer are told next.
                self.waiting.clear();
                if participants.len() > 1 {
                    self.send(client).await;
                }
            }
            Event::ParticipantJoined { .. } => self.send(client).await,
            Event::FilesOffered { files } => {
                for offer in files {
                    self.queue(offer);
                }
                self.take(client).await;
            }
            Event::FileProgressed { file, done, bytes } => self.show(*file, *done, *bytes),
            Event::FileSaved { file } => {
                if let Some(Coming { path, .. }) = self.coming.remove(file) {
                    say(&format!("saved {}", path.display()));
                }
                self.take(client).await;
            }
            Event::FileEnded { file, participant, outcome } if self.you.as_ref() == Some(participant) => {
                self.give_up(*file, why(*outcome));
                self.take(client).await;
            }
            Event::FileEnded { file, outcome, .. } => self.tell_taken(*file, *outcome),
            Event::FileWithdrawn { file } => {
                self.waiting.retain(|offer| offer.id != *file);
                self.give_up(*file, "it is not offered any more");
                self.take(client).await;
            }
            Event::FileFailed { file, text } => {
                self.give_up(*file, text);
                self.take(client).await;
            }
            _ => {}
        }
    }

    /// Offers one more file, to those who come later, too.
    pub(crate) async fn add(&mut self, client: &WebRtcClient, path: PathBuf) {
        self.options.send.push(path);
        self.send(client).await;
    }

    /// Takes a file no more, or offers it no more.
    pub(crate) async fn cancel(&mut self, client: &WebRtcClient, file: FileId) {
        if self.offered.contains_key(&file) {
            client.withdraw_file(file).await;
        } else {
            client.cancel_file(file).await;
        }
    }

    /// Offers what was not offered yet.
    async fn send(&mut self, client: &WebRtcClient) {
        for path in std::mem::take(&mut self.options.send) {
            let name =
                path.file_name().map_or_else(|| "file".into(), |name| name.to_string_lossy().into_owned());
            match offer(client, &path, name.clone()).await {
                Ok(file) => {
                    say(&format!("{name} is on offer to everyone as file {}", file.0));
                    self.offered.insert(file, name);
                }
                // It is offered when this participant is in the room again.
                Err(error)
                    if matches!(error.downcast_ref(), Some(FileError::NotInRoom | FileError::Lost)) =>
                {
                    self.options.send.push(path);
                }
                Err(error) => say(&format!("cannot send {}: {error:#}", path.display())),
            }
        }
    }

    fn queue(&mut self, offer: &FileOffer) {
        let key = (offer.id, offer.from.clone(), offer.reference);
        if self.options.save.is_none() || self.you.as_ref() == Some(&offer.from) || self.seen.contains(&key) {
            return;
        }
        if self.waiting.len() >= WAITING_MAX {
            return say(&format!("{} is left, as too many files wait", safe_name(&offer.name)));
        }
        self.waiting.push_back(offer.clone());
    }

    /// Takes what waits.
    async fn take(&mut self, client: &WebRtcClient) {
        let Some(folder) = self.options.save.clone() else { return };
        while self.coming.len() < COMING_MAX
            && let Some(offer) = self.waiting.pop_front()
        {
            if self.seen.len() >= SEEN_MAX {
                self.seen.pop_front();
            }
            self.seen.push_back((offer.id, offer.from.clone(), offer.reference));
            let (file, name) = (offer.id, safe_name(&offer.name));
            match create(&folder, &name).await {
                Ok((path, content)) => {
                    self.coming.insert(file, Coming { name, path });
                    if let Err(error) = client.accept_file(offer, content).await {
                        self.give_up(file, &error.to_string());
                    }
                }
                Err(error) => say(&format!("cannot save {name}: {error}")),
            }
        }
    }

    /// A file comes no more, or is offered no more. What there is of it goes.
    fn give_up(&mut self, file: FileId, why: &str) {
        if let Some(Coming { name, path }) = self.coming.remove(&file) {
            let removed = std::fs::remove_file(&path);
            say(&format!("{name} was not saved: {why}"));
            if let Err(error) = removed {
                say(&format!("cannot remove what there is of it, {}: {error}", path.display()));
            }
        } else if let Some(name) = self.offered.remove(&file) {
            say(&format!("{name} is not sent any more: {why}"));
        }
    }

    fn tell_taken(&self, file: FileId, outcome: FileOutcome) {
        let Some(name) = self.offered.get(&file) else { return };
        match outcome {
            FileOutcome::Received => say(&format!("{name} was received by one")),
            _ => say(&format!("{name} was not received by one: {}", why(outcome))),
        }
    }

    /// Shows on a terminal how far a file is.
    fn show(&self, file: FileId, done: u32, bytes: u32) {
        let sent = self.offered.get(&file).map(|name| ("sending", name));
        let saved = || self.coming.get(&file).map(|it| ("saving", &it.name));
        let Some((what, name)) = sent.or_else(saved).filter(|_| self.is_watched) else { return };
        let percent = u64::from(done) * 100 / u64::from(bytes.max(1));
        let end = if done == bytes { "\n" } else { "" };
        // Whoever closed it does not want to know.
        let _ = write!(std::io::stderr(), "\r\x1b[K{what} {name}: {percent} % of {bytes} bytes{end}");
    }
}

impl Drop for Files {
    /// Leaves nothing behind that is not whole.
    fn drop(&mut self) {
        for file in self.coming.keys().copied().collect::<Vec<_>>() {
            self.give_up(file, "the call is over");
        }
    }
}

async fn offer(client: &WebRtcClient, path: &Path, name: String) -> anyhow::Result<FileId> {
    let content = File::open(path).await?;
    let metadata = content.metadata().await?;
    ensure!(metadata.is_file(), "it is no file");
    let file = NewFile { to: None, name, bytes: metadata.len(), media_type: String::new() };
    Ok(client.offer_file(file, content).await?)
}

fn why(outcome: FileOutcome) -> &'static str {
    match outcome {
        FileOutcome::Received => "it was received",
        FileOutcome::Cancelled => "it was cancelled",
        FileOutcome::Stalled => "it did not get on for too long",
        FileOutcome::Interrupted => "the connection to the media server was lost",
    }
}

/// Says something to people, beside the lines for programs.
fn say(sentence: &str) {
    // Whoever closed it does not want to know.
    let _ = writeln!(std::io::stderr(), "{sentence}");
}
