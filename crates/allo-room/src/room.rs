//! One room: who is in it, in which version, and which link joins which two.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Instant;

use allo_protocol::{InstanceId, LeaveReason, LinkId, ParticipantId, ParticipantKey, ServerMessage};

use crate::participant::{Lease, Member, Presence};
use crate::rooms::Outputs;
use crate::{ConnectionId, DisplayName, RoomName, RoomsConfig};

/// Who joins, and as what.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) connection: ConnectionId,
    pub(crate) key: ParticipantKey,
    pub(crate) instance: InstanceId,
    pub(crate) attempt: u32,
    pub(crate) name: DisplayName,
    pub(crate) mic: bool,
    pub(crate) cam: bool,
}

/// A room. It exists as long as it has a member.
#[derive(Debug)]
pub(crate) struct Room {
    name: RoomName,
    /// Who opened it, for the bound on rooms of one address.
    pub(crate) opened_from: IpAddr,
    version: u32,
    /// In the order of arrival. At most `participants_per_room`: see [`Room::is_full`].
    members: Vec<Member>,
    /// The current link of each two members, the one who arrived earlier first.
    links: BTreeMap<(ParticipantId, ParticipantId), LinkId>,
    last_link: u32,
}

impl Room {
    pub(crate) fn new(name: RoomName, opened_from: IpAddr) -> Self {
        Self { name, opened_from, version: 0, members: Vec::new(), links: BTreeMap::new(), last_link: 0 }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    pub(crate) fn is_full(&self, places: u32) -> bool {
        self.members.len() >= usize::try_from(places).unwrap_or(usize::MAX)
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
    pub(crate) fn enter(&mut self, id: &ParticipantId, arrival: Arrival, out: &mut Outputs) {
        let Arrival { connection, key, instance, attempt, name, mic, cam } = arrival;
        let name = name.unique(self.members.iter().map(|member| &member.name));
        let presence = Presence::Online(connection);
        self.members.push(Member { id: id.clone(), key, instance, attempt, name, mic, cam, presence });
        self.tell_joined(id, out);
        self.tell_snapshot(id, out);
        self.renew_links(id);
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
        member.mic = arrival.mic;
        member.cam = arrival.cam;
        member.presence = Presence::Online(arrival.connection);
        let is_changed = member.describe() != before;
        if is_changed {
            self.tell_updated(id, Some(arrival.connection), out);
        }
        self.tell_snapshot(id, out);
        if !is_same_instance {
            self.renew_links(id);
        }
        self.greet_all(id, out);
    }

    /// Records that a member's connection is gone, and for how long they are kept.
    pub(crate) fn detach(&mut self, id: &ParticipantId, lease: Lease, out: &mut Outputs) {
        if let Some(member) = self.find_mut(id) {
            member.presence = Presence::Away(lease);
            self.tell_updated(id, None, out);
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

    /// Takes a member out; returns whether they were there.
    pub(crate) fn remove(&mut self, id: &ParticipantId, reason: LeaveReason, out: &mut Outputs) -> bool {
        let Some(index) = self.members.iter().position(|member| member.id == *id) else { return false };
        self.members.remove(index);
        self.links.retain(|(earlier, later), _| earlier != id && later != id);
        self.version += 1;
        let version = self.version;
        self.broadcast(None, out, || ServerMessage::ParticipantLeft {
            version,
            participant: id.clone(),
            reason,
        });
        true
    }

    /// Changes what a member said about themselves.
    pub(crate) fn update(
        &mut self,
        id: &ParticipantId,
        name: Option<DisplayName>,
        mic: Option<bool>,
        cam: Option<bool>,
        out: &mut Outputs,
    ) {
        let name = name.map(|name| self.free_name(id, name));
        let Some(member) = self.find_mut(id) else { return };
        let before = member.describe();
        if let Some(name) = name {
            member.name = name;
        }
        member.mic = mic.unwrap_or(member.mic);
        member.cam = cam.unwrap_or(member.cam);
        if member.describe() != before {
            self.tell_updated(id, None, out);
        }
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
        if self.link(from, to) == Some(link)
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
        if self.link(from, to) == Some(link) {
            self.make_link(from, to);
            self.greet(from, to, out);
            self.greet(to, from, out);
        }
    }

    /// Tells one member the whole state.
    pub(crate) fn tell_snapshot(&self, id: &ParticipantId, out: &mut Outputs) {
        let Some(connection) = self.find(id).and_then(Member::connection) else { return };
        let message = ServerMessage::Snapshot {
            version: self.version,
            room: self.name.as_str().to_owned(),
            you: id.clone(),
            participants: self.members.iter().map(Member::describe).collect(),
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

    /// Gives a member fresh links to everyone else.
    fn renew_links(&mut self, id: &ParticipantId) {
        let others: Vec<_> = self.members.iter().filter(|m| m.id != *id).map(|m| m.id.clone()).collect();
        for other in others {
            self.make_link(id, &other);
        }
    }

    fn make_link(&mut self, a: &ParticipantId, b: &ParticipantId) {
        if let Some(ends) = self.ends(a, b) {
            self.last_link = self.last_link.wrapping_add(1);
            self.links.insert(ends, LinkId(self.last_link));
        }
    }

    fn link(&self, a: &ParticipantId, b: &ParticipantId) -> Option<LinkId> {
        self.links.get(&self.ends(a, b)?).copied()
    }

    /// Returns the two in the order of their arrival; `None` when one is not here or both are the same.
    fn ends(&self, a: &ParticipantId, b: &ParticipantId) -> Option<(ParticipantId, ParticipantId)> {
        let mut present = self.members.iter().map(|m| &m.id).filter(|id| *id == a || *id == b);
        Some((present.next()?.clone(), present.next()?.clone()))
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
        let Some(ends) = self.ends(to, peer) else { return };
        let Some(link) = self.links.get(&ends).copied() else { return };
        let polite = ends.1 == *to;
        out.message(connection, ServerMessage::Greet { peer: peer.clone(), link, polite });
    }
}
