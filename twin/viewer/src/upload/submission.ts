/** A submission as the server tells it (docs/architecture.md, Submissions). Pure. */

import type { Text } from "../i18n";
import { Reader } from "../json_reader";
import { AXES, type DeclaredRequest, UP } from "./declared";
import { type Understanding, readUnderstanding } from "./understanding";

export type SubmissionState = "received" | "checked" | "accepted" | "rejected" | "published" | "withdrawn";

export interface SubmittedFile {
  readonly name: string;
  readonly size: number;
  /** Null for a load of the command line that has not read its files, or ended before. */
  readonly sha256: string | null;
}

/** What the server takes one layer of a file for. */
export interface Proposal {
  readonly file: string;
  /** Empty for a file that could not be looked into; `problem` says why. */
  readonly layer: string;
  readonly problem: Text | null;
  /** What the file is, as the server names it; empty where it is unknown. */
  readonly format: string;
  readonly rows: number | null;
  readonly columns: readonly string[];
  readonly crs: string | null;
  /** How the CRS was found, or why it has to be declared. */
  readonly crsEvidence: Text | null;
  readonly encoding: string | null;
  readonly featureType: string | null;
  /** 0–1: how sure the type is. */
  readonly confidence: number;
  readonly evidence: Text | null;
  readonly dataset: string | null;
  /** Column of the file → field of the FeatureType. */
  readonly mapping: ReadonlyMap<string, string>;
  /** Column → unit, as confirmed for an earlier file of this shape. */
  readonly units: ReadonlyMap<string, string>;
  /** Null for a file that could not be looked into. */
  readonly understanding: Understanding | null;
}

export interface Progress {
  readonly step: Text;
  readonly done: number;
  readonly total: number | null;
  /** Nobody has begun: others are checked before it. */
  readonly isWaiting: boolean;
}

/** What publishing would do, or did, to one dataset. */
export interface Difference {
  readonly insert: number;
  readonly update: number;
  readonly unchanged: number;
  readonly delete: number;
}

export interface CheckResult {
  readonly read: number;
  readonly accepted: number;
  readonly rejected: number;
  readonly datasets: ReadonlyMap<string, Difference>;
}

export const SEVERITIES = ["blocking", "error", "review", "warning", "info"] as const;
export type Severity = (typeof SEVERITIES)[number];

export interface RuleSummary {
  readonly rule: string;
  readonly count: number;
  /** So many of them a reviewer let pass. */
  readonly waived: number;
  /** The gravest there is. */
  readonly severity: Severity;
  /** How many there are of each severity, the gravest first: a rule may reject some rows and only warn of others. */
  readonly severities: readonly (readonly [Severity, number])[];
  readonly title: Text;
  /** What is wrong and what to do about it. */
  readonly advice: Text | null;
  /** Where the rule comes from; empty when it is the platform's own. */
  readonly source: Text | null;
  /** False: what breaks it cannot be stored or served. */
  readonly isWaivable: boolean;
}

export interface ProblemText {
  readonly code: string;
  readonly detail: Text;
}

/** Returns the name by which a layer is spoken of. */
export function layerName({ file, layer }: { readonly file: string; readonly layer: string }): string {
  return layer === "" ? file : layer;
}

/** Returns whether rows of several layers were checked: a row's number alone does not say which row it is. */
export function hasSeveralLayers({ request }: Pick<Submission, "request">): boolean {
  return (request?.parts.length ?? 0) > 1;
}

/** One layer to be loaded, with what the surveyor says it is. */
export interface Part extends DeclaredRequest {
  readonly file: string;
  readonly layer: string | null;
  readonly feature_type: string;
  readonly dataset: string;
  /** Column → field, only where it differs from what the server found; an empty field leaves the column out. */
  readonly mapping?: Readonly<Record<string, string>>;
}

export const MODES = ["replace", "delta"] as const;
export type Mode = (typeof MODES)[number];

/** The body of `POST …/check`. */
export interface CheckRequest {
  readonly parts: readonly Part[];
  readonly crs?: string;
  readonly vertical?: string;
  readonly mode?: Mode;
  readonly allow_deletes?: boolean;
}

