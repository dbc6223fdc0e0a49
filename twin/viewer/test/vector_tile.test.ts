import { describe, expect, it } from "vitest";

import { type TileFeature, ancestor, decodeTile, featuresAt, inAncestor, labelPlace, pointRadiusPx } from "../src/vector_tile";

const square = (from: number, to: number): { x: number; y: number }[] => [
  { x: from, y: from },
  { x: to, y: from },
  { x: to, y: to },
  { x: from, y: to },
  { x: from, y: from },
];
const courtyard: TileFeature = { fid: 1, kind: "polygon", parts: [square(0, 100), square(40, 60).toReversed()], properties: {} };
const road: TileFeature = { fid: 2, kind: "line", parts: [[{ x: 0, y: 0 }, { x: 100, y: 0 }]], properties: {} };
const tile = { extent: 4096, features: [courtyard, road] };

describe("featuresAt", () => {
  it("finds the topmost first, and nothing in a hole", () => {
    expect(featuresAt(tile, { x: 20, y: 3 }, 5).map(({ fid }) => fid)).toEqual([2, 1]);
    expect(featuresAt(tile, { x: 50, y: 50 }, 5)).toEqual([]);
    expect(featuresAt(tile, { x: 104, y: 0 }, 5).map(({ fid }) => fid)).toEqual([2]);
  });
});

describe("tiles within tiles", () => {
  it("places a point of a deep tile in the tile its data come from", () => {
    const inner = { z: 18, x: 4 * 1000 + 3, y: 4 * 500 + 1 };
    const outer = ancestor(inner, 16);
    expect(outer).toEqual({ z: 16, x: 1000, y: 500 });
    expect(inAncestor(inner, outer, { x: 0.5, y: 0 }, 4096)).toEqual({ x: 4096 * 0.875, y: 1024 });
    expect(ancestor(outer, 16)).toEqual(outer);
  });
});

describe("labelPlace", () => {
  it("lies in the middle of the largest part", () => {
    const place = labelPlace({ ...courtyard, parts: [square(0, 10), square(1000, 3000)] }, tile, { z: 1, x: 1, y: 0 });
    expect(place?.x).toBeCloseTo(0.5 + 2000 / 8192, 9);
    expect(place?.y).toBeCloseTo(2000 / 8192, 9);
  });

  it("is nowhere for a line", () => {
    expect(labelPlace(road, tile, { z: 0, x: 0, y: 0 })).toBeNull();
  });
});

describe("decodeTile", () => {
  it("takes the empty answer of a place without features", () => {
    expect(decodeTile(new ArrayBuffer(0)).features).toEqual([]);
  });

  it("reads ids, values and geometry of a tile written by hand after the Mapbox Vector Tile specification 2.1", () => {
    // Layer "a": extent 4096, key "name" = "x", one point feature with id 7 at (25, 17): the example of clause 4.3.5.1.
    const feature = [0x08, 0x07, 0x12, 0x02, 0x00, 0x00, 0x18, 0x01, 0x22, 0x03, 0x09, 0x32, 0x22];
    const body = [0x78, 0x02, 0x0a, 0x01, 0x61, 0x12, feature.length, ...feature, 0x1a, 0x04, 0x6e, 0x61, 0x6d, 0x65, 0x22, 0x03, 0x0a, 0x01, 0x78, 0x28, 0x80, 0x20];
    const [decoded] = decodeTile(Uint8Array.from([0x1a, body.length, ...body]).buffer).features;
    expect(decoded).toMatchObject({ fid: 7, kind: "point", properties: { name: "x" } });
    expect(decoded?.parts[0]?.[0]).toMatchObject({ x: 25, y: 17 });
  });
});

it("points shrink with the map below the level of full size, and never vanish", () => {
  expect([20, 17, 16, 15, 10].map(pointRadiusPx)).toEqual([4, 4, 2, 1, 0.8]);
});
