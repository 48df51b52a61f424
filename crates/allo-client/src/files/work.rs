//! Reading and writing what is in files, each in a task of its own.

use std::io::{self, SeekFrom};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncSeek, AsyncSeekExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;

use super::incoming::WRITES_MAX;

/// Work that waits for one content. There is never more: what is asked for and what may come are bounded, and the end comes after all.
pub(crate) const WORK_MAX: usize = WRITES_MAX + 1;

/// Something to be done with a content.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Work {
    /// The number that was given to it.
    pub(crate) content: u32,
    pub(crate) step: Step,
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Read a part, which was asked for by the channel of that session.
    Read { session: u32, place: u32, length: u32 },
    /// Write a part.
    Write { place: u32, bytes: Vec<u8> },
    /// All is written: it is to be kept.
    Finish,
    /// It is not needed any more.
    Close,
}

/// What has come of it.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) content: u32,
    pub(crate) outcome: Outcome,
}

#[derive(Debug)]
pub(crate) enum Outcome {
    Read { session: u32, place: u32, bytes: Vec<u8> },
    Written { length: u32 },
    Finished,
    Failed(String),
}

/// Reads parts until nothing more is asked for.
pub(crate) async fn read_parts<C: AsyncRead + AsyncSeek + Unpin>(
    mut content: C,
    mut work: mpsc::Receiver<Work>,
    done: mpsc::Sender<Done>,
) {
    while let Some(Work { content: number, step }) = work.recv().await {
        let Step::Read { session, place, length } = step else { continue };
        let outcome = match read(&mut content, place, length).await {
            Ok(bytes) => Outcome::Read { session, place, bytes },
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Outcome::Failed("the file became shorter meanwhile".to_owned())
            }
            Err(error) => Outcome::Failed(format!("the file cannot be read: {error}")),
        };
        // Without the participant nobody needs it.
        let _ = done.send(Done { content: number, outcome }).await;
    }
}

/// Writes parts until nothing more comes.
pub(crate) async fn write_parts<C: AsyncWrite + AsyncSeek + Unpin>(
    mut content: C,
    mut work: mpsc::Receiver<Work>,
    done: mpsc::Sender<Done>,
) {
    while let Some(Work { content: number, step }) = work.recv().await {
        let written = match &step {
            Step::Write { place, bytes } => write(&mut content, *place, bytes).await,
            Step::Finish => content.shutdown().await,
            Step::Read { .. } | Step::Close => continue,
        };
        let outcome = match (written, step) {
            (Err(error), _) => Outcome::Failed(format!("the file cannot be written: {error}")),
            (Ok(()), Step::Write { bytes, .. }) => {
                Outcome::Written { length: u32::try_from(bytes.len()).unwrap_or(u32::MAX) }
            }
            (Ok(()), _) => Outcome::Finished,
        };
        // Without the participant nobody needs it.
        let _ = done.send(Done { content: number, outcome }).await;
    }
}

async fn read<C: AsyncRead + AsyncSeek + Unpin>(
    content: &mut C,
    place: u32,
    length: u32,
) -> io::Result<Vec<u8>> {
    content.seek(SeekFrom::Start(place.into())).await?;
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
    content.read_exact(&mut bytes).await?;
    Ok(bytes)
}

async fn write<C: AsyncWrite + AsyncSeek + Unpin>(
    content: &mut C,
    place: u32,
    bytes: &[u8],
) -> io::Result<()> {
    content.seek(SeekFrom::Start(place.into())).await?;
    content.write_all(bytes).await
}
