/** One layer drawn twice: its areas on the ground, and above those with a limit what may be built, translucent. */

import type { BoundingSphere } from "@cesium/engine";

import type { Layer } from "../scene";
import type { DrawnLayer, LayerLook, LayerStatistics, Marks } from "./drawn_layer";
import type { MvtLayer } from "./mvt_layer";
import type { TilesetLayer } from "./tileset_layer";

/** The recipe of such layers. */
export const ENVELOPE = "envelope";

export class EnvelopeLayer implements DrawnLayer {
  readonly layer: Layer;

  constructor(
    readonly solid: TilesetLayer,
    readonly ground: MvtLayer,
  ) {
    this.layer = solid.layer;
  }

  setLook(look: LayerLook): void {
    this.solid.setLook(look);
    this.ground.setLook(look);
  }

  select(fid: number | null): void {
    this.solid.select(fid);
    this.ground.select(fid);
  }

  mark(marks: Marks): void {
    this.solid.mark(marks);
  }

  reveal(): void {
    this.solid.reveal();
    this.ground.reveal();
  }

  sphere(): BoundingSphere | null {
    return this.solid.sphere();
  }

  statistics(): LayerStatistics {
    const solid = this.solid.statistics();
    return { ...solid, loaded: solid.loaded && this.ground.statistics().loaded };
  }

  seenCodes(): ReadonlySet<string> {
    return new Set([...this.solid.seenCodes(), ...this.ground.seenCodes()]);
  }

  remove(): void {
    this.solid.remove();
    this.ground.remove();
  }
}

/** Returns what is drawn of layers, those that are drawn twice as their two. */
export function drawnParts(layers: readonly DrawnLayer[]): readonly DrawnLayer[] {
  return layers.flatMap((drawn) => (drawn instanceof EnvelopeLayer ? [drawn.solid, drawn.ground] : [drawn]));
}
