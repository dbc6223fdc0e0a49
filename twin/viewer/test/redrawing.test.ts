import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { Redrawing } from "../src/upload/redrawing";

const LEFT = 1;
const RIGHT = 2;

let page: EventTarget;
let redrawing: Redrawing;
let drawn: number;

beforeEach(() => {
  vi.useFakeTimers();
  page = Object.assign(new EventTarget(), { setTimeout: (run: () => void) => setTimeout(run) });
  drawn = 0;
  redrawing = new Redrawing(page as Window, () => { drawn += 1; });
});

afterEach(() => {
  vi.useRealTimers();
});

/** Has the page hear an event that lies in an element of this name. */
function hear(type: string, more: { button?: number; buttons?: number } = {}, nodeName = "BUTTON"): void {
  const event = Object.assign(new Event(type), more);
  Object.defineProperty(event, "target", { value: { nodeName } });
  page.dispatchEvent(event);
}

/** How often the page was drawn once all is quiet. */
function drawings(): number {
  vi.runAllTimers();
  return drawn;
}

describe("a page that is to be drawn anew", () => {
  it("is drawn once however much has changed", () => {
    redrawing.request();
    redrawing.request();
    expect(drawn).toBe(0);
    expect(drawings()).toBe(1);
  });

  it("waits between the press and the release of a button, though the pointer moves and a text that loses focus changes", () => {
    hear("pointerdown", { button: 0, buttons: LEFT });
    hear("change", {}, "INPUT");
    redrawing.request();
    hear("pointermove", { button: -1, buttons: LEFT });
    expect(drawings()).toBe(0);
    hear("pointerup", { button: 0, buttons: 0 });
    expect(drawings()).toBe(1);
  });

  it("does not wait for a press that opens a menu: its release is heard by none", () => {
    hear("pointerdown", { button: 2, buttons: RIGHT });
    redrawing.request();
    expect(drawings()).toBe(1);
  });

  it.each([
    ["the pointer moves without it", "pointermove", { button: -1, buttons: 0 }, "DIV"],
    ["the pointer moves with another button only", "pointermove", { button: 0, buttons: RIGHT }, "DIV"],
    ["something was chosen in a list that swallowed it", "change", {}, "SELECT"],
    ["a key is pressed", "keydown", {}, "BODY"],
    ["another window comes to the front", "blur", {}, "BODY"],
  ])("knows of a release it did not hear when %s", (_name, type, more, nodeName) => {
    hear("pointerdown", { button: 0, buttons: LEFT }, "SELECT");
    redrawing.request();
    expect(drawings()).toBe(0);
    hear(type, more, nodeName);
    expect(drawings()).toBe(1);
  });
});
