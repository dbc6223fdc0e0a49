/** The page: holds the view's state, passes changes to the picture, the panels and the URL. */

import { type BuildProgress, answerTo, readBuildProgress } from "./build_progress";
import { CityView } from "./cesium/city_view";
import { hasWebGl2 } from "./cesium/globe";
import type { PickedFeature } from "./cesium/picking";
import { debugHandle } from "./debug";
import { type Extent, unionExtent } from "./extent";
import { type Language, browserLanguage, inLanguage, languageTag, speaker } from "./i18n";
import { fetchItem, findByName, parseQuery } from "./item";
import { fetchLinks } from "./links";
import { LiveUpdates, type ServerEvent } from "./live";
import { type Layer, type Scene, SceneError, SceneSource } from "./scene";
import { type ViewState, emptyState, formatHash, parseHash } from "./state";
import { type SelectedFeature, attributePanel } from "./ui/attribute_panel";
import { coveredSides } from "./ui/covered";
import { h, icon, iconButton } from "./ui/dom";
import { focusPath } from "./ui/focus";
import { type LayerPanelState, layerPanel, showBuildProgress } from "./ui/layer_panel";
import { type Message, emptyCity, messageStack } from "./ui/messages";
import { searchBox } from "./ui/search_box";
import { StatusBar } from "./ui/status_bar";
import { toolbar } from "./ui/toolbar";

const HASH_DELAY_MS = 250;
/** While much is still coming, legends grow this often. */
const LEGEND_MS = 1500;
/** Where a picked place without extent, a manhole say, is looked at from. */
const PLACE_RADIUS_M = 40;
const NARROW_PX = 720;

export class App {
  private readonly base: string;
  private readonly source: SceneSource;
  private state: ViewState;
  private language: Language;
  private scene: Scene | null = null;
  private view: CityView | null = null;
  private selected: SelectedFeature | null = null;
  private messages: Message[] = [];
  private status: StatusBar;
  private panelOpen: boolean;
  /** Undefined until the ground was set for the first time. */
  private terrainUrl: string | null | undefined;
  private isShown = false;
  /** How many codes the legends showed when they were last built. */
  private legendCodes = 0;
  private legendTimer: number | undefined;
  private readonly builds = new Map<string, BuildProgress>();
  private readonly layerPanelState: LayerPanelState = { filter: "", collapsed: new Set(), legends: new Map() };
  /** The refresh under way, and whether something was heard since it asked. */
  private refreshing: Promise<void> | null = null;
  private isStale = false;
  private hashTimer: number | undefined;

  constructor(
    private readonly canvasHost: HTMLElement,
    private readonly chrome: HTMLElement,
    private readonly window: Window,
  ) {
    this.base = window.document.baseURI;
    this.source = new SceneSource(new URL("scene.json", this.base));
    this.state = parseHash(window.location.hash);
    this.language = this.state.language ?? browserLanguage(window.navigator.languages);
    this.status = new StatusBar(speaker(this.language));
    this.panelOpen = window.innerWidth > NARROW_PX;
  }

  /** Shows the scene and keeps it fresh; every failure ends as a message on the page. */
  async start(): Promise<void> {
    this.render();
    if (!hasWebGl2()) {
      this.tell({ id: "webgl", word: "error_webgl", detail: "" });
      return;
    }
    this.window.addEventListener("hashchange", () => {
      this.applyHash();
    });
    await this.refresh();
    const live = new LiveUpdates(new URL("api/events", this.base), this.window, (event) => {
      this.heard(event);
    });
    live.start();
  }

  private heard({ kind, body }: ServerEvent): void {
    if (kind === "submission") return;
    const progress = kind === "asset" ? readBuildProgress(body) : null;
    const answer = answerTo(progress, progress === null ? undefined : this.layer(progress.dataset)?.revision);
    if (answer === "refresh") void this.refresh();
    if (answer !== "tell" || progress === null) return;
    this.builds.set(progress.dataset, progress);
    showBuildProgress(this.chrome, progress, speaker(this.language));
  }

