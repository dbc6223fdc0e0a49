/** Submissions to come back to. */

import type { Language } from "../../i18n";
import { h } from "../../ui/dom";
import { formatAddress } from "../address";
import type { Submission } from "../submission";
import type { SayUpload } from "../words";
import { step } from "./step";

/** Returns the newest submissions as links. */
export function recentList(submissions: readonly Submission[], current: string | null, language: Language, say: SayUpload): HTMLElement {
  if (submissions.length === 0) return step(null, say("recent"), h("p", { class: "hint" }, say("recent_none")));
  const date = new Intl.DateTimeFormat(language === "zh" ? "zh-CN" : "en", { dateStyle: "medium", timeStyle: "short" });
  const rows = submissions.map(({ id, files, state, receivedAt, actor }) =>
    h(
      "li",
      { "aria-current": id === current ? "true" : null },
      h("a", { href: formatAddress({ id, language }) }, files.map(({ name }) => name).join("、") || id),
      h("span", { class: `state state-${state}` }, say(`state_${state}`)),
      h("span", { class: "muted" }, `${actor} · ${date.format(new Date(receivedAt))}`),
    ),
  );
  return step(null, say("recent"), h("ul", { class: "recent" }, ...rows));
}
