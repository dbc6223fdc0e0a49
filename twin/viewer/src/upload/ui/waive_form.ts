/** Letting findings of a rule pass: a reason, and either those that are ticked or all of them. */

import { h } from "../../ui/dom";
import type { RuleSummary } from "../submission";
import type { SayUpload } from "../words";
import { askingButton, field } from "./step";

export interface WaiveForm {
  readonly element: HTMLElement;
  /** Says how many are ticked, and puts a reason that was given before where none is typed yet. */
  readonly ticked: (count: number, reasonBefore: string | null) => void;
}

/** Returns the form for a rule in a result; `waive` is told the reason and whether the whole rule is meant. */
export function waiveForm(rule: RuleSummary, resultKey: string, say: SayUpload, waive: (reason: string, isWholeRule: boolean) => void): WaiveForm {
  const reason = h("input", { type: "text", name: "waive-reason", "data-about": JSON.stringify([resultKey, rule.rule]), maxlength: 1000, required: true, oninput: () => { update(); } });
  const count = h("span", { class: "hint", role: "status" });
  const some = h("button", { type: "submit", class: "primary" }, say("waive"));
  const asked = { title: say("waive_rule"), question: say("waive_rule_sure", { count: rule.count }), cancel: say("cancel") };
  const whole = askingButton(asked, () => { waive(reason.value.trim(), true); });
  let ticks = 0;
  const update = (): void => {
    const hasReason = reason.value.trim() !== "";
    some.disabled = !hasReason || ticks === 0;
    whole.disabled = !hasReason;
    count.textContent = say("selected", { count: ticks });
  };
  const element = h(
    "form",
    {
      class: "waive-form",
      onsubmit: (event) => {
        event.preventDefault();
        if (!some.disabled) waive(reason.value.trim(), false);
      },
    },
    field(say("waive_reason"), reason, say("waive_how")),
    h("div", { class: "waive-actions" }, count, some, whole),
  );
  update();
  return {
    element,
    ticked: (now, reasonBefore) => {
      ticks = now;
      if (reason.value.trim() === "" && reasonBefore !== null) reason.value = reasonBefore;
      update();
    },
  };
}
