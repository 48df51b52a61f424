//! What the events of a transport bring about.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use str0m::net::Transmit;

use crate::link::Line;
use crate::receiving::{Origins, Receiving};
use crate::record::Record;
use crate::run::Shared;
use crate::sending::Sending;
use crate::socket::Socket;
use crate::transport::TransportEvent;
use crate::wall::Wall;

/// Where datagrams leave: by the socket, or by the emulated link before it.
pub(crate) struct Outlet<'a> {
    pub(crate) socket: &'a Socket,
    pub(crate) line: Option<&'a mut Line<Transmit>>,
    pub(crate) now: Instant,
}

impl Outlet<'_> {
    pub(crate) fn send(&mut self, transmit: Transmit) {
        match &mut self.line {
            Some(line) => line.push(self.now, transmit.contents.len(), transmit),
            None => self.socket.send(&transmit),
        }
    }
}

/// What the events of a transport change.
pub(crate) struct Context<'a> {
    pub(crate) shared: &'a Arc<Shared>,
    pub(crate) own: u32,
    pub(crate) started_at: Instant,
    pub(crate) joined_at: Option<Instant>,
    pub(crate) sending: &'a mut Sending,
    pub(crate) receiving: &'a mut Receiving,
    pub(crate) record: &'a mut Record,
}

impl Context<'_> {
    /// Handles events that were brought about at `at`. Returns whether the transport is closed.
    pub(crate) fn handle_events(&mut self, now: Instant, at: Wall, events: &mut Vec<TransportEvent>) -> bool {
        let mut is_closed = false;
        for event in events.drain(..) {
            match event {
                TransportEvent::Connected => self.handle_connected(now),
                TransportEvent::KeyframeWanted(layer) => self.sending.request_keyframe(now, layer),
                TransportEvent::Packet { slot, packet, is_redundant } => {
                    let bytes = packet.payload.len() as u64;
                    self.shared.live.packets.fetch_add(1, Ordering::Relaxed);
                    self.shared.live.bytes.fetch_add(bytes, Ordering::Relaxed);
                    let before = (self.receiving.has_seen, self.receiving.has_heard);
                    let origins = origins(self.shared, self.own);
                    let numbered = (*packet.seq_no, &*packet.payload);
                    if is_redundant {
                        self.receiving.make_up(at, slot, numbered, self.record);
                    }
                    self.receiving.handle(at, slot, numbered, origins, self.record);
                    self.handle_first(now, before);
                }
                TransportEvent::Closed => is_closed = true,
            }
        }
        is_closed
    }

    fn handle_connected(&mut self, now: Instant) {
        if !self.record.was_connected {
            self.record.was_connected = true;
            self.record.times.connect.record(now - self.started_at);
            self.shared.live.connected.fetch_add(1, Ordering::Relaxed);
            self.look_for_media();
        }
    }

    fn handle_first(&mut self, now: Instant, before: (bool, bool)) {
        let after = (self.receiving.has_seen, self.receiving.has_heard);
        if after == before {
            return;
        }
        let since_join = self.joined_at.map(|at| now - at).unwrap_or_default();
        if after.0 != before.0 {
            self.record.times.join_to_keyframe.record(since_join);
            self.record.times.start_to_keyframe.record(now - self.started_at);
        }
        if after.1 != before.1 {
            self.record.times.join_to_sound.record(since_join);
        }
        self.look_for_media();
    }

    fn look_for_media(&mut self) {
        let (sees, hears) = self.shared.expects(self.own);
        let has_all = (self.receiving.has_seen || !sees) && (self.receiving.has_heard || !hears);
        if has_all && !self.record.had_media {
            self.record.had_media = true;
            self.shared.live.with_media.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Returns what to check origins by.
pub(crate) fn origins(shared: &Shared, own: u32) -> Origins<'_> {
    Origins { run: shared.run, own, roles: &shared.roles }
}
