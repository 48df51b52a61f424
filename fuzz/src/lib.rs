//! What must hold for any bytes that come from the network.
//!
//! Each target takes bytes and panics when something does not hold. `cargo fuzz` looks for such bytes; `corpus/` keeps those that
//! were worth keeping, and the ordinary tests replay them, with mutations.

#![allow(
    clippy::missing_panics_doc,
    reason = "a target panics when something does not hold: that is how it tells"
)]

mod turn;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use std::{env, fs, io};

use allo_protocol::ClientMessage;
use allo_room::{
    ConnectionId, DisplayName, IdentitySecret, MediaCommand, MediaEvent, Output, PasswordHash, RoomName,
    Rooms, RoomsConfig,
};
use allo_sfu::{
    Certificate, CredentialSeed, DependencyDescriptor, Offer, ParticipantId, PictureNumbers, Red, RoomId,
    Sfu, SfuConfig, Vp9Descriptor, renumber_dependency, renumber_vp9,
};

pub use turn::{routes, turn};

/// A target: a name, which is also its folder in `corpus/`, and what it calls.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: &[Target] = &[
    ("conversation", conversation),
    ("names", names),
    ("offer", offer),
    ("datagrams", datagrams),
    ("redundancy", redundancy),
    ("turn", turn),
    ("reports", reports),
    ("routes", routes),
    ("layers", layers),
    ("dependencies", dependencies),
];

/// Calls a target with the contents of the files that the program was given, to see again what fuzzing found.
pub fn replay(target: fn(&[u8])) -> io::Result<()> {
    env::args_os().skip(1).try_for_each(|path| fs::read(path).map(|bytes| target(&bytes)))
}

/// An offer as a browser makes it, with a microphone, a camera in three layers, and a slot of each kind.
pub const OFFER: &str = include_str!("../corpus/offer/browser");

const SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 8443);

/// Each line is a message on one of four connections, by its first character; the rest of it is the text. A line that is no
/// message passes time. Whoever is let in, and whatever is said: nothing panics, and messages read back as they were written.
pub fn conversation(bytes: &[u8]) {
    let mut now = start();
    let config = RoomsConfig { has_media: true, ..RoomsConfig::default() };
    let mut rooms = Rooms::new(config, &IdentitySecret::new([7; 32]), [7; 32]);
    (0..4).for_each(|n| rooms.handle_open(now, ConnectionId(n), Ipv4Addr::LOCALHOST.into()));
    for line in bytes.split(|byte| *byte == b'\n').take(256) {
        let Some((who, text)) = line.split_first() else { continue };
        match serde_json::from_slice::<ClientMessage>(text) {
            Ok(message) => {
                let again = serde_json::to_vec(&message).expect("a message has text keys only");
                assert_eq!(serde_json::from_slice::<ClientMessage>(&again).ok().as_ref(), Some(&message));
                rooms.handle_message(now, ConnectionId(u64::from(*who % 4)), message);
            }
            Err(_) => now += Duration::from_millis(u64::from(*who) * 50),
        }
        rooms.handle_timeout(now);
        drain(now, &mut rooms);
    }
    (0..4).for_each(|n| rooms.handle_close(now, ConnectionId(n), None));
    now += Duration::from_mins(5);
    while let Some(due) = rooms.poll_timeout().filter(|due| *due <= now) {
        rooms.handle_timeout(due);
        drain(due, &mut rooms);
    }
    assert_eq!(rooms.counts(), allo_room::Counts::default(), "nothing is left when all are gone");
}

/// Does what the rooms say, as a media plane that accepts everything.
fn drain(now: Instant, rooms: &mut Rooms) {
    while let Some(output) = rooms.poll_output() {
        match output {
            Output::Media(MediaCommand::Connect { key, .. }) => {
                let answered = MediaEvent::Answered { key, sdp: String::new() };
                rooms.handle_media(now, vec![answered, MediaEvent::Connected(key)]);
            }
            Output::HashPassword { check, password } => {
                rooms.handle_hash(check, Some(PasswordHash(password.0)));
            }
            Output::CheckPassword { check, password, hash } => {
                rooms.handle_verdict(now, check, Some(hash.is_some_and(|hash| password.0 == hash.0)));
            }
            Output::Media(_) | Output::Message { .. } | Output::Close { .. } | Output::Keep { .. } => {}
        }
    }
}

/// A name that is accepted is its own normal form, and is not longer than allowed.
pub fn names(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(name) = RoomName::parse(&text, 128) {
        assert!(name.as_str().len() <= 128);
        assert_eq!(RoomName::parse(name.as_str(), 128).ok().as_ref(), Some(&name));
    }
    if let Ok(name) = DisplayName::parse(&text, 64) {
        assert_eq!(DisplayName::parse(name.as_str(), 64).ok().as_ref(), Some(&name));
    }
}

/// An offer that is refused costs nothing; one that is accepted is answered, by the strict look at it and by the engine.
pub fn offer(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    if Offer::parse(text).is_err() {
        return;
    }
    let mut sfu = sfu();
    let now = start();
    // The engine may refuse what the strict look let through.
    let _refused = sfu.connect(now, ParticipantId(1), RoomId(1), text);
    let _refused = sfu.connect(now, ParticipantId(1), RoomId(1), text);
    settle(now, &mut sfu);
    sfu.disconnect(now, ParticipantId(1));
    settle(now, &mut sfu);
}

