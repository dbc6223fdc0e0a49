/** What a reviewer let pass of a submission. Pure. */

import { Reader } from "../json_reader";
import type { Finding } from "./findings";

export interface Waiver {
  readonly number: number;
  readonly rule: string;
  readonly dataset: string | null;
  /** By its key, or by where its row is; neither: every feature. */
  readonly key: string | null;
  readonly file: string | null;
  readonly layer: string | null;
  readonly row: number | null;
  readonly reason: string;
  readonly reviewer: string;
  readonly isWithdrawn: boolean;
}

export interface WaiverBook {
  /** Those in force. */
  readonly waivers: readonly Waiver[];
  /** Given for the same feature and rule when it was published before. */
  readonly earlier: readonly Waiver[];
}

/** The body of `POST …/waivers`; no features: the whole rule. */
export interface WaiveRequest {
  readonly rule: string;
  readonly reason: string;
  readonly features: readonly FeatureName[];
}

type FeatureName = { readonly key: string } | { readonly file: string; readonly layer: string; readonly row: number };

export const noWaivers: WaiverBook = { waivers: [], earlier: [] };

function readWaiver(value: unknown, path: string): Waiver {
  const reader = Reader.of(value, path);
  const text = (key: string): string | null => reader.optional(key, (k) => reader.string(k));
  return {
    number: reader.number("number"),
    rule: reader.string("rule"),
    dataset: text("dataset"),
    key: text("key"),
    file: text("file"),
    layer: text("layer"),
    row: reader.optional("row", (k) => reader.number(k)),
    reason: reader.string("reason"),
    reviewer: reader.string("reviewer"),
    isWithdrawn: reader.has("withdrawn_at"),
  };
}

/** Returns the waivers in `value`; throws ShapeError. */
export function parseWaivers(value: unknown): WaiverBook {
  const reader = Reader.of(value, "waivers");
  return { waivers: reader.list("waivers", readWaiver).filter(({ isWithdrawn }) => !isWithdrawn), earlier: reader.list("earlier", readWaiver) };
}

/** Returns how the feature of a finding is named to the server; null for a finding that is of no single feature. */
export function featureOf({ key, file, layer, row }: Finding): FeatureName | null {
  if (key !== null) return { key };
  return row === null ? null : { file, layer, row };
}

/** Returns the waiver that was given before for what a finding is about. */
export function earlierFor({ earlier }: WaiverBook, finding: Finding): Waiver | null {
  return earlier.find(({ rule, key }) => rule === finding.rule && key !== null && key === finding.key) ?? null;
}
