/** Asking for the surveyor's token. */

import { h } from "../../ui/dom";
import type { SayUpload } from "../words";
import { field, plainButton } from "./step";

/** Returns the field, or a line saying that there is a token; `keep` gets the typed text, an empty one to ask anew. */
export function tokenStep(hasToken: boolean, say: SayUpload, keep: (token: string) => void): HTMLElement {
  if (hasToken) {
    return h("section", { class: "card token-kept" }, h("span", {}, say("token_kept")), plainButton(say("change_token"), () => { keep(""); }));
  }
  const input = h("input", { type: "password", name: "token", autocomplete: "off", spellcheck: "false", required: true });
  return h(
    "form",
    {
      class: "card token-form",
      onsubmit: (event) => {
        event.preventDefault();
        keep(input.value.trim());
      },
    },
    field(say("token"), h("span", { class: "input-row" }, input, h("button", { type: "submit", class: "primary" }, say("save"))), say("token_how")),
  );
}
