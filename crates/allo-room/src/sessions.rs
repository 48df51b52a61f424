//! The media sessions of a room: whose they are, what they send, and what is to be told about them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use allo_protocol::{
    Demand, ErrorCode, MediaCondition, MediaSession, MediaTrack, ParticipantId, ServerMessage, Slot, Source,
    Tile, VideoCodec,
};

use crate::condition::Condition;
use crate::media::{MediaCommand, MediaEvent, MediaKey, MediaRoom, MediaTrackId, Picture};
use crate::refusal::Refusal;
use crate::token_bucket::TokenBucket;

/// Offers of one participant: so many at once, and one a second for long. Beyond: refused. An offer costs more than any other message.
const OFFER_BURST: u32 = 10;

/// Tracks of one session. Beyond: refused.
pub(crate) const TRACKS_MAX: usize = 6;

/// Lines of one session, those that receive included. The media plane refuses more.
pub(crate) const LINES_MAX: usize = 32;

/// The longest `mid`, in bytes. A longer one is refused.
const MID_BYTES: usize = 16;

/// Pictures that one participant may wish for. More are not looked at.
const TILES_MAX: usize = 64;

/// The shortest time between two words about who speaks.
///
/// Lower: signs of speech come sooner. Higher: big rooms cost less.
const SPEAKERS_INTERVAL: Duration = Duration::from_millis(200);

/// The sessions of a room.
#[derive(Debug)]
pub(crate) struct Sessions {
    room: MediaRoom,
    /// One for each member; gone with the member.
    people: BTreeMap<ParticipantId, Person>,
    speaking: BTreeSet<ParticipantId>,
    active: Option<ParticipantId>,
    /// Tracks that somebody would see if they were encoded otherwise, as their publishers know it.
    undecodable: BTreeSet<MediaTrackId>,
    is_undecodable_changed: bool,
    /// Before that, who speaks is not told again.
    speakers_at: Instant,
    are_speakers_changed: bool,
}

#[derive(Debug)]
struct Person {
    offers: TokenBucket,
    /// The highest number seen: a lower one is of a session that was replaced.
    last: Option<MediaSession>,
    session: Option<Session>,
    subscription: Option<Subscription>,
    /// What is not to be forwarded, whatever comes.
    withheld: BTreeSet<Source>,
    condition: Condition,
}

#[derive(Debug, Clone)]
struct Subscription {
    tiles: Vec<Tile>,
    audio: bool,
}

#[derive(Debug)]
struct Session {
    key: MediaKey,
    number: MediaSession,
    tracks: Vec<MediaTrack>,
    /// Whether the offer was accepted.
    is_answered: bool,
    /// Whether media can flow.
    is_alive: bool,
    slots: BTreeMap<String, Carried>,
    demand: BTreeMap<String, u8>,
    are_slots_changed: bool,
    is_demand_changed: bool,
}

#[derive(Debug)]
struct Carried {
    track: MediaTrackId,
    layer: Option<u8>,
    is_paused: bool,
    /// How it is encoded, if the slot cannot carry it.
    undecodable: Option<VideoCodec>,
}

/// An offer, as it comes from a client.
#[derive(Debug)]
pub(crate) struct MediaOffer {
    pub(crate) session: MediaSession,
    pub(crate) sdp: String,
    pub(crate) tracks: Vec<MediaTrack>,
}

/// What an offer comes to.
#[derive(Debug)]
pub(crate) struct Offered {
    pub(crate) key: MediaKey,
    /// The session that it replaces.
    pub(crate) replaced: Option<MediaKey>,
    pub(crate) commands: Vec<MediaCommand>,
}

impl Sessions {
    pub(crate) fn new(now: Instant, room: MediaRoom) -> Self {
        Self {
            room,
            people: BTreeMap::new(),
            speaking: BTreeSet::new(),
            active: None,
            undecodable: BTreeSet::new(),
            is_undecodable_changed: false,
            speakers_at: now,
            are_speakers_changed: false,
        }
    }

