/** The panels beside the stage. They are fetched when the page stands, as the dialogs are. */

import type { Component } from "svelte";
import type { Dispatch } from "../app/message";
import type { Model, Panel, RoomPage } from "../app/model";
import type { Dictionary } from "../app/text/en";

type PanelComponent = Component<{ model: Model; page: RoomPage; text: Dictionary; dispatch: Dispatch }>;

let loading: Promise<Record<Panel, PanelComponent>> | undefined;

/** Fetches both, before they are wanted. */
export function fetchPanels(): Promise<Record<Panel, PanelComponent>> {
  if (loading === undefined) {
    loading = import("./allPanels");
    // The next time is another try.
    loading.catch(() => (loading = undefined));
  }
  return loading;
}
