/** The panels, fetched together. */

export { default as chat } from "./ChatPanel.svelte";
export { default as people } from "./PeoplePanel.svelte";