  /** Makes the picture with its camera where it belongs, so that nothing is loaded for a view of the whole earth. */
  private openView(home: Extent | null): CityView {
    const view = this.createView();
    this.window.__twin = debugHandle(
      view,
      () => this.state,
      () => this.isShown,
    );
    view.setGroundOpacity(this.state.groundOpacity);
    if (this.state.camera !== null) view.setCamera(this.state.camera);
    else view.flyToLayers([], home, 0);
    return view;
  }

  private createView(): CityView {
    const options = { assets: new URL("cesium/", this.base), msaaSamples: Number(new URLSearchParams(this.window.location.search).get("msaa") ?? 4), covered: () => coveredSides(this.chrome, this.window.innerWidth) };
    return new CityView(this.canvasHost, options, {
      picked: (feature) => void this.picked(feature),
      cameraMoved: () => {
        this.cameraMoved();
      },
      pointerMoved: (place) => {
        this.status.showPosition(place, this.scene?.city.separation ?? null);
      },
      loadingChanged: (busy) => {
        this.status.showLoading(busy);
        if (!busy) this.settled();
        else this.legendTimer ??= this.window.setTimeout(() => { this.settled(); }, LEGEND_MS);
      },
      layerFailed: (dataset, detail) => {
        this.tell({ id: `layer-${dataset}`, word: "error_tileset", detail: `${this.layerTitle(dataset)}: ${detail}` });
      },
      renderFailed: (detail) => {
        this.tell({ id: "render", word: "error_render", detail });
      },
    });
  }

  /** Fetches the scene and draws what has changed in it; once more when something was heard meanwhile. */
  private async refresh(): Promise<void> {
    if (this.refreshing !== null) {
      this.isStale = true;
      return this.refreshing;
    }
    this.refreshing = this.fetchScene().finally(() => {
      this.refreshing = null;
    });
    await this.refreshing;
    if (!this.isStale) return;
    this.isStale = false;
    await this.refresh();
  }

  private async fetchScene(): Promise<void> {
    try {
      const scene = await this.source.fetch();
      this.dismiss("scene");
      if (scene !== null) await this.showScene(scene);
    } catch (error) {
      const code = error instanceof SceneError ? error.code : "scene-unreachable";
      const detail = error instanceof Error ? error.message : String(error);
      this.tell({ id: "scene", word: `error_${code}`, detail, retry: () => void this.refresh() });
    }
  }

  private async showScene(scene: Scene): Promise<void> {
    const hasCamera = this.state.camera !== null;
    const before = this.scene;
    this.scene = scene;
    for (const { dataset, tileset } of scene.layers) if (tileset?.state !== "building" && tileset?.state !== "missing") this.builds.delete(dataset);
    this.render();
    if (before !== null && scene.commit > before.commit) this.status.showNotice(speaker(this.language)("new_revision", { commit: scene.commit }));
    const home = this.homeExtent();
    const view = (this.view ??= this.openView(home));
    if (home !== null) view.setLight(home);
    await this.showTerrain(view, scene);
    view.keepLayers(new Set(scene.layers.map((layer) => layer.dataset)));
    await Promise.all(scene.layers.map(async (layer) => view.setLayer(layer, this.look(layer), this.base)));
    if (this.isShown) {
      // The first data of an empty city: there was nothing yet that the user could have chosen to look at.
      if (before?.layers.length === 0) this.flyHome(0);
      await this.refreshSelected();
      return;
    }
    this.isShown = true;
    if (!hasCamera) this.flyHome(0);
    if (this.state.selectedOid !== null) await this.selectOid(this.state.selectedOid, false);
  }

  private async showTerrain(view: CityView, { city, terrain }: Scene): Promise<void> {
    const url = terrain?.url ?? null;
    if (url === this.terrainUrl) return;
    try {
      await view.setTerrain(url === null ? null : new URL(url, this.base), city.separation);
      this.terrainUrl = url;
      this.dismiss("terrain");
    } catch (error) {
      this.tell({ id: "terrain", word: "error_terrain", detail: String(error) });
    }
  }

