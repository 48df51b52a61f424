//! The handle to a participant.

use std::io;
use std::time::Duration;

use allo_protocol::{
    AccessToken, ClientMessage, FileId, FileOffer, InstanceId, OwnerSecret, ParticipantId, ParticipantKey,
    Password, TopologyChoice,
};
use percent_encoding::percent_decode_str;
use str0m::config::DtlsCert;
use str0m::crypto::from_feature_flags;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncSeek, AsyncWrite};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use url::Url;

use super::call::CallOptions;
use super::contents::{Contents, DONE_MAX};
use super::driver::{Driver, Order};
use super::event::{Event, Report};
use super::reflexive::Reflexive;
use super::sockets::Sockets;
use crate::files::{Done, FileError, NewFile, WORK_MAX, read_parts, write_parts};
use crate::peer::Negotiation;
use crate::signaling::{SignalingError, SignalingOptions, SignalingSocket, Trust};

/// Orders that wait for the participant. Beyond it the caller waits.
const ORDERS_MAX: usize = 32;
/// Events that wait to be read. Beyond it they are left out and counted in the report.
const EVENTS_MAX: usize = 1024;

/// The most slots of a kind. With the lines that send, all of them fit into a session.
pub const SLOTS_MAX: usize = 15;
const AUDIO_SLOTS: usize = 4;
const VIDEO_SLOTS: usize = 9;
const TILE_HEIGHT: u16 = 360;

/// How to join a room.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// The address of the room, as one would open it in a browser.
    pub url: Url,
    /// The name to show to the others.
    pub display_name: String,
    /// Who this is. The same key again is the same participant.
    pub key: ParticipantKey,
    /// How many joins were made with this key before.
    pub attempts_before: u32,
    /// Which server certificates to accept.
    pub trust: Trust,
    /// How to negotiate links.
    pub negotiation: Negotiation,
    /// Whether video is sent at all; it is received in any case.
    pub sends_video: bool,
    /// Whether the microphone is on at first.
    pub mic: bool,
    /// Whether the camera is on at first.
    pub cam: bool,
    /// Which way media are to take, if this participant opens the room; otherwise the server chooses.
    pub topology: Option<TopologyChoice>,
    /// Makes whoever opens the room its owner, and so whoever shows it again.
    pub owner_secret: Option<OwnerSecret>,
    /// The room's password, if it has one.
    pub password: Option<Password>,
    /// The operator's password, for a server where not everyone may open rooms.
    pub opening_password: Option<Password>,
    /// Who this is and what they may do there, signed by a service that the operator trusts.
    pub token: Option<AccessToken>,
    /// How many voices can be received through the server at a time.
    pub audio_slots: usize,
    /// How many pictures can be received through the server at a time.
    pub video_slots: usize,
    /// How high pictures are to be, in pixels: the server chooses the simulcast layer by it.
    pub tile_height: u16,
    /// Whether to be reached at the loopback addresses too, by peers on this machine.
    pub with_loopback: bool,
    /// Whether media go by TCP alone, as where UDP is blocked. No direct link comes about then.
    pub only_tcp: bool,
}

impl ClientOptions {
    /// Joins the room at `url` as a new participant, with microphone and camera on.
    pub fn new(url: Url, display_name: impl Into<String>) -> Result<Self, ClientError> {
        Ok(Self {
            url,
            display_name: display_name.into(),
            key: new_key()?,
            attempts_before: 0,
            trust: Trust::System,
            negotiation: Negotiation::Perfect,
            sends_video: true,
            mic: true,
            cam: true,
            topology: None,
            owner_secret: None,
            password: None,
            opening_password: None,
            token: None,
            audio_slots: AUDIO_SLOTS,
            video_slots: VIDEO_SLOTS,
            tile_height: TILE_HEIGHT,
            with_loopback: false,
            only_tcp: false,
        })
    }
}

/// Makes the key of a new participant.
pub fn new_key() -> Result<ParticipantKey, ClientError> {
    random_bytes().map(ParticipantKey::from_bytes)
}

/// Makes the secret of a room that is to be opened.
pub fn new_owner_secret() -> Result<OwnerSecret, ClientError> {
    random_bytes().map(OwnerSecret::from_bytes)
}

