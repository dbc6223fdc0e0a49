/** The one feature that is selected: by a click, a link of the URL, a reference, or what somebody looked for. */

import type { CityView } from "./cesium/city_view";
import type { PickedFeature } from "./cesium/picking";
import { fetchItem, findByName, parseQuery } from "./item";
import { fetchLinks } from "./links";
import type { Layer, Scene } from "./scene";
import type { SelectedFeature } from "./ui/attribute_panel";
import type { Message } from "./ui/messages";

/** Where a picked place without extent, a manhole say, is looked at from. */
const PLACE_RADIUS_M = 40;

/** What a selection needs of its page. */
export interface SelectionPage {
  readonly scene: () => Scene | null;
  readonly view: () => CityView | null;
  /** Another feature, or none, is selected. */
  readonly selected: (oid: string | null) => void;
  /** What is known of it has changed. */
  readonly changed: () => void;
  readonly tell: (message: Message) => void;
  readonly dismiss: (id: string) => void;
}

export class Selection {
  selected: SelectedFeature | null = null;
  /** How often something was selected or let go: what was asked for before the last time is told to nobody. */
  private turn = 0;
  /** How often something was looked for. */
  private searches = 0;

  constructor(
    private readonly base: string,
    private readonly page: SelectionPage,
  ) {}

  /** Selects what was clicked on; nothing where that is no feature. */
  async picked(feature: PickedFeature | null): Promise<void> {
    const layer = this.layers().find(({ dataset }) => dataset === feature?.dataset);
    if (feature === null || layer === undefined) this.clear();
    else await this.select(layer, `${layer.oidPrefix}${feature.fid}`, feature.properties, false);
  }

  clear(): void {
    this.turn += 1;
    this.selected = null;
    this.page.view()?.select(null);
    this.page.selected(null);
    this.page.changed();
  }

  async selectOid(oid: string, fly: boolean): Promise<void> {
    const query = parseQuery(oid, this.layers());
    if (query?.kind !== "oid") return;
    const turn = (this.turn += 1);
    const layer = await this.holder(query.layer, query.oid);
    if (turn === this.turn) await this.select(layer, query.oid, {}, fly);
  }

  /** What is selected stays so in a new revision, with the attributes it has there. */
  async refresh(): Promise<void> {
    const { selected, turn } = this;
    const layer = this.layers().find(({ dataset }) => dataset === selected?.layer.dataset);
    if (selected === null || layer === undefined || layer.revision === selected.layer.revision) return;
    const [item, links] = await Promise.all([fetchItem(layer, selected.oid, this.base), fetchLinks(selected.oid, this.base)]);
    const present = this.selected;
    if (turn !== this.turn || present === null || present.layer.revision >= layer.revision) return;
    if (item === null) this.page.tell({ id: "item", word: "was_deleted", detail: selected.oid });
    else this.selected = { ...present, layer, properties: item.properties, loading: false, links };
    this.page.changed();
  }

  /** Goes to a position, or selects what has the OID or name that was typed; nothing when somebody selected or looked for something else meanwhile. */
  async find(text: string): Promise<void> {
    const query = parseQuery(text, this.layers());
    if (query === null) return;
    const isWanted = this.wanted();
    this.page.dismiss("find");
    if (query.kind === "position") {
      const view = this.page.view();
      const heightM = (await view?.terrainHeight(query.lonDeg, query.latDeg)) ?? 0;
      if (isWanted()) view?.flyToPlace(query.lonDeg, query.latDeg, heightM, PLACE_RADIUS_M);
    } else if (query.kind === "oid") await this.selectOid(query.oid, true);
    else await this.findName(query.text, isWanted);
  }

  /** Begins a search; returns what tells whether its answer is still waited for. */
  private wanted(): () => boolean {
    const search = (this.searches += 1);
    const { turn } = this;
    return () => search === this.searches && turn === this.turn;
  }

  private layers(): readonly Layer[] {
    return this.page.scene()?.layers ?? [];
  }

  /** Which of the layers of one type holds an object: their OIDs begin alike. */
  private async holder(first: Layer, oid: string): Promise<Layer> {
    const alike = this.layers().filter((layer) => layer.oidPrefix === first.oidPrefix);
    if (alike.length > 1) {
      for (const layer of alike) if ((await fetchItem(layer, oid, this.base).catch(() => null)) !== null) return layer;
    }
    return first;
  }

  /** Selects a feature: at once with what the tile said, then with all that the item says. */
  private async select(layer: Layer, oid: string, properties: Readonly<Record<string, unknown>>, fly: boolean): Promise<void> {
    const turn = (this.turn += 1);
    this.selected = { layer, oid, properties, loading: true, links: [] };
    this.page.view()?.select({ dataset: layer.dataset, fid: Number(oid.slice(layer.oidPrefix.length)) });
    this.page.selected(oid);
    this.page.dismiss("item");
    this.page.changed();
    let known: Partial<SelectedFeature> = {};
    let message: Message | null = null;
    try {
      const [item, links] = await Promise.all([fetchItem(layer, oid, this.base), fetchLinks(oid, this.base)]);
      if (turn !== this.turn) return;
      if (item === null) message = { id: "item", word: "error_not_found", detail: oid };
      else {
        known = { properties: { ...properties, ...item.properties }, links };
        if (fly && item.centre !== null) this.page.view()?.flyToPlace(...item.centre, Math.max(item.radiusM, PLACE_RADIUS_M));
      }
    } catch (error) {
      message = { id: "item", word: "error_items", detail: String(error) };
    }
    this.learn(turn, layer, known, message);
  }

  /** Takes what came of a request: nothing when something else is selected now, only the message when a newer revision was read. */
  private learn(turn: number, layer: Layer, known: Partial<SelectedFeature>, message: Message | null): void {
    if (turn !== this.turn || this.selected === null) return;
    if (this.selected.layer === layer) this.selected = { ...this.selected, ...known, loading: false };
    if (message !== null) this.page.tell(message);
    this.page.changed();
  }

  /** Selects what is called so, before what has the text in its name. */
  private async findName(text: string, isWanted: () => boolean): Promise<void> {
    const failures: string[] = [];
    const layers = this.layers().toReversed();
    for (const { layer, whole } of [true, false].flatMap((whole) => layers.map((layer) => ({ layer, whole })))) {
      const oid = await findByName(layer, text, whole, this.base).catch((error: unknown) => {
        failures.push(String(error));
        return null;
      });
      if (!isWanted()) return;
      if (oid === null) continue;
      await this.select(layer, oid, {}, true);
      return;
    }
    const [failure] = failures;
    this.page.tell(failure === undefined ? { id: "find", word: "error_not_found", detail: text } : { id: "find", word: "error_find", detail: failure });
  }
}
