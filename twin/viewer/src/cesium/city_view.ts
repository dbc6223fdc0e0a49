/** The picture of one city: the only door between the page and CesiumJS. */

import { BoundingSphere, Cartesian2, Cartesian3, type CesiumWidget, SceneTransforms, ScreenSpaceEventHandler, ScreenSpaceEventType } from "@cesium/engine";

import type { Extent } from "../extent";
import type { SeparationGrid } from "../heights";
import type { OverlayFeature } from "../overlay";
import type { Layer } from "../scene";
import type { CameraView } from "../state";
import * as camera from "./camera";
import type { DrawnLayer, LayerEvents, LayerLook, LayerStatistics, Marks } from "./drawn_layer";
import { createGlobe, lightCity } from "./globe";
import { ImageryStack } from "./imagery_stack";
import { PlaceLabels } from "./labels";
import { LayerSlot } from "./layer_slot";
import { ENVELOPE, EnvelopeLayer } from "./envelope_layer";
import { MvtLayer } from "./mvt_layer";
import { OverlayLayer } from "./overlay_layer";
import { type PickedFeature, groundAt, pickFeature } from "./picking";
import { RasterLayer } from "./raster_layer";
import { setTerrain, terrainHeight } from "./terrain";
import { TilesetLayer } from "./tileset_layer";
import { setGroundOpacity } from "./underground";

export interface CityViewEvents {
  readonly picked: (feature: PickedFeature | null) => void;
  /** A feature of the overlay was clicked; then nothing below it is picked. */
  readonly overlayPicked?: (id: number) => void;
  readonly cameraMoved: () => void;
  readonly pointerMoved: (place: { lonDeg: number; latDeg: number; heightM: number } | null) => void;
  readonly loadingChanged: (busy: boolean) => void;
  readonly layerFailed: (dataset: string, detail: string) => void;
  readonly renderFailed: (detail: string) => void;
}

export interface CityViewOptions {
  readonly assets: URL;
  readonly msaaSamples: number;
  /** What of the picture panels cover just now; absent: nothing. */
  readonly covered?: () => camera.Covered;
}

const SETTLING_FRAMES = 3;

export class CityView {
  private readonly widget: CesiumWidget;
  private readonly labels: PlaceLabels;
  private readonly stack: ImageryStack;
  private readonly slots = new Map<string, LayerSlot>();
  private readonly busy = new Set<string>();
  private overlay: OverlayLayer | null = null;
  private groundLoading = true;
  /** CesiumJS says "all loaded" until it has looked what to load: so many frames in a row must find nothing to come. */
  private framesToSettle = SETTLING_FRAMES;

  constructor(
    container: HTMLElement,
    private readonly options: CityViewOptions,
    private readonly events: CityViewEvents,
  ) {
    this.widget = createGlobe(container, options.assets, options.msaaSamples);
    const overlay = document.createElement("div");
    overlay.className = "place-labels";
    container.append(overlay);
    this.labels = new PlaceLabels(this.widget, overlay);
    this.stack = new ImageryStack(this.widget);
    this.listen();
  }

  /** Shows the terrain at `url`, sea level when null; rejects when it cannot be loaded. */
  async setTerrain(url: URL | null, separation: SeparationGrid | null): Promise<void> {
    await setTerrain(this.widget, url, separation);
  }

  setLight(extent: Extent): void {
    lightCity(this.widget, extent);
  }

  /** Draws a layer, or changes how a drawn one looks; a new revision takes the place of the old one once it has come. */
  async setLayer(layer: Layer, look: LayerLook, base: string): Promise<void> {
    let slot = this.slots.get(layer.dataset);
    if (slot === undefined) {
      slot = new LayerSlot(async (...wanted) => this.draw(base, ...wanted), look);
      this.slots.set(layer.dataset, slot);
    }
    await slot.set(layer, look);
    this.settle();
  }

  /** Takes away the layers of datasets that are not among the given ones. */
  keepLayers(datasets: ReadonlySet<string>): void {
    for (const [dataset, slot] of this.slots) {
      if (datasets.has(dataset)) continue;
      slot.close();
      this.slots.delete(dataset);
      this.setBusy(dataset, false);
    }
  }

  select(selected: { dataset: string; fid: number } | null): void {
    for (const [dataset, slot] of this.slots) slot.select(selected?.dataset === dataset ? selected.fid : null);
  }