    /// Returns what the media plane calls the room.
    pub(crate) fn room(&self) -> MediaRoom {
        self.room
    }

    /// Takes an offer. `fresh` is the key of the session if it is a new one. `None`: it is out of date.
    pub(crate) fn offer(
        &mut self,
        now: Instant,
        id: &ParticipantId,
        offer: MediaOffer,
        fresh: MediaKey,
    ) -> Result<Option<Offered>, Refusal> {
        let MediaOffer { session: number, sdp, tracks } = offer;
        check(&tracks)?;
        let person = self.people.entry(id.clone()).or_default();
        if person.last.is_some_and(|last| number < last) {
            return Ok(None);
        }
        if !person.offers.take(now) {
            return Err(Refusal::TooManyOffers);
        }
        let replaced = match &mut person.session {
            Some(session) if session.number == number => {
                session.tracks = tracks;
                None
            }
            session => {
                person.condition.waits(now, MediaCondition::Late);
                session.replace(Session::new(fresh, number, tracks)).map(|before| before.key)
            }
        };
        person.last = Some(number);
        let key = person.session.as_ref().map_or(fresh, |session| session.key);
        let mut commands = vec![MediaCommand::Connect { room: self.room, key, sdp }];
        commands.extend(person.withheld.iter().filter_map(|source| person.mute_command(*source)));
        commands.extend(self.subscribe_command(id));
        let interested = |(other, person): (&ParticipantId, &Person)| {
            let tiles = person.subscription.iter().flat_map(|subscription| &subscription.tiles);
            (other != id && tiles.into_iter().any(|tile| tile.participant == *id)).then(|| other.clone())
        };
        let interested: Vec<_> = self.people.iter().filter_map(interested).collect();
        commands.extend(interested.iter().filter_map(|other| self.subscribe_command(other)));
        Ok(Some(Offered { key, replaced, commands }))
    }

    /// Takes what a participant wants to receive.
    pub(crate) fn subscribe(
        &mut self,
        id: &ParticipantId,
        mut tiles: Vec<Tile>,
        audio: bool,
    ) -> Option<MediaCommand> {
        tiles.truncate(TILES_MAX);
        self.people.entry(id.clone()).or_default().subscription = Some(Subscription { tiles, audio });
        self.subscribe_command(id)
    }

    /// Records what of a participant is not to be forwarded, whatever comes.
    pub(crate) fn withhold(&mut self, id: &ParticipantId, withheld: BTreeSet<Source>) -> Vec<MediaCommand> {
        let person = self.people.entry(id.clone()).or_default();
        let before = std::mem::replace(&mut person.withheld, withheld);
        let changed = before.symmetric_difference(&person.withheld);
        changed.filter_map(|source| person.mute_command(*source)).collect()
    }

    /// Ends the session of a participant, who may make another one. Returns its key.
    pub(crate) fn end(&mut self, id: &ParticipantId) -> Option<MediaKey> {
        let ended = self.people.get_mut(id)?.session.take();
        self.hush(id);
        ended.map(|session| session.key)
    }

    /// Forgets a participant, with all that they said. Returns the key of the session that ends with that.
    pub(crate) fn remove(&mut self, id: &ParticipantId) -> Option<MediaKey> {
        let ended = self.end(id);
        self.people.remove(id);
        if self.active.as_ref() == Some(id) {
            self.active = None;
            self.are_speakers_changed = true;
        }
        ended
    }

    /// Returns what the media plane calls the session of a participant.
    pub(crate) fn key(&self, id: &ParticipantId) -> Option<MediaKey> {
        self.session(id).map(|session| session.key)
    }

    /// Returns whether media come from a participant.
    pub(crate) fn is_alive(&self, id: &ParticipantId) -> bool {
        self.session(id).is_some_and(|session| session.is_alive)
    }

