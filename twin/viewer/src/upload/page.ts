/** The page for submitting: steps on the left, the map on the right, both drawn from what lies on the desk. */

import { type Language, type Text, browserLanguage, inLanguage, languageTag } from "../i18n";
import { ShapeError } from "../json_reader";
import { LiveUpdates } from "../live";
import { type Field, type Scene, SceneSource } from "../scene";
import { emptyState, formatHash } from "../state";
import { h } from "../ui/dom";
import { formatAddress, parseAddress } from "./address";
import { SECTION_OF, type Stage, announcement, isNews, stageOf } from "./announcement";
import { Refusal, type ReportForm, SubmissionApi } from "./api";
import type { Action } from "./changes";
import type { ChangesByAction } from "./content";
import { Desk } from "./desk";
import type { Finding } from "./findings";
import { MapSide } from "./map_side";
import { Redrawing } from "./redrawing";
import { viewOfChanges } from "./scene_view";
import { type Section, Sections } from "./sections";
import { type CheckResult, SEVERITIES, type Severity, type Submission, hasSeveralLayers, isChecking, isOver } from "./submission";
import { TokenKeeper } from "./token";
import { changesStep, datasetTitle, firstAction } from "./ui/changes_step";
import { type FilesActions, filesStep, sendingStep, submittedFilesStep } from "./ui/files_step";
import { findingsStep, progressStep } from "./ui/findings_step";
import { proposalsStep } from "./ui/proposals_step";
import { publishStep } from "./ui/publish_step";
import { recentList, stateWord } from "./ui/recent_list";
import { failure } from "./ui/step";
import { tokenStep } from "./ui/token_step";
import { featureOf } from "./waivers";
import { type SayUpload, isWord, uploadSpeaker } from "./words";

export class UploadPage {
  private readonly token: TokenKeeper;
  private readonly api: SubmissionApi;
  private readonly desk: Desk;
  private readonly sections: Sections;
  private readonly map: MapSide;
  private language: Language;
  private scene: Scene | null = null;
  private chosen: readonly File[] = [];
  private sending: ReturnType<typeof sendingStep> | null = null;
  private openRule: string | null = null;
  /** Null: whatever there is most to see of. */
  private action: Action | null = null;
  private stage: Stage = "choosing";
  /** What failed was brought into sight: whoever pressed a button far below would miss it. */
  private isFailureSeen = false;
  /** Severities that neither the lists nor the map show. */
  private hidden: ReadonlySet<Severity> = new Set();

  constructor(
    private readonly header: HTMLElement,
    /** Says to screen readers what comes about: it stands in the page from the beginning, or they would not listen to it. */
    private readonly spoken: HTMLElement,
    steps: HTMLElement,
    mapBar: HTMLElement,
    mapHost: HTMLElement,
    /** Where the server's doors are: the viewer's address. */
    private readonly base: string,
    private readonly window: Window,
  ) {
    this.language = parseAddress(window.location.hash).language ?? browserLanguage(window.navigator.languages);
    this.token = new TokenKeeper(window.sessionStorage);
    this.api = new SubmissionApi(base, () => this.token.get(), () => this.language);
    const redrawing = new Redrawing(window, () => { this.render(); });
    this.desk = new Desk(this.api, window, () => { redrawing.request(); });
    this.sections = new Sections(steps);
    this.map = new MapSide(mapBar, mapHost, base, window, {
      pickedFinding: (finding) => { this.pickedFinding(finding); },
      pickedChange: (action, index) => { this.pickedChange(action, index); },
    });
  }

  async start(): Promise<void> {
    this.render();
    this.window.addEventListener("hashchange", () => {
      this.followAddress();
    });
    const live = new LiveUpdates(new URL("api/events", this.base), this.window, (event) => {
      this.desk.hear(event);
      if (event.kind === "commit") void this.map.refresh();
    });
    live.start();
    void new SceneSource(new URL("scene.json", this.base)).fetch().then((scene) => {
      this.scene = scene;
      this.render();
    }, () => undefined);
    // The address is followed at once: later it would clear what was handed in meanwhile.
    await Promise.all([this.desk.take(parseAddress(this.window.location.hash).id), this.desk.open(), this.desk.readRole()]);
  }

  private get say(): SayUpload {
    return uploadSpeaker(this.language);
  }

