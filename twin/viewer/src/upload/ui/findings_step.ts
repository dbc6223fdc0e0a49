/** How far the check is, what it counted and what it found, rule by rule and row by row. */

import { type Language, inLanguage } from "../../i18n";
import { h, iconButton, swatch } from "../../ui/dom";
import { roving } from "../../ui/roving";
import { countsOf } from "../announcement";
import { REPORT_FORMS, type ReportForm } from "../api";
import { FINDING_COLORS } from "../content";
import type { Finding } from "../findings";
import { type CheckResult, type ProblemText, type Progress, type RuleSummary, SEVERITIES, type Severity, layerName } from "../submission";
import { type WaiverBook, earlierFor } from "../waivers";
import { type SayUpload, isWord } from "../words";
import { failure, plainButton, step } from "./step";
import { type WaiveForm, waiveForm } from "./waive_form";
import { waiversList } from "./waivers_list";

export interface FindingsView {
  readonly result: CheckResult;
  /** Names the result: ticks and reasons are given for it alone. */
  readonly resultKey: string;
  /** Why the files cannot be published as they are. */
  readonly problem: ProblemText | null;
  readonly rules: readonly RuleSummary[];
  readonly openRule: string | null;
  readonly rows: readonly Finding[];
  /** The server has more than were read so far. */
  readonly isMore: boolean;
  /** A row's number alone does not say which row it is: its layer stands beside it. */
  readonly hasSeveralLayers: boolean;
  readonly waivers: WaiverBook;
  /** Severities that are not shown. */
  readonly hidden: ReadonlySet<Severity>;
  readonly report: (form: ReportForm) => string;
  /** Where all findings (of a rule) are to be had as a table. */
  readonly table: (rule: string | null) => string;
  /** The reader may let findings pass, and the submission is not over. */
  readonly canWaive: boolean;
  readonly isOver: boolean;
  /** The files were refused as a whole: no row of them can be published. */
  readonly isRejected: boolean;
  readonly language: Language;
  readonly say: SayUpload;
}

export interface FindingsActions {
  readonly open: (rule: string | null) => void;
  readonly more: () => void;
  readonly locate: (index: number) => void;
  readonly show: (severity: Severity, isShown: boolean) => void;
  /** Null: the whole rule. */
  readonly waive: (rule: string, reason: string, findings: readonly Finding[] | null) => void;
  readonly withdrawWaiver: (number: number) => void;
}

/** One answer that does not come is nothing to speak of. */
const SILENCE_S = 3;

/** Returns the bar of a running check; `silentFor` is for how many seconds the server has not answered. */
export function progressStep({ step: what, done, total, isWaiting }: Progress, silentFor: number | null, language: Language, say: SayUpload): HTMLElement {
  const bar = total === null ? h("progress", { "aria-label": say("checking") }) : h("progress", { max: Math.max(1, total), value: done, "aria-label": say("checking") });
  const count = total === null ? (done > 0 ? done.toLocaleString("en") : "") : say("of", { done: done.toLocaleString("en"), total: total.toLocaleString("en") });
  return step(3, say(isWaiting ? "state_waiting" : "checking"), bar, h("p", {}, `${inLanguage(what, language)} ${count}`), silentFor === null || silentFor < SILENCE_S ? null : h("p", { class: "warning-box" }, say("server_silent", { seconds: silentFor })));
}

/** Ticks of the rows of a rule; how many there are is told to the form. */
class Ticks {
  readonly boxes = new Map<Finding, HTMLInputElement>();

  constructor(
    private readonly view: FindingsView,
    private readonly form: WaiveForm,
  ) {}

  boxOf(finding: Finding): HTMLElement | null {
    if (finding.waived !== null || (finding.key === null && finding.row === null)) return null;
    const label = this.view.say("select_finding", { row: finding.row ?? finding.key ?? "" });
    const about = JSON.stringify([this.view.resultKey, finding.number]);
    const box = h("input", { type: "checkbox", name: "finding", "data-about": about, "aria-label": label, onchange: () => { this.tell(); } });
    this.boxes.set(finding, box);
    return box;
  }

  /** The box above all others. */
  all(): HTMLElement {
    const box = h("input", {
      type: "checkbox",
      "aria-label": this.view.say("select_all"),
      onchange: () => {
        for (const other of this.boxes.values()) if (other.closest("tr")?.hidden !== true) other.checked = box.checked;
        this.tell();
      },
    });
    return box;
  }

