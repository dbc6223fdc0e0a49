/** How far the check is, what it counted and what it found, rule by rule and row by row. */

import { type Language, inLanguage } from "../../i18n";
import { h, iconButton } from "../../ui/dom";
import type { Finding } from "../findings";
import type { CheckResult, ProblemText, Progress, RuleSummary } from "../submission";
import type { SayUpload } from "../words";
import { failure, plainButton, step } from "./step";

export interface FindingsView {
  readonly result: CheckResult;
  /** Why the files cannot be published as they are. */
  readonly problem: ProblemText | null;
  readonly rules: readonly RuleSummary[];
  readonly openRule: string | null;
  readonly rows: readonly Finding[];
  /** The server has more than were read so far. */
  readonly isMore: boolean;
  readonly table: string;
  readonly isOver: boolean;
  readonly language: Language;
  readonly say: SayUpload;
}

export interface FindingsActions {
  readonly open: (rule: string | null) => void;
  readonly more: () => void;
  readonly locate: (index: number) => void;
}

/** Returns the bar of a running check; the words are read out as they change. */
export function progressStep({ step: what, done, total }: Progress, language: Language, say: SayUpload): HTMLElement {
  const bar = total === null ? h("progress", { "aria-label": say("checking") }) : h("progress", { max: Math.max(1, total), value: done, "aria-label": say("checking") });
  const count = total === null ? (done > 0 ? done.toLocaleString("en") : "") : say("of", { done: done.toLocaleString("en"), total: total.toLocaleString("en") });
  return step(3, say("checking"), bar, h("p", { role: "status", "aria-live": "polite" }, `${inLanguage(what, language)} ${count}`));
}

function findingRow(finding: Finding, index: number, { language, say }: FindingsView, actions: FindingsActions): HTMLElement {
  const label = `${say("locate")} ${finding.row ?? finding.key ?? ""}`;
  const place = finding.place === null ? null : iconButton("target", label, () => { actions.locate(index); });
  const row = h(
    "tr",
    {},
    h("td", { class: "number" }, finding.row === null ? "" : String(finding.row)),
    h("td", {}, finding.key ?? ""),
    h("td", {}, inLanguage(finding.message, language)),
    h("td", {}, place),
  );
  row.dataset["text"] = `${row.textContent} ${finding.layer}`.toLowerCase();
  return row;
}

function rowsTable(rule: RuleSummary, view: FindingsView, actions: FindingsActions): HTMLElement {
  const { rows, say, isMore } = view;
  const body = h("tbody", {}, ...rows.map((finding, index) => findingRow(finding, index, view, actions)));
  const filter = h("input", {
    type: "text",
    class: "filter",
    placeholder: say("filter_findings"),
    "aria-label": say("filter_findings"),
    oninput: () => {
      const wanted = filter.value.trim().toLowerCase();
      for (const row of body.rows) row.hidden = !(row.dataset["text"] ?? "").includes(wanted);
    },
  });
  const heads = [say("row"), say("key"), say("message"), say("position")].map((title) => h("th", { scope: "col" }, title));
  return h(
    "div",
    { class: "rule-rows" },
    filter,
    h("div", { class: "table-frame" }, h("table", {}, h("thead", {}, h("tr", {}, ...heads)), body)),
    h("p", { class: "hint" }, say("findings_of", { shown: rows.length, count: rule.count })),
    isMore && rows.length < rule.count ? plainButton(say("more"), actions.more) : null,
  );
}

function ruleEntry(rule: RuleSummary, view: FindingsView, actions: FindingsActions): HTMLElement {
  const isOpen = rule.rule === view.openRule;
  const head = h(
    "button",
    { type: "button", class: "rule-head", "aria-expanded": String(isOpen), onclick: () => { actions.open(isOpen ? null : rule.rule); } },
    h("span", { class: `severity severity-${rule.severity}` }, view.say(`severity_${rule.severity}`)),
    h("span", { class: "rule-title" }, inLanguage(rule.title, view.language)),
    h("span", { class: "count" }, rule.count.toLocaleString("en")),
  );
  return h("li", { "data-rule": rule.rule }, head, isOpen ? rowsTable(rule, view, actions) : null);
}

/** Returns the step once the check is done. */
export function findingsStep(view: FindingsView, actions: FindingsActions): HTMLElement {
  const { result, rules, say, table, isOver, problem, language } = view;
  const refused = problem === null ? null : failure(inLanguage(problem.detail, language));
  const counts = h("p", { class: "counts", role: "status" }, say("read_accepted_rejected", { read: result.read.toLocaleString("en"), accepted: result.accepted.toLocaleString("en"), rejected: result.rejected.toLocaleString("en") }));
  if (rules.length === 0) return step(3, say("step_findings"), counts, refused, h("p", { class: "good" }, say("findings_none")));
  const list = h("ul", { class: "rules" }, ...rules.map((rule) => ruleEntry(rule, view, actions)));
  const hint = result.rejected > 0 && !isOver ? h("p", { class: "hint" }, say("next_fix")) : null;
  return step(3, say("step_findings"), counts, refused, hint, list, h("p", {}, h("a", { href: table, download: "findings.csv" }, say("download_findings"))));
}
