//! The report as a person reads it.

use std::fmt::{self, Display, Formatter};

use crate::histogram::Summary;
use crate::report::{Group, Report};

/// The share of the machine that others may use before a person is told.
const OTHERS_MAX: f64 = 0.15;

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:?}, for {:.0} s, seed {}", self.scenario, self.seconds, self.seed)?;
        writeln!(f, "{} of {} had media when the measurement began", self.ready, self.expected)?;
        self.groups.iter().try_for_each(|group| write_group(f, group))?;
        if let Some(figures) = &self.figures {
            writeln!(f, "\nthroughput")?;
            row(f, "packets received a second", format_args!("{:.0}", figures.packets_per_second))?;
            row(f, "megabits received a second", format_args!("{:.1}", figures.megabits_per_second))?;
            if let Some(direct) = &figures.direct_delay {
                times(f, "directLoopback", direct)?;
            }
        }
        if let Some(server) = self.figures.as_ref().and_then(|figures| figures.server.as_ref()) {
            writeln!(f, "\nserver process")?;
            row(f, "CPU ns per packet received", format_args!("{:.0}", server.cpu_nanos_per_packet))?;
            if let Some((floor, times)) = server.floor_nanos.zip(server.times_floor) {
                row(f, "a seal and a sendto, ns", format_args!("{floor:.0}"))?;
                row(f, "times that", format_args!("{times:.2}"))?;
            }
            row(f, "packets per core-second", format_args!("{:.0}", server.packets_per_core_second))?;
            row(f, "cores in use", format_args!("{:.2}", server.cores))?;
            row(f, "memory, MiB", format_args!("{:.1}", server.resident_kib as f64 / 1024.0))?;
            row(
                f,
                "grown by, KiB per participant",
                format_args!("{:.0}", server.resident_kib_per_participant),
            )?;
        }
        if let Some(adaptation) = &self.adaptation {
            writeln!(f, "\nthe narrow link")?;
            row(f, "kbit/s before", format_args!("{}", adaptation.wide_kbps))?;
            row(f, "fitted after, s", format_args!("{:?}", adaptation.stepped_down_after_seconds))?;
            row(f, "back at 80 % after, s", format_args!("{:?}", adaptation.recovered_after_seconds))?;
            row(f, "seconds without sound", format_args!("{}", adaptation.seconds_without_sound))?;
        }
        write_verdict(f, self)
    }
}

fn write_group(f: &mut Formatter<'_>, group: &Group) -> fmt::Result {
    let counts = &group.counts;
    writeln!(f, "\n{}: {} participants", group.name, group.participants)?;
    let rows = [
        ("connected", group.connected as u64),
        ("with all media", group.with_media as u64),
        ("sessions lost", group.sessions_lost),
        ("packets sent", counts.sent),
        ("packets received", counts.received),
        ("  without a good stamp", counts.strays),
        ("  misdirected", counts.misdirected),
        ("  not announced", counts.unannounced),
        ("  late", counts.late),
        ("  duplicates", counts.duplicates),
        ("lost, pictures", counts.lost_video),
        ("lost, sound", counts.lost_audio),
        ("  made up for", counts.made_up_audio),
        ("frames shown", counts.frames),
        ("layer switches", counts.layer_switches),
        ("pictures paused by the server", counts.pauses),
        ("freezes over 200 ms", counts.freezes_over_200ms),
        ("freezes over 400 ms", counts.freezes_over_400ms),
        ("keyframes asked for", counts.keyframe_requests),
    ];
    for (name, count) in rows {
        row(f, name, format_args!("{count}"))?;
    }
    if let Some(percent) = counts.lost_audio_percent() {
        row(f, "lost, sound, %", format_args!("{percent:.2}"))?;
    }
    if counts.turns_heard + counts.turns_missed > 0 {
        row(f, "turns heard", format_args!("{}", counts.turns_heard))?;
        row(f, "turns missed", format_args!("{}", counts.turns_missed))?;
        row(f, "packets clipped at their beginning", format_args!("{}", counts.turn_packets_clipped))?;
    }
    for (code, count) in &group.errors {
        row(f, "refused or failed", format_args!("{code:?} {count}"))?;
    }
    group.times.iter().try_for_each(|(name, summary)| times(f, name, summary))
}

fn write_verdict(f: &mut Formatter<'_>, report: &Report) -> fmt::Result {
    let verdict = &report.verdict;
    writeln!(f, "\ntester")?;
    row(f, "busy, % of its threads", format_args!("{:.0}", verdict.tester_busy * 100.0))?;
    row(f, "the machine busy, %", format_args!("{:.0}", verdict.machine_busy * 100.0))?;
    if let Some(lag) = &verdict.send_lag {
        times(f, "sendLag", lag)?;
    }
    if let Some(reading) = &verdict.reading {
        times(f, "reading", reading)?;
    }
    if let Some(others) = verdict.others_busy.filter(|others| *others > OTHERS_MAX) {
        writeln!(
            f,
            "\nOther programs used {:.0} % of the machine: the times are longer by that.",
            others * 100.0
        )?;
    }
    if verdict.is_tester_bottleneck {
        writeln!(f, "\nNo times and no figures are reported: the tester itself was the bottleneck.")?;
        verdict.reasons.iter().try_for_each(|reason| writeln!(f, "  {reason}"))?;
    }
    Ok(())
}

fn row(f: &mut Formatter<'_>, name: &str, value: fmt::Arguments<'_>) -> fmt::Result {
    writeln!(f, "  {name:<36}{:>16}", value.to_string())
}

fn times(f: &mut Formatter<'_>, name: &str, summary: &Summary) -> fmt::Result {
    let Summary { count, p50_ms, p95_ms, p99_ms, max_ms } = summary;
    writeln!(
        f,
        "  {name:<18} p50 {p50_ms:>9.2}  p95 {p95_ms:>9.2}  p99 {p99_ms:>9.2}  max {max_ms:>9.2} ms  of {count}"
    )
}
