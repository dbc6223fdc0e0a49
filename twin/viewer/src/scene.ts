/** The scene as the server lists it (`scene.json`, docs/architecture.md): types, validation and conditional fetching. No CesiumJS here. */

import type { Extent } from "./extent";
import type { SeparationGrid } from "./heights";
import type { Text } from "./i18n";
import { Reader, readText, unlike } from "./json_reader";

export interface Code extends Text {
  readonly color: string | null;
}

export interface Field {
  readonly name: string;
  readonly title: Text;
  readonly type: string;
  readonly unit: string | null;
  /** Whether it names a feature of another kind. */
  readonly refers: boolean;
  readonly codes: ReadonlyMap<string, Code>;
}

export interface LegendEntry {
  readonly value: string;
  readonly title: Text;
  readonly color: string;
}

export interface CodesChoice {
  readonly kind: "codes";
  readonly field: string;
  readonly legend: readonly LegendEntry[];
}

export interface RampChoice {
  readonly kind: "ramp";
  readonly field: string;
  readonly stops: readonly (readonly [number, string])[];
  readonly unit: string | null;
}

export interface SurfaceEntry extends LegendEntry {
  /** Feature id of this kind of surface in the tiles' set `surface`. */
  readonly id: number;
}

/** Colours by the kind of surface (roof, wall …), not by feature. */
export interface SurfaceChoice {
  readonly kind: "surface";
  readonly field: string;
  readonly title: Text;
  readonly legend: readonly SurfaceEntry[];
}

/** Shows features as their pictures have them, in no colour of their own. */
export interface TextureChoice {
  readonly kind: "texture";
  readonly field: string;
  readonly title: Text;
}

export type ColorChoice = CodesChoice | RampChoice | SurfaceChoice | TextureChoice;

export interface Style {
  readonly colorBy: string | null;
  readonly defaultColor: string;
  readonly choices: readonly ColorChoice[];
  readonly fillOpacity: number;
  readonly lineWidthPx: number;
}

export interface Layer {
  readonly dataset: string;
  readonly featureType: string;
  readonly title: Text;
  /** Class and level of the CIM standard, as the FeatureType names them. */
  readonly cimClass: string;
  readonly cimLevel: string;
  readonly revision: number;
  readonly count: number;
  readonly geometryType: string;
  readonly recipe: string;
  readonly underground: boolean;
  readonly oidPrefix: string;
  readonly extent: Extent | null;
  readonly tileset: { readonly url: string; readonly state: string } | null;
  readonly items: string;
  readonly mvt: string | null;
  /** Pictures of the ground as tiles, {z}, {x} and {y} in WebMercatorQuad. */
  readonly raster: string | null;
  /** Days on which its pictures were taken, the first one first; each can be asked for by `on`. */
  readonly rasterDays: readonly string[];
  readonly fields: readonly Field[];
  readonly style: Style;
  readonly drawOrder: number;
  readonly visible: boolean;
}

export interface City {
  readonly name: string;
  /** Absent where the deployment has no vertical model: then only ellipsoidal heights can be shown. */
  readonly separation: SeparationGrid | null;
  readonly storageCrs: string;
  readonly vertical: string;
  readonly extent: Extent | null;
}

export interface Scene {
  readonly city: City;
  readonly commit: number;
  readonly terrain: { readonly dataset: string; readonly revision: number; readonly url: string } | null;
  readonly layers: readonly Layer[];
}

/** The scene cannot be shown; `code` says why and chooses the message. */
export class SceneError extends Error {
  constructor(
    readonly code: "scene-unreachable" | "scene-invalid",
    detail: string,
  ) {
    super(detail);
  }
}

function readExtent(value: unknown, path: string): Extent {
  if (!Array.isArray(value) || value.length !== 4 || !value.every((v) => typeof v === "number")) throw unlike(path, "[west, south, east, north]");
  return value as unknown as Extent;
}

function readExtentAt(reader: Reader, key: string): Extent | null {
  return reader.optional(key, (k) => readExtent(reader.list(k, (v) => v), k));
}

/** Returns a field of a FeatureType; throws ShapeError. */
export function readField(value: unknown, path: string): Field {
  const reader = Reader.of(value, path);
  const codes = new Map<string, Code>();
  if (reader.has("codes")) {
    for (const [code, entry] of reader.object("codes").entries()) {
      const item = Reader.of(entry, `${path}.codes.${code}`);
      codes.set(code, { ...readText(item), color: item.optional("color", (k) => item.string(k)) });
    }
  }
  return {
    name: reader.string("name"),
    title: reader.text("title"),
    type: reader.string("type"),
    unit: reader.optional("unit", (k) => reader.string(k)),
    refers: reader.optional("refers", (k) => reader.boolean(k)) ?? false,
    codes,
  };
}

function readLegendEntry(value: unknown, path: string): LegendEntry {
  const reader = Reader.of(value, path);
  return { value: reader.string("value"), title: reader.text("title"), color: reader.string("color") };
}

