/** The form in which two names of one layer, dataset or column are equal; the server's is the same (`normalised` in ingest/names.py). Pure. */

const UNIT = /[([{（【][^()[\]{}（）【】]*[)\]}）】]\s*$/u;
const IGNORED = /[\s_\-:：.·/\\*]+/gu;

/** Returns a name without case, width, spaces, separators and a unit in brackets at its end. */
export function normalised(name: string): string {
  const text = name.normalize("NFKC").trim();
  const bare = text.replace(UNIT, "");
  return (bare === "" ? text : bare).replace(IGNORED, "").toUpperCase().toLowerCase();
}