  private isVisible(layer: Layer): boolean {
    return this.state.visible.get(layer.dataset) ?? layer.visible;
  }

  private look(layer: Layer): { visible: boolean; colorBy: string | undefined } {
    return { visible: this.isVisible(layer), colorBy: this.state.colorBy.get(layer.dataset) };
  }

  private layer(dataset: string): Layer | undefined {
    return this.scene?.layers.find((layer) => layer.dataset === dataset);
  }

  private layerTitle(dataset: string): string {
    const title = this.layer(dataset)?.title;
    return title === undefined ? dataset : inLanguage(title, this.language);
  }

  /** What is seen at first: the things that stand in 3D; a province's outline around them says little. */
  private homeLayers(): Layer[] {
    const solid = (this.scene?.layers ?? []).filter((layer) => layer.tileset?.state === "ready" && this.isVisible(layer) && layer.count > 0);
    return solid.length > 0 ? solid : (this.scene?.layers ?? []).filter((layer) => this.isVisible(layer));
  }

  private homeExtent(): Extent | null {
    return unionExtent(this.homeLayers().map((layer) => layer.extent)) ?? this.scene?.city.extent ?? null;
  }

  private flyHome(durationS?: number): void {
    this.view?.flyToLayers(this.homeLayers().map((layer) => layer.dataset), this.homeExtent(), durationS);
  }

  private cameraMoved(): void {
    this.status.showScale(this.view?.metresPerPixel() ?? null);
    this.window.clearTimeout(this.hashTimer);
    this.hashTimer = this.window.setTimeout(() => {
      if (!this.isShown || this.view === null) return;
      const wasTilted = this.isTilted();
      this.change({ camera: this.view.camera() });
      if (wasTilted !== this.isTilted()) this.render();
    }, HASH_DELAY_MS);
  }

  /** More of the present view has come: legends may know more codes now, and the scale its ground. */
  private settled(): void {
    this.window.clearTimeout(this.legendTimer);
    this.legendTimer = undefined;
    this.status.showScale(this.view?.metresPerPixel() ?? null);
    const seen = (this.scene?.layers ?? []).reduce((sum, layer) => sum + (this.view?.seenCodes(layer.dataset).size ?? 0), 0);
    if (seen === this.legendCodes) return;
    this.legendCodes = seen;
    this.render();
  }

  private isTilted(): boolean {
    return (this.state.camera?.pitchDeg ?? -40) > -80;
  }

  /** Takes over a changed part of the state and writes it into the URL without a new entry of the history. */
  private change(part: Partial<ViewState>): void {
    this.state = { ...this.state, ...part };
    this.window.history.replaceState(null, "", formatHash(this.state));
  }

  /** Somebody typed or followed a link of another view of this page. */
  private applyHash(): void {
    this.state = { ...emptyState, ...parseHash(this.window.location.hash) };
    this.language = this.state.language ?? this.language;
    if (this.state.camera !== null) this.view?.setCamera(this.state.camera);
    this.view?.setGroundOpacity(this.state.groundOpacity);
    for (const layer of this.scene?.layers ?? []) void this.view?.setLayer(layer, this.look(layer), this.base);
    if (this.state.selectedOid === null) this.unselect();
    else void this.selectOid(this.state.selectedOid, false);
    this.render();
  }

  private async picked(feature: PickedFeature | null): Promise<void> {
    const layer = feature === null ? undefined : this.layer(feature.dataset);
    if (feature === null || layer === undefined) this.unselect();
    else await this.selectFeature(layer, `${layer.oidPrefix}${feature.fid}`, feature.properties, false);
  }

  private unselect(): void {
    this.selected = null;
    this.view?.select(null);
    this.change({ selectedOid: null });
    this.render();
  }

  private async selectOid(oid: string, fly: boolean): Promise<void> {
    const query = parseQuery(oid, this.scene?.layers ?? []);
    if (query?.kind === "oid") await this.selectFeature(await this.holder(query.layer, query.oid), query.oid, {}, fly);
  }

