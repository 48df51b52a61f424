//! The lines of a session, and the offers that name them.

use allo_protocol::{MediaTrack, Source};
use str0m::Rtc;
use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::channel::{ChannelConfig, ChannelId};
use str0m::media::{Direction, MediaKind, Mid, Rid, Simulcast, SimulcastLayer};

use super::options::{SessionError, SessionOptions};
use crate::sending::LAYERS_MAX;

/// The names of the simulcast layers, the lowest first.
const LAYERS: [&str; LAYERS_MAX] = ["l", "m", "h"];

/// The lines, to which at most one for the data channel is added, and the offer that waits for its answer.
#[derive(Debug)]
pub(crate) struct Lines {
    mic: Mid,
    cam: Option<Mid>,
    audio_slots: Vec<Mid>,
    video_slots: Vec<Mid>,
    /// The data channel, once it was asked for.
    channel: Option<ChannelId>,
    pending: Option<Pending>,
    /// The last answer that came into force.
    applied: Option<String>,
}

#[derive(Debug)]
struct Pending {
    token: SdpPendingOffer,
    sdp: String,
}

impl Lines {
    /// Makes the lines and the first offer.
    pub(crate) fn offer(rtc: &mut Rtc, options: &SessionOptions) -> Self {
        let mut changes = rtc.sdp_api();
        let mut add = |kind, direction, simulcast| changes.add_media(kind, direction, None, None, simulcast);
        let mic = add(MediaKind::Audio, Direction::SendOnly, None);
        let cam = options.sends_video.then(|| add(MediaKind::Video, Direction::SendOnly, Some(simulcast())));
        let mut slots = |kind, count| (0..count).map(|_| add(kind, Direction::RecvOnly, None)).collect();
        let audio_slots = slots(MediaKind::Audio, options.audio_slots);
        let video_slots = slots(MediaKind::Video, options.video_slots);
        let (offer, token) = changes.apply().expect("lines were added");
        let pending = Some(Pending { token, sdp: offer.to_sdp_string() });
        Self { mic, cam, audio_slots, video_slots, channel: None, pending, applied: None }
    }

    /// Makes an offer that restarts ICE, unless another offer waits for its answer.
    pub(crate) fn restart_ice(&mut self, rtc: &mut Rtc, keeps_addresses: bool) -> bool {
        if self.pending.is_some() {
            return false;
        }
        let mut changes = rtc.sdp_api();
        changes.ice_restart(keeps_addresses);
        let Some((offer, token)) = changes.apply() else { return false };
        self.pending = Some(Pending { token, sdp: offer.to_sdp_string() });
        true
    }

    /// Makes an offer that asks for the data channel, unless there is one or another offer waits for its answer.
    pub(crate) fn open_channel(&mut self, rtc: &mut Rtc) -> bool {
        if self.channel.is_some() || self.pending.is_some() {
            return false;
        }
        let mut changes = rtc.sdp_api();
        let config =
            ChannelConfig { label: "files".to_owned(), negotiated: Some(0), ..ChannelConfig::default() };
        self.channel = Some(changes.add_channel_with_config(config));
        let Some((offer, token)) = changes.apply() else { return false };
        self.pending = Some(Pending { token, sdp: offer.to_sdp_string() });
        true
    }

    /// Returns the data channel, which may not be open yet.
    pub(crate) fn channel(&self) -> Option<ChannelId> {
        self.channel
    }

    /// Returns the offer that waits for its answer, to be said for the first time or again.
    pub(crate) fn unanswered(&self) -> Option<(String, Vec<MediaTrack>)> {
        self.pending.as_ref().map(|pending| (pending.sdp.clone(), self.tracks()))
    }

    /// Takes an answer. Returns whether it came into force.
    pub(crate) fn handle_answer(&mut self, rtc: &mut Rtc, sdp: &str) -> Result<bool, SessionError> {
        // An offer that was said twice is answered twice. The second answer must not be taken for one to a later offer, whose answer is
        // another in any case: it has other credentials, or a line more.
        if self.applied.as_deref() == Some(sdp) {
            return Ok(false);
        }
        let Some(pending) = self.pending.take() else { return Ok(false) };
        let answer = SdpAnswer::from_sdp_string(sdp).map_err(|_| SessionError::BadAnswer)?;
        rtc.sdp_api().accept_answer(pending.token, answer).map_err(SessionError::Answer)?;
        self.applied = Some(sdp.to_owned());
        Ok(true)
    }

    /// Returns whether an answer has come into force.
    pub(crate) fn is_answered(&self) -> bool {
        self.applied.is_some()
    }

    /// Returns the line that sends a kind.
    pub(crate) fn sending(&self, kind: MediaKind) -> Option<Mid> {
        if kind.is_audio() { Some(self.mic) } else { self.cam }
    }

    /// Returns where the track of a sending line comes from.
    pub(crate) fn source(&self, mid: &str) -> Option<Source> {
        self.tracks().into_iter().find(|track| track.mid == mid).map(|track| track.source)
    }

    /// Returns the kind of a slot.
    pub(crate) fn slot_kind(&self, mid: &str) -> Option<MediaKind> {
        let mid = Mid::from(mid);
        let is_audio = self.audio_slots.contains(&mid);
        let is_video = self.video_slots.contains(&mid);
        if is_audio { Some(MediaKind::Audio) } else { is_video.then_some(MediaKind::Video) }
    }

    fn tracks(&self) -> Vec<MediaTrack> {
        let mic = MediaTrack { mid: self.mic.to_string(), source: Source::Mic };
        let cam = self.cam.map(|mid| MediaTrack { mid: mid.to_string(), source: Source::Cam });
        [mic].into_iter().chain(cam).collect()
    }
}

/// Returns the name of a layer.
pub(crate) fn rid(layer: usize) -> Rid {
    Rid::from(LAYERS[layer])
}

/// Returns which layer has a name.
pub(crate) fn layer(rid: Option<Rid>) -> usize {
    LAYERS.iter().position(|name| rid == Some(Rid::from(*name))).unwrap_or(0)
}

fn simulcast() -> Simulcast {
    let mut simulcast = Simulcast::new();
    for name in LAYERS {
        simulcast.add_send_layer(SimulcastLayer::new(name));
    }
    simulcast
}
