/** Reading JSON of a server into types: every value is looked at, and what is not as promised is named by its path. */

import type { Text } from "./i18n";

/** A document is not what its contract says; the message names the first part that is not. */
export class ShapeError extends Error {}

/** Returns the error that says what stands at `path` is not what is wanted there. */
export function unlike(path: string, wanted: string): ShapeError {
  return new ShapeError(`${path} is not ${wanted}`);
}

/** A JSON object being read, with the path that names it in messages. */
export class Reader {
  constructor(
    private readonly value: Record<string, unknown>,
    private readonly path: string,
  ) {}

  static of(value: unknown, path: string): Reader {
    if (typeof value !== "object" || value === null || Array.isArray(value)) throw unlike(path, "an object");
    return new Reader(value as Record<string, unknown>, path);
  }

  has(key: string): boolean {
    return this.value[key] !== undefined && this.value[key] !== null;
  }

  string(key: string): string {
    const value = this.value[key];
    if (typeof value !== "string") throw unlike(`${this.path}.${key}`, "a string");
    return value;
  }

  number(key: string): number {
    const value = this.value[key];
    if (typeof value !== "number") throw unlike(`${this.path}.${key}`, "a number");
    return value;
  }

  boolean(key: string): boolean {
    const value = this.value[key];
    if (typeof value !== "boolean") throw unlike(`${this.path}.${key}`, "true or false");
    return value;
  }

  object(key: string): Reader {
    return Reader.of(this.value[key], `${this.path}.${key}`);
  }

  text(key: string): Text {
    return readText(this.object(key));
  }

  list<T>(key: string, read: (item: unknown, path: string) => T): T[] {
    const value = this.value[key];
    if (!Array.isArray(value)) throw unlike(`${this.path}.${key}`, "a list");
    return value.map((item, index) => read(item, `${this.path}.${key}[${index}]`));
  }

  optional<T>(key: string, read: (key: string) => T): T | null {
    return this.has(key) ? read(key) : null;
  }

  entries(): [string, unknown][] {
    return Object.entries(this.value);
  }
}

export function readText(reader: Reader): Text {
  return { zh: reader.string("zh"), en: reader.string("en") };
}
