/** Long lists of controls that are few stops of the Tab key: arrows go from entry to entry, as in a list box. */

const CONTROLS = "summary, button, input";
/** Marks the entry that Tab stops at. */
const STOP = "data-stop";
const STEPS: Readonly<Record<string, (index: number, count: number) => number>> = {
  ArrowDown: (index, count) => Math.min(index + 1, count - 1),
  ArrowUp: (index) => Math.max(index - 1, 0),
  Home: () => 0,
  End: (_, count) => count - 1,
};

function controlsOf(entry: Element): HTMLElement[] {
  return [...entry.querySelectorAll<HTMLElement>(CONTROLS)];
}

function stopEntry(list: Element): Element | undefined {
  return [...list.children].find((entry) => entry.hasAttribute(STOP));
}

/** Entries without a control, a finding that has no place say, are none for the keyboard. */
function entriesOf(list: Element): HTMLElement[] {
  return [...list.children].filter((child): child is HTMLElement => child instanceof HTMLElement && !child.hidden && controlsOf(child).length > 0);
}

function stopAt(list: Element, entry: Element | undefined): void {
  const before = stopEntry(list);
  before?.removeAttribute(STOP);
  for (const control of before === undefined ? [] : controlsOf(before)) control.tabIndex = -1;
  entry?.setAttribute(STOP, "");
  for (const control of entry === undefined ? [] : controlsOf(entry)) control.tabIndex = 0;
}

/** Returns which child of a roving list Tab stops at, or -1. */
export function stopOf(list: Element): number {
  return [...list.children].findIndex((entry) => entry.hasAttribute(STOP));
}

/** Has Tab stop at this child of a roving list again, where it is shown and has a control. */
export function stopAgain(list: Element, index: number): void {
  const entry = entriesOf(list).find((shown) => shown === list.children[index]);
  if (entry !== undefined) stopAt(list, entry);
}

/** Returns the control to go to in the next entry: one of the same kind, for ticks and buttons stand in columns. */
function likeIn(entry: Element, from: EventTarget | null): HTMLElement | undefined {
  const kind = (control: Element): string => `${control.tagName} ${control.getAttribute("type") ?? ""}`;
  const controls = controlsOf(entry);
  return controls.find((control) => from instanceof Element && kind(control) === kind(from)) ?? controls[0];
}

function goTo(list: Element, event: KeyboardEvent): void {
  const step = STEPS[event.key];
  // With a modifier they are the browser's or a screen reader's: to the end of the page, say.
  const isCombined = event.altKey || event.ctrlKey || event.metaKey || event.shiftKey;
  if (step === undefined || isCombined || event.target instanceof HTMLSelectElement) return;
  const entries = entriesOf(list);
  const index = entries.findIndex((entry) => entry.hasAttribute(STOP));
  const next = entries[step(index, entries.length)];
  if (index < 0 || next === undefined) return;
  event.preventDefault();
  likeIn(next, event.target)?.focus();
}

/**
 * Lets Tab stop at the controls of one entry of `list` only: the one that was last used, or the first that is shown and has any. Up
 * and Down go to the control of the same kind in the entry before and after it, Home and End to the first and the last. The list
 * remembers its stop under `name` (`data-roving`) when it is built anew. Returns what is to be called when entries were hidden or shown.
 */
export function roving(list: HTMLElement, name: string): () => void {
  list.dataset["roving"] = name;
  const refresh = (): void => {
    const shown = entriesOf(list);
    if (!shown.some((entry) => entry.hasAttribute(STOP))) stopAt(list, shown[0]);
  };
  list.addEventListener("focusin", ({ target }) => {
    const entry = [...list.children].find((child) => child.contains(target as Node));
    if (entry?.hasAttribute(STOP) === false) stopAt(list, entry);
  });
  list.addEventListener("keydown", (event) => { goTo(list, event); });
  for (const control of controlsOf(list)) control.tabIndex = -1;
  refresh();
  return refresh;
}
