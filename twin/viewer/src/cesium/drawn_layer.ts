/** What the view asks of a layer, however it is drawn. */

import type { BoundingSphere } from "@cesium/engine";

import type { Rgb } from "../coloring";
import type { Layer } from "../scene";

export interface LayerLook {
  readonly visible: boolean;
  /** What the user chose to colour by; undefined: the layer's own. */
  readonly colorBy: string | undefined;
  /** All in one pale grey: the ground on which marks and overlays are read. */
  readonly isMuted?: boolean;
}

export interface LayerEvents {
  readonly failed: (detail: string) => void;
  readonly loading: (busy: boolean) => void;
}

export interface LayerStatistics {
  readonly tilesSelected: number;
  readonly featuresSelected: number;
  readonly loaded: boolean;
}

/** Features drawn in a colour of their own, by fid, whatever the layer is coloured by. */
export type Marks = ReadonlyMap<number, Rgb>;

export interface DrawnLayer {
  readonly layer: Layer;
  setLook(look: LayerLook): void;
  select(fid: number | null): void;
  mark(marks: Marks): void;
  /** Shows a layer that was made on standby: until then it loads what the present view needs, unseen. */
  reveal(): void;
  /** What to fly to; null when only the layer's extent is known. */
  sphere(): BoundingSphere | null;
  statistics(): LayerStatistics;
  /** Codes drawn so far under the present colour choice. */
  seenCodes(): ReadonlySet<string>;
  remove(): void;
}
