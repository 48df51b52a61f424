/** The loop: a message goes in, the model changes, effects go out, the page is drawn. */

import type { Effect, Update } from "../app/effect";
import type { Dispatch, Message } from "../app/message";
import type { Model } from "../app/model";

export type ProgramOptions = {
  readonly first: Update;
  readonly update: (model: Model, message: Message) => Update;
  readonly render: (model: Model) => void;
  readonly perform: (effect: Effect) => void;
};

export type Program = {
  readonly dispatch: Dispatch;
  /** Draws the page for the first time and carries out the first effects. */
  readonly start: () => void;
  readonly model: () => Model;
};

/** Makes the loop. Messages that come while another is being handled wait for their turn. */
export function program({ first, update, render, perform }: ProgramOptions): Program {
  let [model, effects] = first;
  const waiting: Message[] = [];
  let isHandling = false;

  const drain = (): void => {
    isHandling = true;
    for (let message = waiting.shift(); message !== undefined; message = waiting.shift()) {
      const before = model;
      [model, effects] = update(model, message);
      if (model !== before) render(model);
      effects.forEach(perform);
    }
    isHandling = false;
  };

  return {
    dispatch: (message) => {
      waiting.push(message);
      if (!isHandling) drain();
    },
    start: () => {
      render(model);
      isHandling = true;
      effects.forEach(perform);
      drain();
    },
    model: () => model,
  };
}