/// Datagrams, each with a length of two bytes and the last byte of its source before it, to a worker with one participant. None is
/// answered by more than it has itself, unless it proves that it knows the participant's password: which a fuzzer does not.
pub fn datagrams(bytes: &[u8]) {
    let mut now = start();
    let mut sfu = sfu();
    let answer = sfu.connect(now, ParticipantId(1), RoomId(1), OFFER);
    assert!(answer.is_ok(), "{answer:?}");
    settle(now, &mut sfu);
    let mut rest = bytes;
    for _ in 0..64 {
        let Some(([high, low, from], after)) = rest.split_first_chunk::<3>() else { break };
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(after.len());
        let (datagram, after) = after.split_at(length);
        let source = SocketAddr::from(([192, 0, 2, *from], 40_000));
        let _worker = allo_sfu::worker_of(datagram);
        sfu.handle_datagram(now, source, SERVER, datagram);
        assert!(settle(now, &mut sfu) <= datagram.len(), "nothing is amplified");
        now += Duration::from_millis(u64::from(*from));
        sfu.handle_timeout(now);
        settle(now, &mut sfu);
        rest = after;
    }
}

/// The frames of a redundant payload lie in it, one after the other to its end, and make a payload again that reads the same.
pub fn redundancy(bytes: &[u8]) {
    let Some(Red { pt, primary, previous }) = Red::parse(bytes) else { return };
    assert!(pt < 0x80 && primary.start < primary.end && primary.end == bytes.len());
    let Some(previous) = previous else { return };
    assert!(0 < previous.block.start && previous.block.start < previous.block.end);
    assert_eq!(previous.block.end, primary.start);
    let (newest, before) = (&bytes[primary], &bytes[previous.block]);
    let again = Red::compose(pt, newest, before, previous.age.into()).expect("it had room before");
    let red = Red::parse(&again).expect("it was made so");
    let block = red.previous.expect("it was made of two frames").block;
    assert_eq!((&again[red.primary], &again[block]), (newest, before));
}

/// A descriptor of VP9 takes other numbers, and says the same but for these; one that is cut off is left as it is.
pub fn layers(bytes: &[u8]) {
    let numbers = PictureNumbers { picture_id: 0x1234, tl0_pic_idx: 0x56 };
    let mut again = bytes.to_vec();
    renumber_vp9(&mut again, numbers);
    let Some(before) = Vp9Descriptor::parse(bytes) else {
        assert_eq!(again, bytes, "nothing is written where nothing could be read");
        return;
    };
    assert!(before.structure.is_none_or(|it| (1..=8).contains(&it.heights().len())));
    let after = Vp9Descriptor::parse(&again).expect("it could be read before");
    assert!(after.picture_id.is_none_or(|id| id == 0x1234 || id == 0x34));
    assert!(after.tl0_pic_idx.is_none_or(|index| index == 0x56));
    assert_eq!(
        Vp9Descriptor { picture_id: before.picture_id, tl0_pic_idx: before.tl0_pic_idx, ..after },
        before
    );
}

/// Dependency descriptors of AV1, each with its length before it, of one stream. What could be read can be read when it has another number.
pub fn dependencies(bytes: &[u8]) {
    let mut templates = None;
    let mut rest = bytes;
    while let Some((length, after)) = rest.split_first() {
        let (descriptor, after) = after.split_at(after.len().min(usize::from(*length)));
        rest = after;
        let before = DependencyDescriptor::parse(descriptor, templates.as_ref());
        let mut again = descriptor.to_vec();
        renumber_dependency(&mut again, 0x1234);
        let after = DependencyDescriptor::parse(&again, templates.as_ref());
        let numbered = before.clone().map(|before| DependencyDescriptor { frame: 0x1234, ..before });
        assert_eq!(after, numbered);
        let Ok(read) = before else { continue };
        assert!(read.spatial < 8 && (!read.begins_keyframe() || read.begins_layer));
        templates = read.templates.or(templates);
    }
}

/// Reports of who receives media, each with a length of two bytes before it. They make nobody send much more than was sent before.
pub fn reports(bytes: &[u8]) {
    let again = allo_sfu::hear_reports(start(), bytes);
    assert!(again < 200_000, "{again} bytes for {}", bytes.len());
}

/// Takes all that a worker has to say. Returns how many bytes it would send.
fn settle(_now: Instant, sfu: &mut Sfu) -> usize {
    let sent =
        std::iter::from_fn(|| sfu.poll_transmit()).map(|transmit| transmit.train.contents().len()).sum();
    while sfu.poll_event().is_some() {}
    sent
}

fn sfu() -> Sfu {
    static CERTIFICATE: OnceLock<Certificate> = OnceLock::new();
    let certificate = CERTIFICATE.get_or_init(|| Certificate::generate().expect("the system has randomness"));
    let seed = CredentialSeed::new([7; 32]);
    Sfu::new(start(), SfuConfig::new(certificate.clone(), vec![SERVER], seed))
}

/// Virtual time begins when the program does.
fn start() -> Instant {
    static START: OnceLock<Instant> = OnceLock::new();
    *START.get_or_init(Instant::now)
}
