/** What is known of the selected feature. */

import { attributeRows } from "../attributes";
import { type Language, type Say, inLanguage } from "../i18n";
import type { FeatureLink } from "../links";
import type { Layer } from "../scene";
import { h } from "./dom";

export interface SelectedFeature {
  readonly layer: Layer;
  readonly oid: string;
  readonly properties: Readonly<Record<string, unknown>>;
  /** True while the whole item is on its way and `properties` holds only what the tile carries. */
  readonly loading: boolean;
  readonly links: readonly FeatureLink[];
}

export interface AttributePanelActions {
  readonly close: () => void;
  readonly follow: (oid: string) => void;
  readonly titleOf: (dataset: string) => string;
}

/** A street has thousands of addresses: so many links are listed. */
const MOST_LINKS = 30;

function row(title: string, value: Node | string, name: string): HTMLElement {
  return h("div", { class: "attribute", "data-attribute": name }, h("dt", {}, title), h("dd", {}, value));
}

function linkRow({ title, direction, dataset, key, oid }: FeatureLink, language: Language, { follow, titleOf }: AttributePanelActions): HTMLElement {
  const button = h("button", { type: "button", class: "feature-link", "data-oid": oid, onclick: () => { follow(oid); } }, key);
  // What refers to this feature is named by its kind: its own words would say it the wrong way round.
  const term = direction === "out" ? inLanguage(title, language) : `← ${titleOf(dataset)}`;
  return row(term, button, `link-${dataset}`);
}

function linkList(links: readonly FeatureLink[], language: Language, say: Say, actions: AttributePanelActions): HTMLElement | null {
  if (links.length === 0) return null;
  const rows = links.slice(0, MOST_LINKS).map((link) => linkRow(link, language, actions));
  const rest = links.length > MOST_LINKS ? h("p", { class: "subtitle" }, say("more_links", { count: links.length - MOST_LINKS })) : null;
  return h("div", { class: "links" }, h("h3", {}, say("links")), h("dl", {}, ...rows), rest);
}

/** Returns the panel of one feature. */
export function attributePanel(feature: SelectedFeature, language: Language, say: Say, actions: AttributePanelActions): HTMLElement {
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
      h("button", { type: "button", class: "close", "aria-label": say("close"), title: say("close"), onclick: actions.close }, "×"),
    ),
    h(
      "dl",
      {},
      ...rows.map((entry) => row(entry.title, entry.text, entry.name)),
      row("OID", h("code", {}, oid), "oid"),
      row(say("dataset"), layer.dataset, "dataset"),
      row(say("revision"), String(layer.revision), "revision"),
    ),
    linkList(feature.links, language, say, actions),
    h("p", { class: "item-link" }, link),
  );
}
