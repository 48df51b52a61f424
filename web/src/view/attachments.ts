/** What elements can do by themselves, bound to messages. */

import type { Size } from "../app/layout";

/** Tells the element's size, now and whenever it changes. */
export function measured(onSize: (size: Size) => void): (element: Element) => () => void {
  return (element) => {
    const observer = new ResizeObserver(([entry]) => {
      if (entry !== undefined) onSize({ width: entry.contentRect.width, height: entry.contentRect.height });
    });
    observer.observe(element);
    return () => observer.disconnect();
  };
}

/** Opens a dialog over the page for as long as it is there. */
export function modal(dialog: HTMLDialogElement): void {
  dialog.showModal();
}

/** Takes the focus when it comes onto the page: a panel may be fetched long after it was wished for. */
export function focused(element: HTMLElement): void {
  element.focus();
}

/** So near the end counts as at the end, in CSS pixels. */
const END = 60;

/** Keeps what scrolls at its end while more comes, unless somebody has scrolled back to read. */
export function keptAtEnd(element: HTMLElement): () => void {
  let isAtEnd = true;
  const toEnd = (): void => {
    if (isAtEnd) element.scrollTop = element.scrollHeight;
  };
  const observer = new MutationObserver(toEnd);
  const scrolled = (): void => {
    isAtEnd = element.scrollHeight - element.scrollTop - element.clientHeight < END;
  };
  element.addEventListener("scroll", scrolled, { passive: true });
  observer.observe(element, { childList: true });
  const resizing = new ResizeObserver(toEnd);
  resizing.observe(element);
  return () => {
    observer.disconnect();
    resizing.disconnect();
    element.removeEventListener("scroll", scrolled);
  };
}

/** Whether lines begin at the right here. */
export const isFromRight = (element: Element): boolean => getComputedStyle(element).direction === "rtl";

export type DragOptions = {
  readonly isEnabled: () => boolean;
  /** Where the element's upper corner would be from which lines begin, relative to its parent's. */
  readonly onDrag: (x: number, y: number) => void;
  readonly onDrop: () => void;
};

/** A pointer that trembles while it presses does not drag. */
const DRAG_THRESHOLD = 4;

/** Lets a pointer drag the element. Its buttons stay buttons. */
export function draggable({ isEnabled, onDrag, onDrop }: DragOptions): (element: HTMLElement) => () => void {
  return (element) => {
    const listening = new AbortController();
    let grip: { readonly x: number; readonly y: number } | null = null;
    let isDragging = false;

    const start = (event: PointerEvent): void => {
      if (!isEnabled() || !event.isPrimary || event.button !== 0) return;
      if (event.target instanceof Element && event.target.closest("button") !== null) return;
      const box = element.getBoundingClientRect();
      grip = { x: event.clientX - box.left, y: event.clientY - box.top };
      isDragging = false;
      element.setPointerCapture(event.pointerId);
    };
    const move = (event: PointerEvent): void => {
      const parent = element.parentElement?.getBoundingClientRect();
      if (grip === null || parent === undefined) return;
      const box = element.getBoundingClientRect();
      const distance = Math.hypot(event.clientX - box.left - grip.x, event.clientY - box.top - grip.y);
      isDragging ||= distance > DRAG_THRESHOLD;
      const left = event.clientX - parent.left - grip.x;
      const x = isFromRight(element) ? parent.width - left - box.width : left;
      if (isDragging) onDrag(x, event.clientY - parent.top - grip.y);
    };
    const stop = (): void => {
      if (isDragging) onDrop();
      grip = null;
      isDragging = false;
    };

    const options = { signal: listening.signal };
    element.addEventListener("pointerdown", start, options);
    element.addEventListener("pointermove", move, options);
    element.addEventListener("pointerup", stop, options);
    element.addEventListener("pointercancel", stop, options);
    return () => listening.abort();
  };
}

/** Takes files that are dropped there. Otherwise the browser would leave the call for them. Who does not drag has a button for the same. */
export function filesDropped(onFiles: (files: FileList) => void): (element: HTMLElement) => () => void {
  return (element) => {
    const controller = new AbortController();
    const take = (event: DragEvent): void => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      if (event.type === "drop") onFiles(event.dataTransfer.files);
    };
    element.addEventListener("dragover", take, controller);
    element.addEventListener("drop", take, controller);
    return () => controller.abort();
  };
}
