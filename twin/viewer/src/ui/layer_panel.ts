/** The layer tree with its switches, colour choices and legends. */

import { choiceTitle, chosenChoice } from "../coloring";
import { type Language, type Say, type Word, inLanguage } from "../i18n";
import type { ColorChoice, Layer } from "../scene";
import { h, iconButton, swatch } from "./dom";

export interface LayerPanelActions {
  readonly setVisible: (dataset: string, visible: boolean) => void;
  readonly setColorBy: (dataset: string, field: string) => void;
  readonly zoomTo: (dataset: string) => void;
}

export interface LayerPanelView {
  readonly layers: readonly Layer[];
  readonly isVisible: (layer: Layer) => boolean;
  /** Codes drawn so far; a code list is longer than what a city has of it. */
  readonly seenCodes: (layer: Layer) => ReadonlySet<string>;
  readonly colorBy: ReadonlyMap<string, string>;
  readonly language: Language;
  readonly say: Say;
}

function legendRow(color: string, title: string): HTMLLIElement {
  return h("li", {}, swatch(color), h("span", {}, title));
}

function rampLegend(choice: Extract<ColorChoice, { kind: "ramp" }>): HTMLElement {
  const bar = h("div", { class: "ramp", "aria-hidden": "true" });
  bar.style.background = `linear-gradient(to right, ${choice.stops.map(([, color]) => color).join(", ")})`;
  const ticks = choice.stops.map(([value]) => h("span", {}, String(value)));
  return h("div", { class: "legend" }, bar, h("div", { class: "ramp-ticks" }, ...ticks, choice.unit === null ? null : h("span", {}, choice.unit)));
}

function legend(layer: Layer, choice: ColorChoice | null, { language, say, seenCodes }: LayerPanelView): HTMLElement {
  if (choice?.kind === "ramp") return rampLegend(choice);
  const seen = seenCodes(layer);
  const entries = (choice?.legend ?? []).filter(({ value }) => seen.has(value)).map((entry) => legendRow(entry.color, inLanguage(entry.title, language)));
  const rest = legendRow(layer.style.defaultColor, choice === null ? inLanguage(layer.title, language) : say("no_value"));
  return h("ul", { class: "legend" }, ...entries, rest);
}

function colorSelect(layer: Layer, choice: ColorChoice | null, view: LayerPanelView, actions: LayerPanelActions): HTMLElement | null {
  if (layer.style.choices.length < 2) return null;
  const select = h("select", {
    "data-color-by": layer.dataset,
    onchange: () => {
      actions.setColorBy(layer.dataset, select.value);
    },
  });
  for (const option of layer.style.choices) {
    const title = inLanguage(choiceTitle(layer, option), view.language);
    select.append(h("option", { value: option.field, selected: option.field === choice?.field }, title));
  }
  return h("label", { class: "color-by" }, h("span", {}, view.say("color_by")), select);
}

function stateBadge(layer: Layer, say: Say): HTMLElement | null {
  const state = layer.tileset?.state;
  if (state === undefined || state === "ready") return null;
  return h("span", { class: `badge badge-${state}` }, say(`state_${state}` as Word));
}

function layerEntry(layer: Layer, view: LayerPanelView, actions: LayerPanelActions): HTMLElement {
  const title = inLanguage(layer.title, view.language);
  const visible = view.isVisible(layer);
  const box = h("input", {
    type: "checkbox",
    checked: visible,
    "data-visible": layer.dataset,
    onchange: () => {
      actions.setVisible(layer.dataset, box.checked);
    },
  });
  const zoom = iconButton("target", `${view.say("zoom_to")} ${title}`, () => {
    actions.zoomTo(layer.dataset);
  });
  const count = h("span", { class: "count" }, layer.count.toLocaleString("en"));
  const head = h("div", { class: "layer-head" }, h("label", {}, box, h("span", { class: "layer-title" }, title), count), stateBadge(layer, view.say), zoom);
  if (!visible) return h("li", { class: "layer", "data-layer": layer.dataset }, head);
  const choice = chosenChoice(layer, view.colorBy.get(layer.dataset));
  return h("li", { class: "layer", "data-layer": layer.dataset }, head, colorSelect(layer, choice, view, actions), legend(layer, choice, view));
}

/** Returns the panel; layers stand as they lie, the topmost first. Coverages have no own entry: the terrain is the ground itself. */
export function layerPanel(view: LayerPanelView, actions: LayerPanelActions): HTMLElement {
  const drawn = view.layers.filter((layer) => layer.geometryType !== "coverage").toReversed();
  return h(
    "section",
    { class: "panel layer-panel", id: "layer-panel", "aria-label": view.say("layers") },
    h("h2", {}, view.say("layers")),
    h("ul", { class: "layer-list" }, ...drawn.map((layer) => layerEntry(layer, view, actions))),
  );
}
