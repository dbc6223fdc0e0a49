/** The page: holds the view's state, passes changes to the picture, the panels and the URL. */

import { type BuildProgress, answerTo, readBuildProgress } from "./build_progress";
import { CityView } from "./cesium/city_view";
import { hasWebGl2 } from "./cesium/globe";
import { debugHandle } from "./debug";
import { type Extent, unionExtent } from "./extent";
import { type Language, browserLanguage, inLanguage, languageTag, speaker } from "./i18n";
import { LiveUpdates, type ServerEvent } from "./live";
import { type Layer, type Scene, SceneError, SceneSource } from "./scene";
import { Selection } from "./selection";
import { type ViewState, emptyState, formatHash, parseHash } from "./state";
import { attributePanel } from "./ui/attribute_panel";
import { coveredSides } from "./ui/covered";
import { h, icon, iconButton } from "./ui/dom";
import { onEscape } from "./ui/escape";
import { focusPath } from "./ui/focus";
import { type LayerPanelState, layerPanel, showBuildProgress } from "./ui/layer_panel";
import { type Message, emptyCity, messageStack } from "./ui/messages";
import { searchBox } from "./ui/search_box";
import { StatusBar } from "./ui/status_bar";
import { toolbar } from "./ui/toolbar";

const HASH_DELAY_MS = 250;
/** While much is still coming, legends grow this often. */
const LEGEND_MS = 1500;
const NARROW_PX = 720;

export class App {
  private readonly base: string;
  private readonly source: SceneSource;
  private state: ViewState;
  private language: Language;
  private scene: Scene | null = null;
  private view: CityView | null = null;
  private messages: Message[] = [];
  private readonly selection: Selection;
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
    this.selection = new Selection(this.base, {
      scene: () => this.scene,
      view: () => this.view,
      selected: (selectedOid) => { this.change({ selectedOid }); },
      changed: () => { this.render(); },
      tell: (message) => { this.tell(message); },
      dismiss: (id) => { this.dismiss(id); },
    });
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
    onEscape(this.window.document, () => { if (this.selection.selected !== null) this.selection.clear(); });
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
      () => this.isShown && this.refreshing === null,
    );
    view.setGroundOpacity(this.state.groundOpacity);
    if (this.state.camera !== null) view.setCamera(this.state.camera);
    else view.flyToLayers([], home, 0);
    return view;
  }

  private createView(): CityView {
    const options = { assets: new URL("cesium/", this.base), msaaSamples: Number(new URLSearchParams(this.window.location.search).get("msaa") ?? 4), covered: () => coveredSides(this.chrome, this.window.innerWidth) };
    return new CityView(this.canvasHost, options, {
      picked: (feature) => void this.selection.picked(feature),
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
      await this.selection.refresh();
      return;
    }
    this.isShown = true;
    if (!hasCamera) this.flyHome(0);
    if (this.state.selectedOid !== null) await this.selection.selectOid(this.state.selectedOid, false);
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
    if (this.state.selectedOid === null) this.selection.clear();
    else void this.selection.selectOid(this.state.selectedOid, false);
    this.render();
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
      searchBox(say, (text) => void this.selection.find(text)),
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
    const { selected } = this.selection;
    if (selected !== null) {
      panels.push(attributePanel(selected, this.language, say, {
        close: () => { this.selection.clear(); },
        follow: (oid) => void this.selection.selectOid(oid, true),
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
