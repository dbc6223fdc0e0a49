/** From attribute values to colours, the same for 3D tiles, vector tiles and the legend. Pure. */

import type { Text } from "./i18n";
import type { ColorChoice, Field, Layer } from "./scene";

/** Red, green, blue, each 0–255. */
export type Rgb = readonly [number, number, number];

/** Returns the colour of one attribute value; missing and unknown values have the layer's default colour. */
export type Coloring = (value: unknown) => Rgb;

/** Hears of every code that was coloured: a legend of 175 codes is of use only when it shows the few that are there. */
export type CodeSeen = (code: string) => void;

/** Returns the three bytes of `#rrggbb`; black when the text is no such colour. */
export function parseColor(color: string): Rgb {
  const bits = /^#[0-9a-f]{6}$/i.test(color) ? Number.parseInt(color.slice(1), 16) : 0;
  return [bits >> 16, (bits >> 8) & 255, bits & 255];
}

/**
 * Returns every spelling under which a code may come → the code.
 *
 * CesiumJS gives the *name* of an enum value, vector tiles and items give the code.
 */
export function codeSpellings(field: Field): ReadonlyMap<string, string> {
  const spellings = new Map<string, string>();
  for (const [code, title] of field.codes) {
    for (const spelling of [title.zh, title.en]) if (!spellings.has(spelling)) spellings.set(spelling, code);
  }
  for (const code of field.codes.keys()) spellings.set(code, code);
  return spellings;
}

/** Returns the choice by which a layer is coloured: the asked one where the layer has it, else its own first, else none. */
export function chosenChoice(layer: Layer, asked: string | undefined): ColorChoice | null {
  const { choices, colorBy } = layer.style;
  const byField = (name: string | null | undefined): ColorChoice | undefined => choices.find((choice) => choice.field === name);
  return byField(asked) ?? byField(colorBy) ?? null;
}

function rampColor(stops: readonly (readonly [number, string])[], value: number): Rgb | null {
  const first = stops[0];
  const last = stops.at(-1);
  if (first === undefined || last === undefined) return null;
  if (value <= first[0]) return parseColor(first[1]);
  if (value >= last[0]) return parseColor(last[1]);
  const above = stops.findIndex((stop) => value < stop[0]);
  const [high, low] = [stops[above] ?? last, stops[above - 1] ?? first];
  const share = (value - low[0]) / (high[0] - low[0]);
  const [from, to] = [parseColor(low[1]), parseColor(high[1])];
  const mix = (index: 0 | 1 | 2): number => Math.round(from[index] + share * (to[index] - from[index]));
  return [mix(0), mix(1), mix(2)];
}

/** Returns the colouring of a layer's features under a choice; kinds of surface and pictures are shown elsewhere, and only in 3D. */
export function coloring(layer: Layer, choice: ColorChoice | null, seen?: CodeSeen): Coloring {
  const fallback = parseColor(layer.style.defaultColor);
  if (choice === null || choice.kind === "surface" || choice.kind === "texture") return () => fallback;
  if (choice.kind === "ramp") {
    return (value) => (typeof value === "number" && Number.isFinite(value) ? (rampColor(choice.stops, value) ?? fallback) : fallback);
  }
  const field = layer.fields.find((candidate) => candidate.name === choice.field);
  const spellings = field === undefined ? new Map<string, string>() : codeSpellings(field);
  const colors = new Map(choice.legend.map((entry) => [entry.value, parseColor(entry.color)]));
  return (value) => {
    if (value === null || value === undefined) return fallback;
    const spelled = typeof value === "string" ? value : JSON.stringify(value);
    const code = spellings.get(spelled) ?? spelled;
    seen?.(code);
    return colors.get(code) ?? fallback;
  };
}

/** The pale grey of what only stands around. */
export const MUTED: Rgb = [214, 219, 223];

/** Returns `rgb(r g b / alpha)` for a canvas or a style sheet. */
export function cssColor([red, green, blue]: Rgb, alpha = 1): string {
  return `rgb(${red} ${green} ${blue} / ${alpha})`;
}

/** Returns the same hue, darker: outlines of filled areas. */
export function darker([red, green, blue]: Rgb): Rgb {
  const dim = (part: number): number => Math.round(part * 0.55);
  return [dim(red), dim(green), dim(blue)];
}

/** Returns the title of what a choice colours by. */
export function choiceTitle(layer: Layer, choice: ColorChoice): Text {
  if (choice.kind === "surface" || choice.kind === "texture") return choice.title;
  return layer.fields.find((field) => field.name === choice.field)?.title ?? { zh: choice.field, en: choice.field };
}
