/** Vector tiles without CesiumJS: fetching, decoding, drawing on a canvas, finding what lies under a point. */

import { VectorTile, type VectorTileFeature, classifyRings } from "@mapbox/vector-tile";
import { PbfReader } from "pbf";

/** One decoded feature; coordinates are tile units 0–`extent`, y down. */
export interface TileFeature {
  readonly fid: number | null;
  readonly kind: "point" | "line" | "polygon";
  readonly parts: readonly (readonly Position[])[];
  readonly properties: Readonly<Record<string, unknown>>;
}

export interface Position {
  readonly x: number;
  readonly y: number;
}

export interface DecodedTile {
  readonly extent: number;
  readonly features: readonly TileFeature[];
}

export interface TileAddress {
  readonly z: number;
  readonly x: number;
  readonly y: number;
}

export const EMPTY_TILE: DecodedTile = { extent: 4096, features: [] };

const KINDS = { 1: "point", 2: "line", 3: "polygon" } as const;

function decodeFeature(feature: VectorTileFeature): TileFeature | null {
  if (feature.type === 0) return null;
  return { fid: feature.id ?? null, kind: KINDS[feature.type], parts: feature.loadGeometry(), properties: feature.properties };
}

/** Returns the features of all layers of a Mapbox Vector Tile (a tile of ours has one layer). */
export function decodeTile(bytes: ArrayBuffer): DecodedTile {
  if (bytes.byteLength === 0) return EMPTY_TILE;
  const layers = Object.values(new VectorTile(new PbfReader(new Uint8Array(bytes))).layers);
  const features = layers.flatMap((layer) => Array.from({ length: layer.length }, (_, index) => decodeFeature(layer.feature(index))));
  return { extent: layers[0]?.extent ?? EMPTY_TILE.extent, features: features.filter((feature) => feature !== null) };
}

/** Returns the tile of level `maximum` that holds `address`, or `address` itself when it is no deeper. */
export function ancestor(address: TileAddress, maximum: number): TileAddress {
  const levels = Math.max(0, address.z - maximum);
  return { z: address.z - levels, x: address.x >> levels, y: address.y >> levels };
}

/** Returns a point of `inner` (0–1 each way, y down) in tile units of its ancestor `outer`. */
export function inAncestor(inner: TileAddress, outer: TileAddress, point: Position, extent: number): Position {
  const scale = 2 ** (inner.z - outer.z);
  return { x: ((inner.x + point.x) / scale - outer.x) * extent, y: ((inner.y + point.y) / scale - outer.y) * extent };
}

function ringHolds(ring: readonly Position[], { x, y }: Position): boolean {
  let inside = false;
  let last = ring.at(-1);
  for (const point of ring) {
    if (last !== undefined && point.y > y !== last.y > y && x < ((last.x - point.x) * (y - point.y)) / (last.y - point.y) + point.x) inside = !inside;
    last = point;
  }
  return inside;
}

function distanceToSegment(point: Position, from: Position, to: Position): number {
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const length = dx * dx + dy * dy;
  const share = length === 0 ? 0 : Math.min(1, Math.max(0, ((point.x - from.x) * dx + (point.y - from.y) * dy) / length));
  return Math.hypot(point.x - from.x - share * dx, point.y - from.y - share * dy);
}

function isHit(feature: TileFeature, point: Position, tolerance: number): boolean {
  if (feature.kind === "polygon") return feature.parts.filter((ring) => ringHolds(ring, point)).length % 2 === 1;
  if (feature.kind === "point") return feature.parts.flat().some((place) => Math.hypot(place.x - point.x, place.y - point.y) <= tolerance);
  return feature.parts.some((line) => line.some((to, index) => distanceToSegment(point, line[Math.max(0, index - 1)] ?? to, to) <= tolerance));
}

/** Returns the features under a point, the topmost (drawn last) first; `tolerance` is for points and lines, in tile units. */
export function featuresAt(tile: DecodedTile, point: Position, tolerance: number): TileFeature[] {
  return tile.features.filter((feature) => isHit(feature, point, tolerance)).toReversed();
}

