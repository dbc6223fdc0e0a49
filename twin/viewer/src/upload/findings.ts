/** Findings row by row. Pure. */

import type { Text } from "../i18n";
import { Reader } from "../json_reader";
import type { Severity } from "./submission";

export interface Finding {
  /** Its place in the order of findings. */
  readonly number: number;
  readonly rule: string;
  readonly severity: Severity;
  readonly file: string;
  readonly layer: string;
  /** Number of the row in its source, as the surveyor's own program counts; null for the file as a whole. */
  readonly row: number | null;
  readonly key: string | null;
  readonly message: Text;
  /** What the source has there, and what may be meant. */
  readonly value: string | null;
  readonly proposal: string | null;
  /** A reviewer let it pass: it rejects nothing. */
  readonly waived: { readonly reason: string; readonly reviewer: string } | null;
  readonly place: readonly [number, number] | null;
}

function readPlace(value: unknown): readonly [number, number] | null {
  if (!Array.isArray(value)) return null;
  const [lonDeg, latDeg] = value as unknown[];
  return typeof lonDeg === "number" && typeof latDeg === "number" ? [lonDeg, latDeg] : null;
}

/** Returns the finding in `value`; throws ShapeError. */
export function parseFinding(value: unknown, path: string): Finding {
  const reader = Reader.of(value, path);
  return {
    number: reader.number("number"),
    rule: reader.string("rule"),
    severity: reader.string("severity") as Severity,
    file: reader.optional("file", (k) => reader.string(k)) ?? "",
    layer: reader.optional("layer", (k) => reader.string(k)) ?? "",
    row: reader.optional("row", (k) => reader.number(k)),
    key: reader.optional("key", (k) => reader.string(k)),
    message: reader.text("message"),
    value: reader.optional("value", (k) => reader.string(k)),
    proposal: reader.optional("proposal", (k) => reader.string(k)),
    waived: reader.optional("waived", (k) => ({ reason: reader.object(k).string("reason"), reviewer: reader.object(k).string("reviewer") })),
    place: readPlace((value as { place?: unknown }).place),
  };
}