    /// Takes what happened to a participant's session. Returns what they are told at once.
    pub(crate) fn handle(
        &mut self,
        now: Instant,
        id: &ParticipantId,
        event: MediaEvent,
    ) -> Option<ServerMessage> {
        match &event {
            MediaEvent::Speaking { track, is_speaking } if self.is_voice(id, track) => {
                if *is_speaking {
                    self.are_speakers_changed |= self.speaking.insert(id.clone());
                } else {
                    self.hush(id);
                }
            }
            MediaEvent::ActiveSpeaker(track) if self.is_voice(id, track) => {
                self.are_speakers_changed |= self.active.replace(id.clone()).as_ref() != Some(id);
            }
            _ => {}
        }
        let Person { session, condition, .. } = self.people.get_mut(id)?;
        let session = session.as_mut()?;
        match event {
            MediaEvent::Answered { sdp, .. } => {
                session.is_answered = true;
                return Some(ServerMessage::MediaAnswer { session: session.number, sdp });
            }
            MediaEvent::Refused { code, text, .. } => {
                condition.waits(now, MediaCondition::Refused);
                return Some(session.closed(code, text));
            }
            MediaEvent::Closed { code, .. } => {
                condition.waits(now, MediaCondition::Silent);
                return Some(session.closed(code, reason(code).to_owned()));
            }
            MediaEvent::Connected(_) => {
                session.is_alive = true;
                condition.flows();
            }
            MediaEvent::Silent(_) => {
                session.is_alive = false;
                condition.fails(now, MediaCondition::Silent);
            }
            MediaEvent::SlotAssigned { mid, track, .. } => {
                session.slots.insert(mid, Carried::new(track));
                session.are_slots_changed = true;
            }
            MediaEvent::SlotEmptied { mid, .. } => {
                session.are_slots_changed |= session.slots.remove(&mid).is_some();
            }
            MediaEvent::LayerSwitched { track, layer, .. } => {
                session.change_slot(&track, |slot| slot.layer = Some(layer));
            }
            MediaEvent::Paused { track, is_paused, .. } => {
                session.change_slot(&track, |slot| slot.is_paused = is_paused);
            }
            MediaEvent::Undecodable { track, codec, .. } => {
                session.change_slot(&track, |slot| (slot.undecodable, slot.layer) = (codec, None));
                self.is_undecodable_changed = true;
            }
            MediaEvent::Demand { track, layers } => {
                session.demand.insert(track.mid, layers);
                session.is_demand_changed = true;
            }
            MediaEvent::Relayed { .. }
            | MediaEvent::Speaking { .. }
            | MediaEvent::ActiveSpeaker(_)
            | MediaEvent::FileStopped { .. } => {}
        }
        None
    }

    /// Takes a participant's word about the way of their session.
    pub(crate) fn set_blocked(
        &mut self,
        now: Instant,
        id: &ParticipantId,
        number: MediaSession,
        is_blocked: bool,
    ) {
        let Some(Person { session, condition, .. }) = self.people.get_mut(id) else { return };
        match session {
            Some(session) if session.number == number && is_blocked => {
                condition.fails(now, MediaCondition::Blocked);
            }
            Some(session) if session.number == number => condition.unblocked(now, session.is_alive),
            _ => {}
        }
    }

    /// Returns what the others were told of how somebody's media fare.
    pub(crate) fn condition(&self, id: &ParticipantId) -> MediaCondition {
        self.people.get(id).map(|person| person.condition.told()).unwrap_or_default()
    }

    /// Forgets how the media fared of a client that is no more.
    pub(crate) fn forget_condition(&mut self, id: &ParticipantId) {
        if let Some(person) = self.people.get_mut(id) {
            person.condition = Condition::default();
        }
    }

    /// Returns those of whom the others are to be told something else than before.
    pub(crate) fn settle_conditions(&mut self, now: Instant) -> Vec<ParticipantId> {
        let changed =
            |(id, person): (&ParticipantId, &mut Person)| person.condition.settle(now).then(|| id.clone());
        self.people.iter_mut().filter_map(changed).collect()
    }

    /// Returns when there is something to tell about how media fare.
    pub(crate) fn conditions_due(&self) -> Option<Instant> {
        self.people.values().filter_map(|person| person.condition.due()).min()
    }

