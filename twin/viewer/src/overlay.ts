/** GeoJSON features as something to lay over the city: what a submission would change, where it is wrong. Pure. */

import type { Rgb } from "./coloring";
import type { Extent } from "./extent";
import type { DecodedTile, TileAddress, TileFeature } from "./vector_tile";

/** A position in the Web Mercator square: the whole map is 1 × 1, y down. */
export interface Place {
  readonly x: number;
  readonly y: number;
}

export interface OverlayFeature {
  /** Number by which it is picked and selected. */
  readonly id: number;
  readonly kind: TileFeature["kind"];
  readonly parts: readonly (readonly Place[])[];
  readonly color: Rgb;
  /** In degrees. */
  readonly extent: Extent;
}

/** Units along a side of a tile, as our vector tiles have them. */
const TILE_EXTENT = 4096;
/** A stroke reaches over the edge of its tile by a few pixels. */
const MARGIN = 1 / 64;

function mercator(lonDeg: number, latDeg: number): Place {
  const latitude = (latDeg * Math.PI) / 180;
  return { x: lonDeg / 360 + 0.5, y: 0.5 - Math.asinh(Math.tan(latitude)) / (2 * Math.PI) };
}

/** Returns the longitude and latitude of a place, degrees. */
function degrees({ x, y }: Place): readonly [lonDeg: number, latDeg: number] {
  return [(x - 0.5) * 360, (Math.atan(Math.sinh((0.5 - y) * 2 * Math.PI)) * 180) / Math.PI];
}

/**
 * Returns the lines and rings of a feature as longitudes and latitudes, degrees, with places between the corners of long sides, that they may
 * follow the ground; of very many corners only so many as there may be places in all.
 */
export function outlinePaths({ parts }: OverlayFeature, stepDeg: number, most: number): (readonly [lonDeg: number, latDeg: number])[][] {
  const corners = parts.reduce((sum, part) => sum + part.length, 0);
  const every = Math.ceil(corners / most);
  let left = Math.max(0, most - corners);
  return parts.map((part) => {
    const kept = part.filter((_, index) => index % every === 0 || index === part.length - 1);
    return kept.flatMap((place, index) => {
      const next = kept[index + 1];
      if (next === undefined) return [degrees(place)];
      const wanted = Math.ceil((Math.hypot(next.x - place.x, next.y - place.y) * 360) / stepDeg);
      const pieces = Math.max(1, Math.min(wanted, left + 1));
      left -= pieces - 1;
      return Array.from({ length: pieces }, (_, piece) => degrees({ x: place.x + ((next.x - place.x) * piece) / pieces, y: place.y + ((next.y - place.y) * piece) / pieces }));
    });
  });
}

type Position = readonly [number, number, ...number[]];
type Geometry =
  | { readonly type: "Point"; readonly coordinates: Position }
  | { readonly type: "MultiPoint" | "LineString"; readonly coordinates: readonly Position[] }
  | { readonly type: "MultiLineString" | "Polygon"; readonly coordinates: readonly (readonly Position[])[] }
  | { readonly type: "MultiPolygon"; readonly coordinates: readonly (readonly (readonly Position[])[])[] };

function partsOf(geometry: Geometry): { kind: TileFeature["kind"]; parts: readonly (readonly Position[])[] } | null {
  switch (geometry.type) {
    case "Point":
      return { kind: "point", parts: [[geometry.coordinates]] };
    case "MultiPoint":
      return { kind: "point", parts: [geometry.coordinates] };
    case "LineString":
      return { kind: "line", parts: [geometry.coordinates] };
    case "MultiLineString":
      return { kind: "line", parts: geometry.coordinates };
    case "Polygon":
      return { kind: "polygon", parts: geometry.coordinates };
    case "MultiPolygon":
      return { kind: "polygon", parts: geometry.coordinates.flat() };
    default:
      return null;
  }
}

/** Returns a GeoJSON geometry in CRS84 as an overlay; null for an empty one and for a collection. */
export function overlayFeature(id: number, geometry: unknown, color: Rgb): OverlayFeature | null {
  const found = geometry === null ? null : partsOf(geometry as Geometry);
  if (found === null) return null;
  let [west, south, east, north] = [Infinity, Infinity, -Infinity, -Infinity];
  const parts = found.parts.map((part) =>
    part.map(([lonDeg, latDeg]) => {
      [west, south, east, north] = [Math.min(west, lonDeg), Math.min(south, latDeg), Math.max(east, lonDeg), Math.max(north, latDeg)];
      return mercator(lonDeg, latDeg);
    }),
  );
  return west <= east ? { id, kind: found.kind, parts, color, extent: [west, south, east, north] } : null;
}

function reaches(feature: OverlayFeature, west: number, north: number, size: number): boolean {
  const [upperLeft, lowerRight] = [mercator(feature.extent[0], feature.extent[3]), mercator(feature.extent[2], feature.extent[1])];
  const margin = size * MARGIN;
  return upperLeft.x <= west + size + margin && lowerRight.x >= west - margin && upperLeft.y <= north + size + margin && lowerRight.y >= north - margin;
}

/** Returns the lines and areas that reach into a tile, as if they had come as a vector tile; points are drawn otherwise. */
export function overlayTile(features: readonly OverlayFeature[], { z, x, y }: TileAddress): DecodedTile {
  const size = 2 ** -z;
  const [west, north] = [x * size, y * size];
  const inTile = (place: Place): Place => ({ x: ((place.x - west) / size) * TILE_EXTENT, y: ((place.y - north) / size) * TILE_EXTENT });
  const reaching = features.filter((feature) => feature.kind !== "point" && reaches(feature, west, north, size));
  return { extent: TILE_EXTENT, features: reaching.map(({ id, kind, parts }) => ({ fid: id, kind, parts: parts.map((part) => part.map(inTile)), properties: {} })) };
}
