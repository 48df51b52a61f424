//! The report of a run: what was right and wrong, and how long it took.

use std::collections::BTreeMap;

use allo_protocol::ErrorCode;
use serde::Serialize;

use crate::adaptation::Adaptation;
use crate::histogram::{Summary, Times};
use crate::record::{AllTimes, Counts, Record, Second};
use crate::run::{Measured, Options, Taken};
use crate::scenario::Scenario;

/// A tester that sends later than this, once in a hundred times, is not a good measure of anything. Half of a voice's beat.
const LAG_MAX_MS: f64 = 10.0;
/// A tester that leaves what came lying for longer than this, once in a hundred times, answers the server too late.
const READING_MAX_MS: f64 = 20.0;
/// The share of its threads' time beyond which a tester has no time left.
const BUSY_MAX: f64 = 0.9;

/// What a run found.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Which scenario was played, and its sizes.
    pub scenario: Scenario,
    /// The seed, to play it again.
    pub seed: u64,
    /// Whether each frame of sound was sent twice.
    pub has_red: bool,
    /// How long the measurement took, in seconds.
    pub seconds: f64,
    /// Whether the times mean anything.
    pub verdict: Verdict,
    /// How many came before the measurement.
    pub expected: u64,
    /// How many of them had media when it began.
    pub ready: u64,
    /// Everybody, or two groups that have something to tell apart.
    pub groups: Vec<Group>,
    /// What the server and the machine took. Left out when the tester was the bottleneck.
    pub figures: Option<Figures>,
    /// How one receiver got on with less bandwidth, in that scenario. Left out when the tester was the bottleneck.
    pub adaptation: Option<Adaptation>,
}

/// Whether the tester was quick enough.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// Whether it was the tester that was slow: then no times are told.
    pub is_tester_bottleneck: bool,
    /// Why, for people.
    pub reasons: Vec<String>,
    /// How late it sent.
    pub send_lag: Option<Summary>,
    /// How long it left lying what came.
    pub reading: Option<Summary>,
    /// The share of its threads' time that it used.
    pub tester_busy: f64,
    /// The share of the machine's time that anything used.
    pub machine_busy: f64,
    /// The share that others than the tester and the server used, if its process was named: it makes all times longer.
    pub others_busy: Option<f64>,
}

/// Participants who have something in common.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    /// Who they are.
    pub name: &'static str,
    /// How many took part.
    pub participants: usize,
    /// How many were connected.
    pub connected: usize,
    /// How many had all the media that there was for them.
    pub with_media: usize,
    /// Sessions that ended by themselves.
    pub sessions_lost: u64,
    /// What the server refused, and how often.
    pub errors: BTreeMap<ErrorCode, u64>,
    /// What was received and whether it was right.
    pub counts: Counts,
    /// How long things took. Empty when the tester was the bottleneck; without what did not happen.
    pub times: BTreeMap<&'static str, Summary>,
}

/// What the server and the machine took.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    /// Packets that the participants received in a second.
    pub packets_per_second: f64,
    /// The payload in them, in megabits a second.
    pub megabits_per_second: f64,
    /// From hand to socket directly over loopback, in the same run.
    pub direct_delay: Option<Summary>,
    /// What the server's process took, if it was named.
    pub server: Option<ServerFigures>,
}

/// What the server's process took.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerFigures {
    /// CPU time for each packet that a participant received, everything included, in nanoseconds.
    pub cpu_nanos_per_packet: f64,
    /// What one AEAD seal and one `sendto` of a full packet took in the same run, in nanoseconds.
    pub floor_nanos: Option<f64>,
    /// How many times that the CPU time for a packet is.
    pub times_floor: Option<f64>,
    /// Packets received for each second of CPU time.
    pub packets_per_core_second: f64,
    /// Cores in use.
    pub cores: f64,
    /// Memory before the first joined, in KiB.
    pub resident_kib_at_start: u64,
    /// Memory at the end of the measurement.
    pub resident_kib: u64,
    /// What it grew by for each participant who was there.
    pub resident_kib_per_participant: f64,
}

impl Report {
    pub(crate) fn new(options: &Options, measured: &Measured) -> Self {
        let mut all = AllTimes::default();
        measured.records.iter().for_each(|record| all.add(&record.times));
        let verdict = Verdict::new(options, measured, &all.lag);
        let is_good = !verdict.is_tester_bottleneck;
        Self {
            scenario: options.scenario.clone(),
            seed: options.seed,
            has_red: options.has_red,
            seconds: measured.elapsed.as_secs_f64(),
            expected: measured.ready.1,
            ready: measured.ready.0,
            groups: groups(&options.scenario, &measured.records, is_good),
            figures: is_good.then(|| Figures::new(measured)),
            adaptation: adaptation(options, &measured.records).filter(|_| is_good),
            verdict,
        }
    }