/// A headless participant. It goes on by itself; dropping the handle ends it without a goodbye.
#[derive(Debug)]
pub struct WebRtcClient {
    orders: mpsc::Sender<Order>,
    events: mpsc::Receiver<Event>,
    /// To it is said what was read and written of files.
    done: mpsc::Sender<Done>,
    task: JoinHandle<()>,
}

impl WebRtcClient {
    /// Joins, and goes on joining for as long as it takes.
    pub async fn join(options: ClientOptions) -> Result<Self, ClientError> {
        let room = room_name(&options.url)?;
        let sockets =
            Sockets::open(options.with_loopback, options.only_tcp).await.map_err(ClientError::Addresses)?;
        let signaling = SignalingSocket::open(SignalingOptions {
            url: options.url,
            trust: options.trust,
            client: concat!("allo-client/", env!("CARGO_PKG_VERSION")).to_owned(),
            seed: u64::from_ne_bytes(random_bytes()?),
        })?;
        let call = CallOptions {
            room,
            display_name: options.display_name,
            key: options.key,
            instance: InstanceId::from_bytes(random_bytes()?),
            attempt: options.attempts_before,
            negotiation: options.negotiation,
            sends_video: options.sends_video,
            mic: options.mic,
            cam: options.cam && options.sends_video,
            topology: options.topology,
            owner_secret: options.owner_secret,
            password: options.password,
            opening_password: options.opening_password,
            token: options.token,
            audio_slots: options.audio_slots.min(SLOTS_MAX),
            video_slots: options.video_slots.min(SLOTS_MAX),
            tile_height: options.tile_height,
            only_tcp: options.only_tcp,
            certificate: certificate()?,
        };
        let reflexive = Reflexive::new(random_bytes()?);
        let (orders, orders_out) = mpsc::channel(ORDERS_MAX);
        let (events_in, events) = mpsc::channel(EVENTS_MAX);
        let (done, done_out) = mpsc::channel(DONE_MAX);
        let contents = Contents::new(done_out);
        let driver = Driver::new(call, signaling, sockets, contents, reflexive, orders_out, events_in);
        Ok(Self { orders, events, done, task: tokio::spawn(driver.run()) })
    }

    /// Returns the next event, or `None` after the end.
    pub async fn event(&mut self) -> Option<Event> {
        self.events.recv().await
    }

    /// Switches the microphone, and tells the others.
    pub async fn set_mic(&self, is_on: bool) {
        self.order(Order::SetMic(is_on)).await;
    }

    /// Switches the camera, and tells the others.
    pub async fn set_cam(&self, is_on: bool) {
        self.order(Order::SetCam(is_on)).await;
    }

    /// Says something in writing, to everyone or to one. [`Event::Chat`] comes when it has arrived.
    pub async fn chat(&self, to: Option<ParticipantId>, text: impl Into<String>) {
        self.say(ClientMessage::Chat { to, text: text.into() }).await;
    }

    /// Raises or lowers this participant's hand.
    pub async fn set_hand(&self, is_raised: bool) {
        self.say(if is_raised {
            ClientMessage::RaiseHand {}
        } else {
            ClientMessage::LowerHand { participant: None }
        })
        .await;
    }

    /// Lets somebody in who waits.
    pub async fn admit(&self, participant: ParticipantId) {
        self.say(ClientMessage::Admit { participant }).await;
    }

    /// Puts somebody out of the room.
    pub async fn remove(&self, participant: ParticipantId) {
        self.say(ClientMessage::Remove { participant }).await;
    }

    /// Offers a file to everyone or to one, and returns its number once the server has said it. Its bytes stay in `content` until somebody takes
    /// them, and each may be read more than once.
    ///
    /// [`Event::FileAccepted`], [`Event::FileProgressed`] and [`Event::FileEnded`] say how it goes.
    pub async fn offer_file<C>(&self, file: NewFile, content: C) -> Result<FileId, FileError>
    where
        C: AsyncRead + AsyncSeek + Send + Unpin + 'static,
    {
        let (work, work_out) = mpsc::channel(WORK_MAX);
        let (answer, answered) = oneshot::channel();
        tokio::spawn(read_parts(content, work_out, self.done.clone()));
        self.order(Order::OfferFile { file: Box::new(file), content: work, answer }).await;
        answered.await.unwrap_or(Err(FileError::NotInRoom))
    }

    /// Takes back a file that this participant offers: nobody gets any more of it.
    pub async fn withdraw_file(&self, file: FileId) {
        self.order(Order::WithdrawFile(file)).await;
    }

