/** One submission on the desk: what is known of it, and everything that can be done with it. No DOM here. */

import type { ServerEvent } from "../live";
import { type DatasetChoice, type FeatureTypeChoice, type Listed, type PublishRequest, Refusal, type SubmissionApi } from "./api";
import { ACTIONS, type Action, type Change } from "./changes";
import { type Draft, type DraftPart, changePart, checkRequest, draftOf } from "./draft";
import type { Finding } from "./findings";
import { type Submission, isChecking, isOver } from "./submission";
import { type WaiveRequest, type WaiverBook, noWaivers } from "./waivers";

/** Events tell of progress; where they do not come, a running check is asked for this often. */
const WATCH_MS = 1_000;
const FINDINGS_PAGE = 300;
const CHANGES_PAGE = 1_000;
const RECENT = 12;

/** What went wrong, and how to try it again. */
export interface Failure {
  readonly error: unknown;
  readonly retry: (() => void) | null;
}

/** Whether it is no answer of the server: there is none, or a proxy says so for it. */
function isSilence(error: unknown): boolean {
  return error instanceof Refusal && [0, 502, 503, 504].includes(error.status);
}

export class Desk {
  submission: Submission | null = null;
  draft: Draft | null = null;
  types: readonly FeatureTypeChoice[] = [];
  datasets: readonly DatasetChoice[] = [];
  recent: readonly Submission[] = [];
  /** By rule. */
  findings: ReadonlyMap<string, Listed<Finding>> = new Map();
  changes = new Map<Action, Listed<Change>>();
  waivers: WaiverBook = noWaivers;
  /** The token in use may let findings pass. */
  isReviewer = false;
  /** The result that findings and changes were read for; of another one their numbers mean other rows. */
  readFor = "";
  /** The submission that is wanted on the desk: an answer about another one comes too late. */
  private wanted: string | null = null;
  /** Counts questions about it: only the newest one's answer counts. */
  private turn = 0;
  /** So many of the surveyor's actions are under way. */
  private acting = 0;
  /** Of the surveyor's last action. */
  private failed: Failure | null = null;
  /** What could not be read by the way. */
  private readonly unread = new Map<string, Failure>();
  private watchTimer: number | undefined;
  /** Since when the server has not answered what is asked of a running check, in ms of the page's clock; null: it answers. */
  private silentSince: number | null = null;

  constructor(
    private readonly api: SubmissionApi,
    private readonly window: Window,
    private readonly changed: () => void,
  ) {}

  /** True while something that the surveyor asked for is under way; reading by the way is not. */
  get isBusy(): boolean {
    return this.acting > 0;
  }

  /** What the surveyor's last action failed with; else what could not be read by the way. */
  get failure(): Failure | null {
    return this.failed ?? [...this.unread.values()][0] ?? null;
  }

  /** For how long the server has not answered what is asked of a running check, in whole seconds; null: it answers. */
  get silentFor(): number | null {
    if (this.silentSince === null || this.submission === null || !isChecking(this.submission)) return null;
    return Math.floor((this.window.performance.now() - this.silentSince) / 1_000);
  }

  /** Reads what every submission needs: types, datasets, and the newest submissions. */
  async open(): Promise<void> {
    await this.look("choices", async () => {
      [this.types, this.datasets, this.recent] = await Promise.all([this.api.featureTypes(), this.api.datasets(), this.api.list(RECENT)]);
    }, () => void this.open());
  }

  /** Asks what the token in use may do. */
  async readRole(): Promise<void> {
    await this.look("role", async () => {
      this.isReviewer = await this.api.isReviewer();
    }, () => void this.readRole());
  }

  /** Puts a submission on the desk; null clears it. */
  async take(id: string | null): Promise<void> {
    this.window.clearTimeout(this.watchTimer);
    this.wanted = id;
    this.submission = this.draft = this.failed = null;
    this.forget();
    if (id === null) {
      this.changed();
      return;
    }
    await this.attempt(async () => this.read(id), () => void this.take(id));
  }

