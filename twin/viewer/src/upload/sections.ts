/** Parts of a page that are built anew only when what they show has changed: what is being typed elsewhere stays as it is. */

import { focusPath } from "../ui/focus";

export interface Section {
  readonly name: string;
  /** All that the section shows; equal signatures mean an equal look. */
  readonly signature: readonly unknown[];
  readonly build: () => HTMLElement;
}

export class Sections {
  private readonly shown = new Map<string, { readonly signature: string; readonly element: HTMLElement }>();

  constructor(private readonly host: HTMLElement) {}

  /** Shows these sections in this order; focus stays where it was. */
  show(sections: readonly Section[]): void {
    const { activeElement } = this.host.ownerDocument;
    const focused = focusPath(this.host, activeElement);
    const elements = sections.map((section) => this.elementOf(section));
    for (const name of this.shown.keys()) if (!sections.some((section) => section.name === name)) this.shown.delete(name);
    // One by one: an element that is taken out and put back loses what is being composed in it.
    elements.forEach((element, index) => {
      const present = this.host.children[index] ?? null;
      if (present !== element) this.host.insertBefore(element, present);
    });
    for (const leftover of [...this.host.children].slice(elements.length)) leftover.remove();
    const { activeElement: still } = this.host.ownerDocument;
    if (still === activeElement) return;
    if (focused !== null) this.host.querySelector<HTMLElement>(focused)?.focus();
  }

  private elementOf({ name, signature, build }: Section): HTMLElement {
    const key = JSON.stringify(signature, (_, value: unknown) => (value instanceof Map ? [...(value as Map<unknown, unknown>)] : value));
    const known = this.shown.get(name);
    if (known?.signature === key) return known.element;
    const element = build();
    element.dataset["section"] = name;
    this.shown.set(name, { signature: key, element });
    return element;
  }
}
