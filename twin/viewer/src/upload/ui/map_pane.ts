/** The map's own controls and its legend; the picture itself lies below them. */

import { h, swatch } from "../../ui/dom";
import { ACTION_COLORS, BEFORE_COLOR, FINDING_COLOR } from "../content";
import { ACTIONS } from "../changes";
import type { SayUpload } from "../words";

export interface MapPaneActions {
  readonly setTilted: (isTilted: boolean) => void;
  readonly setCity: (isShown: boolean) => void;
}

function toggle(text: string, isOn: boolean, changed: (isOn: boolean) => void): HTMLElement {
  const box = h("input", { type: "checkbox", checked: isOn, onchange: () => { changed(box.checked); } });
  return h("label", { class: "tick" }, box, h("span", {}, text));
}

function entry(color: string, text: string): HTMLElement {
  return h("li", {}, swatch(color), text);
}

/** Returns the bar over the map. */
export function mapPane(hasMoved: boolean, say: SayUpload, actions: MapPaneActions): HTMLElement {
  return h(
    "div",
    { class: "map-bar" },
    h(
      "ul",
      { class: "map-legend" },
      ...ACTIONS.map((action) => entry(ACTION_COLORS[action], say(`action_${action}`))),
      hasMoved ? entry(BEFORE_COLOR, say("map_before")) : null,
      entry(FINDING_COLOR, say("map_finding")),
    ),
    toggle(say("map_city"), true, actions.setCity),
    toggle(say("map_3d"), false, actions.setTilted),
  );
}
