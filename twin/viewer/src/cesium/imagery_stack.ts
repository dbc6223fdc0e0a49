/** The order in which pictures lie on the ground, whenever they come. */

import { ImageryLayer, type CesiumWidget, type ImageryProvider } from "@cesium/engine";

/** Above all layers: what is selected, and what a submission would change. */
export const TOPMOST = Number.POSITIVE_INFINITY;

export class ImageryStack {
  private readonly heights = new WeakMap<ImageryLayer, number>();

  constructor(private readonly widget: CesiumWidget) {}

  /** Lays a provider's picture over all that have the same height or a lower one; invisible until it is shown when `standby`. */
  add(provider: ImageryProvider, height: number, minimumTerrainLevel: number, standby = false): ImageryLayer {
    const imagery = new ImageryLayer(provider, { minimumTerrainLevel, alpha: standby ? 0 : 1 });
    const { imageryLayers } = this.widget.scene;
    let index = 0;
    while (index < imageryLayers.length && this.heightOf(imageryLayers.get(index)) <= height) index += 1;
    this.heights.set(imagery, height);
    imageryLayers.add(imagery, index);
    this.widget.scene.requestRender();
    return imagery;
  }

  remove(imagery: ImageryLayer): void {
    this.widget.scene.imageryLayers.remove(imagery);
    this.widget.scene.requestRender();
  }

  private heightOf(imagery: ImageryLayer): number {
    return this.heights.get(imagery) ?? 0;
  }
}
