/** What publishing would change, feature by feature. Pure. */

import { formatValue } from "../attributes";
import { type Language, inLanguage } from "../i18n";
import { Reader } from "../json_reader";
import type { Field } from "../scene";

export const ACTIONS = ["insert", "update", "delete"] as const;
export type Action = (typeof ACTIONS)[number];

export interface Change {
  readonly action: Action;
  readonly dataset: string;
  readonly fid: number | null;
  readonly key: string;
  readonly before: Readonly<Record<string, unknown>>;
  readonly after: Readonly<Record<string, unknown>>;
  /** GeoJSON in CRS84; null for a feature without one. */
  readonly geometry: unknown;
  /** As it was, where it moved. */
  readonly geometryBefore: unknown;
}

export interface ChangedValue {
  readonly title: string;
  readonly before: string;
  readonly after: string;
}

type Properties = Readonly<Record<string, unknown>>;

function readProperties(reader: Reader, key: string): Properties {
  return reader.optional(key, (k) => Object.fromEntries(reader.object(k).entries())) ?? {};
}

/** Returns the change in one feature of the server's GeoJSON; throws ShapeError. */
export function parseChange(value: unknown, path: string): Change {
  const feature = Reader.of(value, path);
  const properties = feature.object("properties");
  return {
    action: properties.string("action") as Action,
    dataset: properties.string("dataset"),
    fid: properties.optional("fid", (k) => properties.number(k)),
    key: properties.optional("key", (k) => properties.string(k)) ?? "",
    before: readProperties(properties, "before"),
    after: readProperties(properties, "after"),
    geometry: (value as { geometry?: unknown }).geometry ?? null,
    geometryBefore: (properties.has("geometry_before") ? Object.fromEntries(properties.entries())["geometry_before"] : null) ?? null,
  };
}

function shown(field: Field | undefined, value: unknown, language: Language): string {
  if (value === null || value === undefined || value === "") return "—";
  if (field !== undefined) return formatValue(field, value, language);
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** Returns the values that differ, in the order of the type's fields, as a person reads them. */
export function changedValues(change: Change, fields: readonly Field[], language: Language): ChangedValue[] {
  const names = new Set([...Object.keys(change.before), ...Object.keys(change.after)]);
  const ordered = [...fields.map(({ name }) => name).filter((name) => names.delete(name)), ...names];
  return ordered.map((name) => {
    const field = fields.find((candidate) => candidate.name === name);
    return {
      title: field === undefined ? name : inLanguage(field.title, language),
      before: shown(field, change.before[name], language),
      after: shown(field, change.after[name], language),
    };
  });
}
