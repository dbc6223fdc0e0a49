/** The right side of the page: what is laid over the city, its legend, and what was clicked there. */

import type { Language } from "../i18n";
import { h } from "../ui/dom";
import { onEscape } from "../ui/escape";
import { focusPath } from "../ui/focus";
import type { Action } from "./changes";
import { type ChangesByAction, changeId, findingId, mapContent, whatIs } from "./content";
import type { Finding } from "./findings";
import { SubmissionMap } from "./map";
import { SEVERITIES, type Severity, type Submission } from "./submission";
import { findingCard } from "./ui/finding_card";
import { type MapLegend, mapPane } from "./ui/map_pane";
import type { SayUpload } from "./words";

declare global {
  interface Window {
    /** What end-to-end tests ask of the map of this page. */
    __submission?: { readonly mapPending: () => readonly string[] | null; readonly mapFeatures: () => number };
  }
}

/** Of the bar over the map and the card below it. */
const CONTROLS = "input, button";

/** What there is to show. */
export interface MapSideView {
  readonly submission: Submission | null;
  /** All that were read so far. */
  readonly findings: readonly Finding[];
  readonly changes: ChangesByAction;
  /** Severities that are not shown. */
  readonly hidden: ReadonlySet<Severity>;
  readonly language: Language;
  readonly say: SayUpload;
}

export interface MapSideEvents {
  readonly pickedFinding: (finding: Finding) => void;
  readonly pickedChange: (action: Action, index: number) => void;
}

export class MapSide {
  private readonly map: SubmissionMap;
  private view: MapSideView | null = null;
  private shown = "";
  /** The submission the map was last turned to. */
  private turnedTo: string | null = null;
  private failure = "";
  private picked: Finding | null = null;
  /** What had focus last: a click on the map takes it from all. */
  private focused: HTMLElement | null = null;
  /** The same when the card of what was clicked came. */
  private before: HTMLElement | null = null;

  constructor(
    private readonly bar: HTMLElement,
    host: HTMLElement,
    base: string,
    window: Window,
    private readonly events: MapSideEvents,
  ) {
    this.map = new SubmissionMap(host, base, (id) => { this.clicked(id); }, (detail) => { this.failed(detail); });
    window.document.addEventListener("focusin", ({ target }) => { if (target instanceof HTMLElement) this.focused = target; });
    onEscape(window.document, () => { if (this.picked !== null) this.closeCard(); });
    window.__submission = { mapPending: () => (this.map.isOpen ? this.map.pending() : null), mapFeatures: () => this.map.size };
  }

  /** Lays over the city what is known now; CesiumJS is loaded when there is something to lay. */
  show(view: MapSideView): void {
    if (view.submission?.id !== this.view?.submission?.id) this.picked = null;
    this.view = view;
    this.showBar(view);
    this.bar.ownerDocument.body.classList.toggle("has-map", hasResult(view));
    const { submission, findings, changes, hidden } = view;
    const key = JSON.stringify([submission?.id, findings.map(({ number, waived }) => [number, waived !== null]), [...hidden], [...changes].map(([action, items]) => [action, items.length])]);
    if (key === this.shown || this.failure !== "") return;
    this.shown = key;
    this.lay(view);
  }

  /** Draws the city as it is now: a commit may have changed it. */
  async refresh(): Promise<void> {
    await this.map.refresh();
  }

  goToFinding(finding: Finding): void {
    this.map.select(findingId(this.view?.findings.indexOf(finding) ?? -1));
  }

  goToChange(action: Action, index: number): void {
    if (this.view !== null) this.map.select(changeId(this.view.changes, action, index));
  }

  /** Takes away the card of what was clicked last. */
  closeCard(): void {
    this.pick(null);
  }

  private lay({ submission, findings, changes, hidden }: MapSideView): void {
    const content = mapContent(findings, changes, hidden);
    this.map.show(content);
    if (content.features.length === 0) return;
    const isOther = this.turnedTo !== submission?.id;
    this.turnedTo = submission?.id ?? null;
    if (this.map.isOpen) {
      if (isOther) this.map.look();
    } else this.map.open().catch((error: unknown) => { this.failed(String(error)); });
  }

  private showBar(view: MapSideView): void {
    const legend = legendOf(view);
    const key = JSON.stringify([hasResult(view), legend, view.language, this.failure, this.picked?.number]);
    if (this.bar.dataset["shown"] === key) return;
    this.bar.dataset["shown"] = key;
    const path = focusPath(this.bar, this.bar.ownerDocument.activeElement);
    this.bar.replaceChildren(...this.barParts(view, legend));
    if (path !== null) this.focusAgain(path);
  }

  /** The bar was built anew under the keyboard: it stays at its control, or leaves a card for where it was before that came. */
  private focusAgain(path: string): void {
    const same = this.bar.querySelector<HTMLElement>(path);
    const before = this.before?.isConnected === true ? this.before : [...this.bar.querySelectorAll<HTMLElement>(CONTROLS)].at(-1);
    (same?.matches(CONTROLS) === true ? same : before)?.focus();
  }

  private barParts(view: MapSideView, legend: MapLegend): HTMLElement[] {
    const { submission, language, say } = view;
    if (this.failure !== "") return [h("p", { class: "map-note", role: "status" }, `${say("error_map")}${this.failure}`)];
    if (submission === null || !hasResult(view)) return [h("p", { class: "map-note" }, say("map_later"))];
    const { picked } = this;
    const rule = submission.findings.find((summary) => summary.rule === picked?.rule);
    const card = picked === null ? [] : [findingCard(picked, rule, language, say, () => { this.closeCard(); })];
    return [mapPane(legend, this.map, say), ...card];
  }

  /** Somebody clicked what is laid over the city. */
  private clicked(id: number): void {
    const found = this.view === null ? null : whatIs(id, this.view.changes);
    if (found === null) return;
    this.map.highlight(id);
    const finding = found.kind === "finding" ? (this.view?.findings[found.index] ?? null) : null;
    this.pick(finding);
    if (finding !== null) this.events.pickedFinding(finding);
    else if (found.kind !== "finding") this.events.pickedChange(found.kind, found.index);
  }

  private pick(finding: Finding | null): void {
    if (this.picked === null) this.before = this.focused;
    this.picked = finding;
    if (this.view !== null) this.showBar(this.view);
  }

  private failed(detail: string): void {
    this.failure = detail;
    if (this.view !== null) this.showBar(this.view);
  }
}

function hasResult({ submission }: MapSideView): boolean {
  return submission !== null && submission.result !== null;
}

function legendOf({ findings, changes, hidden }: MapSideView): MapLegend {
  const located = findings.filter(({ place, severity }) => place !== null && !hidden.has(severity));
  return {
    hasMoved: (changes.get("update") ?? []).some(({ geometryBefore }) => geometryBefore !== null),
    severities: SEVERITIES.filter((severity) => located.some((finding) => finding.severity === severity && finding.waived === null)),
    hasWaived: located.some(({ waived }) => waived !== null),
  };
}
