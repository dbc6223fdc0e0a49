/** The frame every step of a submission stands in. */

import { h } from "../../ui/dom";

type Children = readonly (Node | string | null)[];

/** Returns a card with a heading, to which the keyboard can be taken; `number` null for what is no step of the sequence. */
export function step(number: number | null, title: string, ...children: Children): HTMLElement {
  const id = `step-${number ?? title}`;
  const badge = number === null ? null : h("span", { class: "step-number", "aria-hidden": "true" }, String(number));
  return h("section", { class: "card", "aria-labelledby": id }, h("h2", { id, tabindex: -1 }, badge, title), ...children);
}

/** Returns a button that does the step's main thing. */
export function primaryButton(text: string, onClick: () => void, disabled = false): HTMLButtonElement {
  return h("button", { type: "button", class: "primary", disabled, onclick: onClick }, text);
}

export function plainButton(text: string, onClick: () => void, disabled = false): HTMLButtonElement {
  return h("button", { type: "button", class: "plain", disabled, onclick: onClick }, text);
}

/** Returns a button that asks once more before it does something; Escape and the second button take the question back. */
export function askingButton({ title, question, cancel }: { readonly title: string; readonly question: string; readonly cancel: string }, act: () => void, disabled = false): HTMLButtonElement {
  const button = plainButton(title, () => {
    const back = (): void => {
      sure.replaceWith(button);
      button.focus();
    };
    const yes = h("button", { type: "button", class: "danger", onclick: act }, title);
    const sure = h("span", { class: "sure" }, h("span", { role: "alert" }, question), yes, plainButton(cancel, back));
    sure.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.preventDefault(); // nothing else closes with it
      back();
    });
    button.replaceWith(sure);
    yes.focus();
  }, disabled);
  return button;
}

/** Returns a control with its label above it and a hint below. */
export function field(label: string, control: HTMLElement, hint: string | null = null): HTMLElement {
  return h("label", { class: "field" }, h("span", { class: "field-label" }, label), control, hint === null ? null : h("span", { class: "hint" }, hint));
}

/** Returns what went wrong and, where that helps, a button to try again. */
export function failure(text: string, again: { readonly title: string; readonly run: () => void } | null = null): HTMLElement {
  return h("div", { class: "failure", role: "alert" }, h("p", {}, text), again === null ? null : plainButton(again.title, again.run));
}
