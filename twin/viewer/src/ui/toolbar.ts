/** Buttons that move the camera, and the switch that opens the ground. */

import type { Say } from "../i18n";
import { h, icon, iconButton } from "./dom";

export interface ToolbarActions {
  readonly home: () => void;
  readonly northUp: () => void;
  readonly setTilted: (tilted: boolean) => void;
  readonly zoom: (factor: number) => void;
  readonly setGroundOpacity: (opacity: number | null) => void;
}

/** Opacity at which the ground first opens: streets still to be seen, pipes too. */
const OPEN_GROUND_OPACITY = 0.35;

function opacitySlider(opacity: number, say: Say, actions: ToolbarActions): HTMLElement {
  const slider = h("input", {
    type: "range",
    min: 0,
    max: 1,
    step: 0.05,
    value: opacity,
    "aria-label": say("ground_opacity"),
    oninput: () => {
      actions.setGroundOpacity(Number(slider.value));
    },
  });
  return h("label", { class: "opacity" }, h("span", {}, say("ground_opacity")), slider);
}

/** Returns the toolbar; `groundOpacity` null means opaque ground, `tilted` that the camera looks aslant. */
export function toolbar(groundOpacity: number | null, tilted: boolean, say: Say, actions: ToolbarActions): HTMLElement {
  const underground = groundOpacity !== null;
  const toggle = h(
    "button",
    {
      type: "button",
      class: "underground-button",
      "aria-pressed": String(underground),
      onclick: () => {
        actions.setGroundOpacity(underground ? null : OPEN_GROUND_OPACITY);
      },
    },
    icon("underground"),
    h("span", {}, say("underground")),
  );
  return h(
    "div",
    { class: "toolbar", role: "group", "aria-label": say("view_tools") },
    h(
      "div",
      { class: "panel buttons" },
      iconButton("plus", say("zoom_in"), () => {
        actions.zoom(0.5);
      }),
      iconButton("minus", say("zoom_out"), () => {
        actions.zoom(2);
      }),
      iconButton("home", say("home"), actions.home),
      iconButton("north", say("north"), actions.northUp),
      iconButton("tilt", say(tilted ? "map_view" : "tilted_view"), () => {
        actions.setTilted(!tilted);
      }),
    ),
    h("div", { class: "panel underground" }, toggle, underground ? opacitySlider(groundOpacity, say, actions) : null),
  );
}
