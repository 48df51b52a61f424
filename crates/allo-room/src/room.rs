//! One room: who is in it, in which version, and which link joins which two.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use allo_protocol::{
    InstanceId, LeaveReason, LinkId, ParticipantId, ParticipantKey, RoomSettings, ServerMessage, Tile,
    Topology, TopologyChoice,
};

use crate::connection::Seat;
use crate::links::Links;
use crate::media::{MediaEvent, MediaKey};
use crate::output::Outputs;
use crate::participant::{DeviceChange, Devices, Lease, Member, Presence};
use crate::refusal::Refusal;
use crate::sessions::{MediaOffer, Offered, Sessions};
use crate::topology::Way;
use crate::{ConnectionId, DisplayName, RoomName, RoomsConfig};

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
}

/// A room. It exists as long as it has a member.
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
}

impl Room {
    pub(crate) fn new(name: RoomName, opened_from: IpAddr, way: Way, links: Links, media: Sessions) -> Self {
        Self {
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
        self.members.is_empty()
    }

    /// Says why there is no place for another member, if there is none.
    pub(crate) fn check_place(&self, config: &RoomsConfig) -> Result<(), Refusal> {
        let places = config.places(self.way.choice());
        let is_full = self.members.len() >= usize::try_from(places).unwrap_or(usize::MAX);
        if is_full { Err(Refusal::RoomFull { places }) } else { Ok(()) }
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
        arrival: Arrival,
        config: &RoomsConfig,
        out: &mut Outputs,
    ) {
        let Arrival { connection, key, instance, attempt, name, devices, topology: _ } = arrival;
        let name = name.unique(self.members.iter().map(|member| &member.name));
        let presence = Presence::Online(connection);
        self.members.push(Member { id: id.clone(), key, instance, attempt, name, devices, presence });
        self.settle_mic(id, out);
        self.tell_joined(id, out);
        self.settle_way(now, Some(connection), config, out);
        self.tell_snapshot(id, false, out);
        self.renew_links(id, out);
        self.greet_all(id, out);
    }

    /// Gives a member a new connection in place of the one that they had or had lost.
    pub(crate) fn attach(&mut self, id: &ParticipantId, arrival: Arrival, out: &mut Outputs) {
        let name = self.free_name(id, arrival.name);
        let Some(member) = self.find_mut(id) else { return };
        let is_same_instance = member.instance == arrival.instance;
        let before = member.describe();
        member.instance = arrival.instance;
        member.attempt = arrival.attempt;
        member.name = name;
        member.devices = arrival.devices;
        member.presence = Presence::Online(arrival.connection);
        let is_changed = member.describe() != before;
        if is_changed {
            self.tell_updated(id, Some(arrival.connection), out);
        }
        self.tell_snapshot(id, true, out);
        if is_same_instance {
            self.media.describe(id).into_iter().for_each(|news| out.message(arrival.connection, news));
        } else {
            self.media.remove(id).into_iter().for_each(|key| out.disconnect(key));
            self.renew_links(id, out);
        }
        self.relay_for(id, out);
        self.settle_mic(id, out);
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
            self.settle_mic(id, out);
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
    ) {
        let name = name.map(|name| self.free_name(id, name));
        let Some(member) = self.find_mut(id) else { return };
        let before = member.describe();
        if let Some(name) = name {
            member.name = name;
        }
        member.devices.apply(change);
        if member.describe() != before {
            self.tell_updated(id, None, out);
        }
        self.settle_mic(id, out);
    }

    /// Has nothing forwarded of a microphone that is shown as off. Who is away may turn it on and cannot say so.
    fn settle_mic(&mut self, id: &ParticipantId, out: &mut Outputs) {
        let Some(member) = self.find(id) else { return };
        let is_muted = !member.devices.mic && member.connection().is_some();
        self.media.mute(id, is_muted).into_iter().for_each(|command| out.media(command));
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
        if !self.way.settle(now, self.members.len(), config.mesh_again) {
            return;
        }
        self.version += 1;
        let (version, topology) = (self.version, self.way.topology());
        self.broadcast(except, out, || ServerMessage::TopologyChanged { version, topology });
        if topology == Topology::Mesh {
            self.links.keep_all();
            self.make_missing_links(out);
        }
    }

    /// Returns when something is due in this room.
    pub(crate) fn wake_at(&self) -> Option<Instant> {
        [self.way.wake_at(), self.media.speakers_due(), self.relays_at].into_iter().flatten().min()
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

    /// Takes what happened to a member's media session.
    pub(crate) fn handle_media(&mut self, id: &ParticipantId, event: MediaEvent, out: &mut Outputs) {
        if let MediaEvent::Relayed { relay, .. } = event {
            if let Some(connection) = self.find(id).and_then(Member::connection) {
                out.message(connection, ServerMessage::Relay { relay });
            }
            return;
        }
        let is_over = matches!(event, MediaEvent::Refused { .. } | MediaEvent::Closed { .. });
        let news = self.media.handle(id, event);
        if is_over {
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

    /// Tells one member the whole state, and whether they were known before.
    pub(crate) fn tell_snapshot(&self, id: &ParticipantId, resumed: bool, out: &mut Outputs) {
        let Some(connection) = self.find(id).and_then(Member::connection) else { return };
        let message = ServerMessage::Snapshot {
            version: self.version,
            room: self.name.as_str().to_owned(),
            you: id.clone(),
            participants: self.members.iter().map(Member::describe).collect(),
            topology: self.way.topology(),
            topology_choice: self.way.choice(),
            resumed,
            settings: RoomSettings::default(),
        };
        out.message(connection, message);
    }

    fn tell_joined(&mut self, id: &ParticipantId, out: &mut Outputs) {
        self.version += 1;
        let version = self.version;
        let Some(member) = self.find(id) else { return };
        let participant = member.describe();
        self.broadcast(member.connection(), out, || ServerMessage::ParticipantJoined {
            version,
            participant: participant.clone(),
        });
    }

    fn tell_updated(&mut self, id: &ParticipantId, except: Option<ConnectionId>, out: &mut Outputs) {
        self.version += 1;
        let version = self.version;
        let Some(participant) = self.find(id).map(Member::describe) else { return };
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

    /// Returns a name for `id` that nobody else in the room has.
    fn free_name(&self, id: &ParticipantId, name: DisplayName) -> DisplayName {
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
