/** What a surveyor declares of one layer, against what the file says or the server found. Pure. */

import type { Evidence } from "./understanding";

export const AXES = ["xy", "yx"] as const;
export type Axes = (typeof AXES)[number];
export const UP = ["z", "y"] as const;
export type Up = (typeof UP)[number];
export const UNITS = ["mm", "cm", "m", "in", "ft"] as const;
export const ENCODINGS = ["GB18030", "Big5", "UTF-8"] as const;
export const ELLIPSOIDAL = "ellipsoidal";

export interface Declared {
  /** Empty: as the file says, or as is declared for all layers. */
  readonly crs: string;
  /** Empty: as found. */
  readonly axes: Axes | "";
  readonly isEllipsoidal: boolean;
  /** Metres added to every height. */
  readonly heightOffset: number;
  /** Axis of a model that points upwards, where its format leaves that open. Empty: as found. */
  readonly up: Up | "";
  /** Of an elevation model: the higher goes first where several have a height. */
  readonly priority: number;
  readonly encoding: string;
  /** Column → unit its numbers are in, or classification its codes are of. */
  readonly units: ReadonlyMap<string, string>;
}

/** What of a declaration goes into a request for a check; what is not declared is left out. */
export interface DeclaredRequest {
  readonly crs?: string | null;
  readonly axes?: Axes | null;
  readonly vertical?: string | null;
  readonly height_offset_m?: number;
  readonly up?: Up | null;
  readonly priority?: number | null;
  readonly encoding?: string | null;
  readonly units?: Readonly<Record<string, string>>;
}

export const NOTHING_DECLARED: Declared = { crs: "", axes: "", isEllipsoidal: false, heightOffset: 0, up: "", priority: 0, encoding: "", units: new Map() };

const isUnit = (name: string | null): boolean => name === null || name === "" || UNITS.some((unit) => unit === name) || name === "dm" || name === "km";

/** Returns what may be declared of a column: units of length, or the classifications its codes may be of; what is declared is among them. */
export function unitChoices(evidence: Evidence | undefined, declared: string): { word: "unit" | "codes_of"; choices: readonly string[] } {
  const named = [evidence?.value ?? "", evidence?.stated ?? "", declared].filter((name) => name !== "");
  if (named.every(isUnit)) return { word: "unit", choices: UNITS };
  return { word: "codes_of", choices: [...new Set(named)] };
}

/** Returns what was declared in an earlier request. */
export function declaredIn(asked: DeclaredRequest): Declared {
  return {
    crs: asked.crs ?? "",
    axes: asked.axes ?? "",
    isEllipsoidal: asked.vertical === ELLIPSOIDAL,
    heightOffset: asked.height_offset_m ?? 0,
    up: asked.up ?? "",
    priority: asked.priority ?? 0,
    encoding: asked.encoding ?? "",
    units: new Map(Object.entries(asked.units ?? {})),
  };
}

export function declaredRequest({ crs, axes, isEllipsoidal, heightOffset, up, priority, encoding, units }: Declared): DeclaredRequest {
  const given = [...units].filter(([, unit]) => unit !== "");
  return {
    ...(crs === "" ? {} : { crs }),
    ...(axes === "" ? {} : { axes }),
    ...(isEllipsoidal ? { vertical: ELLIPSOIDAL } : {}),
    ...(heightOffset === 0 ? {} : { height_offset_m: heightOffset }),
    ...(up === "" ? {} : { up }),
    ...(priority === 0 ? {} : { priority }),
    ...(encoding === "" ? {} : { encoding }),
    ...(given.length === 0 ? {} : { units: Object.fromEntries(given) }),
  };
}
