//! Runs a participant: joins the call, which knows no sockets, to the sockets and the clock.

use std::future::pending;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use allo_protocol::{ClientMessage, FileId, FileOffer};
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep_until;
use tracing::warn;

use super::call::{Call, CallOptions};
use super::contents::{Answer, Contents};
use super::event::{Event, Report};
use super::reflexive::{Question, Reflexive};
use super::sockets::{Datagram, Sockets};
use crate::files::{FileError, NewFile, Work};
use crate::peer::LinkState;
use crate::signaling::{EndReason, SignalingEvent, SignalingSocket};

/// What a participant is told to do.
#[derive(Debug)]
pub(crate) enum Order {
    SetMic(bool),
    SetCam(bool),
    Say(Box<ClientMessage>),
    OfferFile {
        file: Box<NewFile>,
        content: mpsc::Sender<Work>,
        answer: Answer,
    },
    WithdrawFile(FileId),
    AcceptFile {
        offer: Box<FileOffer>,
        content: mpsc::Sender<Work>,
        answer: oneshot::Sender<Result<(), FileError>>,
    },
    CancelFile(FileId),
    Report(oneshot::Sender<Report>),
    NetworkChanged,
    Cut(Duration),
    Leave,
}

/// The task behind a handle.
pub(crate) struct Driver {
    call: Call,
    signaling: SignalingSocket,
    sockets: Sockets,
    contents: Contents,
    reflexive: Reflexive,
    /// Where to ask how this machine is seen from outside.
    stun: Option<SocketAddr>,
    orders: mpsc::Receiver<Order>,
    events: mpsc::Sender<Event>,
    events_dropped: u64,
    /// Whether to look at the addresses of this machine.
    is_network_suspect: bool,
    /// Why this participant is leaving, once it is.
    ending: Option<EndReason>,
}

impl Driver {
    pub(crate) fn new(
        call: CallOptions,
        signaling: SignalingSocket,
        sockets: Sockets,
        contents: Contents,
        reflexive: Reflexive,
        orders: mpsc::Receiver<Order>,
        events: mpsc::Sender<Event>,
    ) -> Self {
        let call = Call::new(Instant::now(), call, sockets.addresses());
        Self {
            call,
            signaling,
            sockets,
            contents,
            reflexive,
            stun: None,
            orders,
            events,
            events_dropped: 0,
            is_network_suspect: false,
            ending: None,
        }
    }

    pub(crate) async fn run(mut self) {
        while self.step().await.is_continue() {
            self.flush().await;
            if self.is_network_suspect {
                self.suspect_network().await;
                self.flush().await;
            }
        }
    }

    /// Waits for one thing to happen and handles it.
    async fn step(&mut self) -> std::ops::ControlFlow<()> {
        let due = self.reflexive.poll_timeout().into_iter().fold(self.call.poll_timeout(), Instant::min);
        tokio::select! {
            Some(datagram) = self.sockets.recv() => self.handle_datagram(&datagram),
            Some(done) = self.contents.recv() => self.call.handle_file_done(Instant::now(), done),
            event = self.signaling.recv() => return self.handle_signaling(event).await,
            order = self.orders.recv() => match order {
                Some(order) => self.handle_order(order).await,
                None => pending().await,
            },
            () = sleep_until(due.into()) => {
                self.call.handle_timeout(Instant::now());
                self.reflexive.handle_timeout(Instant::now());
            }
        }
        std::ops::ControlFlow::Continue(())
    }

    fn handle_datagram(&mut self, datagram: &Datagram) {
        let Datagram { source, destination, bytes } = datagram;
        let now = Instant::now();
        if !self.reflexive.handle_datagram(now, *source, *destination, bytes) {
            self.call.handle_datagram(now, *source, *destination, bytes);
        }
    }

    async fn handle_signaling(&mut self, event: Option<SignalingEvent>) -> std::ops::ControlFlow<()> {
        let now = Instant::now();
        match event {
            Some(SignalingEvent::Opened { features, limits, stun, .. }) => {
                self.stun = stun;
                self.reflexive.configure(now, stun, &self.sockets.udp_addresses());
                self.call.handle_opened(&features, &limits);
            }
            Some(SignalingEvent::Lost) => self.call.handle_lost(),
            Some(SignalingEvent::Message(message)) => {
                if let Some(reason) = self.call.handle_message(now, message) {
                    self.end(reason).await;
                }
            }
            Some(SignalingEvent::Ended(reason)) => {
                let reason = self.ending.take().unwrap_or(reason);
                self.call.close(now);
                self.flush().await;
                self.emit(Event::Ended { reason });
                return std::ops::ControlFlow::Break(());
            }
            None => return std::ops::ControlFlow::Break(()),
        }
        std::ops::ControlFlow::Continue(())
    }

