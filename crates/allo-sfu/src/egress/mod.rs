//! What is sent to one participant: numbered, paced, encrypted, kept to be sent again, and watched for what gets through.
//!
//! ```text
//!   write ─► queue (pictures) ─► pacer ─► Stream: header, encryption ─► datagram
//!                                   ▲        │ keeps        │ History: when was it sent?
//!   reports ── missing? ─► Repairs ─┤        ▼              ▼
//!           ├─ losses? ──► Shield ──┘
//!           └─ arrivals ───────────────────► Estimator, Prober ─► what gets through
//! ```
//!
//! It knows no engine: the keys come from the handshake, and where datagrams go is up to the transport.

mod estimator;
mod header;
mod history;
mod pacer;
mod probe;
mod queue;
mod repairs;
mod rtcp;
mod shield;
mod srtp;
mod stream;
mod trend;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use self::estimator::Estimator;
pub(crate) use self::header::{Extensions, Notes};
use self::history::{History, News};
use self::pacer::Pacer;
use self::probe::Prober;
use self::queue::Queue;
use self::repairs::Repairs;
use self::rtcp::Report as Said;
use self::shield::{Sent, Shield, Weight};
pub(crate) use self::srtp::{Profile, Srtp};
use self::stream::Stream;
pub(crate) use self::stream::{Outgoing, Setup};
use crate::bandwidth::Report;
use crate::ids::{Bitrate, LineId, TrackKind};
use crate::train::{Train, Trains, room};

/// A packet that waits longer than this for the pacer shows that the subscriber takes less than it is sent.
const QUEUE_TIME_MAX: Duration = Duration::from_millis(400);

/// The same while a keyframe is under way: it is as large as many other frames, and to interrupt it makes another one necessary.
const QUEUE_TIME_MAX_KEYFRAME: Duration = Duration::from_millis(1_200);

/// Packets that wait at most. A slot whose packets come to more is interrupted.
const QUEUE_MAX: usize = 2_048;

/// How often it is said what was measured.
///
/// Lower: pictures give way to sound sooner when a link becomes narrow. Higher: less is spent on each transport.
const MEASURE_INTERVAL: Duration = Duration::from_millis(250);

/// How soon after the last time it is said that less gets through.
const URGENT_INTERVAL: Duration = Duration::from_millis(100);

/// How long a queue on the way must be for pictures to wait here until it is gone, and how long they do at most.
const HOLD_MIN: Duration = Duration::from_millis(120);
const HOLD_MAX: Duration = Duration::from_millis(250);

/// How long after media nothing is measured any more.
const AWAKE: Duration = Duration::from_millis(500);

/// What the clock in the reports begins with, in seconds: the year 1970 (RFC 3550 §4). Any time would do, but some ends know none before,
/// and say another one again; then the round trip is not known.
const CLOCK_START: u64 = 2_208_988_800 + 1;

/// How often what was sent is reported to the receiver, and how soon after the first packet.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);
const FIRST_REPORT: Duration = Duration::from_millis(50);

/// How much of what gets through may be taken by media and by what comes twice, in hundredths.
const ROOM_PERCENT: u64 = 90;

/// How often it is filled up what is not sent of media.
const FILL_INTERVAL: Duration = Duration::from_millis(20);

/// Receivers whose clock is said again. What more there are is not.
const CLOCKS_MAX: usize = 8;

/// A round trip that is longer is a lie, or of no use.
const ROUND_TRIP_MAX: Duration = Duration::from_secs(5);

/// What the participant's end, or the measuring, has to say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Event {
    KeyframeWanted(LineId),
    /// What gets through, on the average.
    Estimate(Bitrate),
    Report(Report),
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Egress {
    /// Before the handshake is over there are no keys, and nothing is sent.
    srtp: Option<Srtp>,
    name: String,
    streams: Vec<Stream>,
    queue: VecDeque<Queued>,
    pacer: Pacer,
    repairs: Repairs,
    shield: Shield,
    /// Bytes of media since the last measurement.
    media: u64,
    history: History,
    estimator: Estimator,
    prober: Prober,
    /// Up to where what is not sent of media is filled up, and what was sent since it was last looked at.
    fill: Bitrate,
    sent_since_fill: u64,
    waits: Queue,
    /// How much longer than at best each of the latest packets took.
    waited: Option<Duration>,
    round_trip: Option<Duration>,
    clocks: Vec<Clock>,
    start: Instant,
    media_at: Option<Instant>,
    measure_at: Option<Instant>,
    said_at: Option<Instant>,
    report_at: Option<Instant>,
    fill_at: Option<Instant>,
    transmits: Trains,
    /// Emptied after each call, so bounded by what one call makes.
    events: VecDeque<Event>,
}

