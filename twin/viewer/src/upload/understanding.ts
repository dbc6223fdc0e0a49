/** How the server understands a layer: of each aspect what it proposes, how surely, and why. Pure. */

import type { Text } from "../i18n";
import { Reader } from "../json_reader";

export interface Evidence {
  /** What is proposed; null where the file does not decide it. */
  readonly value: string | null;
  /** 0–1. */
  readonly confidence: number;
  readonly text: Text;
  /** The column it is about; null for the layer. */
  readonly subject: string | null;
  /** What the file itself says. */
  readonly stated: string | null;
}

export interface Understanding {
  readonly crs: Evidence;
  readonly axes: Evidence | null;
  readonly encoding: Evidence | null;
  readonly vertical: Evidence | null;
  /** A correction of all heights, in metres, where they are off by a constant. */
  readonly heightOffset: Evidence | null;
  readonly units: readonly Evidence[];
  readonly columns: readonly Evidence[];
  /** Columns whose values look like those of a field that no column feeds. */
  readonly hints: readonly Evidence[];
}

/** Between these a proposal is likely, but somebody should look. */
export const [SURE, FAIRLY_SURE] = [0.9, 0.6];

/** Returns whether the file says one thing and its values another. */
export function gainsays({ stated, value }: Evidence): boolean {
  return stated !== null && value !== null && stated !== value;
}

/** Returns what a surveyor may take over by one click: a proposal that is not what the file says anyway. */
export function offered(evidence: Evidence | null): string | null {
  return evidence === null || evidence.value === evidence.stated ? null : evidence.value;
}

function readEvidence(value: unknown, path: string): Evidence {
  const reader = Reader.of(value, path);
  const optional = (key: string): string | null => reader.optional(key, (k) => reader.string(k));
  return { value: optional("value"), confidence: reader.number("confidence"), text: reader.text("text"), subject: optional("subject"), stated: optional("stated") };
}

/** Reads what the server says of a layer. */
export function readUnderstanding(value: unknown, path: string): Understanding {
  const reader = Reader.of(value, path);
  const evidence = (key: string): Evidence => readEvidence(reader.entries().find(([name]) => name === key)?.[1], `${path}.${key}`);
  const vertical = reader.optional("vertical", evidence);
  const isOffset = vertical !== null && vertical.value !== null && Number.isFinite(Number(vertical.value));
  return {
    crs: evidence("crs"),
    axes: reader.optional("axes", evidence),
    encoding: reader.optional("encoding", evidence),
    vertical: isOffset ? null : vertical,
    heightOffset: isOffset ? vertical : null,
    units: reader.list("units", readEvidence),
    columns: reader.list("columns", readEvidence),
    hints: reader.list("hints", readEvidence),
  };
}