  /** Which of the layers of one type holds an object: their OIDs begin alike. */
  private async holder(first: Layer, oid: string): Promise<Layer> {
    const alike = (this.scene?.layers ?? []).filter((layer) => layer.oidPrefix === first.oidPrefix);
    if (alike.length > 1) {
      for (const layer of alike) if ((await fetchItem(layer, oid, this.base).catch(() => null)) !== null) return layer;
    }
    return first;
  }

  /** What is selected stays so in a new revision, with the attributes it has there. */
  private async refreshSelected(): Promise<void> {
    const { selected } = this;
    const layer = selected === null ? undefined : this.layer(selected.layer.dataset);
    if (selected === null || layer === undefined || layer.revision === selected.layer.revision) return;
    const item = await fetchItem(layer, selected.oid, this.base);
    if (this.selected?.oid !== selected.oid) return;
    if (item === null) this.tell({ id: "item", word: "was_deleted", detail: selected.oid });
    else this.selected = { ...selected, layer, properties: item.properties, links: await fetchLinks(selected.oid, this.base) };
    this.render();
  }

  /** Selects a feature: at once with what the tile said, then with all that the item says. */
  private async selectFeature(layer: Layer, oid: string, properties: Readonly<Record<string, unknown>>, fly: boolean): Promise<void> {
    this.selected = { layer, oid, properties, loading: true, links: [] };
    this.view?.select({ dataset: layer.dataset, fid: Number(oid.slice(layer.oidPrefix.length)) });
    this.change({ selectedOid: oid });
    this.dismiss("item");
    this.render();
    try {
      const [item, links] = await Promise.all([fetchItem(layer, oid, this.base), fetchLinks(oid, this.base)]);
      if (this.selected.oid !== oid) return;
      if (item === null) {
        this.tell({ id: "item", word: "error_not_found", detail: oid });
        return;
      }
      if (fly && item.centre !== null) this.view?.flyToPlace(...item.centre, Math.max(item.radiusM, PLACE_RADIUS_M));
      this.selected = { layer, oid, properties: { ...properties, ...item.properties }, loading: false, links };
    } catch (error) {
      this.tell({ id: "item", word: "error_items", detail: String(error) });
    }
    this.render();
  }

  private async find(text: string): Promise<void> {
    const query = parseQuery(text, this.scene?.layers ?? []);
    if (query === null) return;
    this.dismiss("find");
    if (query.kind === "position") {
      const heightM = (await this.view?.terrainHeight(query.lonDeg, query.latDeg)) ?? 0;
      this.view?.flyToPlace(query.lonDeg, query.latDeg, heightM, PLACE_RADIUS_M);
    } else if (query.kind === "oid") await this.selectOid(query.oid, true);
    else await this.findName(query.text);
  }

  private async findName(text: string): Promise<void> {
    for (const layer of (this.scene?.layers ?? []).toReversed()) {
      const oid = await findByName(layer, text, this.base);
      if (oid === null) continue;
      await this.selectFeature(layer, oid, {}, true);
      return;
    }
    this.tell({ id: "find", word: "error_not_found", detail: text });
  }

  private setLanguage(language: Language): void {
    this.language = language;
    this.change({ language });
    this.render();
  }

  private setLayerState(dataset: string, part: Partial<ViewState>): void {
    this.change(part);
    const layer = this.layer(dataset);
    if (layer !== undefined) void this.view?.setLayer(layer, this.look(layer), this.base);
    this.render();
  }

  private tell(message: Message): void {
    this.messages = [...this.messages.filter(({ id }) => id !== message.id), message];
    this.render();
  }

  private dismiss(id: string): void {
    if (!this.messages.some((message) => message.id === id)) return;
    this.messages = this.messages.filter((message) => message.id !== id);
    this.render();
  }