    /// Returns what must never be: packets that are not what they say, or not for whoever got them.
    pub fn faults(&self) -> u64 {
        self.groups.iter().map(|group| group.counts.strays + group.counts.misdirected).sum()
    }

    /// Says in a line what the server refused.
    pub(crate) fn errors(records: &[Record]) -> String {
        let connected = records.iter().filter(|record| record.was_connected).count();
        format!("{connected} of {} connected; refusals: {:?}", records.len(), errors(records.iter()))
    }
}

impl Verdict {
    fn new(options: &Options, measured: &Measured, lag: &Times) -> Self {
        let busy =
            measured.tester.cpu().as_secs_f64() / measured.elapsed.as_secs_f64() / options.threads as f64;
        let (send_lag, reading) = (lag.summary(), measured.probe.reading.summary());
        let mut reasons = Vec::new();
        if let Some(lag) = send_lag.filter(|lag| lag.p99_ms > LAG_MAX_MS) {
            reasons.push(format!("it sent late: p99 {:.1} ms, allowed {LAG_MAX_MS} ms", lag.p99_ms));
        }
        if let Some(reading) = reading.filter(|reading| reading.p99_ms > READING_MAX_MS) {
            reasons.push(format!("it read late: p99 {:.1} ms, allowed {READING_MAX_MS} ms", reading.p99_ms));
        }
        if busy > BUSY_MAX {
            reasons.push(format!("its threads were busy for {:.0} % of the time", busy * 100.0));
        }
        Self {
            is_tester_bottleneck: !reasons.is_empty(),
            reasons,
            send_lag,
            reading,
            tester_busy: busy,
            machine_busy: measured.machine_busy,
            others_busy: measured.others_busy,
        }
    }
}

impl Figures {
    fn new(measured: &Measured) -> Self {
        let seconds = measured.elapsed.as_secs_f64();
        let packets: u64 = measured.records.iter().map(|record| record.counts.received).sum();
        let bytes: u64 = measured.records.iter().map(|record| record.counts.received_bytes).sum();
        Self {
            packets_per_second: packets as f64 / seconds,
            megabits_per_second: bytes as f64 * 8.0 / 1e6 / seconds,
            direct_delay: measured.probe.delay.summary(),
            server: measured.server.as_ref().map(|taken| ServerFigures::new(taken, measured, packets)),
        }
    }
}

impl ServerFigures {
    fn new(taken: &Taken, measured: &Measured, packets: u64) -> Self {
        let cpu = taken.cpu();
        let cpu_nanos_per_packet = cpu.as_nanos() as f64 / packets.max(1) as f64;
        let floor_nanos = measured.floor.map(|floor| floor.as_nanos() as f64);
        let grown = taken.after.resident_kib.saturating_sub(taken.at_start.resident_kib);
        Self {
            cpu_nanos_per_packet,
            floor_nanos,
            times_floor: floor_nanos.map(|floor| cpu_nanos_per_packet / floor),
            packets_per_core_second: packets as f64 / cpu.as_secs_f64().max(1e-9),
            cores: cpu.as_secs_f64() / measured.elapsed.as_secs_f64(),
            resident_kib_at_start: taken.at_start.resident_kib,
            resident_kib: taken.after.resident_kib,
            resident_kib_per_participant: grown as f64 / measured.participants.max(1) as f64,
        }
    }
}

fn groups(scenario: &Scenario, records: &[Record], with_times: bool) -> Vec<Group> {
    let (special, others) = match scenario {
        Scenario::JoinStorm { .. } => ("those of the storm", "those who were there before"),
        Scenario::BandwidthDrop { .. } => ("the one with the narrow link", "the others"),
        _ => ("special", "everybody"),
    };
    let group = |name, is_special| {
        let members: Vec<_> = records.iter().filter(|record| record.is_special == is_special).collect();
        (!members.is_empty()).then(|| Group::new(name, &members, with_times))
    };
    [group(special, true), group(others, false)].into_iter().flatten().collect()
}

impl Group {
    fn new(name: &'static str, members: &[&Record], with_times: bool) -> Self {
        let (mut counts, mut times) = (Counts::default(), AllTimes::default());
        for record in members {
            counts.add(&record.counts);
            times.add(&record.times);
        }
        Self {
            name,
            participants: members.len(),
            connected: members.iter().filter(|record| record.was_connected).count(),
            with_media: members.iter().filter(|record| record.had_media).count(),
            sessions_lost: members.iter().map(|record| record.sessions_lost).sum(),
            errors: errors(members.iter().copied()),
            counts,
            times: if with_times { summaries(&times) } else { BTreeMap::new() },
        }
    }
}

