//! One participant: commands in, lines out.

use std::time::Duration;

use allo_client::client::{ClientOptions, Event, Report, WebRtcClient};
use allo_client::signaling::EndReason;
use anyhow::bail;
use serde::Serialize;
use tokio::sync::{broadcast, mpsc};
use tokio::time::{MissedTickBehavior, interval};

use crate::commands::Command;
use crate::files::{FileOptions, Files};

/// A line of output.
#[derive(Debug, Serialize)]
struct Line<'a> {
    /// Which of the participants of this program it is about.
    client: u32,
    #[serde(flatten)]
    content: Content<'a>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Content<'a> {
    Event(&'a Event),
    Report { event: &'static str, report: Report },
}

/// Joins, obeys, and returns after the end; with an error when it was not wanted.
pub(crate) async fn run(
    number: u32,
    options: ClientOptions,
    files: FileOptions,
    mut commands: broadcast::Receiver<Command>,
    lines: mpsc::Sender<String>,
    report_every: Option<Duration>,
) -> anyhow::Result<()> {
    let mut client = WebRtcClient::join(options).await?;
    // Of several, the first has to do with files, as commands go to all.
    let mut files = (number == 0).then(|| Files::new(files));
    let mut ticks = interval(report_every.unwrap_or(Duration::from_secs(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            event = client.event() => match event {
                Some(event) => {
                    print(&lines, number, Content::Event(&event)).await;
                    if let Some(files) = &mut files {
                        files.handle(&client, &event).await;
                    }
                    if let Event::Ended { reason } = event {
                        return outcome(reason);
                    }
                }
                None => bail!("the participant stopped without saying why"),
            },
            Ok(command) = commands.recv() => obey(&client, command, &mut files, &lines, number).await,
            _ = ticks.tick(), if report_every.is_some() => report(&client, &lines, number).await,
        }
    }
}

async fn obey(
    client: &WebRtcClient,
    command: Command,
    files: &mut Option<Files>,
    lines: &mpsc::Sender<String>,
    number: u32,
) {
    match command {
        Command::Mic(is_on) => client.set_mic(is_on).await,
        Command::Cam(is_on) => client.set_cam(is_on).await,
        Command::Cut(duration) => client.cut(duration).await,
        Command::NetworkChanged => client.network_changed().await,
        Command::Say(message) => client.say(message).await,
        Command::SendFile(path) => {
            if let Some(files) = files {
                files.add(client, path).await;
            }
        }
        Command::CancelFile(file) => {
            if let Some(files) = files {
                files.cancel(client, file).await;
            }
        }
        Command::Report => report(client, lines, number).await,
        Command::Leave => client.start_leaving().await,
    }
}

async fn report(client: &WebRtcClient, lines: &mpsc::Sender<String>, number: u32) {
    if let Some(report) = client.report().await {
        print(lines, number, Content::Report { event: "report", report }).await;
    }
}

async fn print(lines: &mpsc::Sender<String>, client: u32, content: Content<'_>) {
    let line = serde_json::to_string(&Line { client, content }).expect("every key is text");
    // When standard output is closed nobody reads any more, and the call goes on.
    let _ = lines.send(line).await;
}

fn outcome(reason: EndReason) -> anyhow::Result<()> {
    match reason {
        EndReason::Left => Ok(()),
        reason => bail!("the call ended: {reason}"),
    }
}