  /** Sends files as a new submission; returns its id, null when that failed or was stopped. `again` sends them once more. */
  async upload(files: readonly File[], sent: (share: number) => void, stopped: AbortSignal, again: () => void): Promise<string | null> {
    let id: string | null = null;
    await this.attempt(async () => {
      const submission = await this.api.upload(files, sent, stopped);
      this.wanted = submission.id;
      this.forget();
      this.set(submission);
      id = submission.id;
      this.recent = await this.api.list(RECENT);
    }, again);
    if (stopped.aborted) this.dismiss();
    return id;
  }

  changePart(index: number, change: Partial<DraftPart>): void {
    if (this.draft === null) return;
    this.draft = changePart(this.draft, index, change);
    this.changed();
  }

  change(change: Partial<Draft>): void {
    if (this.draft === null) return;
    this.draft = { ...this.draft, ...change };
    this.changed();
  }

  async check(): Promise<void> {
    const { submission, draft } = this;
    if (submission === null || draft === null) return;
    await this.attempt(async () => {
      await this.api.check(submission.id, checkRequest(draft));
      await this.readAnew(submission.id);
    }, () => void this.check());
  }

  /** Lets findings pass; the files are checked again with that. */
  async waive(request: WaiveRequest): Promise<void> {
    await this.checkAgainAfter(async (id) => this.api.waive(id, request));
  }

  async withdrawWaiver(number: number): Promise<void> {
    await this.checkAgainAfter(async (id) => this.api.withdrawWaiver(id, number));
  }

  async publish(request: PublishRequest): Promise<void> {
    await this.end(async (id) => this.api.publish(id, request));
  }

  async withdraw(): Promise<void> {
    await this.end(async (id) => this.api.withdraw(id));
  }

  async moreFindings(rule: string): Promise<void> {
    const { submission } = this;
    const known = this.findings.get(rule);
    if (submission === null || known === undefined || known.next === null) return;
    const { next } = known;
    await this.look("more", async () => {
      const page = await this.api.findings(submission.id, rule, next, FINDINGS_PAGE);
      if (this.findings.get(rule) !== known) return;
      this.findings = new Map([...this.findings, [rule, { items: [...known.items, ...page.items], next: page.next }]]);
    }, () => void this.moreFindings(rule));
  }

  async moreChanges(action: Action): Promise<void> {
    const { submission } = this;
    const known = this.changes.get(action);
    if (submission === null || known === undefined || known.next === null) return;
    const { next } = known;
    await this.look("more", async () => {
      const page = await this.api.changes(submission.id, action, next, CHANGES_PAGE);
      if (this.changes.get(action) !== known) return;
      this.changes = new Map([...this.changes, [action, { items: [...known.items, ...page.items], next: page.next }]]);
    }, () => void this.moreChanges(action));
  }

  /** The server has said something; what it is about is read anew. */
  hear({ kind, body }: ServerEvent): void {
    const { submission } = this;
    const id = (body as { id?: unknown } | null)?.id;
    if (kind === "asset") return;
    if ((kind === "submission" && id !== submission?.id) || (kind === null && submission === null)) void this.readRecent();
    else if (submission !== null && (kind !== "commit" || !isOver(submission))) void this.readAgain();
  }

  dismiss(): void {
    this.failed = null;
    this.changed();
  }

  private async readRecent(): Promise<void> {
    await this.look("recent", async () => {
      this.recent = await this.api.list(RECENT);
    }, null);
  }

  private async readAgain(): Promise<void> {
    const { wanted } = this;
    if (wanted === null || this.isBusy) return;
    await this.look("submission", async () => {
      try {
        await this.read(wanted);
        this.silentSince = null;
      } catch (error) {
        if (isSilence(error)) this.silentSince ??= this.window.performance.now();
        if (this.wanted === wanted) this.lookAgain();
        throw error;
      }
    }, null);
  }

  private async read(id: string): Promise<void> {
    const turn = (this.turn += 1);
    const found = await this.api.submission(id);
    if (this.wanted !== id || turn !== this.turn) return;
    this.set(found);
    await this.readResult();
  }