export interface Submission {
  readonly id: string;
  readonly state: SubmissionState;
  readonly actor: string;
  readonly receivedAt: string;
  readonly files: readonly SubmittedFile[];
  readonly proposals: readonly Proposal[];
  readonly request: CheckRequest | null;
  /** Not null while the check runs. */
  readonly progress: Progress | null;
  readonly result: CheckResult | null;
  readonly findings: readonly RuleSummary[];
  readonly problem: ProblemText | null;
  readonly commit: number | null;
}

function optionalText(reader: Reader, key: string): Text | null {
  return reader.optional(key, (k) => reader.text(k));
}

function optionalString(reader: Reader, key: string): string | null {
  return reader.optional(key, (k) => reader.string(k));
}

function readFile(value: unknown, path: string): SubmittedFile {
  const reader = Reader.of(value, path);
  return { name: reader.string("name"), size: reader.number("size"), sha256: optionalString(reader, "sha256") };
}

function readMapping(reader: Reader): ReadonlyMap<string, string> {
  return new Map(reader.entries().flatMap(([column, field]) => (typeof field === "string" ? [[column, field]] : [])));
}

function readProposal(value: unknown, path: string): Proposal {
  const reader = Reader.of(value, path);
  return {
    file: reader.string("file"),
    layer: optionalString(reader, "layer") ?? "",
    problem: reader.optional("problem", (k) => reader.object(k).text("detail")),
    format: optionalString(reader, "format") ?? "",
    rows: reader.optional("rows", (k) => reader.number(k)),
    columns: reader.optional("columns", (k) => reader.list(k, String)) ?? [],
    crs: optionalString(reader, "crs"),
    crsEvidence: optionalText(reader, "crs_evidence"),
    encoding: optionalString(reader, "encoding"),
    featureType: optionalString(reader, "feature_type"),
    confidence: reader.optional("confidence", (k) => reader.number(k)) ?? 0,
    evidence: optionalText(reader, "evidence"),
    dataset: optionalString(reader, "dataset"),
    mapping: reader.optional("mapping", (k) => readMapping(reader.object(k))) ?? new Map(),
    units: reader.optional("units", (k) => readMapping(reader.object(k))) ?? new Map(),
    understanding: reader.optional("understanding", (k) => readUnderstanding(reader.entries().find(([name]) => name === k)?.[1], `${path}.understanding`)),
  };
}

function readDifference(value: unknown, path: string): Difference {
  const reader = Reader.of(value, path);
  return { insert: reader.number("insert"), update: reader.number("update"), unchanged: reader.number("unchanged"), delete: reader.number("delete") };
}

function readResult(reader: Reader): CheckResult {
  const datasets = reader.object("datasets").entries();
  return {
    read: reader.number("read"),
    accepted: reader.number("accepted"),
    rejected: reader.number("rejected"),
    datasets: new Map(datasets.map(([slug, difference]) => [slug, readDifference(difference, `result.datasets.${slug}`)])),
  };
}

function readFindings(reader: Reader): RuleSummary[] {
  const rules = reader.entries().map(([rule, value]): RuleSummary => {
    const summary = Reader.of(value, `findings.${rule}`);
    const counted = summary.object("severities");
    return {
      rule,
      count: summary.number("count"),
      waived: summary.optional("waived", (k) => summary.number(k)) ?? 0,
      severity: summary.string("severity") as Severity,
      severities: SEVERITIES.flatMap((severity) => counted.optional(severity, (k) => [[severity, counted.number(k)] as const]) ?? []),
      title: optionalText(summary, "title") ?? { zh: rule, en: rule },
      advice: optionalText(summary, "advice"),
      source: optionalText(summary, "source"),
      isWaivable: summary.optional("waivable", (k) => summary.boolean(k)) ?? false,
    };
  });
  return rules.sort((a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) || b.count - a.count);
}

