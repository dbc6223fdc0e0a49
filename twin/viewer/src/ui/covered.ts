/** What panels at the sides leave free of the picture. */

/** A picture narrower than this is no use: panels then lie over it. */
const LEAST_FREE_PX = 240;

/** Returns how many CSS pixels of the left and the right the open panels cover; none where hardly anything would be left. */
export function coveredSides(chrome: HTMLElement, widthPx: number): { readonly left: number; readonly right: number } {
  const left = chrome.querySelector(".layer-panel")?.getBoundingClientRect().right ?? 0;
  const rights = [...chrome.querySelectorAll(".toolbar, .attribute-panel")].map((panel) => panel.getBoundingClientRect().left);
  const right = widthPx - Math.min(widthPx, ...rights);
  return widthPx - left - right < LEAST_FREE_PX ? { left: 0, right: 0 } : { left, right };
}
