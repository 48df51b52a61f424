//! One room: who is in it, in which version, and which link joins which two.

mod entry;
mod files;
mod moderation;
mod talk;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use allo_protocol::{
    FileOutcome, InstanceId, LeaveReason, LinkId, MediaSession, Participant, ParticipantId, ParticipantKey,
    Password, Role, ServerMessage, Tile, Topology, TopologyChoice,
};

use crate::chat::History;
use crate::connection::Seat;
use crate::files::Files;
use crate::links::Links;
use crate::media::{MediaEvent, MediaKey};
use crate::output::Outputs;
use crate::participant::{DeviceChange, Devices, Lease, Member, Presence};
use crate::record::{OwnerProof, PasswordHash, Proofs, RoomRecord};
use crate::refusal::Refusal;
use crate::sessions::{MediaOffer, Offered, Sessions};
use crate::topology::Way;
use crate::waiting::Waiting;
use crate::{CheckId, ConnectionId, DisplayName, RoomName, RoomsConfig};

pub(crate) use entry::Entry;
pub(crate) use moderation::{PutOut, RoomChange};

/// Who joins, and as what.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) connection: ConnectionId,
    pub(crate) key: ParticipantKey,
    pub(crate) instance: InstanceId,
    pub(crate) attempt: u32,
    pub(crate) name: DisplayName,
    pub(crate) devices: Devices,
    pub(crate) topology: Option<TopologyChoice>,
    pub(crate) from: IpAddr,
    pub(crate) proofs: Proofs,
    pub(crate) has_signed_in: bool,
    pub(crate) password: Option<Password>,
    pub(crate) opening_password: Option<Password>,
    /// What their access token gives them, or why it gives nothing.
    pub(crate) grant: Option<Result<Grant, Refusal>>,
    /// Whether they have paid for this attempt.
    pub(crate) is_counted: bool,
    /// The hash that their password was found to fit.
    pub(crate) fits: Option<PasswordHash>,
}

/// What an access token gives somebody.
#[derive(Debug, Clone)]
pub(crate) struct Grant {
    pub(crate) name: Option<DisplayName>,
    pub(crate) role: Role,
    /// Stands for the owner's secret of a room that is made owned by this: nobody has it.
    pub(crate) unowned: OwnerProof,
}

impl Arrival {
    /// Returns what a good access token gives.
    pub(crate) fn granted(&self) -> Option<&Grant> {
        self.grant.as_ref()?.as_ref().ok()
    }
}

/// A room. It exists as long as it has a member, or someone who waits to be one.
#[derive(Debug)]
pub(crate) struct Room {
    name: RoomName,
    /// Who opened it, for the bound on rooms of one address.
    pub(crate) opened_from: IpAddr,
    version: u32,
    /// In the order of arrival. At most as many as [`RoomsConfig::places`] says.
    members: Vec<Member>,
    links: Links,
    way: Way,
    media: Sessions,
    /// Who may come through the TURN server: all members, where sessions can be.
    relayed: BTreeMap<ParticipantId, MediaKey>,
    /// When their credentials are renewed, all at once.
    relays_at: Option<Instant>,
    /// What outlives the meeting; `None` in a room without an owner, where nobody has power over anybody.
    record: Option<RoomRecord>,
    waiting: Waiting,
    history: History,
    files: Files,
    last_hand: u32,
    spotlight: Option<ParticipantId>,
    /// The new password that is being hashed.
    hashing: Option<CheckId>,
    /// How many it holds by the configuration.
    places: u32,
}

