import { describe, expect, it } from "vitest";

import { parseQuery, readItem } from "../src/item";
import { buildings } from "./layers";

describe("parseQuery", () => {
  const layers = [buildings()];

  it("tells OIDs of the city, positions and names apart", () => {
    expect(parseQuery(" 2.25.123.2.1.42 ", layers)).toMatchObject({ kind: "oid", oid: "2.25.123.2.1.42" });
    expect(parseQuery("119.97，31.81", layers)).toEqual({ kind: "position", lonDeg: 119.97, latDeg: 31.81 });
    expect(parseQuery("119.97 31.81", layers)).toMatchObject({ kind: "position" });
    expect(parseQuery("学府花园3幢", layers)).toEqual({ kind: "name", text: "学府花园3幢" });
    expect(parseQuery("2.25.999.2.1.42", layers)).toMatchObject({ kind: "name" });
    expect(parseQuery("500, 31", layers)).toMatchObject({ kind: "name" });
    expect(parseQuery("  ", layers)).toBeNull();
  });
});

describe("readItem", () => {
  it("finds the middle and the size of any geometry", () => {
    const item = readItem({ properties: { a: 1 }, geometry: { type: "MultiPolygon", coordinates: [[[[120, 30, 7], [120.002, 30, 7], [120.002, 30.001, 8]]]] } });
    for (const [index, expected] of [120.001, 30.0005, 8].entries()) expect(item.centre?.[index]).toBeCloseTo(expected, 9);
    expect(item.radiusM).toBeGreaterThan(100);
    expect(item.radiusM).toBeLessThan(125);
  });

  it("takes a feature without geometry", () => {
    expect(readItem({ properties: null, geometry: null })).toEqual({ properties: {}, centre: null, radiusM: 0 });
  });
});
