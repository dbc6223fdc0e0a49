/** What publishing would change: how much, and each feature with its values before and after. */

import { type Language, inLanguage } from "../../i18n";
import type { Field } from "../../scene";
import { h, iconButton, swatch } from "../../ui/dom";
import { roving } from "../../ui/roving";
import { ACTION_COLORS } from "../content";
import { ACTIONS, type Action, type Change, changedValues } from "../changes";
import type { CheckResult } from "../submission";
import type { SayUpload } from "../words";
import { plainButton, step } from "./step";

export interface ChangesView {
  readonly result: CheckResult;
  readonly action: Action;
  readonly changes: readonly Change[];
  readonly isPublished: boolean;
  /** The server has more than are listed. */
  readonly isMore: boolean;
  readonly fieldsOf: (dataset: string) => readonly Field[];
  readonly titleOf: (dataset: string) => string;
  readonly language: Language;
  readonly say: SayUpload;
}

export interface ChangesActions {
  readonly choose: (action: Action) => void;
  readonly more: () => void;
  readonly locate: (index: number) => void;
}

/** Returns how many features an action touches over all datasets. */
export function countOf({ datasets }: CheckResult, action: Action): number {
  return [...datasets.values()].reduce((sum, difference) => sum + difference[action], 0);
}

/** Returns the action to look at first: the one that needs most care of those there are. */
export function firstAction(result: CheckResult): Action {
  return (["update", "insert", "delete"] as const).find((action) => countOf(result, action) > 0) ?? "insert";
}

function countsTable({ result, titleOf, say }: ChangesView): HTMLElement {
  const kinds = [...ACTIONS, "unchanged"] as const;
  const heads = [h("th", { scope: "col" }, say("dataset")), ...kinds.map((kind) => h("th", { scope: "col", class: "number" }, say(`action_${kind}`)))];
  const rows = [...result.datasets].map(([slug, difference]) =>
    h("tr", { "data-dataset": slug }, h("th", { scope: "row" }, titleOf(slug)), ...kinds.map((kind) => h("td", { class: "number", "data-kind": kind }, difference[kind].toLocaleString("en")))),
  );
  return h("div", { class: "table-frame" }, h("table", { class: "difference" }, h("thead", {}, h("tr", {}, ...heads)), h("tbody", {}, ...rows)));
}

function valuesTable(change: Change, view: ChangesView): HTMLElement {
  const { fieldsOf, language, say } = view;
  const values = changedValues(change, fieldsOf(change.dataset), language);
  if (values.length === 0) return h("p", { class: "hint" }, view.say("only_moved"));
  const isUpdate = change.action === "update";
  const rows = values.map(({ title, before, after }) =>
    isUpdate
      ? h("tr", {}, h("th", { scope: "row" }, title), h("td", { class: "before" }, before), h("td", { class: "after" }, after))
      : h("tr", {}, h("th", { scope: "row" }, title), h("td", {}, change.action === "insert" ? after : before)),
  );
  const heads = isUpdate ? [say("attribute"), say("before"), say("after")] : [say("attribute"), say(change.action === "insert" ? "after" : "before")];
  return h("table", {}, h("thead", {}, h("tr", {}, ...heads.map((title) => h("th", { scope: "col" }, title)))), h("tbody", {}, ...rows));
}

function changeEntry(change: Change, index: number, view: ChangesView, actions: ChangesActions): HTMLElement {
  const name = change.key === "" ? `${change.fid ?? index + 1}` : change.key;
  const locate = change.geometry === null ? null : iconButton("target", `${view.say("locate")} ${name}`, () => { actions.locate(index); });
  const summary = h("summary", {}, h("span", {}, name), h("span", { class: "muted" }, view.titleOf(change.dataset)));
  const details = h("details", { class: "change", "data-details": `${change.action} ${index}` }, summary);
  // Built when it is opened: a list of hundreds is quick that way.
  details.addEventListener("toggle", () => { details.append(valuesTable(change, view)); }, { once: true });
  return h("li", { "data-change": name }, details, locate);
}

function actionTabs(view: ChangesView, actions: ChangesActions): HTMLElement {
  const tabs = ACTIONS.map((action) =>
    h(
      "button",
      { type: "button", class: "tab", "aria-pressed": String(action === view.action), "data-action": action, onclick: () => { actions.choose(action); } },
      swatch(ACTION_COLORS[action]),
      `${view.say(`action_${action}`)} ${countOf(view.result, action).toLocaleString("en")}`,
    ),
  );
  return h("div", { class: "tabs", role: "group", "aria-label": view.say("step_changes") }, ...tabs);
}

/** Returns the step; a result that changes nothing says so. */
export function changesStep(view: ChangesView, actions: ChangesActions): HTMLElement {
  const { say, changes, result, action, isPublished, isMore } = view;
  const title = say(isPublished ? "step_changed" : "step_changes");
  if (ACTIONS.every((kind) => countOf(result, kind) === 0)) return step(4, title, countsTable(view), h("p", { class: "good" }, say("nothing_changes")));
  const list = h("ul", { class: "changes", "data-scroll": action }, ...changes.map((change, index) => changeEntry(change, index, view, actions)));
  roving(list, action);
  const shown = h("p", { class: "hint" }, say("findings_of", { shown: changes.length.toLocaleString("en"), count: countOf(result, action).toLocaleString("en") }), changes.length > 1 ? ` ${say("arrow_keys")}` : null);
  return step(4, title, countsTable(view), actionTabs(view, actions), list, shown, isMore ? plainButton(say("more"), actions.more) : null);
}

/** Returns the title of a dataset, its name where it has none yet. */
export function datasetTitle(slug: string, titles: ReadonlyMap<string, { readonly zh: string; readonly en: string }>, language: Language): string {
  const title = titles.get(slug);
  return title === undefined ? slug : inLanguage(title, language);
}