  private followAddress(): void {
    const { id, language } = parseAddress(this.window.location.hash);
    this.language = language ?? this.language;
    if (id === (this.desk.submission?.id ?? null)) this.render();
    else {
      [this.openRule, this.action] = [null, null];
      void this.desk.take(id);
    }
  }

  private goTo(id: string | null): void {
    this.window.history.pushState(null, "", formatAddress({ id, language: parseAddress(this.window.location.hash).language }));
  }

  private setLanguage(language: Language): void {
    this.language = language;
    this.window.history.replaceState(null, "", formatAddress({ id: this.desk.submission?.id ?? null, language }));
    this.render();
  }

  private async upload(): Promise<void> {
    if (this.chosen.length === 0) {
      this.desk.dismiss();
      return;
    }
    const stop = new AbortController();
    this.sending = sendingStep(this.chosen, this.say, () => { stop.abort(); });
    const { sent } = this.sending;
    this.render();
    const id = await this.desk.upload(this.chosen, sent, stop.signal, () => void this.upload());
    this.sending = null;
    if (id !== null) {
      this.chosen = [];
      [this.openRule, this.action] = [null, null];
      this.goTo(id);
    }
    this.render();
  }

  private keepToken(token: string): void {
    this.token.set(token);
    this.desk.dismiss();
    void this.desk.readRole();
  }

  private changes(): ChangesByAction {
    return new Map([...this.desk.changes].map(([action, { items }]) => [action, items]));
  }

  /** All findings read so far, as the map counts them. */
  private findings(): readonly Finding[] {
    return [...this.desk.findings.values()].flatMap(({ items }) => items);
  }

  private render(): void {
    const { document } = this.window;
    document.documentElement.lang = languageTag(this.language);
    document.title = this.scene === null ? this.say("title") : `${this.say("title")} · ${this.scene.city.name}`;
    this.header.replaceChildren(...this.headerParts());
    const { submission } = this.desk;
    const stage = stageOf(submission);
    this.sections.show([this.tokenSection(), this.failureSection(), ...(submission === null ? this.firstSections() : this.submissionSections(submission)), this.recentSection()].filter((section) => section !== null), stage === this.stage ? [] : SECTION_OF[stage]);
    this.map.show({ submission, findings: this.findings(), changes: this.changes(), hidden: this.hidden, language: this.language, say: this.say });
    if ((stage === "checking") !== (this.stage === "checking")) document.querySelector(`[data-section=${stage === "checking" ? "progress" : "findings"}]`)?.scrollIntoView({ block: "start" });
    if (this.desk.failure !== null && !this.isFailureSeen) document.querySelector("[data-section=failure]")?.scrollIntoView({ block: "center" });
    this.isFailureSeen = this.desk.failure !== null;
    this.stage = stage;
    this.announce(announcement(submission, this.desk.draft, this.language, this.say));
  }

  private announce(text: string): void {
    if (isNews(text, this.spoken.textContent, this.stage)) this.spoken.textContent = text;
  }

  private headerParts(): HTMLElement[] {
    const other: Language = this.language === "zh" ? "en" : "zh";
    return [
      h("h1", {}, this.say("title"), this.scene === null ? null : h("span", { class: "city-name" }, this.scene.city.name)),
      h("a", { href: this.base, class: "scene-link" }, this.say("scene")),
      h("button", { type: "button", class: "language", lang: languageTag(other), onclick: () => { this.setLanguage(other); } }, other === "en" ? "English" : "中文"),
    ];
  }

  private tokenSection(): Section | null {
    const hasToken = this.token.get() !== null;
    if (this.desk.submission !== null && isOver(this.desk.submission)) return null;
    return { name: "token", signature: [this.language, hasToken], about: String(hasToken), build: () => tokenStep(hasToken, this.say, (token) => { this.keepToken(token); }) };
  }

  private failureSection(): Section | null {
    const { failure: failed } = this.desk;
    if (failed === null) return null;
    const text = this.failureText(failed.error);
    const again = failed.retry === null ? null : { title: this.say("try_again"), run: failed.retry };
    return { name: "failure", signature: [this.language, text, again === null], build: () => failure(text, again) };
  }

