/** What was let pass of a submission, each to be taken back by a reviewer. */

import { h } from "../../ui/dom";
import type { Waiver } from "../waivers";
import type { SayUpload } from "../words";
import { plainButton } from "./step";

function featureName({ key, layer, row }: Waiver, say: SayUpload): string {
  if (key !== null) return key;
  return row === null ? say("all_features") : `${layer ?? ""} ${say("row")} ${row}`.trim();
}

function takeBack(waiver: Waiver, say: SayUpload, withdraw: (number: number) => void): HTMLElement {
  const button = plainButton(say("waiver_withdraw"), () => { withdraw(waiver.number); });
  button.setAttribute("aria-label", `${say("waiver_withdraw")}: ${waiver.rule} ${featureName(waiver, say)}`);
  return button;
}

/** Returns the list; null where there is none. `withdraw` null: the caller may take none back. */
export function waiversList(waivers: readonly Waiver[], titles: ReadonlyMap<string, string>, say: SayUpload, withdraw: ((number: number) => void) | null): HTMLElement | null {
  if (waivers.length === 0) return null;
  const entries = waivers.map((waiver) =>
    h(
      "li",
      {},
      h("span", {}, `${titles.get(waiver.rule) ?? waiver.rule} · ${featureName(waiver, say)}`),
      h("span", { class: "hint" }, `${waiver.reason}（${waiver.reviewer}）`),
      withdraw === null ? null : takeBack(waiver, say, withdraw),
    ),
  );
  return h("details", { class: "waivers", "data-details": "waivers", open: true }, h("summary", {}, `${say("waivers")} (${waivers.length})`), h("ul", {}, ...entries));
}
