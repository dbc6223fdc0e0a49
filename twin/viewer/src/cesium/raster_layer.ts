/** One layer drawn from picture tiles: orthophotos and scanned maps, below everything that is drawn from vectors. */

import { type CesiumWidget, type ImageryLayer, Rectangle, UrlTemplateImageryProvider, WebMercatorTilingScheme } from "@cesium/engine";

import type { Layer } from "../scene";
import type { DrawnLayer, LayerEvents, LayerLook, LayerStatistics } from "./drawn_layer";
import type { ImageryStack } from "./imagery_stack";

/** Draw orders of vector layers start at 0. */
const BELOW_VECTORS = -1_000_000;

export class RasterLayer implements DrawnLayer {
  private imagery: ImageryLayer;
  /** The day whose pictures are shown; undefined: the newest. */
  private day: string | undefined;

  constructor(
    readonly layer: Layer,
    private readonly template: string,
    private readonly widget: CesiumWidget,
    look: LayerLook,
    private readonly events: LayerEvents,
    private readonly stack: ImageryStack,
    standby: boolean,
  ) {
    this.day = this.dayOf(look);
    this.imagery = this.lay(standby);
    this.setLook(look);
  }

  setLook(look: LayerLook): void {
    const day = this.dayOf(look);
    if (day !== this.day) {
      const former = this.imagery;
      this.day = day;
      this.imagery = this.lay(false);
      this.stack.remove(former);
    }
    this.imagery.show = look.visible;
    this.widget.scene.requestRender();
  }

  /** What a layer of pictures is shown by is the day they were taken. */
  private dayOf(look: LayerLook): string | undefined {
    return this.layer.rasterDays.find((day) => day === look.colorBy);
  }

  private lay(standby: boolean): ImageryLayer {
    const provider = new UrlTemplateImageryProvider({
      url: this.day === undefined ? this.template : `${this.template}?on=${this.day}`,
      tilingScheme: new WebMercatorTilingScheme(),
      rectangle: this.layer.extent === null ? Rectangle.MAX_VALUE : Rectangle.fromDegrees(...this.layer.extent),
      credit: "",
    });
    provider.errorEvent.addEventListener(({ message, error }: { message: string; error: unknown }) => {
      if (error !== undefined) this.events.failed(message); // else the answer was 204: there is no picture
    });
    return this.stack.add(provider, BELOW_VECTORS + this.layer.drawOrder, 0, standby);
  }

  reveal(): void {
    this.imagery.alpha = 1;
    this.widget.scene.requestRender();
  }

  /** A picture has no features. */
  select(): void {}

  mark(): void {}

  sphere(): null {
    return null;
  }

  statistics(): LayerStatistics {
    return { tilesSelected: 0, featuresSelected: 0, loaded: this.widget.scene.globe.tilesLoaded };
  }

  seenCodes(): ReadonlySet<string> {
    return new Set();
  }

  remove(): void {
    this.stack.remove(this.imagery);
  }
}
