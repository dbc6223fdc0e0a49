/** From a feature's raw properties to the rows of the attribute panel. Pure. */

import { codeSpellings } from "./coloring";
import { type Language, inLanguage } from "./i18n";
import type { Field, Layer } from "./scene";

export interface AttributeRow {
  readonly name: string;
  readonly title: string;
  /** The value as a person reads it: code title, number with its unit, yes or no. */
  readonly text: string;
}

const numberFormat = new Intl.NumberFormat("en", { maximumFractionDigits: 3, useGrouping: false, signDisplay: "negative" });

function formatCode(field: Field, value: string, language: Language): string {
  const code = codeSpellings(field).get(value);
  const title = code === undefined ? undefined : field.codes.get(code);
  if (code === undefined || title === undefined) return value;
  const text = inLanguage(title, language);
  return text === code ? code : `${text} (${code})`;
}

/** Returns one value as text in the language, with the field's unit. */
export function formatValue(field: Field, value: unknown, language: Language): string {
  if (typeof value === "boolean") return language === "zh" ? (value ? "是" : "否") : value ? "yes" : "no";
  if (typeof value === "number") return `${numberFormat.format(value)}${field.unit === null ? "" : ` ${field.unit}`}`;
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return field.codes.size > 0 ? formatCode(field, text, language) : text;
}

/** Returns the layer's fields that have a value, in the FeatureType's order. */
export function attributeRows(layer: Layer, properties: Readonly<Record<string, unknown>>, language: Language): AttributeRow[] {
  return layer.fields.flatMap((field) => {
    const value = properties[field.name];
    if (value === null || value === undefined || value === "") return [];
    return [{ name: field.name, title: inLanguage(field.title, language), text: formatValue(field, value, language) }];
  });
}
