//! Random schedules of joins, ends, deeds of an owner and restarts of the server, against what the protocol promises about rights: none
//! grows when somebody comes back, a removal, a ban and a lock persist, and whoever waits hears nothing of the room.
//!
//! What is expected is worked out here, from the protocol's words, by person: connections and restarts are nothing to it.

use std::net::Ipv4Addr;
use std::time::Duration;

use allo_protocol::{ClientMessage, ErrorCode, MayPublish, Participant, ParticipantId, Role, ServerMessage};
use allo_room::{ConnectionId, RoomsConfig};
use proptest::prelude::*;

use crate::meeting::{owner_join, set_role, settled};
use crate::world::{World, errors, hello, join, snapshot};

/// Beside the owner, who is number 0 and never gone for longer than a restart.
const PEOPLE: u8 = 5;

#[derive(Debug, Clone)]
enum Step {
    /// They come, by another run of the page if it says so.
    Join(u8, u8),
    /// Their connection is reset, or their page says goodbye.
    End(u8, bool),
    Pass(u64),
    Restart,
    Lobby(bool),
    Lock(bool),
    Role(u8, bool),
    Silence(u8, bool),
    Admit(u8),
    Deny(u8),
    Remove(u8),
    Ban(u8),
    Chat,
    /// Somebody says they are the owner, with a secret that is not the room's.
    Pretend(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let who = || 1..=PEOPLE;
    prop_oneof![
        8 => (who(), 0..3u8).prop_map(|(who, instance)| Step::Join(who, instance)),
        3 => (who(), any::<bool>()).prop_map(|(who, goodbye)| Step::End(who, goodbye)),
        2 => (1..40_000u64).prop_map(Step::Pass),
        1 => Just(Step::Restart),
        2 => any::<bool>().prop_map(Step::Lobby),
        1 => any::<bool>().prop_map(Step::Lock),
        2 => (who(), any::<bool>()).prop_map(|(who, on)| Step::Role(who, on)),
        1 => (who(), any::<bool>()).prop_map(|(who, on)| Step::Silence(who, on)),
        3 => who().prop_map(Step::Admit),
        1 => who().prop_map(Step::Deny),
        1 => who().prop_map(Step::Remove),
        1 => who().prop_map(Step::Ban),
        2 => Just(Step::Chat),
        1 => who().prop_map(Step::Pretend),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rights_are_what_was_given_whoever_comes_and_goes(steps in proptest::collection::vec(step(), 1..60)) {
        let mut simulation = Simulation::new();
        for step in steps {
            simulation.step(&step);
            simulation.check();
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Standing {
    #[default]
    New,
    Admitted,
    Moderator,
    Removed,
    Banned,
}

#[derive(Debug, Default)]
struct Person {
    connection: Option<ConnectionId>,
    /// Known once they were in or knocked.
    id: Option<ParticipantId>,
    is_waiting: bool,
    standing: Standing,
    is_silenced: bool,
}

struct Simulation {
    world: World,
    owner: ConnectionId,
    people: Vec<Person>,
    has_lobby: bool,
    is_locked: bool,
    has_bans: bool,
}

impl Simulation {
    fn new() -> Self {
        let mut world = World::new();
        let owner = Self::come(&mut world, 0, owner_join("family", 0, 7));
        let people = (0..=PEOPLE).map(|_| Person::default()).collect();
        Self { world, owner, people, has_lobby: false, is_locked: false, has_bans: false }
    }

    /// Everyone comes from an address of their own.
    fn come(world: &mut World, who: u8, join: ClientMessage) -> ConnectionId {
        let connection = world.connect_from(Ipv4Addr::new(192, 0, 2, who).into());
        world.say(connection, hello());
        world.heard(connection);
        world.say(connection, join);
        connection
    }

    fn step(&mut self, step: &Step) {
        // So the owner never writes faster than they may.
        self.world.pass(Duration::from_secs(1));
        match *step {
            Step::Join(who, instance) => self.join(who, join("family", who, instance)),
            Step::Pretend(who) => self.join(who, owner_join("family", who, 66)),
            Step::End(who, goodbye) => self.end(who, goodbye.then_some(4001)),
            Step::Pass(ms) => self.world.pass(Duration::from_millis(ms)),
            Step::Restart => self.restart(),
            Step::Lobby(on) => {
                self.owner_says(settled(Some(on), None));
                self.has_lobby = on;
                if !on {
                    (1..=PEOPLE).for_each(|who| self.let_in(who, Standing::New));
                }
                self.remember_members();
            }
            Step::Lock(on) => {
                self.owner_says(settled(None, Some(on)));
                self.is_locked = on;
                self.remember_members();
            }
            Step::Role(who, on) => {
                if let Some(participant) = self.member(who) {
                    let role = if on { Role::Moderator } else { Role::Participant };
                    self.owner_says(set_role(&participant, role));
                    self.person(who).standing = if on { Standing::Moderator } else { Standing::Admitted };
                }
            }
            Step::Silence(who, is_silenced) => {
                if let Some(participant) = self.member(who) {
                    let may_publish = MayPublish { mic: !is_silenced, ..MayPublish::EVERYTHING };
                    self.owner_says(ClientMessage::SetMayPublish { participant, may_publish });
                    self.person(who).is_silenced = is_silenced;
                }
            }
            Step::Admit(who) => {
                if let Some(participant) = self.waiting(who) {
                    self.owner_says(ClientMessage::Admit { participant });
                    let standing = self.person(who).standing;
                    self.let_in(who, standing);
                }
            }
            Step::Deny(who) => {
                if let Some(participant) = self.waiting(who) {
                    self.owner_says(ClientMessage::Deny { participant });
                    self.is_out(who, ErrorCode::Denied);
                }
            }
            Step::Remove(who) => {
                if let Some(participant) = self.member(who).or_else(|| self.waiting(who)) {
                    self.owner_says(ClientMessage::Remove { participant });
                    self.person(who).standing = Standing::Removed;
                    self.is_out(who, ErrorCode::Removed);
                }
            }
            Step::Ban(who) => {
                if let Some(participant) = self.member(who).or_else(|| self.waiting(who)) {
                    self.owner_says(ClientMessage::Ban { participant });
                    self.person(who).standing = Standing::Banned;
                    self.is_out(who, ErrorCode::Banned);
                    self.has_bans = true;
                    self.remember_members();
                }
            }
            Step::Chat => self.owner_says(ClientMessage::Chat { to: None, text: "secret".to_owned() }),
        }
    }

    fn person(&mut self, who: u8) -> &mut Person {
        &mut self.people[usize::from(who)]
    }

    fn owner_says(&mut self, message: ClientMessage) {
        self.world.heard(self.owner);
        self.world.say(self.owner, message);
        let errors = errors(&self.world.heard(self.owner));
        assert!(errors.is_empty(), "the owner may do everything: {errors:?}");
    }

    fn members(&mut self) -> Vec<Participant> {
        self.world.snapshot_of(self.owner)
    }

    /// Returns the identifier of somebody who is in the room, here or away.
    fn member(&mut self, who: u8) -> Option<ParticipantId> {
        let id = self.person(who).id.clone()?;
        self.members().into_iter().map(|member| member.id).find(|member| *member == id)
    }

    /// Returns the identifier of somebody who waits.
    fn waiting(&mut self, who: u8) -> Option<ParticipantId> {
        self.person(who).is_waiting.then(|| self.person(who).id.clone()).flatten()
    }

    fn is_guarded(&self) -> bool {
        self.has_lobby || self.is_locked || self.has_bans
    }

    /// Who is in when the door is closed comes back through it.
    fn remember_members(&mut self) {
        let is_guarded = self.is_guarded();
        for who in (1..=PEOPLE).filter(|_| is_guarded) {
            let is_member = self.member(who).is_some();
            let person = self.person(who);
            if is_member && person.standing == Standing::New {
                person.standing = Standing::Admitted;
            }
        }
    }

    fn join(&mut self, who: u8, join: ClientMessage) {
        let is_member = self.member(who).is_some();
        let before = self.person(who).connection.take();
        let connection = Self::come(&mut self.world, who, join);
        let heard = self.world.heard(connection);
        let is_guarded = self.is_guarded();
        let (has_lobby, is_locked) = (self.has_lobby, self.is_locked);
        let person = self.person(who);
        let refused = match person.standing {
            Standing::Banned if !is_member => Some((ErrorCode::Banned, true)),
            Standing::New | Standing::Removed if is_locked && !is_member => {
                Some((ErrorCode::RoomLocked, false))
            }
            _ => None,
        };
        if let Some(refused) = refused {
            assert_eq!(errors(&heard), [refused]);
            assert_eq!(heard.len(), 1, "nothing else: {heard:?}");
            self.world.hang_up(connection, None);
            // Whoever waits on another connection waits on.
            self.person(who).connection = before.filter(|_| self.person(who).is_waiting);
            return;
        }
        let must_wait = !is_member
            && (person.standing == Standing::Removed || (has_lobby && person.standing == Standing::New));
        person.connection = Some(connection);
        person.is_waiting = must_wait;
        if must_wait {
            assert!(matches!(&heard[..], [ServerMessage::Waiting { .. }]), "{heard:?}");
            let knock = self.world.heard(self.owner).into_iter().rev().find_map(|message| match message {
                ServerMessage::Knocking { people } => Some(people),
                _ => None,
            });
            let name = format!("Person {who}");
            let knocker = knock.unwrap().into_iter().find(|it| it.display_name == name).unwrap();
            self.person(who).id = Some(knocker.id);
            return;
        }
        if is_guarded && person.standing == Standing::New {
            person.standing = Standing::Admitted;
        }
        self.learn_id(who, &heard);
    }

    fn learn_id(&mut self, who: u8, heard: &[ServerMessage]) {
        assert!(snapshot(heard).is_some(), "person {who} is in: {heard:?}");
        let you = heard.iter().find_map(|message| match message {
            ServerMessage::Snapshot { you, .. } => Some(you.clone()),
            _ => None,
        });
        let before = std::mem::replace(&mut self.person(who).id, you.clone());
        assert!(before.is_none() || before == you, "a person is who they were");
    }

    /// They waited with this standing, and come in.
    fn let_in(&mut self, who: u8, standing: Standing) {
        if self.waiting(who).is_none() || self.person(who).standing != standing {
            return;
        }
        let connection = self.person(who).connection.unwrap();
        let heard = self.world.heard(connection);
        self.person(who).is_waiting = false;
        self.person(who).standing = Standing::Admitted;
        self.learn_id(who, &heard);
    }

    /// They are told this, and their connection is over.
    fn is_out(&mut self, who: u8, code: ErrorCode) {
        self.person(who).is_waiting = false;
        if let Some(connection) = self.person(who).connection.take() {
            assert!(errors(&self.world.heard(connection)).contains(&(code, true)));
            assert!(self.world.close_code(connection).is_some());
            self.world.hang_up(connection, None);
        }
    }

    fn end(&mut self, who: u8, code: Option<u16>) {
        if let Some(connection) = self.person(who).connection.take() {
            self.person(who).is_waiting = false;
            self.world.hang_up(connection, code);
        }
    }

    fn restart(&mut self) {
        self.world.restart(RoomsConfig::default());
        for person in &mut self.people {
            person.connection = None;
            person.is_waiting = false;
        }
        self.owner = Self::come(&mut self.world, 0, join("family", 0, 0));
    }

    /// Checks what is true at every moment.
    fn check(&mut self) {
        for member in self.members() {
            let person = self.people.iter().find(|person| person.id.as_ref() == Some(&member.id));
            let Some(person) = person else {
                assert_eq!(member.role, Role::Owner, "the owner came with the key alone");
                continue;
            };
            let expected = match person.standing {
                Standing::Moderator => Role::Moderator,
                Standing::New | Standing::Admitted => Role::Participant,
                Standing::Removed | Standing::Banned => panic!("somebody is here who was put out"),
            };
            assert_eq!((member.role, member.may_publish.mic), (expected, !person.is_silenced));
            assert!(!(member.mic && person.is_silenced));
        }
        for person in self.people.iter().filter(|person| person.is_waiting) {
            let heard = self.world.heard(person.connection.unwrap());
            assert!(heard.is_empty(), "who waits hears nothing: {heard:?}");
        }
    }
}