impl Room {
    pub(crate) fn new(
        name: RoomName,
        opened_from: IpAddr,
        way: Way,
        links: Links,
        media: Sessions,
        record: Option<RoomRecord>,
        places: u32,
    ) -> Self {
        Self {
            places,
            record,
            waiting: Waiting::default(),
            history: History::default(),
            files: Files::default(),
            last_hand: 0,
            spotlight: None,
            hashing: None,
            name,
            opened_from,
            version: 0,
            members: Vec::new(),
            links,
            way,
            media,
            relayed: BTreeMap::new(),
            relays_at: None,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty() && self.waiting.is_empty()
    }

    /// Returns what is to be kept of a room that closes.
    pub(crate) fn into_record(self) -> Option<RoomRecord> {
        self.record
    }

    pub(crate) fn record(&self) -> Option<&RoomRecord> {
        self.record.as_ref()
    }

    /// Has what outlives the room kept, as it is now.
    fn keep_record(&self, out: &mut Outputs) {
        if let Some(record) = &self.record {
            out.keep(self.name.clone(), Some(record.clone()));
        }
    }

    pub(crate) fn find_by_key(&self, key: &ParticipantKey) -> Option<&Member> {
        self.members.iter().find(|member| member.key == *key)
    }

    pub(crate) fn contains(&self, id: &ParticipantId) -> bool {
        self.find(id).is_some()
    }

    pub(crate) fn find(&self, id: &ParticipantId) -> Option<&Member> {
        self.members.iter().find(|member| member.id == *id)
    }

    fn find_mut(&mut self, id: &ParticipantId) -> Option<&mut Member> {
        self.members.iter_mut().find(|member| member.id == *id)
    }

    /// Lets a newcomer in.
    pub(crate) fn enter(
        &mut self,
        now: Instant,
        id: &ParticipantId,
        arrival: &Arrival,
        config: &RoomsConfig,
        out: &mut Outputs,
    ) {
        let connection = arrival.connection;
        let name = self.name_of(id, arrival.name.clone());
        let mut member = Member::new(id.clone(), name, arrival);
        member.devices.limit(self.may_publish(id));
        self.members.push(member);
        self.yield_screen(id);
        self.settle_media(id, out);
        self.tell_joined(id, out);
        self.settle_way(now, Some(connection), config, out);
        self.tell_everything(now, id, false, out);
        self.tell_turned_off(id, out);
        self.renew_links(id, out);
        self.greet_all(id, out);
    }

    /// Gives a member a new connection in place of the one that they had or had lost.
    pub(crate) fn attach(&mut self, now: Instant, id: &ParticipantId, arrival: &Arrival, out: &mut Outputs) {
        let before = self.describe(id);
        self.prove_owner(id, &arrival.proofs, out);
        self.use_grant(id, arrival.granted(), out);
        let name = self.name_of(id, arrival.name.clone());
        let may = self.may_publish(id);
        let Some(member) = self.find_mut(id) else { return };
        let is_same_instance = member.instance == arrival.instance;
        let was_sharing = is_same_instance && member.devices.screen;
        member.attach(name, arrival);
        member.devices.limit(may);
        if !was_sharing {
            self.yield_screen(id);
        }
        if !is_same_instance {
            self.media.forget_condition(id);
            self.forget_files(id, out);
        }
        if self.describe(id) != before {
            self.tell_updated(id, Some(arrival.connection), out);
        }
        self.tell_everything(now, id, true, out);
        self.tell_turned_off(id, out);
        if is_same_instance {
            self.media.describe(id).into_iter().for_each(|news| out.message(arrival.connection, news));
        } else {
            self.media.remove(id).into_iter().for_each(|key| out.disconnect(key));
            self.renew_links(id, out);
        }
        self.relay_for(id, out);
        self.settle_media(id, out);
        self.greet_all(id, out);
    }

    /// Lets a newcomer in through the TURN server, too, unless there are no sessions here.
    pub(crate) fn open_relay(
        &mut self,
        now: Instant,
        id: &ParticipantId,
        key: MediaKey,
        renewal: Duration,
        out: &mut Outputs,
    ) {
        if self.way.choice() != TopologyChoice::Mesh {
            self.relayed.insert(id.clone(), key);
            self.relays_at.get_or_insert(now + renewal);
            self.relay_for(id, out);
        }
    }

    /// Renews the credentials of all, if it is time.
    pub(crate) fn renew_relays(&mut self, now: Instant, config: &RoomsConfig, out: &mut Outputs) {
        if self.relays_at.is_some_and(|at| at <= now) {
            self.relays_at = config.relay_renewal.map(|renewal| now + renewal);
            self.members.iter().for_each(|member| self.relay_for(&member.id, out));
        }
    }

    fn relay_for(&self, id: &ParticipantId, out: &mut Outputs) {
        if let Some(key) = self.relayed.get(id) {
            let seat = Seat { room: self.name.clone(), participant: id.clone() };
            out.relay(self.media.room(), *key, seat);
        }
    }

    /// Records that a member's connection is gone, and for how long they are kept.
    pub(crate) fn detach(&mut self, id: &ParticipantId, lease: Lease, out: &mut Outputs) {
        if let Some(member) = self.find_mut(id) {
            member.presence = Presence::Away(lease);
            self.tell_updated(id, None, out);
            self.settle_media(id, out);
        }
    }

    /// Lets a peer's word count as a sign of life, and returns the new end of the lease.
    pub(crate) fn vouch(
        &mut self,
        id: &ParticipantId,
        now: Instant,
        config: &RoomsConfig,
    ) -> Option<Instant> {
        match &mut self.find_mut(id)?.presence {
            Presence::Online(_) => None,
            Presence::Away(lease) => {
                lease.vouch(now, config);
                Some(lease.until)
            }
        }
    }

    /// Lets media count as a sign of life of this moment, and returns the new end of the lease, if it goes on.
    pub(crate) fn keep(&mut self, id: &ParticipantId, now: Instant) -> Option<Instant> {
        match &mut self.find_mut(id)?.presence {
            Presence::Online(_) => None,
            Presence::Away(lease) => lease.keep(now),
        }
    }

    /// Takes a member out; returns whether they were there.
    pub(crate) fn remove(
        &mut self,
        now: Instant,
        id: &ParticipantId,
        reason: LeaveReason,
        config: &RoomsConfig,
        out: &mut Outputs,
    ) -> bool {
        let Some(index) = self.members.iter().position(|member| member.id == *id) else { return false };
        self.members.remove(index);
        self.forget_files(id, out);
        self.links.remove(id);
        self.media.remove(id).into_iter().for_each(|key| out.disconnect(key));
        self.relayed.remove(id).into_iter().for_each(|key| out.unrelay(key));
        self.version += 1;
        let version = self.version;
        self.broadcast(None, out, || ServerMessage::ParticipantLeft {
            version,
            participant: id.clone(),
            reason,
        });
        if self.spotlight.as_ref() == Some(id) {
            self.spotlight = None;
            self.tell_settings(out);
        }
        self.settle_way(now, None, config, out);
        true
    }

    /// Changes what a member said about themselves.
    pub(crate) fn update(
        &mut self,
        id: &ParticipantId,
        name: Option<DisplayName>,
        change: DeviceChange,
        out: &mut Outputs,
    ) -> Result<(), Refusal> {
        if !change.is_allowed(self.may_publish(id)) {
            return Err(Refusal::MayNotPublish);
        }
        if name.is_some() && self.given_name(id).is_some() {
            return Err(Refusal::NameGiven);
        }
        let before = self.describe(id);
        let name = name.map(|name| self.name_of(id, name));
        let Some(member) = self.find_mut(id) else { return Ok(()) };
        let was_sharing = member.devices.screen;
        member.name = name.unwrap_or_else(|| member.name.clone());
        member.change_devices(change);
        if !was_sharing && change.screen == Some(true) {
            self.yield_screen(id);
            self.tell_turned_off(id, out);
        }
        self.tell_change(id, before.as_ref(), out);
        Ok(())
    }

    /// Tells everyone if somebody is not as they were `before`, and has forwarded of them what may be.
    fn tell_change(&mut self, id: &ParticipantId, before: Option<&Participant>, out: &mut Outputs) {
        if self.describe(id).as_ref() != before {
            self.tell_updated(id, None, out);
        }
        self.settle_media(id, out);
    }

    /// Has nothing forwarded of a microphone that is shown as off, nor of what a moderator does not let through.
    fn settle_media(&mut self, id: &ParticipantId, out: &mut Outputs) {
        let may = self.may_publish(id);
        let Some(member) = self.find(id) else { return };
        let withheld = member.withheld(may);
        self.media.withhold(id, withheld).into_iter().for_each(|command| out.media(command));
    }

    /// Passes a message along a link. On an older link, or to someone who is away, it is dropped: a greeting follows.
    pub(crate) fn relay(
        &self,
        from: &ParticipantId,
        to: &ParticipantId,
        link: LinkId,
        message: ServerMessage,
        out: &mut Outputs,
    ) {
        if self.links.get(from, to) == Some(link)
            && let Some(connection) = self.find(to).and_then(Member::connection)
        {
            out.message(connection, message);
        }
    }

    /// Replaces one link by a fresh one, unless that has happened already.
    pub(crate) fn renew_link(
        &mut self,
        from: &ParticipantId,
        to: &ParticipantId,
        link: LinkId,
        out: &mut Outputs,
    ) {
        if self.links.get(from, to) == Some(link) {
            self.links.make(from, to);
            self.greet(from, to, out);
            self.greet(to, from, out);
        }
    }

    /// Records that one end does not need a link any more; when neither does, it is over.
    pub(crate) fn drop_link(
        &mut self,
        from: &ParticipantId,
        to: &ParticipantId,
        link: LinkId,
        out: &mut Outputs,
    ) {
        if self.way.topology() == Topology::Sfu && self.links.release(from, to, link) {
            self.tell_link_closed(from, to, link, out);
            self.tell_link_closed(to, from, link, out);
        }
    }

    /// Brings the way that media take up to date with who is here.
    pub(crate) fn settle_way(
        &mut self,
        now: Instant,
        except: Option<ConnectionId>,
        config: &RoomsConfig,
        out: &mut Outputs,
    ) {
        let silenced: Vec<ParticipantId> = self.silenced().cloned().collect();
        if !self.way.settle(now, self.members.len(), !silenced.is_empty(), config.mesh_again) {
            return self.cut_links(&silenced, out);
        }
        self.version += 1;
        let (version, topology) = (self.version, self.way.topology());
        self.broadcast(except, out, || ServerMessage::TopologyChanged { version, topology });
        if topology == Topology::Mesh {
            self.links.keep_all();
            self.make_missing_links(out);
        }
        self.cut_links(&silenced, out);
    }

    /// Returns those who may not send everything.
    fn silenced(&self) -> impl Iterator<Item = &ParticipantId> {
        let everything = allo_protocol::MayPublish::EVERYTHING;
        self.members.iter().map(|member| &member.id).filter(move |id| self.may_publish(id) != everything)
    }

    /// Ends the links of those who may not send everything: on a link nobody can see to that. In a room that is a mesh by choice there is
    /// no other way, and it is left to the peers.
    fn cut_links(&mut self, silenced: &[ParticipantId], out: &mut Outputs) {
        if self.way.topology() == Topology::Mesh {
            return;
        }
        for id in silenced {
            for (other, link) in self.links.remove(id) {
                self.tell_link_closed(&other, id, link, out);
                self.tell_link_closed(id, &other, link, out);
            }
        }
    }

    /// Returns when something is due in this room.
    pub(crate) fn wake_at(&self) -> Option<Instant> {
        let due =
            [self.way.wake_at(), self.media.speakers_due(), self.media.conditions_due(), self.relays_at];
        due.into_iter().flatten().min()
    }

    /// Takes an offer to the media plane. `fresh` becomes the key of the session, if it is a new one.
    pub(crate) fn offer(
        &mut self,
        now: Instant,
        id: &ParticipantId,
        offer: MediaOffer,
        fresh: MediaKey,
        out: &mut Outputs,
    ) {
        let number = offer.session;
        let offered = match self.way.choice() {
            TopologyChoice::Mesh => Err(Refusal::MediaUnavailable),
            TopologyChoice::Auto | TopologyChoice::Sfu => self.media.offer(now, id, offer, fresh),
        };
        match offered {
            Ok(Some(Offered { key, replaced, commands })) => {
                if let Some(key) = replaced {
                    self.interrupt_files(id, out);
                    out.disconnect(key);
                }
                let seat = Seat { room: self.name.clone(), participant: id.clone() };
                out.connect(key, seat, commands);
            }
            Ok(None) => {}
            Err(refusal) => {
                let Some(connection) = self.find(id).and_then(Member::connection) else { return };
                let (code, text) = (refusal.code(), refusal.to_string());
                out.message(connection, ServerMessage::MediaClosed { session: number, code, text });
            }
        }
    }

    /// Takes what a member wants to receive through the server.
    pub(crate) fn subscribe(&mut self, id: &ParticipantId, tiles: Vec<Tile>, audio: bool, out: &mut Outputs) {
        self.media.subscribe(id, tiles, audio).into_iter().for_each(|command| out.media(command));
    }

    /// Takes a member's word that nothing gets through by UDP, or that something does again.
    pub(crate) fn set_blocked(
        &mut self,
        now: Instant,
        id: &ParticipantId,
        session: MediaSession,
        is_blocked: bool,
        out: &mut Outputs,
    ) {
        self.media.set_blocked(now, id, session, is_blocked);
        self.tell_media(now, out);
    }

    /// Takes what happened to a member's media session.
    pub(crate) fn handle_media(
        &mut self,
        now: Instant,
        id: &ParticipantId,
        event: MediaEvent,
        out: &mut Outputs,
    ) {
        if let MediaEvent::Relayed { relay, .. } = event {
            if let Some(connection) = self.find(id).and_then(Member::connection) {
                out.message(connection, ServerMessage::Relay { relay });
            }
            return;
        }
        if let MediaEvent::FileStopped { file, .. } = event {
            return self.end_file(id, file, FileOutcome::Stalled, out);
        }
        let is_over = matches!(event, MediaEvent::Refused { .. } | MediaEvent::Closed { .. });
        let news = self.media.handle(now, id, event);
        if is_over {
            self.interrupt_files(id, out);
            self.media.end(id).into_iter().for_each(|key| out.disconnect(key));
        }
        if let Some((connection, news)) = self.find(id).and_then(Member::connection).zip(news) {
            out.message(connection, news);
        }
    }

    /// Tells the news about media, as far as it is time for them.
    pub(crate) fn tell_media(&mut self, now: Instant, out: &mut Outputs) {
        for (id, news) in self.media.take_news() {
            if let Some(connection) = self.find(&id).and_then(Member::connection) {
                out.message(connection, news);
            }
        }
        for id in self.media.settle_conditions(now) {
            self.tell_updated(&id, None, out);
        }
        if let Some(speakers) = self.media.take_speakers(now) {
            self.broadcast(None, out, || speakers.clone());
        }
    }

    /// Returns whether media come from a member, which is a sign of life.
    pub(crate) fn is_heard(&self, id: &ParticipantId) -> bool {
        self.media.is_alive(id)
    }

    fn make_missing_links(&mut self, out: &mut Outputs) {
        for (n, earlier) in self.members.iter().enumerate() {
            for later in &self.members[n + 1..] {
                if self.links.get(&earlier.id, &later.id).is_none() {
                    self.links.make(&earlier.id, &later.id);
                }
                self.greet(&earlier.id, &later.id, out);
                self.greet(&later.id, &earlier.id, out);
            }
        }
    }

    /// Tells one member all that they are to know when they come, or come back.
    pub(crate) fn tell_everything(&self, now: Instant, id: &ParticipantId, resumed: bool, out: &mut Outputs) {
        self.tell_snapshot(id, resumed, out);
        self.tell_history(now, id, out);
        self.tell_files(now, id, out);
        if !self.waiting.is_empty() {
            self.tell_knocking_to(id, out);
        }
    }

    /// Tells one member the whole state, and whether they were known before.
    fn tell_snapshot(&self, id: &ParticipantId, resumed: bool, out: &mut Outputs) {
        let Some(connection) = self.find(id).and_then(Member::connection) else { return };
        let message = ServerMessage::Snapshot {
            version: self.version,
            room: self.name.as_str().to_owned(),
            you: id.clone(),
            participants: self.members.iter().map(|member| self.describe_member(member)).collect(),
            topology: self.way.topology(),
            topology_choice: self.way.choice(),
            resumed,
            settings: self.settings(),
        };
        out.message(connection, message);
    }

    fn tell_joined(&mut self, id: &ParticipantId, out: &mut Outputs) {
        self.version += 1;
        let version = self.version;
        let Some(member) = self.find(id) else { return };
        let participant = self.describe_member(member);
        self.broadcast(member.connection(), out, || ServerMessage::ParticipantJoined {
            version,
            participant: participant.clone(),
        });
    }

    fn tell_updated(&mut self, id: &ParticipantId, except: Option<ConnectionId>, out: &mut Outputs) {
        self.version += 1;
        let version = self.version;
        let Some(participant) = self.describe(id) else { return };
        self.broadcast(except, out, || ServerMessage::ParticipantUpdated {
            version,
            participant: participant.clone(),
        });
    }

    fn broadcast(
        &self,
        except: Option<ConnectionId>,
        out: &mut Outputs,
        message: impl Fn() -> ServerMessage,
    ) {
        for connection in self.members.iter().filter_map(Member::connection).filter(|c| Some(*c) != except) {
            out.message(connection, message());
        }
    }

    /// Returns what the others are told of somebody.
    fn describe(&self, id: &ParticipantId) -> Option<Participant> {
        self.find(id).map(|member| self.describe_member(member))
    }

    fn describe_member(&self, member: &Member) -> Participant {
        member.describe(self.role(&member.id), self.may_publish(&member.id), self.media.condition(&member.id))
    }

    /// Returns a name for `id` that nobody else in the room has: the one that a moderator gave them, or made from `name`.
    fn name_of(&self, id: &ParticipantId, name: DisplayName) -> DisplayName {
        let name = self.given_name(id).cloned().unwrap_or(name);
        name.unique(self.members.iter().filter(|member| member.id != *id).map(|member| &member.name))
    }

    /// Gives a member fresh links to everyone else, or takes them away where the server stands between all.
    fn renew_links(&mut self, id: &ParticipantId, out: &mut Outputs) {
        if self.way.topology() == Topology::Mesh {
            self.members.iter().filter(|m| m.id != *id).for_each(|other| self.links.make(id, &other.id));
            return;
        }
        for (other, link) in self.links.remove(id) {
            self.tell_link_closed(&other, id, link, out);
        }
    }

    fn tell_link_closed(&self, to: &ParticipantId, peer: &ParticipantId, link: LinkId, out: &mut Outputs) {
        if let Some(connection) = self.find(to).and_then(Member::connection) {
            out.message(connection, ServerMessage::LinkClosed { peer: peer.clone(), link });
        }
    }

    /// Greets both ends of every link of one member.
    fn greet_all(&self, id: &ParticipantId, out: &mut Outputs) {
        for other in self.members.iter().map(|member| &member.id).filter(|other| *other != id) {
            self.greet(id, other, out);
            self.greet(other, id, out);
        }
    }

    /// Tells `to` of its link to `peer`. Whoever arrived later is the polite one: the others were here first.
    fn greet(&self, to: &ParticipantId, peer: &ParticipantId, out: &mut Outputs) {
        let Some(connection) = self.find(to).and_then(Member::connection) else { return };
        let Some(link) = self.links.get(to, peer) else { return };
        let polite =
            self.members.iter().rev().find(|m| m.id == *to || m.id == *peer).is_some_and(|m| m.id == *to);
        out.message(connection, ServerMessage::Greet { peer: peer.clone(), link, polite });
    }
}
