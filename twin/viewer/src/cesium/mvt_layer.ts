/** One layer drawn from its vector tiles, draped over the terrain. */

import type { CesiumWidget, ImageryLayer } from "@cesium/engine";

import { MUTED, chosenChoice, coloring, cssColor, darker } from "../coloring";
import type { Layer } from "../scene";
import { type DecodedTile, type Paint, type TileAddress, type TileFeature, labelPlace } from "../vector_tile";
import type { DrawnLayer, LayerEvents, LayerLook, LayerStatistics } from "./drawn_layer";
import { type ImageryStack, TOPMOST } from "./imagery_stack";
import type { PlaceLabels } from "./labels";
import { MvtImageryProvider, TileCache } from "./mvt_imagery";

const SELECTED: Paint = { fill: "rgb(0 229 255 / 0.3)", stroke: "#00b8d4", widthPx: 4 };
const FAINT_FILL = 0.3;
/** The field whose text is written into the areas of a layer. */
const LABEL_FIELD = "name";

export class MvtLayer implements DrawnLayer {
  private imagery: ImageryLayer;
  private highlight: ImageryLayer | null = null;
  private tiles: TileCache;
  private readonly seen = new Set<string>();
  private readonly isLabelled: boolean;

  constructor(
    readonly layer: Layer,
    private readonly template: string,
    private readonly widget: CesiumWidget,
    private look: LayerLook,
    private readonly events: LayerEvents,
    private readonly labels: PlaceLabels,
    private readonly stack: ImageryStack,
    private standby: boolean,
  ) {
    this.isLabelled = layer.fields.some((field) => field.name === LABEL_FIELD && field.type === "string");
    this.tiles = this.tilesOf(look);
    this.imagery = this.addImagery((feature) => this.paint(feature), true);
    this.setLook(look);
  }

  setLook(look: LayerLook): void {
    const recolored = look.colorBy !== this.look.colorBy;
    this.look = look;
    if (recolored) {
      this.seen.clear();
      this.stack.remove(this.imagery);
      this.tiles = this.tilesOf(look);
      this.imagery = this.addImagery((feature) => this.paint(feature), true);
    }
    this.imagery.show = look.visible;
    this.labels.setVisible(this, look.visible && !this.standby);
    this.widget.scene.requestRender();
  }

  reveal(): void {
    this.standby = false;
    this.imagery.alpha = 1;
    this.setLook(this.look);
  }

  select(fid: number | null): void {
    if (this.highlight !== null) this.stack.remove(this.highlight);
    this.highlight = fid === null ? null : this.addImagery((feature) => (feature.fid === fid ? SELECTED : null), false);
  }

  /** What is marked lies on the ground as an overlay already. */
  mark(): void {}

  sphere(): null {
    return null;
  }

  statistics(): LayerStatistics {
    return { tilesSelected: 0, featuresSelected: 0, loaded: !this.tiles.busy && this.widget.scene.globe.tilesLoaded };
  }

  seenCodes(): ReadonlySet<string> {
    return this.seen;
  }

  owns(imagery: ImageryLayer): boolean {
    return imagery === this.imagery;
  }

  remove(): void {
    this.select(null);
    this.stack.remove(this.imagery);
    this.labels.clear(this);
  }

  /** The tiles for a look: from afar features are drawn together, by the property that colours. */
  private tilesOf(look: LayerLook): TileCache {
    const choice = chosenChoice(this.layer, look.colorBy);
    const isOfField = choice?.kind === "codes" || choice?.kind === "ramp";
    return new TileCache({
      template: isOfField ? `${this.template}?color-by=${encodeURIComponent(choice.field)}` : this.template,
      decoded: (tile, address) => {
        this.offerLabels(tile, address);
      },
      loading: (busy) => {
        this.events.loading(busy);
        this.widget.scene.requestRender();
      },
      failed: this.events.failed,
    });
  }

  private offerLabels(tile: DecodedTile, address: TileAddress): void {
    if (!this.isLabelled) return;
    for (const feature of tile.features) {
      const place = labelPlace(feature, tile, address);
      const text = feature.properties[LABEL_FIELD];
      if (place !== null && feature.fid !== null && typeof text === "string") this.labels.offer(this, feature.fid, text, place);
    }
  }

  private addImagery(paintOf: (feature: TileFeature) => Paint | null, pickable: boolean): ImageryLayer {
    const provider = new MvtImageryProvider(paintOf, this.layer.extent, this.tiles, pickable);
    const height = pickable ? this.layer.drawOrder : TOPMOST;
    return this.stack.add(provider.asImageryProvider(), height, provider.firstTerrainLevel, this.standby && pickable);
  }

  private paint(feature: TileFeature): Paint {
    const choice = chosenChoice(this.layer, this.look.colorBy);
    const colorOf = coloring(this.layer, choice, (code) => this.seen.add(code));
    const color = this.look.isMuted === true ? MUTED : colorOf(choice === null ? undefined : feature.properties[choice.field]);
    const { fillOpacity, lineWidthPx } = this.layer.style;
    if (feature.kind === "line") return { fill: null, stroke: cssColor(color), widthPx: Math.max(1, lineWidthPx) * 2 };
    // Where the fill is faint, the outline itself has to carry the colour.
    const stroke = fillOpacity > FAINT_FILL ? darker(color) : color;
    return { fill: fillOpacity > 0 ? cssColor(color, fillOpacity) : null, stroke: cssColor(stroke, 0.85), widthPx: lineWidthPx };
  }
}
