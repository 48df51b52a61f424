/** The dialogs. They are fetched when the page stands, so that its first load is smaller by them. */

import type { Component } from "svelte";
import type { Dispatch } from "../app/message";
import type { Dialog, Model } from "../app/model";
import type { Dictionary } from "../app/text/en";
import type { Streams } from "./streams";

type DialogComponent = Component<{ model: Model; text: Dictionary; dispatch: Dispatch; streams: Streams }>;

let loading: Promise<Record<Dialog, DialogComponent>> | undefined;

/** Fetches all of them, before they are wanted: who needs the diagnostics may have no connection by then. */
export function fetchDialogs(): Promise<Record<Dialog, DialogComponent>> {
  if (loading === undefined) {
    loading = import("./allDialogs");
    // The next time is another try.
    loading.catch(() => (loading = undefined));
  }
  return loading;
}
