/** One dataset's place in the picture: what of it is shown, and the newer revision that is on its way. */

import { type Layer, drawingKey } from "../scene";
import type { DrawnLayer, LayerLook, Marks } from "./drawn_layer";

/** Makes a layer's picture, on standby when an older one still stands in its place; null when it cannot be drawn. */
export type Draw = (layer: Layer, look: LayerLook, standby: boolean) => Promise<DrawnLayer | null>;

/** CesiumJS says "all loaded" until it has looked what to load: so many frames it gets to look. */
const FRAMES_TO_LOOK = 4;
/** A picture that will not be complete, since the camera never rests say, is shown as it is after so many frames. */
const MOST_FRAMES = 1200;

function isDrawable(layer: Layer): boolean {
  return layer.tileset === null || layer.tileset.state === "ready";
}

export class LayerSlot {
  /** The picture that is seen. */
  shown: DrawnLayer | null = null;
  private coming: { readonly drawn: DrawnLayer; frames: number } | null = null;
  private key: string | null = null;
  private selected: number | null = null;
  private marks: Marks = new Map();
  private isClosed = false;

  constructor(
    private readonly draw: Draw,
    private look: LayerLook,
  ) {}

  /**
   * Shows a layer under a look. Nothing is loaded for what is not visible; an older revision stays until the tiles of the newer are built
   * and those of the present view have come.
   */
  async set(layer: Layer, look: LayerLook): Promise<void> {
    this.look = look;
    this.shown?.setLook(look);
    this.coming?.drawn.setLook(look);
    const key = drawingKey(layer);
    if (!look.visible || !isDrawable(layer) || key === this.key) return;
    this.key = key;
    const isFirst = this.shown === null;
    const drawn = await this.draw(layer, look, !isFirst);
    if (drawn === null) {
      if (this.key === key) this.key = null;
      return;
    }
    if (this.isClosed || this.key !== key) {
      drawn.remove();
      return;
    }
    drawn.setLook(this.look);
    drawn.select(this.selected);
    drawn.mark(this.marks);
    this.coming?.drawn.remove();
    this.coming = { drawn, frames: 0 };
    if (isFirst) this.swap();
  }

  select(fid: number | null): void {
    this.selected = fid;
    for (const drawn of this.all()) drawn.select(fid);
  }

  mark(marks: Marks): void {
    this.marks = marks;
    for (const drawn of this.all()) drawn.mark(marks);
  }

  /** To be called once a frame: puts the newer revision in the older one's place when it is complete. */
  frame(): void {
    if (this.coming === null) return;
    this.coming.frames += 1;
    const isComplete = this.coming.frames >= FRAMES_TO_LOOK && this.coming.drawn.statistics().loaded;
    if (isComplete || !this.look.visible || this.coming.frames >= MOST_FRAMES) this.swap();
  }

  /** True while something of the present view is still on its way. */
  isLoading(): boolean {
    return this.coming !== null || (this.shown !== null && this.look.visible && !this.shown.statistics().loaded);
  }

  close(): void {
    this.isClosed = true;
    for (const drawn of this.all()) drawn.remove();
    this.shown = this.coming = null;
  }

  private swap(): void {
    if (this.coming === null) return;
    const { drawn } = this.coming;
    drawn.reveal();
    this.shown?.remove();
    this.shown = drawn;
    this.coming = null;
  }

  private all(): DrawnLayer[] {
    return [this.shown, this.coming?.drawn ?? null].filter((drawn) => drawn !== null);
  }
}