#[derive(Debug)]
struct Queued {
    stream: usize,
    came_at: Instant,
    waits_since: Instant,
    packet: Outgoing,
}

/// The clock of someone who only receives, to be said again so that he learns how far away this is.
#[derive(Debug, Clone, Copy)]
struct Clock {
    ssrc: u32,
    time: u32,
    came_at: Instant,
}

impl Egress {
    pub(crate) fn new(now: Instant, guess: Bitrate) -> Self {
        Self {
            srtp: None,
            name: String::new(),
            streams: Vec::new(),
            queue: VecDeque::new(),
            pacer: Pacer::new(now, guess),
            repairs: Repairs::new(),
            shield: Shield::new(now),
            media: 0,
            history: History::new(),
            estimator: Estimator::new(now, guess),
            prober: Prober::new(),
            fill: Bitrate::default(),
            sent_since_fill: 0,
            waits: Queue::new(now),
            waited: None,
            round_trip: None,
            clocks: Vec::new(),
            start: now,
            media_at: None,
            measure_at: None,
            said_at: None,
            report_at: None,
            fill_at: None,
            transmits: Trains::default(),
            events: VecDeque::new(),
        }
    }

    /// Takes the keys, after which media can be sent. Others are never taken: numbers would come twice.
    pub(crate) fn set_keys(&mut self, srtp: Srtp) {
        self.srtp.get_or_insert(srtp);
    }

    /// Returns whether media can be sent: whether the handshake agreed on a profile of SRTP, once it is over.
    pub(crate) fn has_keys(&self) -> bool {
        self.srtp.is_some()
    }

    /// Takes what was agreed upon. A stream keeps its numbers as long as its SSRC is the same.
    pub(crate) fn set_streams(&mut self, name: String, setups: Vec<Setup>) {
        self.name = name;
        for setup in setups {
            match self.streams.iter_mut().find(|stream| stream.setup.ssrc == setup.ssrc) {
                Some(stream) => stream.setup = setup,
                // A line has one SSRC for as long as the engine has it, and lines are bounded by the offer.
                None => self.streams.push(Stream::new(setup)),
            }
        }
    }

    /// Returns whether a line's queue is so long that more would only make it longer.
    pub(crate) fn is_congested(&self, now: Instant, line: LineId, is_keyframe_under_way: bool) -> bool {
        let max = if is_keyframe_under_way { QUEUE_TIME_MAX_KEYFRAME } else { QUEUE_TIME_MAX };
        let Some(stream) = self.stream_of(line) else { return true };
        let first = self.queue.iter().find(|queued| queued.stream == stream);
        self.queue.len() >= QUEUE_MAX
            || first.is_some_and(|first| now.saturating_duration_since(first.waits_since) > max)
    }

    /// Takes a packet, which came at some time before. Pictures wait for their turn, until [`Self::flush`].
    pub(crate) fn write(&mut self, now: Instant, line: LineId, came_at: Instant, packet: Outgoing) {
        let Some(stream) = self.stream_of(line) else { return };
        if self.streams[stream].setup.kind == TrackKind::Audio {
            self.send(now, stream, came_at, packet);
        } else if self.queue.len() < QUEUE_MAX {
            self.level(stream, &packet);
            self.queue.push_back(Queued { stream, came_at, waits_since: now, packet });
        }
    }

    /// Makes the packets of a picture equally large, so that they are one train: encoders make them of two sizes that are a byte apart, the
    /// smaller ones first.
    fn level(&mut self, stream: usize, next: &Outgoing) {
        let of_picture =
            |it: &&mut Queued| (it.stream, it.packet.time) == (stream, next.time) && !it.packet.is_padded;
        for before in self.queue.iter_mut().rev().take_while(of_picture) {
            if before.packet.payload.len() + 1 != next.payload.len() {
                return;
            }
            before.packet.is_padded = true;
        }
    }