  /** Draws features of a dataset in colours of their own. */
  mark(dataset: string, marks: Marks): void {
    this.slots.get(dataset)?.mark(marks);
    this.settle();
  }

  /** Lays features over everything else, in the place of those laid before. */
  setOverlay(features: readonly OverlayFeature[]): void {
    this.overlay?.remove();
    this.overlay = features.length === 0 ? null : new OverlayLayer(this.widget, this.stack, features);
    this.settle();
  }

  selectOverlay(id: number | null): void {
    this.overlay?.select(id);
    this.settle();
  }

  setGroundOpacity(opacity: number | null): void {
    setGroundOpacity(this.widget, opacity);
    this.settle();
  }

  camera(): CameraView {
    return camera.cameraView(this.widget);
  }

  setCamera(view: CameraView): void {
    camera.setCameraView(this.widget, view);
    this.settle();
  }

  /** Flies to what is drawn of the datasets; `extent` stands in where no 3D is at hand. */
  flyToLayers(datasets: readonly string[], extent: Extent | null, durationS?: number): void {
    const spheres = datasets.map((dataset) => this.slots.get(dataset)?.shown?.sphere() ?? null).filter((sphere) => sphere !== null);
    if (spheres.length > 0) this.flyToSphere(BoundingSphere.fromBoundingSpheres(spheres), durationS);
    else if (extent !== null) this.flyToSphere(camera.extentSphere(this.widget, extent), durationS);
  }

  /** Flies to a place (`heightM` ellipsoidal) so that `radiusM` around it is seen. */
  flyToPlace(lonDeg: number, latDeg: number, heightM: number, radiusM: number): void {
    this.flyToSphere(new BoundingSphere(Cartesian3.fromDegrees(lonDeg, latDeg, heightM), radiusM));
  }

  lookAt(lonDeg: number, latDeg: number, heightM: number, headingDeg: number, pitchDeg: number, rangeM: number): void {
    camera.lookAt(this.widget, Cartesian3.fromDegrees(lonDeg, latDeg, heightM), headingDeg, pitchDeg, rangeM);
    this.settle();
  }

  /** Looks straight down on so many metres around a place. */
  lookDown(lonDeg: number, latDeg: number, heightM: number, widthM: number, depthM: number): void {
    this.lookAt(lonDeg, latDeg, heightM, 0, -89.9, camera.rangeAbove(this.widget, widthM, depthM));
  }

  northUp(): void {
    camera.orbit(this.widget, 0, this.camera().pitchDeg);
  }

  setTilted(tilted: boolean): void {
    camera.setTilted(this.widget, tilted);
  }

  zoom(factor: number): void {
    camera.zoomBy(this.widget, factor);
  }

  metresPerPixel(): number | null {
    return camera.metresPerPixel(this.widget);
  }

  async pick(x: number, y: number): Promise<PickedFeature | null> {
    return pickFeature(this.widget, this.layers(), x, y);
  }

  async terrainHeight(lonDeg: number, latDeg: number): Promise<number> {
    return terrainHeight(this.widget, lonDeg, latDeg);
  }

  /** Returns where a place is on the canvas, CSS pixels; null when it is behind the camera. */
  project(lonDeg: number, latDeg: number, heightM: number): { x: number; y: number } | null {
    const window = SceneTransforms.worldToWindowCoordinates(this.widget.scene, Cartesian3.fromDegrees(lonDeg, latDeg, heightM));
    return window === undefined ? null : { x: window.x, y: window.y };
  }

  /** Returns the codes of a layer drawn so far under its colour choice. */
  seenCodes(dataset: string): ReadonlySet<string> {
    return this.slots.get(dataset)?.shown?.seenCodes() ?? new Set();
  }

  statistics(): Record<string, LayerStatistics | null> {
    return Object.fromEntries([...this.slots].map(([dataset, { shown }]) => [dataset, shown?.statistics() ?? null]));
  }

  /** Returns what is still on its way for the present view; nothing when the picture is complete. */
  pending(): string[] {
    return [...this.loading(), ...(this.framesToSettle > 0 ? ["frames"] : [])];
  }