    /// Returns what a participant who comes back is to know of their session.
    pub(crate) fn describe(&self, id: &ParticipantId) -> Vec<ServerMessage> {
        let Some(session) = self.session(id).filter(|session| session.is_answered) else { return Vec::new() };
        vec![self.slots(session), self.demand(session), self.speakers()]
    }

    /// Takes out the news about sessions, and for whom they are.
    pub(crate) fn take_news(&mut self) -> Vec<(ParticipantId, ServerMessage)> {
        self.review_undecodable();
        let mut news = Vec::new();
        for (id, person) in &self.people {
            let Some(session) = &person.session else { continue };
            news.extend(session.are_slots_changed.then(|| (id.clone(), self.slots(session))));
            news.extend(session.is_demand_changed.then(|| (id.clone(), self.demand(session))));
        }
        for session in self.people.values_mut().filter_map(|person| person.session.as_mut()) {
            session.are_slots_changed = false;
            session.is_demand_changed = false;
        }
        news
    }

    /// Looks whose tracks are encoded so that somebody does not see them. There are seldom any.
    fn review_undecodable(&mut self) {
        if !self.is_undecodable_changed && self.undecodable.is_empty() {
            return;
        }
        self.is_undecodable_changed = false;
        let sessions = self.people.values().filter_map(|person| person.session.as_ref());
        let slots = sessions.flat_map(|session| session.slots.values());
        let undecodable: BTreeSet<_> =
            slots.filter(|slot| slot.undecodable.is_some()).map(|slot| slot.track.clone()).collect();
        let changed: BTreeSet<_> = undecodable.symmetric_difference(&self.undecodable).cloned().collect();
        for session in self.people.values_mut().filter_map(|person| person.session.as_mut()) {
            session.is_demand_changed |= changed.iter().any(|track| track.publisher == session.key);
        }
        self.undecodable = undecodable;
    }

    /// Takes out the news about who speaks, if there is any and it is time to tell them.
    pub(crate) fn take_speakers(&mut self, now: Instant) -> Option<ServerMessage> {
        if self.speakers_due()? > now {
            return None;
        }
        self.speakers_at = now + SPEAKERS_INTERVAL;
        self.are_speakers_changed = false;
        Some(self.speakers())
    }

    /// Returns when there is something to tell about who speaks.
    pub(crate) fn speakers_due(&self) -> Option<Instant> {
        self.are_speakers_changed.then_some(self.speakers_at)
    }

    fn session(&self, id: &ParticipantId) -> Option<&Session> {
        self.people.get(id)?.session.as_ref()
    }

    /// Returns whether a track is somebody's microphone: whoever shares a film does not speak.
    fn is_voice(&self, id: &ParticipantId, track: &MediaTrackId) -> bool {
        let session = self.session(id).filter(|session| session.key == track.publisher);
        let of_line = session.and_then(|session| session.tracks.iter().find(|own| own.mid == track.mid));
        of_line.is_some_and(|own| own.source == Source::Mic)
    }

    fn hush(&mut self, id: &ParticipantId) {
        self.are_speakers_changed |= self.speaking.remove(id);
    }

    fn subscribe_command(&self, id: &ParticipantId) -> Option<MediaCommand> {
        let person = self.people.get(id)?;
        let key = person.session.as_ref()?.key;
        let Subscription { tiles, audio } = person.subscription.as_ref()?;
        let pictures = tiles.iter().filter_map(|tile| self.picture(tile)).collect();
        Some(MediaCommand::Subscribe { key, pictures: Some(pictures), audio: *audio })
    }

    fn picture(&self, tile: &Tile) -> Option<Picture> {
        let session = self.session(&tile.participant)?;
        let track = session.tracks.iter().find(|track| track.source == tile.source)?;
        let track = MediaTrackId { publisher: session.key, mid: track.mid.clone() };
        Some(Picture { track, height: tile.height })
    }