  private failureText(error: unknown): string {
    if (error instanceof Refusal) {
      const word = `error_${error.code}`;
      return isWord(word) ? this.say(word) : error.message;
    }
    if (error instanceof ShapeError) return error.message;
    return error instanceof Error ? error.message : String(error);
  }

  private filesActions(): FilesActions {
    return {
      choose: (files) => {
        const names = new Set(files.map(({ name }) => name));
        this.chosen = [...this.chosen.filter(({ name }) => !names.has(name)), ...files];
        this.render();
      },
      remove: (index) => {
        this.chosen = this.chosen.filter((_, at) => at !== index);
        this.render();
      },
      upload: () => void this.upload(),
      startAnew: () => {
        this.goTo(null);
        this.followAddress();
      },
    };
  }

  private firstSections(): Section[] {
    const { sending } = this;
    if (sending !== null) return [{ name: "files", signature: ["sending"], build: () => sending.element }];
    const files = this.chosen.map(({ name, size }) => [name, size]);
    return [{ name: "files", signature: [this.language, files], build: () => filesStep(this.chosen, this.say, this.filesActions()) }];
  }

  private submissionSections(submission: Submission): Section[] {
    const { language, say } = this;
    const sections: (Section | null)[] = [
      { name: "files", signature: [language, submission.files], build: () => submittedFilesStep(submission.files, say, this.filesActions()) },
      this.proposalsSection(submission),
      this.findingsSection(submission),
      submission.result === null || isChecking(submission) || this.desk.changes.size === 0 ? null : this.changesSection(submission, submission.result),
      this.publishSection(submission),
    ];
    return sections.filter((section) => section !== null);
  }

  private proposalsSection(submission: Submission): Section | null {
    const { draft, types, datasets } = this.desk;
    if (draft === null || draft.parts.length === 0) return null;
    const isEditable = !isOver(submission) && !isChecking(submission);
    const wasChecked = submission.state !== "received";
    const view = { draft, types, datasets, isEditable, wasChecked, language: this.language, say: this.say };
    const actions = {
      changePart: this.desk.changePart.bind(this.desk),
      change: this.desk.change.bind(this.desk),
      check: () => void this.desk.check(),
    };
    const signature = [this.language, draft, types.length, datasets, isEditable, wasChecked];
    return { name: "proposals", signature, about: submission.id, build: () => proposalsStep(view, actions) };
  }

  private findingsSection(submission: Submission): Section | null {
    const { language, say } = this;
    const { progress, problem, result } = submission;
    if (progress !== null) return { name: "progress", signature: [language, progress, this.desk.silentFor], build: () => progressStep(progress, this.desk.silentFor, language, say) };
    if (problem !== null && result === null) return { name: "problem", signature: [language, problem, submission.state], build: () => failure(`${submission.state === "rejected" ? say("rejected") : ""}${inLanguage(problem.detail, language)}`) };
    if (result === null) return null;
    const { openRule, hidden } = this;
    const { waivers, isReviewer } = this.desk;
    const canWaive = isReviewer && !isOver(submission) && !this.desk.isBusy;
    const { items: rows, next } = this.desk.findings.get(openRule ?? "") ?? { items: [], next: null };
    const view = { result, resultKey: this.desk.readFor, problem, rules: submission.findings, openRule, rows, isMore: next !== null, hasSeveralLayers: hasSeveralLayers(submission), waivers, hidden, report: (form: ReportForm) => this.api.report(submission.id, form), table: (rule: string | null) => this.api.findingTable(submission.id, rule), canWaive, isOver: isOver(submission), isRejected: submission.state === "rejected", language, say };
    const actions = {
      open: (rule: string | null) => {
        this.openRule = rule;
        this.render();
      },
      more: () => void this.desk.moreFindings(openRule ?? ""),
      locate: (index: number) => {
        const finding = rows[index];
        if (finding !== undefined) this.map.goToFinding(finding);
      },
      show: (severity: Severity, isShown: boolean) => {
        this.hidden = new Set(SEVERITIES.filter((other) => (other === severity ? !isShown : hidden.has(other))));
        this.render();
      },
      waive: (rule: string, reason: string, found: readonly Finding[] | null) => {
        const features = (found ?? []).map(featureOf).filter((feature) => feature !== null);
        this.map.closeCard();
        if (found === null || features.length > 0) void this.desk.waive({ rule, reason, features });
      },
      withdrawWaiver: (number: number) => void this.desk.withdrawWaiver(number),
    };
    return { name: "findings", signature: [language, result, problem, submission.findings, openRule, rows.length, next, view.isOver, view.isRejected, canWaive, [...hidden], waivers], about: submission.id, build: () => findingsStep(view, actions) };
  }

