/** From findings and changes to what the map shows; ids say which is which. Pure. */

import { type Rgb, parseColor } from "../coloring";
import { type OverlayFeature, overlayFeature } from "../overlay";
import type { Action, Change } from "./changes";
import type { Finding } from "./findings";
import type { MapContent } from "./map";
import { SEVERITIES, type Severity } from "./submission";

/** Green comes, amber changes, red goes: told apart by the colour-blind too, by their lightness. */
export const ACTION_COLORS: Readonly<Record<Action, string>> = { insert: "#1a9850", update: "#f5a300", delete: "#c4161c" };
/** Findings by severity, none in a colour of a change; grey where a reviewer let them pass. */
export const FINDING_COLORS: Readonly<Record<Severity, string>> = { blocking: "#d6006c", error: "#d6006c", review: "#6a1b9a", warning: "#8d5524", info: "#14507f" };
export const WAIVED_COLOR = "#9aa0a6";
export const BEFORE_COLOR = "#5c6975";

const ACTION_ORDER: readonly Action[] = ["update", "insert", "delete"];
/** Ids of findings are negative, those of changes count from 1; where something was before has none of its own. */
const BEFORE = 0;

export type ChangesByAction = ReadonlyMap<Action, readonly Change[]>;

/** Returns the id on the map of a change, and of a finding. */
export function changeId(changes: ChangesByAction, action: Action, index: number): number {
  let before = 0;
  for (const other of ACTION_ORDER) {
    if (other === action) break;
    before += changes.get(other)?.length ?? 0;
  }
  return before + index + 1;
}

export function findingId(index: number): number {
  return -1 - index;
}

/** Returns what an id on the map stands for. */
export function whatIs(id: number, changes: ChangesByAction): { readonly kind: "finding"; readonly index: number } | { readonly kind: Action; readonly index: number } | null {
  if (id < 0) return { kind: "finding", index: -1 - id };
  let rest = id - 1;
  for (const action of ACTION_ORDER) {
    const count = changes.get(action)?.length ?? 0;
    if (rest >= 0 && rest < count) return { kind: action, index: rest };
    rest -= count;
  }
  return null;
}

/** Returns the colour of a finding on the map. */
export function findingColor({ severity, waived }: Finding): string {
  return waived === null ? FINDING_COLORS[severity] : WAIVED_COLOR;
}

function weight({ severity, waived }: Finding): number {
  return waived === null ? SEVERITIES.length - SEVERITIES.indexOf(severity) : 0;
}

/** Returns what to lay over the city; of findings those whose severity is not `hidden`. */
export function mapContent(findings: readonly Finding[], changes: ChangesByAction, hidden: ReadonlySet<Severity> = new Set()): MapContent {
  const features: (OverlayFeature | null)[] = [];
  const marks = new Map<string, Map<number, Rgb>>();
  for (const action of ACTION_ORDER) {
    const color = parseColor(ACTION_COLORS[action]);
    (changes.get(action) ?? []).forEach((change, index) => {
      if (change.geometryBefore !== null) features.push(overlayFeature(BEFORE, change.geometryBefore, parseColor(BEFORE_COLOR)));
      features.push(overlayFeature(changeId(changes, action, index), change.geometry, color));
      if (change.fid === null) return;
      const ofDataset = marks.get(change.dataset) ?? new Map<number, Rgb>();
      marks.set(change.dataset, ofDataset.set(change.fid, color));
    });
  }
  const dots = [...findings.entries()].filter(([, { place, severity }]) => place !== null && !hidden.has(severity));
  // What is drawn last lies on top: the gravest, where several findings are at one place.
  for (const [index, finding] of dots.sort(([, a], [, b]) => weight(a) - weight(b))) {
    features.push(overlayFeature(findingId(index), { type: "Point", coordinates: finding.place }, parseColor(findingColor(finding))));
  }
  return { features: features.filter((feature) => feature !== null), marks };
}
