/** One feature through the OGC API door, and finding features by what a user types. No CesiumJS here. */

import type { Layer } from "./scene";

export interface Item {
  readonly properties: Readonly<Record<string, unknown>>;
  /** Longitude, latitude, height (0 where the geometry has none) of the middle of its extent; null without geometry. */
  readonly centre: readonly [number, number, number] | null;
  /** Half the diagonal of its extent, metres. */
  readonly radiusM: number;
}

export type Query =
  | { readonly kind: "oid"; readonly layer: Layer; readonly oid: string }
  | { readonly kind: "position"; readonly lonDeg: number; readonly latDeg: number }
  | { readonly kind: "name"; readonly text: string };

const METRES_PER_DEGREE = 111_320;

function* positions(coordinates: unknown): Generator<readonly number[]> {
  if (!Array.isArray(coordinates)) return;
  if (typeof coordinates[0] === "number") yield coordinates as number[];
  else for (const part of coordinates) yield* positions(part);
}

/** Returns what the viewer needs of a GeoJSON feature in CRS84 or CRS84h. */
export function readItem(feature: unknown): Item {
  const { properties, geometry } = (feature ?? {}) as { properties?: Record<string, unknown> | null; geometry?: { coordinates?: unknown } | null };
  let [west, south, east, north] = [Infinity, Infinity, -Infinity, -Infinity];
  let heightM = 0;
  for (const [lon = NaN, lat = NaN, height] of positions(geometry?.coordinates)) {
    [west, south, east, north] = [Math.min(west, lon), Math.min(south, lat), Math.max(east, lon), Math.max(north, lat)];
    if (height !== undefined) heightM = height;
  }
  if (!(west <= east)) return { properties: properties ?? {}, centre: null, radiusM: 0 };
  const latDeg = (south + north) / 2;
  const widthM = (east - west) * METRES_PER_DEGREE * Math.cos((latDeg * Math.PI) / 180);
  const depthM = (north - south) * METRES_PER_DEGREE;
  return { properties: properties ?? {}, centre: [(west + east) / 2, latDeg, heightM], radiusM: Math.hypot(widthM, depthM) / 2 };
}

/** Returns the item called `oid`; null when there is none, an Error when the server cannot be reached. */
export async function fetchItem(layer: Layer, oid: string, base: string): Promise<Item | null> {
  const response = await fetch(new URL(`${layer.items}/${encodeURIComponent(oid)}?f=json`, base), { headers: { Accept: "application/geo+json" } });
  if (response.status === 404) return null;
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  return readItem(await response.json());
}

/** Returns what a typed text asks for: an OID of one of the layers, a position "lon, lat", or a name. */
export function parseQuery(text: string, layers: readonly Layer[]): Query | null {
  const trimmed = text.trim().replaceAll("，", ",");
  if (trimmed === "") return null;
  const position = /^(-?\d{1,3}(?:\.\d+)?)\s*[,\s]\s*(-?\d{1,2}(?:\.\d+)?)$/.exec(trimmed);
  if (position !== null && Math.abs(Number(position[1])) <= 180 && Math.abs(Number(position[2])) <= 90) {
    return { kind: "position", lonDeg: Number(position[1]), latDeg: Number(position[2]) };
  }
  const layer = layers.find((candidate) => trimmed.startsWith(candidate.oidPrefix) && /^\d+$/.test(trimmed.slice(candidate.oidPrefix.length)));
  return layer === undefined ? { kind: "name", text: trimmed } : { kind: "oid", layer, oid: trimmed };
}

/** The fields by which a layer's features are found: names, keys and addresses are its plain texts; what names another feature does not find this one. */
function searchedFields(layer: Layer): string[] {
  return layer.fields.filter((field) => field.type === "string" && !field.refers && /(^|_)(name|id|code|address|number)$/.test(field.name)).map((field) => field.name);
}

/** Returns the OID of the first feature of the layer one of whose names is `text`, or holds it; null when there is none, an Error when the server cannot say. */
export async function findByName(layer: Layer, text: string, whole: boolean, base: string): Promise<string | null> {
  const fields = searchedFields(layer);
  if (fields.length === 0) return null;
  const pattern = text.replaceAll(/[\\%_]/g, "\\$&").replaceAll("'", "''");
  const asked = whole ? `LIKE '${pattern}'` : `LIKE '%${pattern}%'`;
  const url = new URL(layer.items, base);
  url.searchParams.set("f", "json");
  url.searchParams.set("limit", "1");
  url.searchParams.set("filter-lang", "cql2-text");
  url.searchParams.set("filter", fields.map((field) => `"${field}" ${asked}`).join(" OR "));
  const response = await fetch(url, { headers: { Accept: "application/geo+json" } });
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  const { features } = (await response.json()) as { features?: { id?: unknown }[] };
  const id = features?.[0]?.id;
  return typeof id === "string" ? id : null;
}
