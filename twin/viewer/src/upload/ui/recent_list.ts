/** Submissions to come back to. */

import type { Language } from "../../i18n";
import { h } from "../../ui/dom";
import { formatAddress } from "../address";
import type { Submission } from "../submission";
import type { SayUpload, UploadWord } from "../words";
import { step } from "./step";

/** Returns the word for where a submission is: one that was received may wait for its check or have it made. */
export function stateWord({ state, progress }: Submission): UploadWord {
  if (progress === null) return `state_${state}`;
  return progress.isWaiting ? "state_waiting" : "state_checked";
}

/** Returns the newest submissions as links. */
export function recentList(submissions: readonly Submission[], current: string | null, language: Language, say: SayUpload): HTMLElement {
  if (submissions.length === 0) return step(null, say("recent"), h("p", { class: "hint" }, say("recent_none")));
  const date = new Intl.DateTimeFormat(language === "zh" ? "zh-CN" : "en", { dateStyle: "medium", timeStyle: "short" });
  const rows = submissions.map((submission) => {
    const { id, files, state, receivedAt, actor, commit } = submission;
    return h(
      "li",
      { "aria-current": id === current ? "true" : null },
      h("a", { href: formatAddress({ id, language }) }, files.map(({ name }) => name).join("、") || (commit === null ? id : say("no_files", { commit }))),
      h("span", { class: `state state-${state}` }, say(stateWord(submission))),
      h("span", { class: "muted" }, `${actor} · ${date.format(new Date(receivedAt))}`),
    );
  });
  return step(null, say("recent"), h("ul", { class: "recent" }, ...rows));
}
