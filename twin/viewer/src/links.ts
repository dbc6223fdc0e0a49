/** What a feature is linked with, across departments: buildings, parcels, addresses, permits, pipes. No CesiumJS here. */

import type { Text } from "./i18n";
import { Reader } from "./json_reader";

export interface FeatureLink {
  /** What the link means; read from the feature that refers to the other. */
  readonly title: Text;
  /** `out`: this feature refers to the other; `in`: the other one refers to it. */
  readonly direction: "out" | "in";
  readonly oid: string;
  readonly dataset: string;
  /** The other's number, as its department writes it. */
  readonly key: string;
}

/** Returns the links in the answer of `/api/objects/{oid}`; throws ShapeError. */
export function parseLinks(value: unknown): FeatureLink[] {
  return Reader.of(value, "object").list("links", (item, path) => {
    const link = Reader.of(item, path);
    const oid = link.string("oid");
    return {
      title: link.text("title"),
      direction: link.string("direction") === "in" ? "in" : "out",
      oid,
      dataset: link.string("dataset"),
      key: link.optional("key", (k) => link.string(k)) ?? oid,
    };
  });
}

/** Returns the links of an object; none when it is no more. */
export async function fetchLinks(oid: string, base: string): Promise<FeatureLink[]> {
  const response = await fetch(new URL(`api/objects/${encodeURIComponent(oid)}`, base));
  if (response.status === 404 || response.status === 410) return [];
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  return parseLinks(await response.json());
}