    fn slots(&self, session: &Session) -> ServerMessage {
        let slot = |(mid, carried): (&String, &Carried)| {
            let (participant, source) = self.origin(&carried.track)?;
            let Carried { layer, is_paused, undecodable, .. } = *carried;
            Some(Slot { mid: mid.clone(), participant, source, layer, paused: is_paused, undecodable })
        };
        let slots = session.slots.iter().filter_map(slot).collect();
        ServerMessage::Slots { session: session.number, slots }
    }

    fn demand(&self, session: &Session) -> ServerMessage {
        let is_undecodable =
            |mid: &String| self.undecodable.iter().any(|it| it.publisher == session.key && it.mid == *mid);
        let wanted = session.demand.iter().filter(|(_, layers)| **layers > 0);
        let tracks = wanted
            .map(|(mid, layers)| Demand {
                mid: mid.clone(),
                layers: *layers,
                undecodable: is_undecodable(mid),
            })
            .collect();
        ServerMessage::Demand { session: session.number, tracks }
    }

    fn origin(&self, track: &MediaTrackId) -> Option<(ParticipantId, Source)> {
        self.people.iter().find_map(|(id, person)| {
            let session = person.session.as_ref().filter(|session| session.key == track.publisher)?;
            let of_line = session.tracks.iter().find(|of_line| of_line.mid == track.mid)?;
            Some((id.clone(), of_line.source))
        })
    }

    fn speakers(&self) -> ServerMessage {
        let speaking = self.speaking.iter().cloned().collect();
        ServerMessage::Speakers { active: self.active.clone(), speaking }
    }
}

impl Default for Person {
    fn default() -> Self {
        let offers = TokenBucket::new(1, OFFER_BURST);
        Self {
            offers,
            last: None,
            session: None,
            subscription: None,
            withheld: BTreeSet::new(),
            condition: Condition::default(),
        }
    }
}

impl Person {
    fn mute_command(&self, source: Source) -> Option<MediaCommand> {
        let session = self.session.as_ref()?;
        let track = session.tracks.iter().find(|track| track.source == source)?;
        let track = MediaTrackId { publisher: session.key, mid: track.mid.clone() };
        Some(MediaCommand::Mute { track, is_muted: self.withheld.contains(&source) })
    }
}

impl Carried {
    fn new(track: MediaTrackId) -> Self {
        Self { track, layer: None, is_paused: false, undecodable: None }
    }
}

impl Session {
    fn new(key: MediaKey, number: MediaSession, tracks: Vec<MediaTrack>) -> Self {
        Self {
            key,
            number,
            tracks,
            is_answered: false,
            is_alive: false,
            slots: BTreeMap::new(),
            demand: BTreeMap::new(),
            are_slots_changed: false,
            is_demand_changed: false,
        }
    }

    fn change_slot(&mut self, track: &MediaTrackId, change: impl FnOnce(&mut Carried)) {
        if let Some(slot) = self.slots.values_mut().find(|slot| slot.track == *track) {
            change(slot);
            self.are_slots_changed = true;
        }
    }

    fn closed(&self, code: ErrorCode, text: String) -> ServerMessage {
        ServerMessage::MediaClosed { session: self.number, code, text }
    }
}

fn reason(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::MediaLost => "Nothing was heard from you for too long.",
        _ => "The server had a fault in this session.",
    }
}

/// Looks at what an offer says about its tracks.
fn check(tracks: &[MediaTrack]) -> Result<(), Refusal> {
    let is_mid =
        |mid: &str| (1..=MID_BYTES).contains(&mid.len()) && mid.bytes().all(|b| b.is_ascii_alphanumeric());
    let mids: BTreeSet<_> = tracks.iter().map(|track| &track.mid).collect();
    let sources: BTreeSet<_> = tracks.iter().map(|track| track.source).collect();
    let is_each_once = mids.len() == tracks.len() && sources.len() == tracks.len();
    let is_good = tracks.len() <= TRACKS_MAX && is_each_once && tracks.iter().all(|track| is_mid(&track.mid));
    if is_good { Ok(()) } else { Err(Refusal::BadTracks) }
}
