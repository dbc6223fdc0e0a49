/** What of the view lives in the URL, so that a link shows a colleague the same thing. Pure. */

import { fixed } from "./figures";
import type { Language } from "./i18n";

/** Degrees and metres above the ellipsoid; heading clockwise from north, pitch −90 straight down. */
export interface CameraView {
  readonly lonDeg: number;
  readonly latDeg: number;
  readonly heightM: number;
  readonly headingDeg: number;
  readonly pitchDeg: number;
}

export interface ViewState {
  readonly camera: CameraView | null;
  /** Datasets whose visibility differs from the scene's own. */
  readonly visible: ReadonlyMap<string, boolean>;
  /** Dataset → field it is coloured by, where it differs from the layer's own. */
  readonly colorBy: ReadonlyMap<string, string>;
  /** Opacity of the ground, 0–1; null: opaque, camera above ground. */
  readonly groundOpacity: number | null;
  readonly language: Language | null;
  readonly selectedOid: string | null;
}

export const emptyState: ViewState = {
  camera: null,
  visible: new Map(),
  colorBy: new Map(),
  groundOpacity: null,
  language: null,
  selectedOid: null,
};

function readCamera(text: string | null): CameraView | null {
  const parts = (text ?? "").split(",").map(Number);
  const [lonDeg, latDeg, heightM, headingDeg, pitchDeg] = parts;
  if (parts.length !== 5 || !parts.every(Number.isFinite)) return null;
  if (lonDeg === undefined || latDeg === undefined || heightM === undefined || headingDeg === undefined || pitchDeg === undefined) return null;
  if (Math.abs(lonDeg) > 180 || Math.abs(latDeg) > 90) return null;
  return { lonDeg, latDeg, heightM, headingDeg, pitchDeg };
}

function readList(text: string | null): string[] {
  return (text ?? "").split(",").filter((part) => part !== "");
}

/** Returns the state a URL hash (with or without `#`) describes; parts that make no sense are left out, never an error. */
export function parseHash(hash: string): ViewState {
  const parameters = new URLSearchParams(hash.replace(/^#/, ""));
  const language = parameters.get("lang");
  const opacity = parameters.get("ground");
  const visible = new Map<string, boolean>();
  for (const dataset of readList(parameters.get("on"))) visible.set(dataset, true);
  for (const dataset of readList(parameters.get("off"))) visible.set(dataset, false);
  const colorBy = new Map<string, string>();
  for (const pair of readList(parameters.get("by"))) {
    const [, dataset, field] = /^([^:]+):(.+)$/.exec(pair) ?? [];
    if (dataset !== undefined && field !== undefined) colorBy.set(dataset, field);
  }
  return {
    camera: readCamera(parameters.get("view")),
    visible,
    colorBy,
    groundOpacity: opacity === null || !Number.isFinite(Number(opacity)) ? null : Math.min(1, Math.max(0, Number(opacity))),
    language: language === "zh" || language === "en" ? language : null,
    selectedOid: parameters.get("oid"),
  };
}

function writeCamera(view: CameraView): string {
  return [fixed(view.lonDeg, 7), fixed(view.latDeg, 7), fixed(view.heightM, 2), fixed(view.headingDeg, 2), fixed(view.pitchDeg, 2)].join(",");
}

/** Returns the hash, `#` included, that `parseHash` reads back; commas and colons stay readable. */
export function formatHash(state: ViewState): string {
  const parameters: string[] = [];
  const add = (name: string, value: string): void => {
    if (value !== "") parameters.push(`${name}=${value}`);
  };
  if (state.camera !== null) add("view", writeCamera(state.camera));
  const datasets = (wanted: boolean): string => [...state.visible].filter(([, on]) => on === wanted).map(([dataset]) => dataset).join(",");
  add("on", datasets(true));
  add("off", datasets(false));
  add("by", [...state.colorBy].map(([dataset, field]) => `${dataset}:${field}`).join(","));
  if (state.groundOpacity !== null) add("ground", String(state.groundOpacity));
  add("lang", state.language ?? "");
  add("oid", encodeURIComponent(state.selectedOid ?? ""));
  return `#${parameters.join("&")}`;
}
