/** Long lists of controls that are few stops of the Tab key: arrows go from entry to entry, as in a list box. */

const CONTROLS = "summary, button, input";
const STEPS: Readonly<Record<string, (index: number, count: number) => number>> = {
  ArrowDown: (index, count) => Math.min(index + 1, count - 1),
  ArrowUp: (index) => Math.max(index - 1, 0),
  Home: () => 0,
  End: (_, count) => count - 1,
};

function controlsOf(entry: Element | undefined): HTMLElement[] {
  return entry === undefined ? [] : [...entry.querySelectorAll<HTMLElement>(CONTROLS)];
}

/**
 * Lets Tab stop at the controls of one entry of `list` only: the one that was last used, or the first that is shown. Up and Down go
 * to the same control of the entry before and after it, Home and End to the first and the last. Returns what is to be called when
 * entries were hidden or shown.
 */
export function roving(list: HTMLElement): () => void {
  let current: Element | undefined;
  const entries = (): HTMLElement[] => [...list.children].filter((child): child is HTMLElement => child instanceof HTMLElement && !child.hidden);
  const stopAt = (entry: Element | undefined): void => {
    for (const control of controlsOf(current)) control.tabIndex = -1;
    current = entry;
    for (const control of controlsOf(current)) control.tabIndex = 0;
  };
  const refresh = (): void => {
    const shown = entries();
    if (current === undefined || !shown.some((entry) => entry === current)) stopAt(shown[0]);
  };
  list.addEventListener("focusin", ({ target }) => {
    const entry = [...list.children].find((child) => child.contains(target as Node));
    if (entry !== current) stopAt(entry);
  });
  list.addEventListener("keydown", (event) => {
    const step = STEPS[event.key];
    const shown = entries();
    const index = shown.findIndex((entry) => entry === current);
    if (step === undefined || index < 0 || event.target instanceof HTMLSelectElement) return;
    const kind = controlsOf(current).findIndex((control) => control === event.target);
    const next = controlsOf(shown[step(index, shown.length)]);
    event.preventDefault();
    (next[kind] ?? next[0])?.focus();
  });
  for (const control of controlsOf(list)) control.tabIndex = -1;
  refresh();
  return refresh;
}