    async fn handle_order(&mut self, order: Order) {
        let now = Instant::now();
        match order {
            Order::SetMic(is_on) => self.call.set_mic(now, is_on),
            Order::SetCam(is_on) => self.call.set_cam(now, is_on),
            Order::Say(message) => self.call.say(*message),
            Order::OfferFile { file, content, answer } => self.offer_file(*file, content, answer),
            Order::WithdrawFile(file) => self.call.withdraw_file(file),
            Order::AcceptFile { offer, content, answer } => {
                let accepted = self.call.accept_file(now, &offer);
                // Whoever asked may be gone.
                let _ = answer.send(accepted.map(|number| self.contents.add(number, content)));
            }
            Order::CancelFile(file) => self.call.cancel_file(file),
            // Whoever asked may be gone.
            Order::Report(answer) => drop(answer.send(self.call.report(now, self.events_dropped))),
            Order::NetworkChanged => self.handle_network_change(now).await,
            Order::Cut(duration) => self.signaling.cut(duration).await,
            Order::Leave => self.end(EndReason::Left).await,
        }
    }

    fn offer_file(&mut self, file: NewFile, content: mpsc::Sender<Work>, answer: Answer) {
        match self.call.offer_file(file) {
            Ok(number) => {
                self.contents.add(number, content);
                self.contents.await_answer(number, answer);
            }
            // Whoever asked may be gone.
            Err(error) => drop(answer.send(Err(error))),
        }
    }

    async fn handle_network_change(&mut self, now: Instant) {
        match self.sockets.refresh().await {
            // The WebSocket may have been at the address that is gone, and would only be missed much later.
            Ok(true) => self.signaling.cut(Duration::ZERO).await,
            Ok(false) => {}
            Err(error) => warn!(%error, "cannot find out the addresses of this machine"),
        }
        self.call.handle_addresses(now, self.sockets.addresses());
        self.reflexive.configure(now, self.stun, &self.sockets.udp_addresses());
    }

    /// Something was lost: perhaps because this machine has other addresses now.
    async fn suspect_network(&mut self) {
        self.is_network_suspect = false;
        match self.sockets.is_out_of_date() {
            Ok(true) => self.handle_network_change(Instant::now()).await,
            Ok(false) => {}
            Err(error) => warn!(%error, "cannot find out the addresses of this machine"),
        }
    }

    async fn end(&mut self, reason: EndReason) {
        self.call.close(Instant::now());
        self.flush().await;
        self.ending = Some(reason);
        self.signaling.leave().await;
    }

    /// Sends and says what the call has for others.
    async fn flush(&mut self) {
        while let Some(mapping) = self.reflexive.poll_found() {
            self.call.handle_mapping(Instant::now(), mapping);
        }
        while let Some(Question { source, destination, bytes }) = self.reflexive.poll_question() {
            self.sockets.send_by_udp(source, destination, &bytes);
        }
        while let Some(work) = self.call.poll_file_work() {
            if let Some(done) = self.contents.perform(work) {
                self.call.handle_file_done(Instant::now(), done);
            }
        }
        while let Some((number, answer)) = self.call.poll_file_answer() {
            self.contents.answer(number, answer);
        }
        while let Some(transmit) = self.call.poll_transmit() {
            self.sockets.send(&transmit);
        }
        while let Some(message) = self.call.poll_message() {
            self.signaling.send(message).await;
        }
        while let Some(event) = self.call.poll_event() {
            self.emit(event);
        }
    }

    fn emit(&mut self, event: Event) {
        self.is_network_suspect |= matches!(
            event,
            Event::Signaling { is_open: false }
                | Event::LinkState { state: LinkState::Reconnecting, .. }
                | Event::SessionState { state: LinkState::Reconnecting, .. }
        );
        if self.events.try_send(event).is_err() {
            self.events_dropped += 1;
        }
    }
}