  ticked(): Finding[] {
    return [...this.boxes].filter(([, box]) => box.checked).map(([finding]) => finding);
  }

  private tell(): void {
    const ticked = this.ticked();
    const before = ticked.map((finding) => earlierFor(this.view.waivers, finding)).find((waiver) => waiver !== null);
    this.form.ticked(ticked.length, before?.reason ?? null);
  }
}

/** Returns what stands below a finding's message: what the value may be, and why it was let pass, now or before. */
function remarks(finding: Finding, { say, waivers }: FindingsView): HTMLElement[] {
  const { waived, proposal } = finding;
  const before = waived === null ? earlierFor(waivers, finding) : null;
  return [
    ...(proposal === null ? [] : [h("span", { class: "remark" }, `${say("proposal")}: ${proposal}`)]),
    ...(waived === null ? [] : [h("span", { class: "remark waived" }, say("waived_by", waived))]),
    ...(before === null ? [] : [h("span", { class: "remark" }, say("waive_before", { reason: before.reason, reviewer: before.reviewer }))]),
  ];
}

function findingRow(finding: Finding, index: number, isMixed: boolean, view: FindingsView, actions: FindingsActions, ticks: Ticks | null): HTMLElement {
  const { language, say } = view;
  const label = `${say("locate")} ${finding.row ?? finding.key ?? ""}`;
  const place = finding.place === null ? null : iconButton("target", label, () => { actions.locate(index); });
  const row = h(
    "tr",
    { class: finding.waived === null ? null : "is-waived" },
    ticks === null ? null : h("td", {}, ticks.boxOf(finding)),
    h("td", { class: "number" }, finding.row === null ? "" : String(finding.row)),
    view.hasSeveralLayers ? h("td", { title: finding.file }, layerName(finding)) : null,
    h("td", {}, finding.key ?? ""),
    h("td", {}, isMixed ? h("span", { class: `severity severity-${finding.severity}` }, say(`severity_${finding.severity}`)) : null, inLanguage(finding.message, language), ...remarks(finding, view)),
    h("td", {}, place),
  );
  row.dataset["text"] = `${row.textContent} ${finding.layer} ${finding.file}`.toLowerCase();
  row.dataset["severity"] = finding.severity;
  row.hidden = view.hidden.has(finding.severity);
  return row;
}

function rowsTable(rule: RuleSummary, view: FindingsView, actions: FindingsActions): HTMLElement {
  const { rows, say, isMore, language } = view;
  const canWaive = view.canWaive && rule.isWaivable && rule.waived < rule.count;
  const form = canWaive ? waiveForm(rule, view.resultKey, say, (reason, isWhole) => { actions.waive(rule.rule, reason, isWhole ? null : (ticks?.ticked() ?? [])); }) : null;
  const ticks = form === null ? null : new Ticks(view, form);
  const all = ticks === null ? null : h("th", { scope: "col" }, ticks.all());
  const body = h("tbody", {}, ...rows.map((finding, index) => findingRow(finding, index, rule.severities.length > 1, view, actions, ticks)));
  const shown = roving(body, rule.rule);
  const filter = h("input", {
    type: "text",
    class: "filter",
    name: "filter",
    "data-about": rule.rule,
    placeholder: say("filter_findings"),
    "aria-label": say("filter_findings"),
    oninput: () => {
      const wanted = filter.value.trim().toLowerCase();
      for (const row of body.rows) row.hidden = !(row.dataset["text"] ?? "").includes(wanted) || view.hidden.has(row.dataset["severity"] as Severity);
      shown();
    },
  });
  const heads = [say("row"), ...(view.hasSeveralLayers ? [say("layer_short")] : []), say("key"), say("message"), say("position")].map((title) => h("th", { scope: "col" }, title));
  const advice = rule.advice === null ? null : h("p", { class: "advice" }, h("strong", {}, say("advice")), ` ${inLanguage(rule.advice, language)}`, rule.source === null ? null : h("span", { class: "hint" }, ` ${inLanguage(rule.source, language)}`));
  return h(
    "div",
    { class: "rule-rows" },
    advice,
    filter,
    h("div", { class: "table-frame", "data-scroll": rule.rule }, h("table", {}, h("thead", {}, h("tr", {}, all, ...heads)), body)),
    h("p", { class: "hint" }, say("findings_of", { shown: rows.length.toLocaleString("en"), count: rule.count.toLocaleString("en") }), rows.length > 1 ? ` ${say("arrow_keys")}` : null, ...(rows.length < rule.count ? [" ", h("a", { href: view.table(rule.rule), download: "" }, say("all_of_rule", { count: rule.count.toLocaleString("en") }))] : [])),
    isMore && rows.length < rule.count ? plainButton(say("more"), actions.more) : null,
    form?.element ?? null,
  );
}

