/** Making DOM elements in one expression, without innerHTML: no text of a city ever becomes markup. */

type AttributeValue = string | number | boolean | ((event: Event) => void) | null;
type Attributes = Readonly<Record<string, AttributeValue>>;
type Child = Node | string | null;

function setAttribute(element: Element, name: string, value: AttributeValue): void {
  if (value === null || value === false) return;
  if (typeof value === "function") element.addEventListener(name.replace(/^on/, ""), value);
  else element.setAttribute(name, value === true ? "" : String(value));
}

/** Returns a new element; attributes starting with `on` are listeners, `false` and null leave one out. */
export function h<K extends keyof HTMLElementTagNameMap>(tag: K, attributes: Attributes = {}, ...children: readonly Child[]): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) setAttribute(element, name, value);
  element.append(...children.filter((child) => child !== null));
  return element;
}

const icons = {
  home: "M3 11 12 3l9 8M6 9.5V21h12V9.5",
  layers: "m12 3 9 5-9 5-9-5zM3 13l9 5 9-5",
  minus: "M5 12h14",
  north: "m12 3 6 18-6-4-6 4z",
  plus: "M12 5v14M5 12h14",
  search: "M10 4a6 6 0 1 0 0 12 6 6 0 0 0 0-12m4.5 10.5L20 20",
  target: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8M12 2v4M12 18v4M2 12h4M18 12h4",
  tilt: "M4 17 8 8h8l4 9zM12 8v9M6 12.5h12",
  upload: "M12 16V4m-5 5 5-5 5 5M4 16v4h16v-4",
  underground: "M2 8h20M4 8v4m5-4v2m5-2v4m5-4v2M5 17h14M5 21h14M5 17v4M19 17v4",
} as const;

export type IconName = keyof typeof icons;

/** Returns a line drawing of 20 px that takes the colour of its text and is silent to screen readers. */
export function icon(name: IconName): SVGSVGElement {
  const namespace = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(namespace, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(namespace, "path");
  path.setAttribute("d", icons[name]);
  svg.append(path);
  return svg;
}

/** Returns a button that shows an icon and says its name to screen readers and on hover. */
export function iconButton(name: IconName, label: string, onClick: () => void, pressed: boolean | null = null): HTMLButtonElement {
  const state = pressed === null ? {} : { "aria-pressed": String(pressed) };
  return h("button", { type: "button", class: "icon-button", title: label, "aria-label": label, ...state, onclick: onClick }, icon(name));
}

/** Returns a patch of colour; its background is set through CSSOM, which a strict CSP allows. */
export function swatch(color: string): HTMLSpanElement {
  const patch = h("span", { class: "swatch", "aria-hidden": "true" });
  patch.style.background = color;
  return patch;
}
