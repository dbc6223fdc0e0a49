/** The Escape key of a page: what it closes, wherever the focus is. */

/** Calls `close` when Escape is pressed and nobody took it before: a question is taken back and a field keeps its own Escape first. */
export function onEscape(document: Document, close: () => void): void {
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.defaultPrevented) return;
    if (event.target instanceof HTMLInputElement && event.target.value !== "" && event.target.type === "search") return;
    close();
  });
}
