/** Picking or dropping files, and watching them go. */

import { h, icon } from "../../ui/dom";
import type { SubmittedFile } from "../submission";
import type { SayUpload } from "../words";
import { plainButton, primaryButton, step } from "./step";

export interface FilesActions {
  readonly choose: (files: readonly File[]) => void;
  readonly remove: (index: number) => void;
  readonly upload: () => void;
  readonly startAnew: () => void;
}

const UNITS = ["B", "KB", "MB", "GB"] as const;

/** Returns a size as people read it. */
export function fileSize(bytes: number): string {
  const power = Math.min(UNITS.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  return `${(bytes / 1024 ** power).toFixed(power === 0 ? 0 : 1)} ${UNITS[power] ?? "B"}`;
}

function dropZone(say: SayUpload, choose: FilesActions["choose"], isFirst: boolean): HTMLElement {
  const input = h("input", {
    type: "file",
    multiple: true,
    class: "visually-hidden",
    "aria-label": say(isFirst ? "pick_files" : "add_more"),
    "aria-describedby": "formats",
    onchange: () => {
      choose([...(input.files ?? [])]);
      input.value = "";
    },
  });
  const zone = h(
    "label",
    { class: "drop-zone" },
    icon("upload"),
    h("span", {}, say("drop_here"), " ", h("span", { class: "link" }, say(isFirst ? "pick_files" : "add_more"))),
    input,
    h("span", { class: "hint", id: "formats" }, say("drop_formats")),
  );
  const over = (isOver: boolean) => (event: Event) => {
    event.preventDefault();
    zone.classList.toggle("is-over", isOver);
  };
  zone.addEventListener("dragover", over(true));
  zone.addEventListener("dragleave", over(false));
  zone.addEventListener("drop", (event) => {
    over(false)(event);
    choose([...(event.dataTransfer?.files ?? [])]);
  });
  return zone;
}

/** Returns the step before anything was uploaded. */
export function filesStep(chosen: readonly File[], say: SayUpload, actions: FilesActions): HTMLElement {
  const rows = chosen.map((file, index) =>
    h(
      "li",
      {},
      h("span", { class: "file-name" }, file.name),
      h("span", { class: "muted" }, fileSize(file.size)),
      h("button", { type: "button", class: "close", "aria-label": `${say("remove")} ${file.name}`, title: say("remove"), onclick: () => { actions.remove(index); } }, "×"),
    ),
  );
  const upload = chosen.length === 0 ? null : primaryButton(say("upload", { count: chosen.length }), actions.upload);
  return step(1, say("step_files"), dropZone(say, actions.choose, chosen.length === 0), h("ul", { class: "file-list" }, ...rows), upload);
}

/** Returns the step while files are on their way, and a function that says how much has gone (0–1). */
export function sendingStep(files: readonly { readonly size: number }[], say: SayUpload, stop: () => void): { readonly element: HTMLElement; readonly sent: (share: number) => void } {
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  const bar = h("progress", { max: 1, value: 0, "aria-label": say("sending") });
  const text = h("p", { role: "status" }, say("sending"));
  const count = h("p", { class: "hint" });
  const button = plainButton(say("cancel"), stop);
  const sent = (share: number): void => {
    bar.value = share;
    text.textContent = share < 1 ? say("sending") : say("inspecting");
    count.textContent = share < 1 ? say("of", { done: fileSize(share * bytes), total: fileSize(bytes) }) : "";
    button.hidden = share >= 1;
  };
  return { element: step(1, say("step_files"), bar, text, count, button), sent };
}

/** Returns the step of a submission that has its files. */
export function submittedFilesStep(files: readonly SubmittedFile[], say: SayUpload, actions: FilesActions): HTMLElement {
  const rows = files.map((file) =>
    h("li", {}, h("span", { class: "file-name" }, file.name), h("span", { class: "muted" }, fileSize(file.size)), ...hashOf(file)),
  );
  return step(1, say("files"), h("ul", { class: "file-list" }, ...rows), plainButton(say("new_submission"), actions.startAnew));
}

function hashOf(file: SubmittedFile): HTMLElement[] {
  return file.sha256 === null ? [] : [h("code", { title: `SHA-256 ${file.sha256}` }, file.sha256.slice(0, 12))];
}