    /// Sends what waits, as far as it may go out now.
    pub(crate) fn flush(&mut self, now: Instant) {
        while !self.queue.is_empty() && self.pacer.is_free(now) {
            if let Some(Queued { stream, came_at, packet, .. }) = self.queue.pop_front() {
                self.send(now, stream, came_at, packet);
            }
        }
    }

    /// Says up to where it is to be filled up, and up to where more is to be tried.
    pub(crate) fn set_bitrates(&mut self, now: Instant, fill: Bitrate, goal: Bitrate) {
        self.fill = fill;
        self.prober.aim(now, self.estimator.estimate(), goal);
        self.probe(now);
    }

    /// Says what gets through.
    pub(crate) fn set_through(&mut self, through: Bitrate) {
        self.pacer.set_through(through.max(self.estimator.estimate()));
    }

    /// Takes a datagram of reports. Returns whether there is something in it about what came in; `None` if it is not genuine, or there
    /// are no keys yet.
    pub(crate) fn handle_reports(&mut self, now: Instant, datagram: &[u8]) -> Option<bool> {
        let compound = self.srtp.as_mut()?.reports.open(datagram)?;
        Some(rtcp::read(&compound, |said| self.handle(now, said)))
    }

    /// Returns how long a packet and the answer to it take, as far as that is known.
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// Asks for packets that did not come, by SSRC. `own` is that of who asks: no other reports may come under it.
    pub(crate) fn ask(&mut self, own: u32, wanted: &[(u32, Vec<u16>)]) {
        let Some(srtp) = &mut self.srtp else { return };
        let mut compound = Vec::new();
        rtcp::write_beginning(own, &mut compound);
        for (ssrc, sequences) in wanted {
            rtcp::write_missing(own, *ssrc, sequences, &mut compound);
        }
        let sealed = srtp.outgoing.seal_report(&mut compound);
        if sealed.is_some() {
            self.transmits.push(compound);
        }
    }

