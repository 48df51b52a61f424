//! Connections that carry datagrams, each in a frame (RFC 4571, RFC 6544).

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpSocket;
use tokio::sync::mpsc;
use tracing::debug;

use super::sockets::{DATAGRAM_BYTES_MAX, Datagram};

/// Datagrams that wait for a connection. Beyond it they are lost.
const WAITING_MAX: usize = 64;

/// Connects in the background; what is put in is sent as soon as that is done. It is closed once the connection is.
pub(super) fn open(
    (source, destination): (SocketAddr, SocketAddr),
    received: mpsc::Sender<Datagram>,
) -> mpsc::Sender<Vec<u8>> {
    let (sender, to_send) = mpsc::channel(WAITING_MAX);
    tokio::spawn(async move {
        if let Err(error) = run(source, destination, to_send, received).await {
            debug!(%error, "a connection for media is over");
        }
    });
    sender
}

async fn run(
    source: SocketAddr,
    destination: SocketAddr,
    mut to_send: mpsc::Receiver<Vec<u8>>,
    received: mpsc::Sender<Datagram>,
) -> io::Result<()> {
    let socket = if source.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.bind(SocketAddr::new(source.ip(), 0))?;
    let stream = socket.connect(destination).await?;
    stream.set_nodelay(true)?;
    let (reader, mut writer) = stream.into_split();
    let read = read(BufReader::new(reader), source, destination, received);
    tokio::pin!(read);
    loop {
        tokio::select! {
            ended = &mut read => return ended,
            datagram = to_send.recv() => match datagram {
                Some(datagram) => writer.write_all(&frame(&datagram)).await?,
                None => return Ok(()),
            },
        }
    }
}

async fn read(
    mut reader: BufReader<impl tokio::io::AsyncRead + Unpin>,
    own: SocketAddr,
    source: SocketAddr,
    received: mpsc::Sender<Datagram>,
) -> io::Result<()> {
    loop {
        let length = usize::from(reader.read_u16().await?);
        if length > DATAGRAM_BYTES_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut bytes = vec![0; length];
        reader.read_exact(&mut bytes).await?;
        if received.send(Datagram { source, destination: own, bytes }).await.is_err() {
            return Ok(());
        }
    }
}

fn frame(datagram: &[u8]) -> Vec<u8> {
    let length = u16::try_from(datagram.len()).unwrap_or_default().to_be_bytes();
    [length.as_slice(), &datagram[..usize::from(u16::from_be_bytes(length))]].concat()
}