  /** Builds the panels anew from the state; focus stays where it was. */
  private render(): void {
    const { document } = this.window;
    const say = speaker(this.language);
    document.documentElement.lang = languageTag(this.language);
    document.title = this.scene === null ? say("title") : `${this.scene.city.name} · ${say("title")}`;
    const focused = focusPath(this.chrome, document.activeElement);
    const query = this.chrome.querySelector<HTMLInputElement>("input[type=search]")?.value ?? "";
    const scrolled = this.chrome.querySelector(".layer-panel")?.scrollTop ?? 0;
    const status = new StatusBar(say);
    status.takeOver(this.status);
    this.status = status;
    this.chrome.replaceChildren(this.header(), ...this.panels(), status.element);
    const input = this.chrome.querySelector<HTMLInputElement>("input[type=search]");
    if (input !== null) input.value = query;
    this.chrome.querySelector(".layer-panel")?.scrollTo(0, scrolled);
    if (focused !== null) this.chrome.querySelector<HTMLElement>(focused)?.focus();
  }

  private header(): HTMLElement {
    const say = speaker(this.language);
    const other: Language = this.language === "zh" ? "en" : "zh";
    return h(
      "header",
      { class: "top-bar panel" },
      iconButton(
        "layers",
        say(this.panelOpen ? "hide_layers" : "show_layers"),
        () => {
          this.panelOpen = !this.panelOpen;
          this.render();
        },
        this.panelOpen,
      ),
      h("h1", {}, this.scene?.city.name ?? say("title")),
      searchBox(say, (text) => void this.find(text)),
      h("a", { class: "upload-link", href: "upload/" }, icon("upload"), h("span", {}, say("upload"))),
      h("button", { type: "button", class: "language", lang: languageTag(other), onclick: () => { this.setLanguage(other); } }, say("language")),
    );
  }

  private panels(): HTMLElement[] {
    const say = speaker(this.language);
    const panels: HTMLElement[] = [];
    if (this.scene !== null && this.panelOpen && this.scene.layers.length > 0) {
      const view = { layers: this.scene.layers, isVisible: (layer: Layer) => this.isVisible(layer), seenCodes: (layer: Layer) => this.view?.seenCodes(layer.dataset) ?? new Set<string>(), colorBy: this.state.colorBy, builds: this.builds, language: this.language, say, panel: this.layerPanelState };
      panels.push(layerPanel(view, this.layerActions()));
    }
    if (this.scene?.layers.length === 0) panels.push(emptyCity(say));
    panels.push(this.toolbar());
    if (this.selected !== null) {
      const { selected } = this;
      panels.push(attributePanel(selected, this.language, say, {
        close: () => { this.unselect(); },
        follow: (oid) => void this.selectOid(oid, true),
        titleOf: (dataset) => this.layerTitle(dataset),
      }));
    }
    panels.push(messageStack(this.messages, say, (id) => { this.dismiss(id); }));
    return panels;
  }

  private layerActions(): Parameters<typeof layerPanel>[1] {
    return {
      setVisible: (dataset, visible) => {
        this.setLayerState(dataset, { visible: new Map([...this.state.visible, [dataset, visible]]) });
      },
      setColorBy: (dataset, field) => {
        this.setLayerState(dataset, { colorBy: new Map([...this.state.colorBy, [dataset, field]]) });
      },
      zoomTo: (dataset) => {
        this.view?.flyToLayers([dataset], this.layer(dataset)?.extent ?? null);
      },
    };
  }

  private toolbar(): HTMLElement {
    return toolbar(this.state.groundOpacity, this.isTilted(), speaker(this.language), {
      home: () => {
        this.flyHome();
      },
      northUp: () => this.view?.northUp(),
      setTilted: (tilted) => this.view?.setTilted(tilted),
      zoom: (factor) => this.view?.zoom(factor),
      setGroundOpacity: (opacity) => {
        const toggled = (opacity === null) !== (this.state.groundOpacity === null);
        this.change({ groundOpacity: opacity });
        this.view?.setGroundOpacity(opacity);
        // A slider being dragged must stay the same element.
        if (toggled) this.render();
      },
    });
  }
}
