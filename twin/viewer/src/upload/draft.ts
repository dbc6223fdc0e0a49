/** What the surveyor says about the layers of the uploaded files, from the server's proposals to the request for a check. Pure. */

import { type Declared, ELLIPSOIDAL, NOTHING_DECLARED, declaredIn, declaredRequest } from "./declared";
import type { DatasetChoice } from "./api";
import { normalised } from "./names";
import { type CheckRequest, type Mode, type Proposal, type Submission, layerName } from "./submission";
import { offered } from "./understanding";

export interface DraftPart {
  readonly proposal: Proposal;
  readonly isTaken: boolean;
  readonly featureType: string;
  readonly dataset: string;
  /** Column → field as the surveyor wants it; columns left out stand with an empty field. */
  readonly mapping: ReadonlyMap<string, string>;
  readonly declared: Declared;
}

export interface Draft {
  readonly parts: readonly DraftPart[];
  /** Empty: as the files say. */
  readonly crs: string;
  /** Heights of the source are above the ellipsoid. */
  readonly isEllipsoidal: boolean;
  readonly mode: Mode;
  readonly allowDeletes: boolean;
}

/** What is still to be said before a check can start. */
export type Lack = "nothing_taken" | "type_missing" | "dataset_missing" | "dataset_invalid" | "crs_missing";

/** Names of datasets: they stand in addresses and in names of tables. */
const DATASET = /^[a-z][a-z0-9_]{0,39}$/;

/** Returns the draft to begin with: what was asked for before, else what the server proposes. */
export function draftOf(submission: Submission): Draft {
  const { proposals, request } = submission;
  const parts = proposals.map((proposal): DraftPart => {
    const asked = request?.parts.find(({ file, layer }) => (layer ?? "") === proposal.layer && (file === "" || file === proposal.file));
    return {
      proposal,
      isTaken: request === null ? proposal.featureType !== null : asked !== undefined,
      featureType: asked?.feature_type ?? proposal.featureType ?? "",
      dataset: asked?.dataset ?? proposal.dataset ?? "",
      mapping: new Map([...proposal.mapping, ...Object.entries(asked?.mapping ?? {})]),
      declared: asked === undefined ? { ...NOTHING_DECLARED, units: proposal.units } : declaredIn(asked),
    };
  });
  return {
    parts,
    crs: request?.crs ?? "",
    isEllipsoidal: request?.vertical === ELLIPSOIDAL,
    mode: request?.mode ?? "replace",
    allowDeletes: request?.allow_deletes ?? false,
  };
}

/**
 * Returns the dataset that features of a type probably belong to: the one called as their layer, else of several the one whose name is the
 * type with least added to it; where the type has none, a new name. The server's rule for its own proposals is the same (`dataset_for`
 * in ingest/proposals.py).
 */
export function datasetFor(featureType: string, layer: string, datasets: readonly Pick<DatasetChoice, "slug" | "type" | "title">[]): string {
  if (featureType === "") return "";
  const own = datasets.filter(({ type }) => type === featureType);
  const name = normalised(layer);
  const alike = own.find(({ slug, title }) => [slug, title.zh, title.en].some((called) => normalised(called) === name));
  const [plain] = own.filter(({ slug }) => slug.startsWith(featureType)).toSorted((one, other) => one.slug.length - other.slug.length);
  return (alike ?? plain ?? own[0])?.slug ?? newName(featureType, new Set(datasets.map(({ slug }) => slug)));
}

function newName(featureType: string, taken: ReadonlySet<string>): string {
  let name = featureType;
  for (let number = 2; taken.has(name); number++) name = `${featureType}_${number}`;
  return name;
}

/** Returns the draft with one part changed. */
export function changePart(draft: Draft, index: number, change: Partial<DraftPart>): Draft {
  return { ...draft, parts: draft.parts.map((part, at) => (at === index ? { ...part, ...change } : part)) };
}

/** Returns what keeps a check from starting, with the layer it is about; null when nothing does. */
export function lackOf(draft: Draft): { readonly lack: Lack; readonly layer: string } | null {
  const taken = draft.parts.filter((part) => part.isTaken);
  if (taken.length === 0) return { lack: "nothing_taken", layer: "" };
  for (const { proposal, featureType, dataset, declared } of taken) {
    const layer = layerName(proposal);
    if (featureType === "") return { lack: "type_missing", layer };
    if (dataset === "") return { lack: "dataset_missing", layer };
    if (!DATASET.test(dataset)) return { lack: "dataset_invalid", layer };
    if (proposal.crs === null && proposal.problem === null && draft.crs === "" && declared.crs === "") return { lack: "crs_missing", layer };
  }
  return null;
}

/** Returns the one CRS that the server proposes for several taken parts without any, with their places in the draft; null where there is no such. */
export function commonCrs({ parts, crs }: Draft): { readonly crs: string; readonly parts: readonly number[] } | null {
  const lacking = [...parts.entries()].filter(([, { isTaken, proposal, declared }]) => isTaken && proposal.crs === null && proposal.problem === null && crs === "" && declared.crs === "");
  const proposed = new Set(lacking.map(([, { proposal }]) => offered(proposal.understanding?.crs ?? null)));
  const [one] = proposed;
  return lacking.length < 2 || proposed.size !== 1 || one === undefined || one === null ? null : { crs: one, parts: lacking.map(([index]) => index) };
}

/** Returns the columns whose field the surveyor changed; of another type than the proposed one the server finds them by their names. */
function changedMapping(part: DraftPart): Record<string, string> {
  if (part.featureType !== part.proposal.featureType) return {};
  return Object.fromEntries([...part.mapping].filter(([column, field]) => field !== (part.proposal.mapping.get(column) ?? "")));
}

/** Returns the request for a check. */
export function checkRequest(draft: Draft): CheckRequest {
  const parts = draft.parts.filter((part) => part.isTaken).map((part) => {
    const mapping = changedMapping(part);
    const { file, layer } = part.proposal;
    return { file, layer: layer === "" ? null : layer, feature_type: part.featureType, dataset: part.dataset, ...(Object.keys(mapping).length === 0 ? {} : { mapping }), ...declaredRequest(part.declared) };
  });
  return {
    parts,
    mode: draft.mode,
    ...(draft.crs === "" ? {} : { crs: draft.crs }),
    ...(draft.isEllipsoidal ? { vertical: ELLIPSOIDAL } : {}),
    ...(draft.allowDeletes ? { allow_deletes: true } : {}),
  };
}
