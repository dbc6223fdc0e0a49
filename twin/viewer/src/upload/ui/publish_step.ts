/** The last word: publish with a name and a reason, or withdraw. */

import { h } from "../../ui/dom";
import { endOf } from "../announcement";
import type { PublishRequest } from "../api";
import type { Submission } from "../submission";
import { type LargeDeletion, largeDeletions } from "../submission";
import type { SayUpload } from "../words";
import { askingButton, failure, field, primaryButton, step } from "./step";

export interface PublishView {
  readonly submission: Submission;
  readonly isBusy: boolean;
  /** Its check waits or runs: withdrawing breaks that off. */
  readonly isChecking: boolean;
  /** Where the published revision is looked at. */
  readonly sceneLink: string;
  readonly titleOf: (dataset: string) => string;
  readonly say: SayUpload;
}

export interface PublishActions {
  readonly publish: (request: PublishRequest) => void;
  readonly withdraw: () => void;
}

/** A larger share of deletions is confirmed by hand. */
const MOST_DELETED = 0.2;

function deletesTick(deletions: readonly LargeDeletion[], about: string, { say, titleOf }: PublishView, changed: (isTicked: boolean) => void): HTMLElement | null {
  if (deletions.length === 0) return null;
  const which = deletions.map(({ dataset, deleted, present }) => `${titleOf(dataset)} ${deleted.toLocaleString("en")} / ${present.toLocaleString("en")}`).join(", ");
  const box = h("input", { type: "checkbox", name: "allow_deletes", "data-about": about, onchange: () => { changed(box.checked); } });
  return h("div", { class: "warning-box" }, h("p", {}, say("allow_deletes_why", { which })), h("label", { class: "tick" }, box, h("span", {}, say("allow_deletes"))));
}

function publishForm(view: PublishView, actions: PublishActions): HTMLElement[] {
  const { submission, isBusy, say } = view;
  const deletions = submission.result === null ? [] : largeDeletions(submission.result, MOST_DELETED);
  const name = h("input", { type: "text", name: "name", maxlength: 200, placeholder: say("commit_name_hint") });
  const reason = h("input", { type: "text", name: "reason", maxlength: 1000, placeholder: say("commit_reason_hint") });
  const needsTick = deletions.length > 0;
  let isTicked = false;
  const button = primaryButton(
    say("publish"),
    () => {
      actions.publish({
        ...(name.value.trim() === "" ? {} : { name: name.value.trim() }),
        ...(reason.value.trim() === "" ? {} : { reason: reason.value.trim() }),
        ...(isTicked ? { allow_deletes: true } : {}),
      });
    },
    isBusy || needsTick,
  );
  const tick = deletesTick(deletions, JSON.stringify([...(submission.result?.datasets ?? [])]), view, (ticked) => {
    isTicked = ticked;
    button.disabled = isBusy || !ticked;
  });
  return [field(say("commit_name"), name), field(say("commit_reason"), reason), ...(tick === null ? [] : [tick]), button];
}

function withdrawButton({ say, isBusy, isChecking }: PublishView, withdraw: () => void): HTMLElement {
  return askingButton({ title: say("withdraw"), question: say(isChecking ? "withdraw_checking_sure" : "withdraw_sure"), cancel: say("cancel") }, withdraw, isBusy);
}

/** Returns the step as the submission's state has it. */
export function publishStep(view: PublishView, actions: PublishActions): HTMLElement {
  const { submission, sceneLink, say } = view;
  const title = say("step_publish");
  switch (submission.state) {
    case "published":
      return step(5, title, h("p", { class: "good" }, endOf(submission, say)), h("p", {}, h("a", { class: "primary", href: sceneLink }, say("show_in_scene"))));
    case "withdrawn":
      return step(5, title, h("p", {}, endOf(submission, say)));
    case "rejected":
      return step(5, title, failure(say("state_rejected")));
    case "accepted":
      return step(5, title, ...publishForm(view, actions), withdrawButton(view, actions.withdraw));
    default:
      return step(5, title, h("p", { class: "hint" }, say("wait_check")), withdrawButton(view, actions.withdraw));
  }
}
