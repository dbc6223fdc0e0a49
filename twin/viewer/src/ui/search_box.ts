/** The one box in which a user types what to fly to. */

import type { Say } from "../i18n";
import { h, icon } from "./dom";

/** Returns the search form; `find` gets the typed text. */
export function searchBox(say: Say, find: (text: string) => void): HTMLElement {
  const input = h("input", { type: "search", name: "query", autocomplete: "off", spellcheck: "false", placeholder: say("find_hint"), "aria-label": say("find_hint") });
  return h(
    "form",
    {
      class: "search",
      role: "search",
      "aria-label": say("search"),
      onsubmit: (event) => {
        event.preventDefault();
        find(input.value);
      },
    },
    input,
    h("button", { type: "submit", class: "icon-button", title: say("find"), "aria-label": say("find") }, icon("search")),
  );
}
