/** Draws models with the view, and keeps the document's own attributes right. */

import { flushSync, mount, tick, unmount, type Component } from "svelte";
import type { Dispatch } from "../app/message";
import type { Model } from "../app/model";
import { directionOf } from "../app/settings";
import { tabIconOf, titleOf, type TabIcon } from "../app/title";
import type { Dictionary } from "../app/text/en";
import App from "../view/App.svelte";
import type { Streams } from "../view/streams";
import { dictionary } from "./dictionaries";

/** A component that shows the model. */
export type Part = Component<{ model: Model; text: Dictionary; dispatch: Dispatch; streams: Streams }>;

export type Screen = {
  readonly render: (model: Model) => void;
  /** Draws a part of the page elsewhere, as the model changes. Returns how to stop. */
  readonly drawInto: (component: Part, target: Element) => () => void;
  /** Resolves when what was rendered last is in the document. */
  readonly drawn: () => Promise<void>;
};

export function screen(target: Element, dispatch: Dispatch, streams: Streams): Screen {
  let shown = $state.raw<Model | null>(null);
  const props = {
    get model() {
      return shown as Model;
    },
    get text() {
      return dictionary((shown as Model).language);
    },
    dispatch,
    streams,
  };

  return {
    render: (model) => {
      const isFirst = shown === null;
      shown = model;
      describe(model);
      if (isFirst) {
        flushSync(() => mount(App, { target, props }));
      }
    },
    drawInto: (component, elsewhere) => {
      const drawn = mount(component, { target: elsewhere, props });
      return () => void unmount(drawn);
    },
    drawn: tick,
  };
}

function describe(model: Model): void {
  const { documentElement } = document;
  if (documentElement.lang !== model.language) {
    documentElement.lang = model.language;
    documentElement.dir = directionOf(model.language);
  }
  documentElement.dataset["theme"] = model.settings.theme;
  const title = titleOf(model);
  // Set anew, it is work for the browser even where it says the same.
  if (document.title !== title) document.title = title;
  showIcon(tabIconOf(model));
}

const ICONS: Readonly<Record<TabIcon, string>> = {
  plain: "/favicon.svg",
  live: "/favicon-live.svg",
  muted: "/favicon-muted.svg",
};

function showIcon(icon: TabIcon): void {
  const link = document.querySelector<HTMLLinkElement>("link[rel=icon]");
  // Set anew, a browser would fetch it anew.
  if (link !== null && link.getAttribute("href") !== ICONS[icon]) link.href = ICONS[icon];
}
