/** Keys that mean something in a field or a panel. While somebody composes a character, they are for that. */

export const isEscape = ({ key, isComposing }: KeyboardEvent): boolean => key === "Escape" && !isComposing;

/** With Shift it begins a new line. */
export const isPlainEnter = ({ key, shiftKey, isComposing }: KeyboardEvent): boolean =>
  key === "Enter" && !shiftKey && !isComposing;