  private loading(): string[] {
    const layers = [...this.slots].filter(([, slot]) => slot.isLoading());
    const ground = this.widget.scene.globe.tilesLoaded ? [] : ["ground"];
    return [...this.busy, ...layers.map(([dataset]) => dataset), ...ground];
  }

  private flyToSphere(sphere: BoundingSphere, durationS?: number): void {
    camera.flyToSphere(this.widget, sphere, this.options.covered?.() ?? { left: 0, right: 0 }, durationS);
  }

  private async clicked(x: number, y: number): Promise<void> {
    const overlaid = (await this.overlay?.pick(new Cartesian2(x, y))) ?? null;
    if (overlaid !== null) this.events.overlayPicked?.(overlaid);
    else this.events.picked(await this.pick(x, y));
  }

  private layers(): DrawnLayer[] {
    return [...this.slots.values()].flatMap(({ shown }) => (shown === null ? [] : [shown]));
  }

  private settle(): void {
    this.framesToSettle = SETTLING_FRAMES;
    this.widget.scene.requestRender();
  }

  private async draw(base: string, layer: Layer, look: LayerLook, standby: boolean): Promise<DrawnLayer | null> {
    const events = {
      failed: (detail: string) => {
        this.events.layerFailed(layer.dataset, detail);
      },
      loading: (busy: boolean) => {
        this.setBusy(layer.dataset, busy);
      },
    };
    try {
      if (layer.tileset !== null) {
        this.setBusy(layer.dataset, true);
        const drawn = await TilesetLayer.create(layer, new URL(layer.tileset.url, base), this.widget, look, events, standby);
        this.setBusy(layer.dataset, false);
        return layer.recipe === ENVELOPE && layer.mvt !== null ? new EnvelopeLayer(drawn, this.areas(layer, layer.mvt, base, look, events, standby)) : drawn;
      }
      if (layer.mvt !== null) return this.areas(layer, layer.mvt, base, look, events, standby);
      if (layer.raster !== null) {
        return new RasterLayer(layer, decodeURI(new URL(layer.raster, base).href), this.widget, look, events, this.stack, standby);
      }
    } catch (error) {
      this.setBusy(layer.dataset, false);
      events.failed(error instanceof Error ? error.message : String(error));
    }
    return null;
  }

  private areas(layer: Layer, mvt: string, base: string, look: LayerLook, events: LayerEvents, standby: boolean): MvtLayer {
    return new MvtLayer(layer, decodeURI(new URL(mvt, base).href), this.widget, look, events, this.labels, this.stack, standby);
  }

  private setBusy(name: string, busy: boolean): void {
    if (busy) this.busy.add(name);
    else this.busy.delete(name);
    this.events.loadingChanged(this.busy.size > 0 || this.groundLoading);
  }

  private listen(): void {
    const { scene } = this.widget;
    const handler = new ScreenSpaceEventHandler(scene.canvas);
    handler.setInputAction(({ position }: ScreenSpaceEventHandler.PositionedEvent) => {
      void this.clicked(position.x, position.y);
    }, ScreenSpaceEventType.LEFT_CLICK);
    handler.setInputAction(({ endPosition }: ScreenSpaceEventHandler.MotionEvent) => {
      this.events.pointerMoved(groundAt(this.widget, Cartesian2.clone(endPosition)));
    }, ScreenSpaceEventType.MOUSE_MOVE);
    scene.camera.percentageChanged = 0.02;
    for (const moved of [scene.camera.changed, scene.camera.moveEnd]) {
      moved.addEventListener(() => {
        this.framesToSettle = SETTLING_FRAMES;
        this.events.cameraMoved();
      });
    }
    scene.globe.tileLoadProgressEvent.addEventListener((queued: number) => {
      this.groundLoading = queued > 0;
      this.events.loadingChanged(this.busy.size > 0 || this.groundLoading);
    });
    // Frames are drawn on request, yet loading goes on only from frame to frame: ask for the next until all is there.
    scene.postRender.addEventListener(() => {
      for (const slot of this.slots.values()) slot.frame();
      this.framesToSettle = this.loading().length > 0 ? SETTLING_FRAMES : Math.max(0, this.framesToSettle - 1);
      if (this.pending().length > 0) scene.requestRender();
    });
    scene.renderError.addEventListener((_scene: unknown, error: unknown) => {
      this.events.renderFailed(String(error));
    });
  }
}
