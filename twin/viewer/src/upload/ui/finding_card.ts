/** What was clicked on the map: the rule, what to do, and which row it is. */

import { type Language, inLanguage } from "../../i18n";
import { h } from "../../ui/dom";
import type { Finding } from "../findings";
import type { RuleSummary } from "../submission";
import type { SayUpload } from "../words";

/** Returns the card; `close` takes it away. */
export function findingCard(finding: Finding, rule: RuleSummary | undefined, language: Language, say: SayUpload, close: () => void): HTMLElement {
  const where = [finding.file, finding.layer, finding.row === null ? "" : `${say("row")} ${finding.row}`, finding.key ?? ""].filter((part) => part !== "").join(" · ");
  const advice = rule?.advice ?? null;
  return h(
    "div",
    { class: "finding-card", role: "status" },
    h(
      "div",
      { class: "finding-card-head" },
      h("span", { class: `severity severity-${finding.severity}` }, say(`short_${finding.severity}`)),
      h("strong", {}, rule === undefined ? finding.rule : inLanguage(rule.title, language)),
      h("button", { type: "button", class: "close", "aria-label": say("close"), title: say("close"), onclick: close }, "×"),
    ),
    h("p", {}, inLanguage(finding.message, language)),
    h("p", { class: "hint" }, where),
    finding.waived === null ? null : h("p", { class: "waived" }, say("waived_by", finding.waived)),
    advice === null ? null : h("p", {}, h("strong", {}, say("advice")), ` ${inLanguage(advice, language)}`),
  );
}
