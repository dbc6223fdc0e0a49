/** What somebody typed, ticked, unfolded, scrolled and went to in a part of the page, for the same part built anew. */

import { stopAgain, stopOf } from "../ui/roving";

type Entry = string | boolean | number;

/** Controls that are kept have a name; `data-about` says what else their content belongs to: a rule, a result, a row. */
const CONTROLS = "input[name]:not([type=file])";
/** So are lists that fold out, by `data-details`, and frames that scroll, by `data-scroll`. */
const DETAILS = "details[data-details]";
const FRAMES = "[data-scroll]";
/** And lists that are one stop of the Tab key, by `data-roving`: at which entry. */
const LISTS = "[data-roving]";

function keyOf(kind: string, name: string | undefined, about = ""): string {
  return JSON.stringify([kind, name, about]);
}

function controlKey({ name, dataset }: HTMLInputElement): string {
  return keyOf("control", name, dataset["about"]);
}

/** Returns what somebody changed a control to; null when it stands as it was built. */
function changedTo(control: HTMLInputElement): Entry | null {
  if (control.type === "checkbox") return control.checked === control.defaultChecked ? null : control.checked;
  return control.value === control.defaultValue ? null : control.value;
}

export class Entries {
  private readonly known = new Map<string, Entry>();

  /** Takes note of what stands in `element`; what is not there now, a rule folded in say, stays as it was noted before. */
  note(element: HTMLElement): void {
    for (const control of element.querySelectorAll<HTMLInputElement>(CONTROLS)) this.set(controlKey(control), changedTo(control));
    for (const details of element.querySelectorAll<HTMLDetailsElement>(DETAILS)) this.set(keyOf("details", details.dataset["details"]), details.open);
    for (const frame of element.querySelectorAll<HTMLElement>(FRAMES)) this.set(keyOf("scroll", frame.dataset["scroll"]), frame.scrollTop === 0 ? null : frame.scrollTop);
    for (const list of element.querySelectorAll<HTMLElement>(LISTS)) this.set(keyOf("stop", list.dataset["roving"]), stopOf(list));
  }

  /** Puts it into `element`, which stands in the page; its listeners hear of it as if it were typed again. */
  restore(element: HTMLElement): void {
    for (const control of element.querySelectorAll<HTMLInputElement>(CONTROLS)) {
      const entry = this.known.get(controlKey(control));
      if (entry === undefined) continue;
      if (control.type === "checkbox") control.checked = entry === true;
      else control.value = String(entry);
      for (const type of ["input", "change"]) control.dispatchEvent(new Event(type, { bubbles: true }));
    }
    for (const details of element.querySelectorAll<HTMLDetailsElement>(DETAILS)) {
      const isOpen = this.known.get(keyOf("details", details.dataset["details"]));
      if (isOpen !== undefined) details.open = isOpen === true;
    }
    for (const frame of element.querySelectorAll<HTMLElement>(FRAMES)) frame.scrollTop = Number(this.known.get(keyOf("scroll", frame.dataset["scroll"])) ?? 0);
    for (const list of element.querySelectorAll<HTMLElement>(LISTS)) stopAgain(list, Number(this.known.get(keyOf("stop", list.dataset["roving"])) ?? -1));
  }

  private set(key: string, entry: Entry | null): void {
    if (entry === null) this.known.delete(key);
    else this.known.set(key, entry);
  }
}
