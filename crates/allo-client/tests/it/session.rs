//! A session and an engine in the place of the server, in virtual time.

use std::time::{Duration, Instant};

use allo_client::peer::LinkState;
use allo_client::session::{Session, SessionEvent, SessionOptions};
use allo_protocol::MediaSession;
use str0m::change::SdpOffer;
use str0m::channel::ChannelConfig;
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig};

use crate::pair::{address, certificate};

struct Call {
    now: Instant,
    session: Session,
    server: Rtc,
    /// The answer to the first offer.
    answer: String,
    /// What came by the data channel.
    heard: Vec<Vec<u8>>,
}

impl Call {
    /// Offers a session, and has it answered.
    fn start() -> Self {
        let now = Instant::now();
        let session = Session::new(
            now,
            SessionOptions {
                is_by_tcp: false,
                number: MediaSession(1),
                sends_video: true,
                mic: true,
                cam: true,
                audio_slots: 1,
                video_slots: 1,
                addresses: vec![address(0, 1000)],
                certificate: certificate(),
            },
        );
        let mut server = RtcConfig::new().set_ice_lite(true).build(now);
        server.add_local_candidate(Candidate::host(address(1, 1000), "udp").unwrap());
        let mut call = Self { now, session, server, answer: String::new(), heard: Vec::new() };
        call.answer = call.server_answer();
        call.session.handle_answer(now, &call.answer).unwrap();
        call
    }

    /// Lets the server take the offer, and returns its answer.
    fn server_answer(&mut self) -> String {
        let offer = std::iter::from_fn(|| self.session.poll_event()).find_map(|event| match event {
            SessionEvent::Offer { sdp, .. } => Some(sdp),
            _ => None,
        });
        let offer = SdpOffer::from_sdp_string(&offer.expect("something is offered")).unwrap();
        self.server.sdp_api().accept_offer(offer).unwrap().to_sdp_string()
    }

    fn run_for(&mut self, duration: Duration) {
        let until = self.now + duration;
        loop {
            let due = self.exchange().min(self.session.poll_timeout()).max(self.now);
            if due > until {
                self.now = until;
                return;
            }
            self.now = due;
            self.session.handle_timeout(due);
            self.server.handle_input(Input::Timeout(due)).unwrap();
        }
    }

    /// Carries over what either end sends. Returns when the server's end has something to do.
    fn exchange(&mut self) -> Instant {
        loop {
            while let Some(sent) = self.session.poll_transmit() {
                let received =
                    Receive::new(Protocol::Udp, sent.source, sent.destination, &sent.contents).unwrap();
                self.server.handle_input(Input::Receive(self.now, received)).unwrap();
            }
            match self.server.poll_output().unwrap() {
                Output::Timeout(due) => return due,
                Output::Event(Event::ChannelData(data)) => self.heard.push(data.data),
                Output::Event(_) => {}
                Output::Transmit(sent) => {
                    self.session.handle_datagram(self.now, sent.source, sent.destination, &sent.contents);
                }
            }
        }
    }
}

#[test]
fn a_server_that_says_goodbye_is_not_waited_for_in_silence() {
    let mut call = Call::start();
    call.run_for(Duration::from_secs(2));
    assert_eq!(call.session.state(), LinkState::Connected);
    call.server.close().unwrap();
    call.run_for(Duration::from_millis(100));
    assert_eq!(call.session.state(), LinkState::Reconnecting);
    call.run_for(Duration::from_secs(10));
    assert_eq!(call.session.state(), LinkState::Failed);
    assert!(
        std::iter::from_fn(|| call.session.poll_event())
            .any(|event| matches!(event, SessionEvent::RenewalNeeded)),
        "another session is asked for"
    );
}

#[test]
fn a_channel_is_added_by_an_answer_that_keeps_the_credentials_and_not_by_the_one_before() {
    let mut call = Call::start();
    call.run_for(Duration::from_secs(2));
    call.session.open_channel(call.now);
    let answer = call.server_answer();
    let config = ChannelConfig { negotiated: Some(0), ..ChannelConfig::default() };
    call.server.direct_api().create_data_channel(config);
    // The first offer may have been said twice, and is answered twice then.
    call.session.handle_answer(call.now, &call.answer).unwrap();
    assert!(!call.session.send_data(call.now, b"too early"));
    call.session.handle_answer(call.now, &answer).unwrap();
    call.run_for(Duration::from_secs(1));
    assert!(call.session.send_data(call.now, b"in time"));
    call.run_for(Duration::from_secs(1));
    assert_eq!(call.heard, [b"in time".to_vec()]);
    call.session.open_channel(call.now);
    assert!(call.session.poll_event().is_none_or(|event| !matches!(event, SessionEvent::Offer { .. })));
}
