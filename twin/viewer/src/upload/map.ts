/** The city under a submission: what would come, change and go, and where findings are, over what is there now. */

import type { CityView } from "../cesium/city_view";
import type { Marks } from "../cesium/drawn_layer";
import type { OverlayFeature } from "../overlay";
import { type Extent, commonExtent, unionExtent } from "../extent";
import { type Scene, SceneSource } from "../scene";

const METRES_PER_DEGREE = 111_320;
/** So much is seen around a single place at least. */
const SMALLEST_RADIUS_M = 120;

/** What is laid over the city. */
export interface MapContent {
  readonly features: readonly OverlayFeature[];
  /** Features of present datasets drawn in the colour of what becomes of them. */
  readonly marks: ReadonlyMap<string, Marks>;
}

/** Returns the middle of an extent, its sides and half its diagonal in metres, none smaller than is worth looking at. */
function sizeOf([west, south, east, north]: Extent): { lonDeg: number; latDeg: number; widthM: number; depthM: number; radiusM: number } {
  const latDeg = (south + north) / 2;
  const widthM = (east - west) * METRES_PER_DEGREE * Math.cos((latDeg * Math.PI) / 180);
  const depthM = (north - south) * METRES_PER_DEGREE;
  const least = 2 * SMALLEST_RADIUS_M;
  return { lonDeg: (west + east) / 2, latDeg, widthM: Math.max(least, widthM), depthM: Math.max(least, depthM), radiusM: Math.max(least, Math.hypot(widthM, depthM)) / 2 };
}

export class SubmissionMap {
  private readonly source: SceneSource;
  private view: CityView | null = null;
  private scene: Scene | null = null;
  private content: MapContent = { features: [], marks: new Map() };
  hasCity = true;
  isTilted = false;
  /** Undefined until the ground was set for the first time. */
  private terrain: string | null | undefined;
  private opening: Promise<void> | null = null;
  /** The first picture has its camera where it belongs. */
  private isSettled = false;
  /** What was asked for last; null: all that is laid over the city. */
  private selected: Extent | null = null;
  /** How many flights were asked for: those before the last are given up. */
  private flights = 0;

  constructor(
    private readonly host: HTMLElement,
    private readonly base: string,
    private readonly picked: (id: number) => void,
    private readonly failed: (detail: string) => void,
  ) {
    this.source = new SceneSource(new URL("scene.json", base));
  }

  /** True from the first call of `open` on. */
  get isOpen(): boolean {
    return this.opening !== null;
  }

  /** Loads CesiumJS and the city, looking down on what is laid over it; once. */
  async open(): Promise<void> {
    this.opening ??= this.load();
    await this.opening;
  }

  private async load(): Promise<void> {
    const { CityView } = await import("../cesium/city_view");
    this.scene = await this.source.fetch();
    const ignore = (): void => undefined;
    this.view = new CityView(this.host, { assets: new URL("cesium/", this.base), msaaSamples: Number(new URLSearchParams(window.location.search).get("msaa") ?? 4) }, {
      picked: ignore,
      overlayPicked: this.picked,
      cameraMoved: ignore,
      pointerMoved: ignore,
      loadingChanged: ignore,
      layerFailed: (dataset, detail) => { this.failed(`${dataset}: ${detail}`); },
      renderFailed: this.failed,
    });
    const home = this.home();
    if (home !== null) {
      this.view.setLight(home);
      // First to have the camera over the city at all, then, once its ground is known, at the right height above it.
      this.lookDown(home, 0);
    }
    await this.draw();
    this.lay();
    // What there is to see, and what of it was asked for, may have changed meanwhile.
    const last = this.selected ?? this.home();
    if (last !== null) await this.lookAt(last);
    this.isSettled = true;
  }

  /** Draws the city as it is now: a commit may have changed it. */
  async refresh(): Promise<void> {
    if (this.view === null) return;
    this.scene = (await this.source.fetch()) ?? this.scene;
    await this.draw();
    this.lay();
  }

  show(content: MapContent): void {
    this.content = content;
    this.lay();
    void this.draw();
  }

  /** How many features are laid over the city. */
  get size(): number {
    return this.content.features.length;
  }

  /** Makes one feature of the overlay stand out. */
  highlight(id: number): void {
    this.view?.selectOverlay(id);
  }

  /** Shows all that is laid over the city, from above or aslant. */
  look(): void {
    this.selected = null;
    const home = this.home();
    if (home !== null) void this.lookAt(home);
  }

  /** Makes one feature of the overlay stand out and goes there. */
  select(id: number): void {
    this.highlight(id);
    const feature = this.content.features.find((candidate) => candidate.id === id);
    if (feature === undefined) return;
    this.selected = feature.extent;
    void this.lookAt(feature.extent);
  }

  /** Shows or hides what is there now. */
  async setCity(isShown: boolean): Promise<void> {
    this.hasCity = isShown;
    await this.draw();
  }

  setTilted(isTilted: boolean): void {
    this.isTilted = isTilted;
    this.view?.setTilted(isTilted);
  }

  /** Returns what is still to come for the present view. */
  pending(): string[] {
    return this.view === null ? ["map"] : [...(this.isSettled ? [] : ["camera"]), ...this.view.pending()];
  }

  private home(): Extent | null {
    const city = this.scene?.city.extent ?? null;
    return contentExtent(this.content, city) ?? city;
  }

  private async draw(): Promise<void> {
    const { view, scene } = this;
    if (view === null || scene === null) return;
    const terrain = scene.terrain?.url ?? null;
    if (terrain !== this.terrain) await view.setTerrain(terrain === null ? null : new URL(terrain, this.base), scene.city.separation);
    this.terrain = terrain;
    await Promise.all(scene.layers.map(async (layer) => view.setLayer(layer, { visible: this.hasCity && (layer.visible || this.content.marks.has(layer.dataset)), colorBy: undefined, isMuted: true }, this.base)));
  }

  private lay(): void {
    if (this.view === null) return;
    this.view.setOverlay(this.content.features);
    for (const { dataset } of this.scene?.layers ?? []) this.view.mark(dataset, this.content.marks.get(dataset) ?? new Map());
  }

  private lookDown(extent: Extent, groundM: number): void {
    const { lonDeg, latDeg, widthM, depthM } = sizeOf(extent);
    this.view?.lookDown(lonDeg, latDeg, groundM, widthM, depthM);
  }

  private async lookAt(extent: Extent): Promise<void> {
    const { lonDeg, latDeg, radiusM } = sizeOf(extent);
    const flight = (this.flights += 1);
    const heightM = (await this.view?.terrainHeight(lonDeg, latDeg)) ?? 0;
    if (flight !== this.flights) return;
    const groundM = Number.isFinite(heightM) ? heightM : 0;
    if (this.isTilted) this.view?.flyToPlace(lonDeg, latDeg, groundM, radiusM);
    else this.lookDown(extent, groundM);
  }
}

/** Returns the extent of what is laid over the city; what lies outside of it, a misplaced vertex say, counts only where all of it does. */
export function contentExtent({ features }: MapContent, city: Extent | null): Extent | null {
  const extents = features.map(({ extent }) => extent);
  const inCity = city === null ? null : unionExtent(extents.map((extent) => commonExtent(extent, city)));
  return inCity ?? unionExtent(extents);
}