function readChoice(value: unknown, path: string): ColorChoice {
  const reader = Reader.of(value, path);
  const field = reader.string("field");
  const kind = reader.string("kind");
  if (kind === "ramp") {
    const stops = reader.list("stops", (stop, at): [number, string] => {
      if (!Array.isArray(stop) || typeof stop[0] !== "number" || typeof stop[1] !== "string") throw unlike(at, "[number, colour]");
      return [stop[0], stop[1]];
    });
    return { kind: "ramp", field, stops, unit: reader.optional("unit", (k) => reader.string(k)) };
  }
  if (kind === "surface") {
    const legend = reader.list("legend", (entry, at) => ({ ...readLegendEntry(entry, at), id: Reader.of(entry, at).number("id") }));
    return { kind, field, title: reader.text("title"), legend };
  }
  if (kind === "texture") return { kind, field, title: reader.text("title") };
  return { kind: "codes", field, legend: reader.list("legend", readLegendEntry) };
}

function readStyle(reader: Reader): Style {
  return {
    colorBy: reader.optional("color_by", (k) => reader.string(k)),
    defaultColor: reader.string("default_color"),
    choices: reader.list("choices", readChoice),
    fillOpacity: reader.optional("fill_opacity", (k) => reader.number(k)) ?? 1,
    lineWidthPx: reader.optional("line_width_px", (k) => reader.number(k)) ?? 1,
  };
}

function readLayer(value: unknown, path: string): Layer {
  const reader = Reader.of(value, path);
  return {
    dataset: reader.string("dataset"),
    featureType: reader.string("feature_type"),
    title: reader.text("title"),
    cimClass: reader.object("cim").string("class"),
    cimLevel: reader.object("cim").string("level"),
    revision: reader.number("revision"),
    count: reader.number("count"),
    geometryType: reader.string("geometry_type"),
    recipe: reader.string("recipe"),
    underground: reader.boolean("underground"),
    oidPrefix: reader.string("oid_prefix"),
    extent: readExtentAt(reader, "extent"),
    tileset: reader.optional("tileset", (k) => {
      const tileset = reader.object(k);
      return { url: tileset.string("url"), state: tileset.string("state") };
    }),
    items: reader.string("items"),
    mvt: reader.optional("mvt", (k) => reader.string(k)),
    raster: reader.optional("raster", (k) => reader.string(k)),
    rasterDays: reader.optional("raster_days", (k) => reader.list(k, String)) ?? [],
    fields: reader.list("fields", readField),
    style: readStyle(reader.object("style")),
    drawOrder: reader.number("draw_order"),
    visible: reader.boolean("visible"),
  };
}

function parseText(text: string): Scene {
  try {
    return parseScene(JSON.parse(text));
  } catch (error) {
    throw new SceneError("scene-invalid", error instanceof Error ? error.message : String(error));
  }
}

function readSeparation(reader: Reader): SeparationGrid {
  const separationM = reader.list("separation_m", (value, path) => {
    if (typeof value !== "number") throw unlike(path, "a number");
    return value;
  });
  return {
    extent: readExtent(reader.list("extent", (v) => v), "scene.city.separation.extent"),
    columns: reader.number("columns"),
    rows: reader.number("rows"),
    separationM,
  };
}

/** Returns the scene in `value`; throws ShapeError naming the first part that is not as the contract says. */
export function parseScene(value: unknown): Scene {
  const reader = Reader.of(value, "scene");
  const city = reader.object("city");
  return {
    city: {
      name: city.string("name"),
      storageCrs: city.string("storage_crs"),
      vertical: city.string("vertical"),
      extent: readExtentAt(city, "extent"),
      separation: city.optional("separation", (k) => readSeparation(city.object(k))),
    },
    commit: reader.number("commit"),
    terrain: reader.optional("terrain", (k) => {
      const terrain = reader.object(k);
      return { dataset: terrain.string("dataset"), revision: terrain.number("revision"), url: terrain.string("url") };
    }),
    layers: reader.list("layers", readLayer).sort((a, b) => a.drawOrder - b.drawOrder),
  };
}

/** Fetches one `scene.json` again and again, and says when it has not changed. */
export class SceneSource {
  private etag: string | null = null;

  constructor(private readonly url: URL) {}

  /** Returns the scene, or null when it is the one returned before; throws SceneError. */
  async fetch(): Promise<Scene | null> {
    const response = await this.request();
    const etag = response.headers.get("ETag");
    // Read in any case: an answer left unread counts as an aborted request.
    const body = await response.text();
    if (etag !== null && etag === this.etag) return null;
    const scene = parseText(body);
    this.etag = etag;
    return scene;
  }

  private async request(): Promise<Response> {
    let response: Response;
    try {
      // The browser asks with the ETag of what it has, and answers from its cache after a 304.
      response = await fetch(this.url, { cache: "no-cache" });
    } catch (error) {
      throw new SceneError("scene-unreachable", String(error));
    }
    if (!response.ok) throw new SceneError("scene-unreachable", `HTTP ${response.status}`);
    return response;
  }
}

/** Returns what of a layer, when it changes, means that it has to be drawn anew. */
export function drawingKey(layer: Layer): string {
  return [layer.dataset, layer.revision, layer.tileset?.url ?? "", layer.tileset?.state ?? "", layer.mvt ?? "", layer.raster ?? ""].join(" ");
}
