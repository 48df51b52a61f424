//! Every room, by its name.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Instant;

use allo_protocol::{LinkId, TopologyChoice};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng as _;

use crate::links::Links;
use crate::media::MediaRoom;
use crate::refusal::Refusal;
use crate::room::Room;
use crate::sessions::Sessions;
use crate::topology::Way;
use crate::{RoomName, RoomsConfig};

/// Every room that has someone in it. Rooms open with the first who comes, and close with the last who goes.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    /// At most `config.rooms`; the next one is refused.
    rooms: BTreeMap<RoomName, Room>,
    /// Rooms by the address that opened them: at most `config.rooms_per_address` each; the next one is refused.
    opened: BTreeMap<IpAddr, usize>,
    last_media_room: u64,
}

impl Directory {
    pub(crate) fn len(&self) -> usize {
        self.rooms.len()
    }

    pub(crate) fn get(&self, name: &RoomName) -> Option<&Room> {
        self.rooms.get(name)
    }

    pub(crate) fn get_mut(&mut self, name: &RoomName) -> Option<&mut Room> {
        self.rooms.get_mut(name)
    }

    /// Returns a room that has a place for a newcomer, who comes from `from`.
    pub(crate) fn find_or_open(
        &mut self,
        now: Instant,
        name: &RoomName,
        from: IpAddr,
        asked: Option<TopologyChoice>,
        config: &RoomsConfig,
        rng: &mut ChaCha8Rng,
    ) -> Result<&mut Room, Refusal> {
        if let Some(room) = self.rooms.get(name) {
            room.check_place(config)?;
        } else {
            // Numbers begin anywhere: what is said of a link of before a restart is not taken for one of now.
            let links = Links::new(LinkId(rng.next_u32()));
            self.open(now, name, from, config.choice(asked), links, config)?;
        }
        Ok(self.rooms.get_mut(name).expect("the room was found or opened"))
    }

    fn open(
        &mut self,
        now: Instant,
        name: &RoomName,
        from: IpAddr,
        choice: TopologyChoice,
        links: Links,
        config: &RoomsConfig,
    ) -> Result<(), Refusal> {
        if self.rooms.len() >= config.rooms {
            return Err(Refusal::ServerFull);
        }
        if self.opened.get(&from).is_some_and(|opened| *opened >= config.rooms_per_address) {
            return Err(Refusal::AddressFull);
        }
        *self.opened.entry(from).or_default() += 1;
        self.last_media_room += 1;
        let media = Sessions::new(now, MediaRoom(self.last_media_room));
        self.rooms.insert(name.clone(), Room::new(name.clone(), from, Way::new(choice), links, media));
        Ok(())
    }

    /// Closes a room if nobody is in it any more.
    pub(crate) fn close_if_empty(&mut self, name: &RoomName) {
        let Some(room) = self.rooms.get(name).filter(|room| room.is_empty()) else { return };
        let from = room.opened_from;
        self.rooms.remove(name);
        if let Some(opened) = self.opened.get_mut(&from) {
            *opened -= 1;
            if *opened == 0 {
                self.opened.remove(&from);
            }
        }
    }
}
