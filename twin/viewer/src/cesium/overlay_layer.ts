/** Features laid over the city in colours of their own: areas and lines draped on the ground, places as dots that nothing hides, nor the outline of what is selected. */

import { Cartesian2, Cartesian3, Cartographic, type CesiumWidget, Color, type ImageryLayer, type PointPrimitive, PointPrimitiveCollection } from "@cesium/engine";

import { type Rgb, cssColor } from "../coloring";
import { type OverlayFeature, overlayTile } from "../overlay";
import { unionExtent } from "../extent";
import type { Paint, TileFeature } from "../vector_tile";
import { type ImageryStack, TOPMOST } from "./imagery_stack";
import { MvtImageryProvider, type TileSource } from "./mvt_imagery";
import { Outline } from "./outline";
import { heightOnGround } from "./terrain";

const SELECTED: Rgb = [0, 184, 212];
const DOT_PX = 9;
const SELECTED_DOT_PX = 16;
/** So many dots stand close: their white rims would cover all of their colours. */
const CROWD = 300;

export class OverlayLayer {
  private imagery: ImageryLayer | null = null;
  private outline: Outline | null = null;
  private readonly dots = new PointPrimitiveCollection();
  private readonly places = new Map<PointPrimitive, Cartographic>();
  private readonly colors: ReadonlyMap<number, Rgb>;
  private readonly source: TileSource;
  private readonly stopListening: () => void;
  private readonly rimPx: number;

  constructor(
    private readonly widget: CesiumWidget,
    private readonly stack: ImageryStack,
    private readonly features: readonly OverlayFeature[],
  ) {
    this.colors = new Map(features.map(({ id, color }) => [id, color]));
    this.rimPx = features.filter(({ kind }) => kind === "point").length > CROWD ? 0 : 2;
    this.source = { get: async (address) => Promise.resolve(overlayTile(features, address)) };
    if (features.some(({ kind }) => kind !== "point")) this.imagery = this.drape();
    for (const feature of features) if (feature.kind === "point") this.addDot(feature);
    widget.scene.primitives.add(this.dots);
    this.stopListening = widget.scene.globe.tileLoadProgressEvent.addEventListener((queued: number) => {
      if (queued === 0) this.setOnGround();
    });
    this.setOnGround();
  }

  /** Draws one feature so that it stands out; null: none. */
  select(id: number | null): void {
    this.outline?.remove();
    const feature = this.features.find((candidate) => candidate.id === id);
    this.outline = feature === undefined || feature.kind === "point" ? null : new Outline(this.widget, feature, SELECTED);
    for (const dot of this.places.keys()) {
      const isSelected = dot.id === id;
      dot.pixelSize = isSelected ? SELECTED_DOT_PX : DOT_PX;
      dot.outlineColor = isSelected ? Color.fromBytes(...SELECTED) : Color.WHITE;
      dot.outlineWidth = isSelected ? 4 : this.rimPx;
    }
    this.widget.scene.requestRender();
  }

  /** Returns the id of the feature under a pixel; null when there is none. */
  async pick(pixel: Cartesian2): Promise<number | null> {
    const { scene } = this.widget;
    const picked = scene.pick(pixel, 9, 9) as { id?: unknown; collection?: unknown } | undefined;
    if (picked?.collection === this.dots && typeof picked.id === "number") return picked.id;
    const ray = scene.camera.getPickRay(pixel);
    const found = ray === undefined || this.imagery === null ? undefined : await scene.imageryLayers.pickImageryLayerFeatures(ray, scene);
    const info = found?.find(({ imageryLayer }) => imageryLayer === this.imagery);
    return info === undefined ? null : (info.data as TileFeature).fid;
  }

  remove(): void {
    this.stopListening();
    this.select(null);
    if (this.imagery !== null) this.stack.remove(this.imagery);
    this.widget.scene.primitives.remove(this.dots);
    this.widget.scene.requestRender();
  }

  private paint({ fid, kind }: TileFeature): Paint {
    const color = this.colors.get(fid ?? -1) ?? SELECTED;
    return { fill: kind === "polygon" ? cssColor(color, 0.45) : null, stroke: cssColor(color), widthPx: kind === "polygon" ? 2 : 5 };
  }

  private drape(): ImageryLayer {
    const extent = unionExtent(this.features.map((feature) => feature.extent));
    const provider = new MvtImageryProvider((feature) => this.paint(feature), extent, this.source, true);
    return this.stack.add(provider.asImageryProvider(), TOPMOST, provider.firstTerrainLevel);
  }

  private addDot({ id, color, extent: [west, south, east, north] }: OverlayFeature): void {
    const dot = this.dots.add({
      id,
      pixelSize: DOT_PX,
      color: Color.fromBytes(...color),
      outlineColor: Color.WHITE,
      outlineWidth: this.rimPx,
      disableDepthTestDistance: Number.POSITIVE_INFINITY,
    });
    this.places.set(dot, Cartographic.fromDegrees((west + east) / 2, (south + north) / 2));
  }

  /** A more detailed tile of the ground may have come. */
  private setOnGround(): void {
    for (const [dot, place] of this.places) dot.position = Cartesian3.fromRadians(place.longitude, place.latitude, heightOnGround(this.widget, place));
    this.outline?.setOnGround();
    this.widget.scene.requestRender();
  }
}
