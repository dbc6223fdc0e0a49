/** The map's own controls and its legend; the picture itself lies below them. */

import { h, swatch } from "../../ui/dom";
import { ACTIONS } from "../changes";
import { ACTION_COLORS, BEFORE_COLOR, FINDING_COLORS, WAIVED_COLOR } from "../content";
import type { Severity } from "../submission";
import type { SayUpload } from "../words";

/** What the legend explains beside the three kinds of change. */
export interface MapLegend {
  readonly hasMoved: boolean;
  /** Of the findings that have a place. */
  readonly severities: readonly Severity[];
  readonly hasWaived: boolean;
}

/** What can be switched on the map. */
export interface MapSwitches {
  readonly isTilted: boolean;
  readonly hasCity: boolean;
  setTilted(isTilted: boolean): void;
  setCity(isShown: boolean): Promise<void>;
}

function toggle(text: string, isOn: boolean, changed: (isOn: boolean) => void): HTMLElement {
  const box = h("input", { type: "checkbox", checked: isOn, onchange: () => { changed(box.checked); } });
  return h("label", { class: "tick" }, box, h("span", {}, text));
}

function entry(color: string, text: string): HTMLElement {
  return h("li", {}, swatch(color), text);
}

/** Returns the bar over the map. */
export function mapPane({ hasMoved, severities, hasWaived }: MapLegend, map: MapSwitches, say: SayUpload): HTMLElement {
  return h(
    "div",
    { class: "map-bar" },
    h(
      "ul",
      { class: "map-legend" },
      ...ACTIONS.map((action) => entry(ACTION_COLORS[action], say(`action_${action}`))),
      hasMoved ? entry(BEFORE_COLOR, say("map_before")) : null,
      ...severities.map((severity) => entry(FINDING_COLORS[severity], say(`short_${severity}`))),
      hasWaived ? entry(WAIVED_COLOR, say("waived")) : null,
    ),
    toggle(say("map_city"), map.hasCity, (isShown) => void map.setCity(isShown)),
    toggle(say("map_3d"), map.isTilted, (isTilted) => { map.setTilted(isTilted); }),
  );
}
