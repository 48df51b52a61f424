/** The numbers of a connection in words, for the diagnostics and for the details of one person. */

import { wayOf } from "../app/quality";
import type { Language } from "../app/settings";
import { DIALOG_WORDS } from "../app/text/dialogs";
import type { Dictionary } from "../app/text/en";
import type { PeerStats } from "../webrtc/types";

export type Row = { readonly name: string; readonly value: string };

/** Returns what is known, in the order of the diagnostics' columns but for the person. */
export function connectionRows(stats: PeerStats, text: Dictionary, language: Language): readonly Row[] {
  const { columns, unknown, bitrate, milliseconds, height } = DIALOG_WORDS[language].diagnostics;
  const numbers = new Intl.NumberFormat(language, { maximumFractionDigits: 0 });
  const percent = new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 1 });
  const written = (value: number | undefined, write: (written: string) => string = (it) => it): string =>
    value === undefined ? unknown : write(numbers.format(value));
  const kilobits = (bits: number | undefined): number | undefined => (bits === undefined ? undefined : bits / 1000);
  const way = wayOf(stats);
  const { localCandidateType = unknown, remoteCandidateType = unknown } = stats;
  return [
    { name: columns.path, value: text.call.path[stats.path] },
    { name: columns.state, value: stats.connectionState },
    { name: columns.ice, value: stats.iceConnectionState },
    { name: columns.candidates, value: `${localCandidateType} / ${remoteCandidateType}` },
    { name: columns.protocol, value: way === null ? unknown : text.network.ways[way] },
    { name: columns.send, value: written(kilobits(stats.sendBitrate), bitrate) },
    { name: columns.receive, value: written(kilobits(stats.receiveBitrate), bitrate) },
    { name: columns.loss, value: stats.receiveLoss === undefined ? unknown : percent.format(stats.receiveLoss) },
    { name: columns.roundTrip, value: written(stats.roundTripMs, milliseconds) },
    { name: columns.frames, value: written(stats.framesDecoded) },
    { name: columns.codec, value: stats.codec ?? unknown },
    { name: columns.picture, value: written(stats.frameHeight, height) },
    { name: columns.layer, value: written(stats.layer === undefined ? undefined : stats.layer + 1) },
  ];
}
