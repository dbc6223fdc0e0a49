/** One layer drawn from picture tiles: orthophotos and scanned maps, below everything that is drawn from vectors. */

import { type CesiumWidget, type ImageryLayer, Rectangle, UrlTemplateImageryProvider, WebMercatorTilingScheme } from "@cesium/engine";

import type { Layer } from "../scene";
import type { DrawnLayer, LayerEvents, LayerLook, LayerStatistics } from "./drawn_layer";
import type { ImageryStack } from "./imagery_stack";

/** Draw orders of vector layers start at 0. */
const BELOW_VECTORS = -1_000_000;

export class RasterLayer implements DrawnLayer {
  private readonly imagery: ImageryLayer;

  constructor(
    readonly layer: Layer,
    template: string,
    private readonly widget: CesiumWidget,
    look: LayerLook,
    events: LayerEvents,
    private readonly stack: ImageryStack,
    standby: boolean,
  ) {
    const provider = new UrlTemplateImageryProvider({
      url: template,
      tilingScheme: new WebMercatorTilingScheme(),
      rectangle: layer.extent === null ? Rectangle.MAX_VALUE : Rectangle.fromDegrees(...layer.extent),
      credit: "",
    });
    provider.errorEvent.addEventListener(({ message }: { message: string }) => {
      events.failed(message);
    });
    this.imagery = stack.add(provider, BELOW_VECTORS + layer.drawOrder, 0, standby);
    this.setLook(look);
  }

  setLook(look: LayerLook): void {
    this.imagery.show = look.visible;
    this.widget.scene.requestRender();
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