    /// Takes a file that came in [`Event::FilesOffered`], and writes its parts to `content` in the order in which they come: that is from anywhere,
    /// round and round.
    ///
    /// [`Event::FileSaved`] comes when all of it is written. [`Event::FileEnded`], [`Event::FileWithdrawn`] or [`Event::FileFailed`] comes
    /// when it is over before that: then `content` has gaps.
    pub async fn accept_file<C>(&self, offer: FileOffer, content: C) -> Result<(), FileError>
    where
        C: AsyncWrite + AsyncSeek + Send + Unpin + 'static,
    {
        let (work, work_out) = mpsc::channel(WORK_MAX);
        let (answer, answered) = oneshot::channel();
        tokio::spawn(write_parts(content, work_out, self.done.clone()));
        self.order(Order::AcceptFile { offer: Box::new(offer), content: work, answer }).await;
        answered.await.unwrap_or(Err(FileError::NotInRoom))
    }

    /// Takes a file no more.
    pub async fn cancel_file(&self, file: FileId) {
        self.order(Order::CancelFile(file)).await;
    }

    /// Says anything else that the protocol has about a meeting. What one may not say comes back as [`Event::Error`].
    ///
    /// It is dropped while this participant is not in the room. Joins, links and sessions are the client's own business: what is said about
    /// them here would disturb it.
    pub async fn say(&self, message: ClientMessage) {
        self.order(Order::Say(Box::new(message))).await;
    }

    /// Returns what was received and sent so far, or `None` after the end.
    pub async fn report(&self) -> Option<Report> {
        let (answer, report) = oneshot::channel();
        self.order(Order::Report(answer)).await;
        report.await.ok()
    }

    /// Says that the addresses of this machine changed: they are looked up again, and every link moves to them.
    ///
    /// A participant looks for itself when it loses the server or a peer; being told is seconds faster.
    pub async fn network_changed(&self) {
        self.order(Order::NetworkChanged).await;
    }

    /// Drops the connection to the server and stays away from it for a while. Media goes on.
    pub async fn cut(&self, duration: Duration) {
        self.order(Order::Cut(duration)).await;
    }

    /// Begins to leave the room. [`Event::Ended`] comes when the server knows.
    pub async fn start_leaving(&self) {
        self.order(Order::Leave).await;
    }

    /// Leaves the room, and returns when the server knows.
    pub async fn leave(mut self) {
        self.start_leaving().await;
        while self.events.recv().await.is_some() {}
    }

    async fn order(&self, order: Order) {
        // After the end there is nobody to obey, and nothing left to do.
        let _ = self.orders.send(order).await;
    }
}

impl Drop for WebRtcClient {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Why one cannot even try to join.
#[derive(Debug, Error)]
pub enum ClientError {
    /// The address does not name a room.
    #[error("the address names no room: it must look like https://example.org/room")]
    NoRoom,
    /// The connection to the server is impossible.
    #[error(transparent)]
    Signaling(#[from] SignalingError),
    /// The addresses of this machine cannot be found out.
    #[error("cannot find out the addresses of this machine")]
    Addresses(#[source] io::Error),
    /// The system gives no random bytes.
    #[error("the system gives no random bytes")]
    Random(#[source] getrandom::Error),
    /// No certificate could be made.
    #[error("cannot make a certificate")]
    Certificate,
}

/// The path of the address is the name of the room, as the page does it.
fn room_name(url: &Url) -> Result<String, ClientError> {
    let path = url.path().trim_matches('/');
    let room = percent_decode_str(path).decode_utf8().map_err(|_| ClientError::NoRoom)?;
    if room.is_empty() || room.contains('/') { Err(ClientError::NoRoom) } else { Ok(room.into_owned()) }
}

fn certificate() -> Result<DtlsCert, ClientError> {
    from_feature_flags().dtls_provider.generate_certificate().ok_or(ClientError::Certificate)
}

fn random_bytes<const N: usize>() -> Result<[u8; N], ClientError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(ClientError::Random)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_names_the_room() {
        for (url, room) in [
            ("https://localhost:8443/family", Some("family")),
            ("https://localhost/caf%C3%A9/", Some("café")),
            ("https://localhost", None),
            ("https://localhost/a/b", None),
        ] {
            assert_eq!(room_name(&url.parse().unwrap()).ok().as_deref(), room, "{url}");
        }
    }
}
