/** What a screen reader says as a submission goes its way: one sentence for each thing that has come about. Pure. */

import { type Language, inLanguage } from "../i18n";
import { type Draft, lackOf } from "./draft";
import { type CheckResult, type Submission, isChecking } from "./submission";
import type { SayUpload } from "./words";

/** Where a submission is on its way, as far as the page looks different there. */
export type Stage = "choosing" | "received" | "checking" | "checked" | "over";

/** The parts of the page that a stage begins with: the first of them that is there. */
export const SECTION_OF: Readonly<Record<Stage, readonly string[]>> = {
  choosing: ["files"],
  received: ["proposals", "files"],
  checking: ["progress"],
  checked: ["findings", "proposals"],
  over: ["publish"],
};

/** Returns the stage of a submission; null: of none yet. */
export function stageOf(submission: Submission | null): Stage {
  if (submission === null) return "choosing";
  if (isChecking(submission)) return "checking";
  if (submission.state === "published" || submission.state === "withdrawn") return "over";
  return submission.result === null && submission.request === null ? "received" : "checked";
}

/** Returns what a check counted, in words; of files that are refused as a whole no row can be published. */
export function countsOf({ read, accepted, rejected }: CheckResult, isRefused: boolean, say: SayUpload): string {
  const [asRead, asAccepted, asRejected] = [read, accepted, rejected].map((count) => count.toLocaleString("en"));
  return say(isRefused ? "read_rejected_whole" : "read_accepted_rejected", { read: asRead ?? "", accepted: asAccepted ?? "", rejected: asRejected ?? "" });
}

/** Returns how an ended submission ended, in words. */
export function endOf({ state, commit }: Submission, say: SayUpload): string {
  if (state === "withdrawn") return say("withdrawn");
  return commit === null ? say("nothing_changes") : say("published", { commit });
}

/** Returns whether a sentence that follows another is worth saying: not for a count or a second more of the same. */
export function isNews(sentence: string, before: string, stage: Stage): boolean {
  const gist = (text: string): string => (stage === "checking" ? text.replace(/[\d,]+/g, "") : text);
  return gist(sentence) !== gist(before);
}

/** Returns the sentence; empty where there is nothing to say. What is wrong is not in it: that is an alert of its own. */
export function announcement(submission: Submission | null, draft: Draft | null, language: Language, say: SayUpload): string {
  if (submission === null) return "";
  switch (stageOf(submission)) {
    case "checking":
      if (submission.progress?.isWaiting === true) return inLanguage(submission.progress.step, language);
      return submission.progress === null ? "" : `${say("checking")} ${inLanguage(submission.progress.step, language)}`;
    case "checked":
      return submission.result === null ? "" : [countsOf(submission.result, submission.state === "rejected", say), ...(submission.findings.length === 0 ? [say("findings_none")] : [])].join(" ");
    case "over":
      return endOf(submission, say);
    default: {
      const readable = draft?.parts.filter(({ proposal }) => proposal.problem === null).length ?? 0;
      const lack = draft === null ? null : lackOf(draft);
      if (readable === 0) return "";
      return [say("understood", { count: readable }), ...(lack === null ? [] : [say(`lack_${lack.lack}`, { layer: lack.layer })])].join(" ");
    }
  }
}
