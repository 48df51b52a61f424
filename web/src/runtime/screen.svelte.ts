/** Draws models with the view, and keeps the document's own attributes right. */

import { flushSync, mount, tick } from "svelte";
import type { Dispatch } from "../app/message";
import type { Model } from "../app/model";
import { tabIconOf, titleOf, type TabIcon } from "../app/title";
import App from "../view/App.svelte";
import type { Streams } from "../view/streams";
import { dictionary } from "./dictionaries";

export type Screen = {
  readonly render: (model: Model) => void;
  /** Resolves when what was rendered last is in the document. */
  readonly drawn: () => Promise<void>;
};

export function screen(target: Element, dispatch: Dispatch, streams: Streams): Screen {
  let shown = $state.raw<Model | null>(null);

  return {
    render: (model) => {
      const isFirst = shown === null;
      shown = model;
      describe(model);
      if (isFirst) {
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
        flushSync(() => mount(App, { target, props }));
      }
    },
    drawn: tick,
  };
}

function describe(model: Model): void {
  const { documentElement } = document;
  documentElement.lang = model.language;
  documentElement.dataset["theme"] = model.settings.theme;
  document.title = titleOf(model);
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