    /// Does what is due.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.flush(now);
        self.send_twice(now);
        self.end_probe(now);
        self.probe(now);
        if self.fill_at.is_some_and(|at| at <= now) {
            self.fill_up(now);
        }
        if self.measure_at.is_some_and(|at| at <= now) {
            self.measure(now);
        }
        if self.report_at.is_some_and(|at| at <= now) {
            self.report(now);
        }
    }

    pub(crate) fn poll_timeout(&self, now: Instant) -> Option<Instant> {
        let queue = (!self.queue.is_empty()).then(|| self.pacer.due(now));
        let all =
            [queue, self.shield.due(), self.prober.due(now), self.fill_at, self.measure_at, self.report_at];
        all.into_iter().flatten().min()
    }

    pub(crate) fn poll_transmit(&mut self) -> Option<Train> {
        self.transmits.pop()
    }

    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Takes decrypted reports, as if they had come by the network, and does what is due after them: for those who look for reports that
    /// break it.
    fn hear(&mut self, now: Instant, compound: &[u8]) {
        rtcp::read(compound, |said| self.handle(now, said));
        self.handle_timeout(now);
    }

    fn stream_of(&self, line: LineId) -> Option<usize> {
        self.streams.iter().position(|stream| stream.setup.line == line)
    }

    fn send(&mut self, now: Instant, at: usize, came_at: Instant, packet: Outgoing) {
        let Some((srtp, stream)) = self.srtp.as_ref().zip(self.streams.get_mut(at)) else { return };
        let (bytes, sequence) = (packet.payload.len(), packet.sequence);
        let weight = if packet.is_marked || stream.is_late(sequence) { Weight::High } else { Weight::Usual };
        // What waits is mostly of the same frame, and follows at once.
        let room = room(1 + self.queue.len(), packet.size_max());
        let number = self.history.next();
        let seal =
            |datagrams: &mut Vec<u8>| stream.seal(now, &srtp.outgoing, (packet, came_at), number, datagrams);
        let Some(sealed) = self.transmits.write(room, seal) else { return };
        if stream.setup.kind == TrackKind::Video {
            self.shield.note(now, Sent { number, stream: at, sequence, bytes }, weight);
        }
        self.media += sealed as u64;
        self.repairs.earn(bytes);
        self.media_at = Some(now);
        self.measure_at.get_or_insert(now + MEASURE_INTERVAL);
        self.report_at.get_or_insert(now + FIRST_REPORT);
        if self.fill > Bitrate::default() {
            self.fill_at.get_or_insert(now + FILL_INTERVAL);
        }
        self.record(now, sealed);
    }

    /// Records a packet of so many bytes that goes out.
    fn record(&mut self, now: Instant, bytes: usize) {
        self.history.record(now, bytes, self.prober.number());
        self.prober.record(now, bytes);
        self.pacer.record(bytes);
        self.sent_since_fill += bytes as u64;
    }

    /// Sends once more what is to come twice.
    fn send_twice(&mut self, now: Instant) {
        while let Some(second) = self.shield.poll(now) {
            let number = self.history.next();
            if self.send_again(now, second.sent.stream, second.sent.sequence) {
                self.shield.note_again(now, number, second);
            }
        }
    }

    /// Sends a packet that was found once more. Returns whether it could be.
    fn send_again(&mut self, now: Instant, stream: usize, sequence: u64) -> bool {
        let Some((srtp, stream)) = self.srtp.as_ref().zip(self.streams.get_mut(stream)) else { return false };
        let (number, room) = (self.history.next(), room(1, stream.size_max(sequence)));
        let seal =
            |datagrams: &mut Vec<u8>| stream.seal_again(now, &srtp.outgoing, sequence, number, datagrams);
        let sealed = self.transmits.write(room, seal);
        if let Some(bytes) = sealed {
            self.record(now, bytes);
        }
        sealed.is_some()
    }

    fn handle(&mut self, now: Instant, said: Said<'_>) {
        let stream_of = |ssrc| self.streams.iter().position(|stream| stream.setup.ssrc == ssrc);
        match said {
            Said::Block { ssrc, last_report, delay } => {
                if last_report != 0 && stream_of(ssrc).is_some() {
                    self.handle_block(now, last_report, delay);
                }
            }
            Said::Missing { ssrc, list } => {
                let Some(stream) = stream_of(ssrc) else { return };
                let pause = self.round_trip.unwrap_or_default().mul_f32(0.75);
                for sequence in list.sequences() {
                    let of = &self.streams[stream];
                    let Some(found) = of.find(now, sequence, pause) else { continue };
                    let (bytes, number) = (of.size(found), self.history.next());
                    if self.repairs.spend(bytes) && self.send_again(now, stream, found) {
                        let sent = Sent { number, stream, sequence: found, bytes };
                        self.shield.note(now, sent, Weight::Usual);
                    }
                }
            }
            Said::KeyframeWanted { ssrc } => {
                let line = stream_of(ssrc).map(|stream| self.streams[stream].setup.line);
                self.events.extend(line.map(Event::KeyframeWanted));
            }
            Said::Arrivals(arrivals) => self.handle_arrivals(now, &arrivals),
            Said::Clock { ssrc, time } => {
                self.clocks.retain(|clock| clock.ssrc != ssrc);
                if self.clocks.len() < CLOCKS_MAX {
                    self.clocks.push(Clock { ssrc, time, came_at: now });
                }
            }
        }
    }

    fn handle_arrivals(&mut self, now: Instant, arrivals: &rtcp::Arrivals<'_>) {
        let News { arrived, lost } = self.history.handle(arrivals);
        self.shield.handle_lost(now, &lost, |number| self.history.is_lost(number));
        self.waited = self.waits.handle(now, &arrived).or(self.waited);
        let round_trip = self.round_trip.unwrap_or_default();
        let before = self.estimator.estimate();
        self.estimator.handle(now, &arrived, self.waited.unwrap_or_default(), round_trip);
        let is_due = self.said_at.is_none_or(|at| now.saturating_duration_since(at) >= URGENT_INTERVAL);
        let has_fallen = self.estimator.estimate() < before;
        if has_fallen && is_due {
            self.say(now);
        }
        if let Some(waited) = self.waited.filter(|waited| has_fallen && *waited > HOLD_MIN) {
            self.pacer.hold(now, waited.min(HOLD_MAX));
        }
        for arrival in &arrived {
            self.prober.handle(arrival);
        }
        self.end_probe(now);
    }

    fn end_probe(&mut self, now: Instant) {
        if let Some(found) = self.prober.poll(now, self.estimator.estimate()) {
            self.estimator.handle_probe(found);
        }
    }

    /// Takes how long the other end had a report (RFC 3550 §6.4.1), in units of 2^-16 s.
    fn handle_block(&mut self, now: Instant, last_report: u32, delay: u32) {
        let middle = u32::try_from(self.time(now) >> 16 & u64::from(u32::MAX)).unwrap_or(0);
        let units = middle.wrapping_sub(last_report).wrapping_sub(delay);
        let round_trip = Duration::from_micros(u64::from(units) * 1_000_000 / 65_536);
        if round_trip < ROUND_TRIP_MAX {
            let before = self.round_trip.unwrap_or(round_trip);
            self.round_trip = Some((before * 7 + round_trip) / 8);
        }
    }

    fn measure(&mut self, now: Instant) {
        let is_awake = self.media_at.is_some_and(|at| now.saturating_duration_since(at) <= AWAKE);
        self.measure_at = is_awake.then_some(now + MEASURE_INTERVAL);
        let round_trip = self.round_trip.unwrap_or_default();
        if let Some(loss) = self.history.loss() {
            self.estimator.handle_loss(now, loss, round_trip);
            let media =
                Bitrate(self.media * 8_000 / u64::try_from(MEASURE_INTERVAL.as_millis()).unwrap_or(1));
            let room = self.estimator.estimate().percent(ROOM_PERCENT).minus(media);
            self.shield.look(now, loss, self.waited.unwrap_or_default(), room);
        }
        self.media = 0;
        self.events.push_back(Event::Estimate(self.estimator.turn_average()));
        self.say(now);
        self.history.turn_interval();
    }

    fn say(&mut self, now: Instant) {
        self.said_at = Some(now);
        let estimate = self.estimator.estimate();
        let (loss, queue) = (self.history.loss(), self.waited);
        self.events.push_back(Event::Report(Report { estimate, loss, queue }));
    }

    /// Reports what was sent (RFC 3550 §6.4), for the receiver to bring sound and pictures together.
    fn report(&mut self, now: Instant) {
        self.report_at = None;
        let time = self.time(now);
        let mut compound = Vec::new();
        let mut first = None;
        for stream in &mut self.streams {
            if let Some(report) = stream.report(now, time) {
                report.write(&mut compound);
                first.get_or_insert(report.ssrc);
            }
        }
        let Some(first) = first else { return };
        self.report_at = Some(now + REPORT_INTERVAL);
        rtcp::write_name(&self.name, first, &mut compound);
        if !self.clocks.is_empty() {
            let ago = |at: Instant| now.saturating_duration_since(at).as_micros() * 65_536 / 1_000_000;
            let clocks = self.clocks.drain(..);
            let clocks: Vec<_> = clocks
                .map(|it| (it.ssrc, it.time, u32::try_from(ago(it.came_at)).unwrap_or(u32::MAX)))
                .collect();
            rtcp::write_clocks(first, &clocks, &mut compound);
        }
        let sealed = self.srtp.as_mut().and_then(|srtp| srtp.outgoing.seal_report(&mut compound));
        if sealed.is_some() {
            self.transmits.push(compound);
        }
    }

    /// Returns the time since some beginning in units of 2^-32 s. Who sends has no clock on the wall (RFC 3550 §4 allows that).
    fn time(&self, now: Instant) -> u64 {
        let passed = now.saturating_duration_since(self.start);
        ((passed.as_secs() + CLOCK_START) << 32) | ((u64::from(passed.subsec_nanos()) << 32) / 1_000_000_000)
    }

    /// Sends what is missing to the rate up to which it is to be filled up.
    fn fill_up(&mut self, now: Instant) {
        let is_awake = self.media_at.is_some_and(|at| now.saturating_duration_since(at) <= AWAKE);
        let is_on = is_awake && self.fill > Bitrate::default();
        self.fill_at = is_on.then_some(now + FILL_INTERVAL);
        let due = self.fill.0 * u64::try_from(FILL_INTERVAL.as_millis()).unwrap_or(0) / 8_000;
        let missing =
            if is_on && self.queue.is_empty() { due.saturating_sub(self.sent_since_fill) } else { 0 };
        self.pad(now, missing);
        self.sent_since_fill = self.sent_since_fill.saturating_sub(due).min(due);
    }

    fn probe(&mut self, now: Instant) {
        while self.prober.number().is_some() {
            let missing = self.prober.missing(now);
            if missing == 0 {
                return;
            }
            if !self.pad(now, missing) {
                return self.prober.abandon();
            }
        }
    }

    /// Sends so many bytes of what was sent before, in whole packets. Returns whether there was anything.
    fn pad(&mut self, now: Instant, bytes: u64) -> bool {
        let latest =
            self.streams.iter().enumerate().filter_map(|(n, stream)| Some((n, stream.latest_kept()?)));
        let Some((stream, (sequence, size))) = latest.max_by_key(|(_, (_, size))| *size) else {
            return false;
        };
        let mut left = bytes;
        while left > 0 {
            if !self.send_again(now, stream, sequence) {
                return false;
            }
            left = left.saturating_sub(size as u64 + 1);
        }
        true
    }
}