/** Returns how grave the findings of a rule are, and how many are so where they differ. */
function severityMarks({ severities }: RuleSummary, say: SayUpload): HTMLElement[] {
  return severities.map(([severity, count]) => h("span", { class: `severity severity-${severity}` }, severities.length === 1 ? say(`severity_${severity}`) : `${say(`short_${severity}`)} ${count.toLocaleString("en")}`));
}

function ruleEntry(rule: RuleSummary, view: FindingsView, actions: FindingsActions): HTMLElement {
  const isOpen = rule.rule === view.openRule;
  const head = h(
    "button",
    { type: "button", class: "rule-head", "aria-expanded": String(isOpen), onclick: () => { actions.open(isOpen ? null : rule.rule); } },
    ...severityMarks(rule, view.say),
    h("span", { class: "rule-title" }, inLanguage(rule.title, view.language), h("span", { class: "rule-id" }, rule.rule)),
    rule.waived === 0 ? null : h("span", { class: "waived" }, view.say("waived_count", { count: rule.waived })),
    h("span", { class: "count" }, rule.count.toLocaleString("en")),
  );
  return h("li", { "data-rule": rule.rule }, head, isOpen ? rowsTable(rule, view, actions) : null);
}

/** Returns the ticks by which severities are shown, here and on the map; null where there is one only. */
function severityTicks({ rules, hidden, say }: FindingsView, actions: FindingsActions): HTMLElement | null {
  const present = SEVERITIES.filter((severity) => rules.some(({ severities }) => severities.some(([of]) => of === severity)));
  if (present.length < 2) return null;
  const ticks = present.map((severity) => {
    const box = h("input", { type: "checkbox", checked: !hidden.has(severity), onchange: () => { actions.show(severity, box.checked); } });
    return h("label", { class: "tick" }, box, swatch(FINDING_COLORS[severity]), h("span", {}, say(`short_${severity}`)));
  });
  return h("fieldset", { class: "severities" }, h("legend", {}, say("severities")), ...ticks);
}

function reportLinks({ report, table, say }: FindingsView): HTMLElement {
  const links = REPORT_FORMS.map((form) => h("li", {}, h("a", { href: report(form), download: "" }, say(`report_${form}`))));
  const all = h("li", {}, h("a", { href: table(null), download: "" }, say("report_csv")));
  return h("div", { class: "reports" }, h("span", {}, say("reports")), h("ul", {}, ...links, all));
}

/** Returns what stands against publishing, in the words of this page where it has its own. */
function problemText({ code, detail }: ProblemText, language: Language, say: SayUpload): string {
  const word = `problem_${code}`;
  return isWord(word) ? say(word) : inLanguage(detail, language);
}

/** Returns the step once the check is done. */
export function findingsStep(view: FindingsView, actions: FindingsActions): HTMLElement {
  const { result, rules, say, isOver, isRejected, problem, language, hidden, waivers, canWaive } = view;
  const refused = problem === null ? null : failure(problemText(problem, language, say));
  const counts = h("p", { class: "counts" }, countsOf(result, isRejected, say));
  if (rules.length === 0) return step(3, say("step_findings"), counts, refused, h("p", { class: "good" }, say("findings_none")), reportLinks(view));
  const list = h("ul", { class: "rules" }, ...rules.filter(({ severities }) => severities.some(([of]) => !hidden.has(of))).map((rule) => ruleEntry(rule, view, actions)));
  const hint = result.rejected > 0 && !isOver ? h("p", { class: "hint" }, say(isRejected ? "next_refused" : "next_fix")) : null;
  const titles = new Map(rules.map(({ rule, title }) => [rule, inLanguage(title, language)]));
  const passed = waiversList(waivers.waivers, titles, say, canWaive ? actions.withdrawWaiver : null);
  return step(3, say("step_findings"), counts, refused, hint, severityTicks(view, actions), list, passed, reportLinks(view));
}