fn summaries(times: &AllTimes) -> BTreeMap<&'static str, Summary> {
    let all = [
        ("connect", &times.connect),
        ("joinToKeyframe", &times.join_to_keyframe),
        ("startToKeyframe", &times.start_to_keyframe),
        ("joinToSound", &times.join_to_sound),
        ("delay", &times.delay),
        ("lateDelay", &times.late_delay),
        ("frameGap", &times.frame_gap),
        ("soundGap", &times.sound_gap),
        ("turnToSound", &times.turn_to_sound),
        ("turnToWord", &times.turn_to_word),
        ("packetToWord", &times.packet_to_word),
    ];
    all.into_iter().filter_map(|(name, times)| Some((name, times.summary()?))).collect()
}

fn errors<'a>(records: impl Iterator<Item = &'a Record>) -> BTreeMap<ErrorCode, u64> {
    let mut all = BTreeMap::new();
    for (code, count) in records.flat_map(|record| &record.errors) {
        *all.entry(*code).or_default() += count;
    }
    all
}

fn adaptation(options: &Options, records: &[Record]) -> Option<Adaptation> {
    let Scenario::BandwidthDrop { narrow_kbps, .. } = options.scenario else { return None };
    let seconds: &[Second] =
        records.iter().find(|record| record.is_special).map(|record| &*record.seconds)?;
    Some(Adaptation::new(seconds, options.duration, narrow_kbps))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use allo_client::signaling::Trust;

    use super::*;
    use crate::probe::Probe;
    use crate::process::Usage;

    fn options() -> Options {
        Options {
            url: "https://localhost".parse().unwrap(),
            trust: Trust::System,
            scenario: Scenario::Audio { rooms: 1, participants: 2 },
            duration: Duration::from_secs(10),
            seed: 1,
            has_red: true,
            server_pid: Some(1),
            threads: 2,
        }
    }

    /// A run of ten seconds in which each process used so much CPU time, and packets left so late.
    fn measured(tester_cpu: u64, lag_ms: u64) -> Measured {
        let taken = |seconds| {
            let usage = |cpu| Usage { cpu: Duration::from_secs(cpu), resident_kib: 1_000 + cpu };
            Taken { at_start: usage(0), before: usage(0), after: usage(seconds) }
        };
        let mut record = Record { had_media: true, was_connected: true, ..Record::default() };
        record.counts.received = 1_000_000;
        record.times.lag.record(Duration::from_millis(lag_ms));
        record.times.delay.record(Duration::from_millis(3));
        Measured {
            records: vec![record],
            probe: Probe::default(),
            elapsed: Duration::from_secs(10),
            participants: 1,
            ready: (1, 1),
            tester: taken(tester_cpu),
            server: Some(taken(5)),
            machine_busy: 0.5,
            others_busy: Some(0.3),
            floor: Some(Duration::from_micros(2)),
        }
    }

    #[test]
    fn a_tester_with_time_to_spare_reports_figures() {
        let report = Report::new(&options(), &measured(2, 1));
        assert!(!report.verdict.is_tester_bottleneck);
        let server = report.figures.as_ref().unwrap().server.as_ref().unwrap();
        let seen = (server.cpu_nanos_per_packet, server.packets_per_core_second, server.times_floor);
        assert_eq!(seen, (5_000.0, 200_000.0, Some(2.5)));
        assert!(report.groups[0].times.contains_key("delay"));
        assert!(report.to_string().contains("Other programs used 30 % of the machine"), "{report}");
    }

    #[test]
    fn a_tester_that_sends_late_or_has_no_time_left_reports_counts_only_and_says_why() {
        for (cpu, lag_ms, reason) in [(2, 50, "it sent late"), (19, 1, "its threads were busy")] {
            let report = Report::new(&options(), &measured(cpu, lag_ms));
            assert!(report.figures.is_none() && report.groups[0].times.is_empty());
            assert_eq!(report.groups[0].counts.received, 1_000_000);
            let text = report.to_string();
            assert!(text.contains("the tester itself was the bottleneck") && text.contains(reason), "{text}");
        }
    }

    #[test]
    fn a_report_can_be_written_as_json() {
        let json = serde_json::to_value(Report::new(&options(), &measured(2, 1))).unwrap();
        assert_eq!(json["scenario"], serde_json::json!({ "name": "audio", "rooms": 1, "participants": 2 }));
        assert_eq!(json["groups"][0]["counts"]["received"], 1_000_000);
        assert_eq!(json["verdict"]["isTesterBottleneck"], false);
    }
}