/// Lets someone who sent a few packets hear reports, each with a length of two bytes before it and ten milliseconds after the other. Returns
/// how many bytes that makes him send.
pub fn hear_reports(now: Instant, reports: &[u8]) -> usize {
    let mut egress = sent_a_few(now);
    let (mut now, mut rest) = (now, reports);
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let (compound, after) = after.split_at(usize::from(u16::from_be_bytes(*length)).min(after.len()));
        egress.hear(now, compound);
        (now, rest) = (now + Duration::from_millis(10), after);
    }
    std::iter::from_fn(|| egress.transmits.pop()).map(|train| train.contents().len()).sum()
}

/// Makes someone who sent a few packets of pictures under SSRC 1.
fn sent_a_few(now: Instant) -> Egress {
    let mut egress = Egress::new(now, Bitrate::kbps(1_000));
    if let Some(srtp) = Srtp::new(Profile::Aes128Gcm, &[7; 56], true) {
        egress.set_keys(srtp);
    }
    let setup = Setup {
        line: LineId(0),
        kind: TrackKind::Video,
        ssrc: 1,
        repair: Some(2),
        repair_types: vec![(96, 97)],
        extensions: Extensions { transport_sequence: Some(3), ..Extensions::default() },
    };
    egress.set_streams("name".to_owned(), vec![setup]);
    for sequence in 1..=32 {
        let (notes, payload) = (Notes::default(), [1; 500].into());
        let packet = Outgoing {
            sequence,
            time: 0,
            pt: 96,
            is_marked: true,
            is_padded: false,
            notes,
            picture: None,
            payload,
        };
        egress.write(now, LineId(0), now, packet);
        egress.flush(now);
    }
    while egress.transmits.pop().is_some() {}
    egress
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test starts its virtual time somewhere")]
mod tests {
    use super::*;

    #[test]
    fn the_round_trip_is_known_from_reports_even_of_those_who_know_no_time_before_1970() {
        let start = Instant::now();
        let mut egress = sent_a_few(start);
        assert_eq!(egress.round_trip(), None);
        let told = egress.time(start + Duration::from_secs(1));
        assert!(told >> 32 > 2_208_988_800);
        // It came after 40 ms, was known for 500 ms, and 60 ms later this is here (RFC 3550 §6.4.1).
        let last_report = u32::try_from(told >> 16 & u64::from(u32::MAX)).unwrap();
        let block = [1, 0, 0, 0, last_report, 0x8000].map(u32::to_be_bytes).concat();
        let report = [&[0x81, 201, 0, 7, 0, 0, 0, 9], block.as_slice()].concat();
        egress.hear(start + Duration::from_millis(1_600), &report);
        let round_trip = egress.round_trip().unwrap();
        assert!(round_trip.abs_diff(Duration::from_millis(100)) < Duration::from_millis(1), "{round_trip:?}");
    }
}
