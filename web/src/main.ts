/** Wires things together, nothing else. */

import type { TopologyChoice } from "./protocol/messages";
import type { Surroundings } from "./app/model";
import { init } from "./app/navigation";
import { languageFor } from "./app/settings";
import type { Message } from "./app/message";
import { update } from "./app/update";
import { backgroundPicture } from "./runtime/backgroundPicture";
import { accessTokens } from "./runtime/accessTokens";
import { loadConfiguration } from "./runtime/configuration";
import { loadDictionary } from "./runtime/dictionaries";
import { floating, floatingOf } from "./runtime/floating";
import { listen, subscriber } from "./runtime/listen";
import { media } from "./runtime/media";
import { ownership } from "./runtime/ownership";
import { performer } from "./runtime/perform";
import { program } from "./runtime/program";
import { canRecord, recording } from "./runtime/recording";
import { screen } from "./runtime/screen.svelte";
import { session } from "./runtime/session";
import { sounds } from "./runtime/sounds";
import { loadSettings } from "./runtime/storage";
import { canChooseSpeaker } from "./webrtc/devices";
import { canShareScreen } from "./webrtc/screenShare";
import { slotCounts } from "./webrtc/slotCounts";
import { fetchDialogs } from "./view/dialogs";
import { fetchPanels } from "./view/panels";
import "./view/style.css";

const CHOICES: readonly TopologyChoice[] = ["auto", "mesh", "sfu"];

/** What an address such as `/family?topology=sfu` asks for. */
const topologyIn = (search: string): TopologyChoice | null =>
  CHOICES.find((choice) => choice === new URLSearchParams(search).get("topology")) ?? null;

const surroundings: Omit<Surroundings, "login"> = {
  origin: location.origin,
  browserLanguages: navigator.languages,
  isApple: /Mac|iPhone|iPad/u.test(navigator.userAgent),
  canFullScreen: document.fullscreenEnabled,
  floating: floatingOf(),
  canChooseSpeaker: canChooseSpeaker(),
  canShareScreen: canShareScreen(),
  canRecord: canRecord(),
  slots: slotCounts().video,
  topology: topologyIn(location.search),
};

// Before the address is tidied.
const owned = ownership();
const tokens = accessTokens();
const settings = loadSettings();
const path = location.pathname;
const [{ negotiation, login }] = await Promise.all([
  loadConfiguration(),
  loadDictionary(languageFor(settings.language, navigator.languages)).catch(() => undefined),
]);
const first = init({ ...surroundings, login }, settings, path);

const dispatch = (message: Message): void => loop.dispatch(message);
const streams = media(dispatch);
const client = session({ dispatch, media: streams, negotiation, ownership: owned, accessTokens: tokens });
const page = screen(document.body, dispatch, streams);
const subscribe = subscriber(dispatch, streams, client);
const loop = program({
  first,
  update,
  render: (model) => {
    page.render(model);
    subscribe(model);
  },
  perform: performer({
    dispatch,
    session: client,
    media: streams,
    sounds: sounds(),
    ownership: owned,
    setFloating: floating({ dispatch, media: streams, drawInto: page.drawInto }),
    drawn: page.drawn,
    picture: backgroundPicture(),
    recording: recording({ dispatch, media: streams, model: () => loop.model() }),
  }),
});
loop.start();
listen(dispatch, loop.model);
// What fails is tried again, and says so, when one is opened.
fetchDialogs().catch(() => undefined);
fetchPanels().catch(() => undefined);
