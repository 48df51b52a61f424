/** The page of diagnostics. It is fetched by who goes there. */

import type { Component } from "svelte";
import type { Dispatch } from "../app/message";
import type { CheckupPage, Model } from "../app/model";
import type { Dictionary } from "../app/text/en";
import type { Streams } from "./streams";

type CheckupComponent = Component<{
  model: Model;
  page: CheckupPage;
  text: Dictionary;
  dispatch: Dispatch;
  streams: Streams;
}>;

let loading: Promise<CheckupComponent> | undefined;

export function fetchCheckup(): Promise<CheckupComponent> {
  if (loading === undefined) {
    loading = import("./Checkup.svelte").then((it) => it.default);
    // The next time is another try.
    loading.catch(() => (loading = undefined));
  }
  return loading;
}