  private changesSection(submission: Submission, result: CheckResult): Section {
    const { language, say } = this;
    const action = this.action ?? firstAction(result);
    const { items, next } = this.desk.changes.get(action) ?? { items: [], next: null };
    const typeOf = (dataset: string): string | undefined => submission.request?.parts.find((part) => part.dataset === dataset)?.feature_type;
    const view = {
      result,
      action,
      changes: items,
      isMore: next !== null,
      isPublished: submission.state === "published",
      fieldsOf: (dataset: string) => this.fieldsOf(typeOf(dataset)),
      titleOf: this.titleOf(),
      language,
      say,
    };
    const actions = {
      choose: (chosen: Action) => {
        this.action = chosen;
        this.render();
      },
      more: () => void this.desk.moreChanges(action),
      locate: (index: number) => { this.map.goToChange(action, index); },
    };
    const signature = [language, result, action, items.length, next, view.isPublished, this.desk.datasets, this.scene === null];
    return { name: "changes", signature, about: `${submission.id} ${this.desk.readFor}`, build: () => changesStep(view, actions) };
  }

  private titleOf(): (dataset: string) => string {
    const titles = new Map<string, Text>(this.desk.datasets.map(({ slug, title }) => [slug, title]));
    return (dataset) => datasetTitle(dataset, titles, this.language);
  }

  /** Returns the fields of a type; a layer of the scene knows the titles of codes too. */
  private fieldsOf(type: string | undefined): readonly Field[] {
    const layer = this.scene?.layers.find(({ featureType }) => featureType === type);
    return layer?.fields ?? this.desk.types.find(({ name }) => name === type)?.fields ?? [];
  }

  private publishSection(submission: Submission): Section | null {
    if (submission.state === "rejected") return null;
    const { say, desk } = this;
    const visible = new Map([...(submission.result?.datasets.keys() ?? [])].map((dataset) => [dataset, true] as const));
    const sceneLink = `${this.base}${formatHash({ ...emptyState, camera: viewOfChanges(this.changes()), visible, language: parseAddress(this.window.location.hash).language })}`;
    const view = { submission, isBusy: desk.isBusy, isChecking: isChecking(submission), sceneLink, titleOf: this.titleOf(), say };
    const actions = { publish: desk.publish.bind(desk), withdraw: () => void desk.withdraw() };
    const signature = [this.language, submission.state, submission.commit, submission.result, view.isBusy, view.isChecking, desk.datasets, sceneLink];
    return { name: "publish", signature, about: submission.id, build: () => publishStep(view, { ...actions, publish: (request) => void desk.publish(request) }) };
  }

  private recentSection(): Section {
    const { submission } = this.desk;
    const current = submission?.id ?? null;
    const recent = this.desk.recent.map((listed) => (submission !== null && listed.id === submission.id ? submission : listed));
    const signature = [this.language, current, recent.map((one) => [one.id, stateWord(one)])];
    return { name: "recent", signature, build: () => recentList(recent, current, this.language, this.say) };
  }

  /** What somebody clicked on the map is opened in the lists and brought into sight. */
  private pickedFinding(finding: Finding): void {
    this.openRule = finding.rule;
    this.render();
    const index = this.desk.findings.get(finding.rule)?.items.indexOf(finding) ?? -1;
    bringIntoSight(this.window.document.querySelectorAll("[data-section=findings] tbody tr")[index]);
  }

  private pickedChange(action: Action, index: number): void {
    this.action = action;
    this.render();
    const entry = this.window.document.querySelectorAll("[data-section=changes] .changes > li")[index];
    entry?.querySelector("details")?.setAttribute("open", "");
    bringIntoSight(entry);
  }
}

function bringIntoSight(element: Element | undefined): void {
  if (element === undefined) return;
  element.scrollIntoView({ block: "center" });
  element.classList.add("is-picked");
  element.addEventListener("animationend", () => { element.classList.remove("is-picked"); }, { once: true });
}
