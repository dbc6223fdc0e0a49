/** Which submission the page shows, in the URL hash: a reload, a bookmark and a colleague come back to it. Pure. */

import type { Language } from "../i18n";

export interface Address {
  readonly id: string | null;
  readonly language: Language | null;
}

/** Returns what a hash (with or without `#`) names; what makes no sense is left out. */
export function parseAddress(hash: string): Address {
  const parameters = new URLSearchParams(hash.replace(/^#/, ""));
  const [id, language] = [parameters.get("id"), parameters.get("lang")];
  return { id: id !== null && /^[\w-]{1,64}$/.test(id) ? id : null, language: language === "zh" || language === "en" ? language : null };
}

/** Returns the hash that `parseAddress` reads back. */
export function formatAddress({ id, language }: Address): string {
  const parameters = new URLSearchParams();
  if (id !== null) parameters.set("id", id);
  if (language !== null) parameters.set("lang", language);
  return `#${parameters}`;
}
