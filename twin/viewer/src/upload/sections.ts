/** Parts of a page that are built anew only when what they show has changed; what was typed into them is carried over. */

import { focusPath } from "../ui/focus";
import { Entries } from "./entries";

export interface Section {
  readonly name: string;
  /** All that the section shows; equal signatures mean an equal look. */
  readonly signature: readonly unknown[];
  /** What anything typed, ticked and unfolded in it belongs to: dropped when this is another; none: nothing is carried over. */
  readonly about?: string;
  readonly build: () => HTMLElement;
}

interface Shown {
  readonly signature: string;
  readonly about: string | undefined;
  readonly element: HTMLElement;
  readonly entries: Entries;
}

/** Where the keyboard is: in which section, in which of its elements, and what is marked there. */
interface Focus {
  readonly section: string;
  readonly path: string;
  readonly marked: readonly [number, number] | null;
}

export class Sections {
  private readonly shown = new Map<string, Shown>();

  constructor(private readonly host: HTMLElement) {}

  /** Shows these sections in this order; focus stays where it was, or goes to the heading of the first of `turnTo` that is shown where its control is gone. */
  show(sections: readonly Section[], turnTo: readonly string[] = []): void {
    const { activeElement } = this.host.ownerDocument;
    const focus = this.focus(activeElement);
    const anew = sections.filter((section) => this.bring(section));
    for (const name of this.shown.keys()) if (!sections.some((section) => section.name === name)) this.shown.delete(name);
    const elements = sections.flatMap(({ name }) => this.shown.get(name)?.element ?? []);
    // One by one: an element that is taken out and put back loses what is being composed in it.
    elements.forEach((element, index) => {
      const present = this.host.children[index] ?? null;
      if (present !== element) this.host.insertBefore(element, present);
    });
    for (const leftover of [...this.host.children].slice(elements.length)) leftover.remove();
    for (const { name } of anew) this.restore(name);
    if (this.host.ownerDocument.activeElement !== activeElement && focus !== null) this.focusAgain(focus, turnTo);
  }

  /** Sees to it that a section is built as it should be now; returns whether it was built anew. */
  private bring({ name, signature, about, build }: Section): boolean {
    const key = JSON.stringify(signature, (_, value: unknown) => (value instanceof Map ? [...(value as Map<unknown, unknown>)] : value));
    const known = this.shown.get(name);
    if (known?.signature === key && known.about === about) return false;
    const entries = known !== undefined && about !== undefined && known.about === about ? known.entries : new Entries();
    if (known?.entries === entries) entries.note(known.element);
    const element = build();
    element.dataset["section"] = name;
    this.shown.set(name, { signature: key, about, element, entries });
    return true;
  }

  private restore(name: string): void {
    const shown = this.shown.get(name);
    if (shown !== undefined) shown.entries.restore(shown.element);
  }

  private focus(active: Element | null): Focus | null {
    const [section, shown] = [...this.shown].find(([, { element }]) => element.contains(active)) ?? [];
    const path = shown === undefined ? null : focusPath(shown.element, active);
    if (section === undefined || path === null) return null;
    const { selectionStart: from, selectionEnd: to } = active instanceof HTMLInputElement ? active : { selectionStart: null, selectionEnd: null };
    return { section, path, marked: from === null || to === null ? null : [from, to] };
  }

  private focusAgain({ section, path, marked }: Focus, turnTo: readonly string[]): void {
    const element = this.shown.get(section)?.element;
    const same = element?.querySelector<HTMLElement>(path) ?? null;
    const heading = turnTo.map((name) => headingOf(this.shown.get(name)?.element)).find((found) => found !== null);
    const isHeading = same?.tagName === "H2";
    const found = isFocusable(same) && !(isHeading && heading !== undefined) ? same : (heading ?? (element === undefined ? null : nearest(element, path)));
    found?.focus();
    if (marked !== null && found instanceof HTMLInputElement && found.selectionStart !== null) found.setSelectionRange(...marked);
  }
}

const FOCUSABLE = "input:enabled, select:enabled, button:enabled, summary, a[href], h2[tabindex]";

function isFocusable(element: HTMLElement | null): boolean {
  return element?.matches(FOCUSABLE) === true;
}

function headingOf(section: HTMLElement | undefined): HTMLElement | null {
  return section?.querySelector<HTMLElement>("h2[tabindex]") ?? null;
}

/** Returns the last control of what is left around the place that `path` says; the section's heading where its button only waits, or no control is left there. */
function nearest(root: HTMLElement, path: string): HTMLElement | null {
  if (root.querySelector(path)?.matches("button:disabled") === true) return headingOf(root);
  for (let steps = path.split(" > ").slice(0, -1); steps.length > 1; steps = steps.slice(0, -1)) {
    const left = [...root.querySelectorAll<HTMLElement>(`${steps.join(" > ")} :is(${FOCUSABLE})`)].at(-1);
    if (left !== undefined) return left;
  }
  return headingOf(root) ?? root.querySelector<HTMLElement>(`:is(${FOCUSABLE})`);
}