/** How one feature is painted; null leaves it out. */
export interface Paint {
  readonly fill: string | null;
  readonly stroke: string | null;
  readonly widthPx: number;
}

const POINT_RADIUS_PX = 4;
const SMALLEST_POINT_RADIUS_PX = 0.8;
/** Points are drawn in full size from this level on, and shrink with the map below it: thousands of trees are no green wall. */
const FULL_POINT_LEVEL = 17;

/** Returns the radius with which a point is drawn in a tile of a level. */
export function pointRadiusPx(level: number): number {
  return Math.max(SMALLEST_POINT_RADIUS_PX, POINT_RADIUS_PX * Math.min(1, 2 ** (level - FULL_POINT_LEVEL)));
}

function tracePath(context: CanvasRenderingContext2D, feature: TileFeature, place: (point: Position) => Position, radiusPx: number): void {
  context.beginPath();
  for (const part of feature.parts) {
    part.forEach((point, index) => {
      const { x, y } = place(point);
      if (feature.kind === "point") {
        context.moveTo(x + radiusPx, y);
        context.arc(x, y, radiusPx, 0, 2 * Math.PI);
      } else if (index === 0) context.moveTo(x, y);
      else context.lineTo(x, y);
    });
    if (feature.kind === "polygon") context.closePath();
  }
}

/** Draws a decoded tile as one of `level`; `place` takes tile units to pixels. */
export function drawTile(
  context: CanvasRenderingContext2D,
  tile: DecodedTile,
  level: number,
  place: (point: Position) => Position,
  paintOf: (feature: TileFeature) => Paint | null,
): void {
  const radiusPx = pointRadiusPx(level);
  context.lineJoin = "round";
  for (const feature of tile.features) {
    const paint = paintOf(feature);
    if (paint === null) continue;
    tracePath(context, feature, place, radiusPx);
    if (paint.fill !== null && feature.kind !== "line") {
      context.fillStyle = paint.fill;
      context.fill("evenodd");
    }
    const tooSmall = feature.kind === "point" && radiusPx < 2 * paint.widthPx;
    if (paint.stroke !== null && paint.widthPx > 0 && !tooSmall) {
      context.strokeStyle = paint.stroke;
      context.lineWidth = paint.widthPx;
      context.stroke();
    }
  }
}

/** A place to write a polygon's name, with how much of it is seen there (in world units: the whole map is 1 × 1). */
export interface LabelPlace {
  readonly x: number;
  readonly y: number;
  readonly area: number;
}

function ringCentroid(ring: readonly Position[]): { x: number; y: number; area: number } {
  let [area, x, y] = [0, 0, 0];
  let last = ring.at(-1);
  for (const point of ring) {
    if (last !== undefined) {
      const cross = last.x * point.y - point.x * last.y;
      area += cross / 2;
      x += (last.x + point.x) * cross;
      y += (last.y + point.y) * cross;
    }
    last = point;
  }
  return { x: x / (6 * area), y: y / (6 * area), area: Math.abs(area) };
}

/** Returns where a polygon's name goes: the centroid of its largest ring in this tile; null for what has no area. */
export function labelPlace(feature: TileFeature, tile: DecodedTile, address: TileAddress): LabelPlace | null {
  if (feature.kind !== "polygon") return null;
  const outers = classifyRings(feature.parts as Parameters<typeof classifyRings>[0]).flatMap((rings) => rings.slice(0, 1));
  const largest = outers.map(ringCentroid).reduce<ReturnType<typeof ringCentroid> | null>((best, ring) => (best === null || ring.area > best.area ? ring : best), null);
  if (largest === null || largest.area === 0) return null;
  const scale = 2 ** address.z * tile.extent;
  return { x: address.x / 2 ** address.z + largest.x / scale, y: address.y / 2 ** address.z + largest.y / scale, area: largest.area / scale ** 2 };
}