  /** Reads a submission whose files are being checked anew. */
  private async readAnew(id: string): Promise<void> {
    if (this.wanted !== id) return;
    this.forget();
    await this.read(id);
  }

  private set(submission: Submission): void {
    const known = this.submission;
    this.submission = submission;
    if (this.draft === null || known?.id !== submission.id) this.draft = draftOf(submission);
    this.watch();
    this.changed();
  }

  private watch(): void {
    this.window.clearTimeout(this.watchTimer);
    if (this.submission !== null && isChecking(this.submission)) this.lookAgain();
  }

  private lookAgain(): void {
    this.window.clearTimeout(this.watchTimer);
    this.watchTimer = this.window.setTimeout(() => void this.readAgain(), WATCH_MS);
  }

  /** Reads findings and changes when there is a result that they were not read for. */
  private async readResult(): Promise<void> {
    const { submission } = this;
    if (submission === null || isChecking(submission)) return;
    const key = JSON.stringify([submission.id, submission.state, submission.commit, [...(submission.result?.datasets ?? [])], submission.findings]);
    if (key === this.readFor) return;
    this.readFor = key;
    try {
      await this.readListed(submission, key);
    } catch (error) {
      if (this.readFor === key) this.readFor = "";
      throw error;
    }
  }

  private async readListed(submission: Submission, key: string): Promise<void> {
    const hasChanges = submission.state === "accepted" || submission.state === "published";
    const firsts = submission.findings.map(async ({ rule }) => [rule, await this.api.findings(submission.id, rule, null, FINDINGS_PAGE)] as const);
    const findings = new Map(await Promise.all(firsts));
    const pages = hasChanges ? ACTIONS.map(async (action) => [action, await this.api.changes(submission.id, action, null, CHANGES_PAGE)] as const) : [];
    const changes = new Map(await Promise.all(pages));
    const waivers = submission.request === null ? noWaivers : await this.api.waivers(submission.id);
    if (this.readFor !== key) return;
    this.waivers = waivers;
    this.findings = findings;
    this.changes = changes;
    this.changed();
  }

  private forget(): void {
    this.findings = new Map();
    this.changes = new Map();
    this.waivers = noWaivers;
    this.readFor = "";
    this.silentSince = null;
    for (const name of ["submission", "more"]) this.unread.delete(name);
  }

  private async checkAgainAfter(act: (id: string) => Promise<void>): Promise<void> {
    const id = this.submission?.id;
    if (id === undefined) return;
    await this.attempt(async () => {
      await act(id);
      await this.readAnew(id);
    }, null);
  }

  private async end(act: (id: string) => Promise<void>): Promise<void> {
    const id = this.submission?.id;
    if (id === undefined) return;
    await this.attempt(async () => {
      try {
        await act(id);
      } finally {
        // Also after a refusal: the server may know better than this page what has become of the submission.
        await this.read(id);
      }
      [this.recent, this.datasets] = await Promise.all([this.api.list(RECENT), this.api.datasets()]);
    }, null);
  }

  /** Does what the surveyor asked for: what he asked for before is over, its failure too. */
  private async attempt(act: () => Promise<unknown>, retry: (() => void) | null): Promise<void> {
    this.acting += 1;
    this.failed = null;
    this.changed();
    try {
      await act();
    } catch (error) {
      // A file that was changed fails the same way each time: it is to be chosen anew.
      this.failed = { error, retry: error instanceof Refusal && error.code === "upload-file-changed" ? null : retry };
    } finally {
      this.acting -= 1;
    }
    this.changed();
  }

  /** Reads something by the way: nothing waits for it, and its failure stands behind that of an action. */
  private async look(name: string, read: () => Promise<unknown>, retry: (() => void) | null): Promise<void> {
    try {
      await read();
      this.unread.delete(name);
    } catch (error) {
      // A passing failure that nobody can try again is looked over: the next look, or what the surveyor does next, tells.
      if (retry === null && error instanceof Refusal) this.unread.delete(name);
      else this.unread.set(name, { error, retry });
    }
    this.changed();
  }
}
