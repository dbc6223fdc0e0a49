/** The layer tree with its switches, colour choices and legends. */

import { type BuildProgress, buildingText } from "../build_progress";
import { type LayerGroup, groupLayers } from "../cim";
import { choiceTitle, chosenChoice } from "../coloring";
import { type Language, type Say, type Word, inLanguage } from "../i18n";
import type { ColorChoice, Layer } from "../scene";
import { h, iconButton, swatch } from "./dom";

export interface LayerPanelActions {
  readonly setVisible: (dataset: string, visible: boolean) => void;
  readonly setColorBy: (dataset: string, field: string) => void;
  readonly zoomTo: (dataset: string) => void;
}

/** What of the panel is nobody else's business and outlives its being built anew. */
export interface LayerPanelState {
  filter: string;
  readonly collapsed: Set<string>;
  /** Layers whose legend the user opened or closed. */
  readonly legends: Map<string, boolean>;
}

/** With more layers than this on the picture, legends wait to be opened. */
const MOST_OPEN_LEGENDS = 8;

export interface LayerPanelView {
  readonly layers: readonly Layer[];
  readonly isVisible: (layer: Layer) => boolean;
  /** Codes drawn so far; a code list is longer than what a city has of it. */
  readonly seenCodes: (layer: Layer) => ReadonlySet<string>;
  readonly colorBy: ReadonlyMap<string, string>;
  /** How far builds under way are, by dataset. */
  readonly builds: ReadonlyMap<string, BuildProgress>;
  readonly language: Language;
  readonly say: Say;
  readonly panel: LayerPanelState;
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
  if (choice?.kind === "surface") return h("ul", { class: "legend" }, ...choice.legend.map(({ color, title }) => legendRow(color, inLanguage(title, language))));
  if (choice?.kind === "texture") return h("ul", { class: "legend" });
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

/** Pictures have no legend, but several days: each shows the newest of then, no choice the newest of all. */
function daySelect(layer: Layer, view: LayerPanelView, actions: LayerPanelActions): HTMLElement | null {
  if (layer.rasterDays.length < 2) return null;
  const chosen = view.colorBy.get(layer.dataset);
  const select = h("select", {
    "data-day": layer.dataset,
    onchange: () => {
      actions.setColorBy(layer.dataset, select.value);
    },
  });
  const newest = layer.rasterDays.at(-1);
  for (const day of layer.rasterDays.toReversed()) select.append(h("option", { value: day, selected: day === (chosen ?? newest) }, day));
  return h("label", { class: "color-by" }, h("span", {}, view.say("taken_on")), select);
}

function stateBadge(layer: Layer, { builds, say }: LayerPanelView): HTMLElement | null {
  const state = layer.tileset?.state;
  if (state === undefined || state === "ready") return null;
  const progress = builds.get(layer.dataset);
  const isBuilding = state === "building" || progress !== undefined;
  return h("span", { class: `badge badge-${state}` }, isBuilding ? buildingText(progress, say) : say(`state_${state}` as Word));
}

/** Says in the panel below `root` how far a build is: in place, for a panel built anew each second could not be used. */
export function showBuildProgress(root: ParentNode, progress: BuildProgress, say: Say): void {
  const badge = root.querySelector(`[data-layer="${CSS.escape(progress.dataset)}"] .badge`);
  if (badge !== null) badge.textContent = buildingText(progress, say);
}

function isLegendOpen(layer: Layer, view: LayerPanelView): boolean {
  return view.panel.legends.get(layer.dataset) ?? view.layers.filter(view.isVisible).length <= MOST_OPEN_LEGENDS;
}

/** Whether another listed layer is called the same, as datasets of one type without a title of their own are. */
function isTitleShared(layer: Layer, layers: readonly Layer[]): boolean {
  return layers.some((other) => other.dataset !== layer.dataset && isListed(other) && other.title.zh === layer.title.zh && other.title.en === layer.title.en);
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
  const dataset = isTitleShared(layer, view.layers) ? h("span", { class: "dataset", title: layer.dataset }, layer.dataset) : null;
  const count = h("span", { class: "count" }, layer.count.toLocaleString("en"));
  const head = h("div", { class: "layer-head" }, h("label", {}, box, h("span", { class: "layer-title" }, title), dataset, count), stateBadge(layer, view), zoom);
  if (!visible) return h("li", { class: "layer", "data-layer": layer.dataset }, head);
  if (layer.raster !== null) return h("li", { class: "layer", "data-layer": layer.dataset }, head, daySelect(layer, view, actions));
  const choice = chosenChoice(layer, view.colorBy.get(layer.dataset));
  const legends = h("details", { class: "layer-details", open: isLegendOpen(layer, view) }, h("summary", {}, view.say("legend")), colorSelect(layer, choice, view, actions), legend(layer, choice, view));
  legends.addEventListener("toggle", () => view.panel.legends.set(layer.dataset, legends.open));
  return h("li", { class: "layer", "data-layer": layer.dataset }, head, legends);
}

function groupEntry(group: LayerGroup, view: LayerPanelView, actions: LayerPanelActions): HTMLElement {
  const { collapsed } = view.panel;
  const shown = group.layers.filter(view.isVisible).length;
  const details = h(
    "details",
    {
      class: "layer-group",
      "data-group": group.name,
      open: !collapsed.has(group.name),
      ontoggle: () => {
        if (details.open) collapsed.delete(group.name);
        else collapsed.add(group.name);
      },
    },
    h("summary", {}, h("span", {}, inLanguage(group.title, view.language)), h("span", { class: "count" }, `${shown} / ${group.layers.length}`)),
    h("ul", { class: "layer-list" }, ...group.layers.map((layer) => layerEntry(layer, view, actions))),
  );
  return details;
}

/** Hides, in place, what does not hold the typed text: a box that is built anew loses the characters being composed in it. */
function applyFilter(panel: HTMLElement, layers: readonly Layer[], filter: string): void {
  const wanted = filter.trim().toLowerCase();
  const found = new Set(layers.filter((layer) => [layer.title.zh, layer.title.en, layer.dataset, layer.cimClass].some((text) => text.toLowerCase().includes(wanted))).map((layer) => layer.dataset));
  for (const entry of panel.querySelectorAll<HTMLElement>("[data-layer]")) entry.hidden = !found.has(entry.dataset["layer"] ?? "");
  for (const group of panel.querySelectorAll<HTMLElement>("[data-group]")) group.hidden = group.querySelector("[data-layer]:not([hidden])") === null;
  const nothing = panel.querySelector<HTMLElement>(".nothing-found");
  if (nothing !== null) nothing.hidden = found.size > 0;
}

function filterBox(view: LayerPanelView, changed: () => void): HTMLElement {
  const hint = view.say("filter_layers");
  const input = h("input", {
    type: "text",
    class: "layer-filter",
    autocomplete: "off",
    spellcheck: "false",
    placeholder: hint,
    "aria-label": hint,
    value: view.panel.filter,
    oninput: () => {
      view.panel.filter = input.value;
      changed();
    },
  });
  return input;
}

/** Returns the panel; within a group layers stand as they lie, the topmost first. Terrain has no own entry: it is the ground itself. */
export function layerPanel(view: LayerPanelView, actions: LayerPanelActions): HTMLElement {
  const listed = view.layers.filter(isListed).toReversed();
  const groups = groupLayers(listed).map((group) => groupEntry(group, view, actions));
  const filter = filterBox(view, () => {
    applyFilter(panel, listed, view.panel.filter);
  });
  const nothing = h("p", { class: "nothing-found", role: "status", hidden: true }, view.say("error_not_found"));
  const panel = h("section", { class: "panel layer-panel", id: "layer-panel", "aria-label": view.say("layers") }, h("h2", {}, view.say("layers")), filter, nothing, ...groups);
  applyFilter(panel, listed, view.panel.filter);
  return panel;
}

function isListed(layer: Layer): boolean {
  return layer.tileset !== null || layer.mvt !== null || layer.raster !== null;
}
