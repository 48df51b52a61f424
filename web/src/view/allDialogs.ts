/** The dialogs, fetched together. */

export { default as confirm } from "./ConfirmDialog.svelte";
export { default as connection } from "./ConnectionDialog.svelte";
export { default as devices } from "./DevicesDialog.svelte";
export { default as diagnostics } from "./DiagnosticsDialog.svelte";
export { default as layout } from "./LayoutDialog.svelte";
export { default as meeting } from "./MeetingDialog.svelte";
export { default as rename } from "./RenameDialog.svelte";
export { default as settings } from "./SettingsDialog.svelte";
export { default as shortcuts } from "./ShortcutsDialog.svelte";