function readPart(value: unknown, path: string): Part {
  const reader = Reader.of(value, path);
  const mapping = reader.optional("mapping", (k) => readMapping(reader.object(k)));
  return {
    file: optionalString(reader, "file") ?? "",
    layer: optionalString(reader, "layer"),
    feature_type: reader.string("feature_type"),
    dataset: reader.string("dataset"),
    ...(mapping === null || mapping.size === 0 ? {} : { mapping: Object.fromEntries(mapping) }),
    ...readDeclared(reader),
  };
}

function readDeclared(reader: Reader): DeclaredRequest {
  const axes = AXES.find((name) => name === optionalString(reader, "axes"));
  const up = UP.find((name) => name === optionalString(reader, "up"));
  const units = reader.optional("units", (k) => readMapping(reader.object(k)));
  const texts = (["crs", "vertical", "encoding"] as const).flatMap((key) => reader.optional(key, (k) => [[key, reader.string(k)] as const]) ?? []);
  const offset = reader.optional("height_offset_m", (k) => reader.number(k)) ?? 0;
  const priority = reader.optional("priority", (k) => reader.number(k)) ?? 0;
  return {
    ...Object.fromEntries(texts),
    ...(axes === undefined ? {} : { axes }),
    ...(up === undefined ? {} : { up }),
    ...(offset === 0 ? {} : { height_offset_m: offset }),
    ...(priority === 0 ? {} : { priority }),
    ...(units === null || units.size === 0 ? {} : { units: Object.fromEntries(units) }),
  };
}

function readRequest(reader: Reader): CheckRequest {
  const [crs, vertical, mode] = [optionalString(reader, "crs"), optionalString(reader, "vertical"), optionalString(reader, "mode")];
  const known = MODES.find((name) => name === mode);
  return {
    parts: reader.list("parts", readPart),
    ...(crs === null ? {} : { crs }),
    ...(vertical === null ? {} : { vertical }),
    ...(known === undefined ? {} : { mode: known }),
  };
}

/** Returns the submission in `value`; throws ShapeError. */
export function parseSubmission(value: unknown): Submission {
  const reader = Reader.of(value, "submission");
  return {
    id: reader.string("id"),
    state: reader.string("state") as SubmissionState,
    actor: reader.string("actor"),
    receivedAt: reader.string("received_at"),
    files: reader.list("files", readFile),
    proposals: reader.optional("proposals", (k) => reader.list(k, readProposal)) ?? [],
    request: reader.optional("request", (k) => readRequest(reader.object(k))),
    progress: reader.optional("progress", (k) => {
      const progress = reader.object(k);
      const isWaiting = progress.optional("waiting", (w) => progress.boolean(w)) ?? false;
      return { step: progress.text("step"), done: progress.number("done"), total: progress.optional("total", (t) => progress.number(t)), isWaiting };
    }),
    result: reader.optional("result", (k) => readResult(reader.object(k))),
    findings: reader.optional("findings", (k) => readFindings(reader.object(k))) ?? [],
    problem: reader.optional("problem", (k) => {
      const problem = reader.object(k);
      return { code: problem.string("code"), detail: problem.text("detail") };
    }),
    commit: reader.optional("commit", (k) => reader.number(k)),
  };
}

/** Returns whether the check of a submission is under way. */
export function isChecking(submission: Submission): boolean {
  return submission.progress !== null;
}

/** Returns whether nothing more can be done with a submission; a rejected one may be checked again, told otherwise what it is. */
export function isOver(submission: Submission): boolean {
  return submission.state === "published" || submission.state === "withdrawn";
}

/** So many of a dataset's present features would go. */
export interface LargeDeletion {
  readonly dataset: string;
  readonly deleted: number;
  readonly present: number;
}

/** Returns the datasets of which publishing would delete a larger share of the present features than `most`. */
export function largeDeletions({ datasets }: CheckResult, most: number): LargeDeletion[] {
  const counted = [...datasets].map(([dataset, { update, unchanged, delete: deleted }]) => ({ dataset, deleted, present: update + unchanged + deleted }));
  return counted.filter(({ deleted, present }) => deleted > most * present);
}
