/** What is known of the selected feature. */

import { attributeRows } from "../attributes";
import { type Language, type Say, inLanguage } from "../i18n";
import type { Layer } from "../scene";
import { h } from "./dom";

export interface SelectedFeature {
  readonly layer: Layer;
  readonly oid: string;
  readonly properties: Readonly<Record<string, unknown>>;
  /** True while the whole item is on its way and `properties` holds only what the tile carries. */
  readonly loading: boolean;
}

function row(title: string, value: Node | string, name: string): HTMLElement {
  return h("div", { class: "attribute", "data-attribute": name }, h("dt", {}, title), h("dd", {}, value));
}

/** Returns the panel of one feature; `close` is called by its button. */
export function attributePanel(feature: SelectedFeature, language: Language, say: Say, close: () => void): HTMLElement {
  const { layer, oid } = feature;
  const rows = attributeRows(layer, feature.properties, language);
  const heading = rows.find((entry) => entry.name === "name")?.text ?? rows[0]?.text ?? inLanguage(layer.title, language);
  const link = h("a", { href: `${layer.items}/${encodeURIComponent(oid)}`, target: "_blank", rel: "noopener" }, say("item_link"));
  return h(
    "section",
    { class: "panel attribute-panel", "aria-label": say("attributes"), "aria-busy": String(feature.loading) },
    h(
      "header",
      {},
      h("div", {}, h("h2", {}, heading), h("p", { class: "subtitle" }, inLanguage(layer.title, language))),
      h("button", { type: "button", class: "close", "aria-label": say("close"), title: say("close"), onclick: close }, "×"),
    ),
    h(
      "dl",
      {},
      ...rows.map((entry) => row(entry.title, entry.text, entry.name)),
      row("OID", h("code", {}, oid), "oid"),
      row(say("dataset"), layer.dataset, "dataset"),
      row(say("revision"), String(layer.revision), "revision"),
    ),
    h("p", { class: "item-link" }, link),
  );
}
