/** The server's doors for submitting: what is sent, what comes back, and failures in words. */

import { type Language, type Text, languageTag } from "../i18n";
import { Reader, ShapeError } from "../json_reader";
import { type Field, readField } from "../scene";
import { type Change, type Action, parseChange } from "./changes";
import { type Finding, parseFinding } from "./findings";
import { type CheckRequest, type Submission, parseSubmission } from "./submission";
import { type WaiveRequest, type WaiverBook, parseWaivers } from "./waivers";

/** The server refused; `code` is stable, the message is in the page's language. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    detail: string,
  ) {
    super(detail);
  }
}

/** A kind of thing that can be submitted. */
export interface FeatureTypeChoice {
  readonly name: string;
  readonly title: Text;
  readonly geometry: string;
  readonly fields: readonly Field[];
}

export interface DatasetChoice {
  readonly slug: string;
  readonly type: string;
  readonly title: Text;
  readonly count: number;
}

/** A page of a longer list. */
export interface Listed<T> {
  readonly items: readonly T[];
  /** Where the rest begins; null: there is none. */
  readonly next: string | null;
}

export const REPORT_FORMS = ["xlsx", "pdf", "geojson", "json"] as const;
export type ReportForm = (typeof REPORT_FORMS)[number];

export interface PublishRequest {
  readonly reason?: string;
  readonly name?: string;
  readonly allow_deletes?: boolean;
}

function readFeatureType(value: unknown, path: string): FeatureTypeChoice {
  const reader = Reader.of(value, path);
  return { name: reader.string("name"), title: reader.text("title"), geometry: reader.string("geometry"), fields: reader.list("fields", readField) };
}

function readDataset(value: unknown, path: string): DatasetChoice {
  const reader = Reader.of(value, path);
  return { slug: reader.string("slug"), type: reader.string("type"), title: reader.text("title"), count: reader.optional("count", (k) => reader.number(k)) ?? 0 };
}

function readList<T>(value: unknown, path: string, read: (item: unknown, at: string) => T): T[] {
  if (!Array.isArray(value)) throw new ShapeError(`${path} is not a list`);
  return value.map((item, index) => read(item, `${path}[${index}]`));
}

function refusalOf(status: number, body: string): Refusal {
  try {
    const problem = Reader.of(JSON.parse(body), "problem");
    return new Refusal(status, problem.string("code"), problem.string("detail"));
  } catch {
    return new Refusal(status, `http-${status}`, `HTTP ${status}`);
  }
}

