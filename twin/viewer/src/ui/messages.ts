/** Messages a user has to see: what failed and what to do, and how an empty city gets its first data. */

import type { Say, Word } from "../i18n";
import { h } from "./dom";

export interface Message {
  /** Same id, same message: a second failure of one layer replaces the first. */
  readonly id: string;
  readonly word: Word;
  readonly detail: string;
  readonly retry?: () => void;
}

function messageBox(message: Message, say: Say, close: (id: string) => void): HTMLElement {
  const { retry } = message;
  return h(
    "div",
    { class: "message", role: "alert", "data-message": message.id },
    h("div", {}, h("strong", {}, say(message.word)), message.detail === "" ? null : h("p", {}, message.detail)),
    retry === undefined
      ? null
      : h("button", { type: "button", class: "retry", onclick: () => { close(message.id); retry(); } }, say("retry")),
    h("button", { type: "button", class: "close", "aria-label": say("close"), title: say("close"), onclick: () => { close(message.id); } }, "×"),
  );
}

/** Returns the stack of messages, empty when there are none. */
export function messageStack(messages: readonly Message[], say: Say, close: (id: string) => void): HTMLElement {
  return h("div", { class: "messages" }, ...messages.map((message) => messageBox(message, say, close)));
}

/** Returns the card an empty city shows. */
export function emptyCity(say: Say): HTMLElement {
  return h("section", { class: "panel empty-city" }, h("h2", {}, say("empty_city")), h("p", {}, say("empty_city_how")), h("pre", {}, h("code", {}, "twin load FILE --type building --dataset buildings")));
}