/** Returns whether every file is still the one that was chosen: of one that was saved again or moved since, a browser gives no byte. */
async function areAsChosen(files: readonly File[]): Promise<boolean> {
  try {
    for (const file of files) await file.slice(0, 1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}

export class SubmissionApi {
  constructor(
    private readonly base: string,
    private readonly token: () => string | null,
    private readonly language: () => Language,
  ) {}

  async list(limit: number): Promise<Submission[]> {
    return readList(await this.get(`api/submissions?limit=${limit}`), "submissions", (item) => parseSubmission(item));
  }

  async submission(id: string): Promise<Submission> {
    return parseSubmission(await this.get(this.path(id)));
  }

  async featureTypes(): Promise<FeatureTypeChoice[]> {
    return readList(await this.get("api/feature-types"), "feature-types", readFeatureType);
  }

  async datasets(): Promise<DatasetChoice[]> {
    return readList(await this.get("api/datasets"), "datasets", readDataset);
  }

  /** Returns findings of a rule after the one numbered `after`, in the order they were made; null: from the first. */
  async findings(id: string, rule: string, after: string | null, limit: number): Promise<Listed<Finding>> {
    const items = readList(await this.get(`${this.page(id, "findings", after, limit)}&rule=${encodeURIComponent(rule)}`), "findings", parseFinding);
    return { items, next: items.length < limit ? null : String(items.at(-1)?.number ?? 0) };
  }

  async changes(id: string, action: Action, after: string | null, limit: number): Promise<Listed<Change>> {
    const page = Reader.of(await this.get(`${this.page(id, "changes", after, limit)}&action=${action}`), "changes");
    return { items: page.list("features", parseChange), next: page.optional("next", (k) => page.string(k)) };
  }

  /** Where the report of the last check is to be had. */
  report(id: string, form: ReportForm): string {
    return new URL(`${this.path(id, `report.${form}`)}?lang=${this.language()}`, this.base).href;
  }

  /** Where every finding (of a rule) is to be had as a table, those too that no page and no report lists. */
  findingTable(id: string, rule: string | null): string {
    return new URL(`${this.path(id, "findings")}?f=csv${rule === null ? "" : `&rule=${encodeURIComponent(rule)}`}`, this.base).href;
  }

  /** Returns whether the token in use may let findings pass; false also where there is none in force. */
  async isReviewer(): Promise<boolean> {
    if (this.token() === null) return false;
    try {
      return Reader.of(await this.get("api/token"), "token").string("role") === "reviewer";
    } catch (error) {
      if (error instanceof Refusal && error.status === 401) return false;
      throw error;
    }
  }

  async waivers(id: string): Promise<WaiverBook> {
    return parseWaivers(await this.get(this.path(id, "waivers")));
  }

  async waive(id: string, request: WaiveRequest): Promise<void> {
    await this.post(this.path(id, "waivers"), request);
  }

  async withdrawWaiver(id: string, number: number): Promise<void> {
    await this.ask(this.path(id, `waivers/${number}`), { method: "DELETE", headers: this.headers() });
  }

  async check(id: string, request: CheckRequest): Promise<void> {
    await this.post(this.path(id, "check"), request);
  }

  async publish(id: string, request: PublishRequest): Promise<void> {
    await this.post(this.path(id, "publish"), request);
  }

  async withdraw(id: string): Promise<void> {
    await this.post(this.path(id, "withdraw"), {});
  }

  /**
   * Sends files; `sent` hears the share that has gone, 0–1. XMLHttpRequest, because fetch does not tell.
   * A connection that breaks is `upload-broken` while something was still to be sent, else `upload-unanswered`: the server may have it all.
   * A browser ends a request in the same way where a file is another on disk than the one chosen: that is `upload-file-changed`.
   */
  async upload(files: readonly File[], sent: (share: number) => void, stopped: AbortSignal): Promise<Submission> {
    let isSent = false;
    const form = new FormData();
    for (const file of files) form.append("file", file, file.name);
    const request = new XMLHttpRequest();
    request.open("POST", new URL("api/submissions", this.base));
    for (const [name, value] of Object.entries(this.headers())) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", ({ loaded, total }) => {
      sent(total > 0 ? loaded / total : 0);
    });
    request.upload.addEventListener("load", () => {
      isSent = true;
    });
    stopped.addEventListener("abort", () => {
      request.abort();
    });
    return new Promise((resolve, reject) => {
      request.addEventListener("error", () => {
        if (isSent) reject(new Refusal(0, "upload-unanswered", ""));
        else void areAsChosen(files).then((are) => { reject(new Refusal(0, are ? "upload-broken" : "upload-file-changed", "")); });
      });
      request.addEventListener("abort", () => {
        reject(new Refusal(0, "upload-stopped", ""));
      });
      request.addEventListener("load", () => {
        try {
          if (request.status >= 400) throw refusalOf(request.status, request.responseText);
          resolve(parseSubmission(JSON.parse(request.responseText)));
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      });
      request.send(form);
    });
  }

  private path(id: string, door?: string): string {
    return `api/submissions/${encodeURIComponent(id)}${door === undefined ? "" : `/${door}`}`;
  }

  private page(id: string, door: string, after: string | null, limit: number): string {
    const query = new URLSearchParams({ limit: String(limit), ...(after === null ? {} : { after }) });
    return `${this.path(id, door)}?${query}`;
  }

  private headers(): Record<string, string> {
    const token = this.token();
    return { "Accept-Language": languageTag(this.language()), ...(token === null ? {} : { Authorization: `Bearer ${token}` }) };
  }

  private async get(path: string): Promise<unknown> {
    return this.ask(path, { headers: this.headers(), cache: "no-cache" });
  }

  private async post(path: string, body: unknown): Promise<unknown> {
    return this.ask(path, { method: "POST", headers: { ...this.headers(), "Content-Type": "application/json" }, body: JSON.stringify(body) });
  }

  private async ask(path: string, init: RequestInit): Promise<unknown> {
    let response: Response;
    try {
      response = await fetch(new URL(path, this.base), init);
    } catch {
      throw new Refusal(0, "unreachable", "");
    }
    const body = await response.text();
    if (!response.ok) throw refusalOf(response.status, body);
    return body === "" ? null : JSON.parse(body);
  }
}
