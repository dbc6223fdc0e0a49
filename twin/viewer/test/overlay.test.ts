import { describe, expect, it } from "vitest";

import { overlayFeature, overlayTile } from "../src/overlay";
import { featuresAt } from "../src/vector_tile";

const GREEN = [0, 128, 0] as const;

describe("overlayFeature", () => {
  it("takes every kind of geometry a FeatureType can have, and none", () => {
    const ring = [[120, 31], [121, 31], [121, 32], [120, 31]];
    expect(overlayFeature(1, { type: "MultiPolygon", coordinates: [[ring]] }, GREEN)).toMatchObject({ kind: "polygon", extent: [120, 31, 121, 32] });
    expect(overlayFeature(2, { type: "LineString", coordinates: ring }, GREEN)).toMatchObject({ kind: "line" });
    expect(overlayFeature(3, { type: "Point", coordinates: [120, 31, 5] }, GREEN)).toMatchObject({ kind: "point", extent: [120, 31, 120, 31] });
    expect(overlayFeature(4, null, GREEN)).toBeNull();
    expect(overlayFeature(5, { type: "GeometryCollection", geometries: [] }, GREEN)).toBeNull();
  });

  it("stands where Web Mercator has it: the corner of level 1 lies at 0°, 0°", () => {
    const feature = overlayFeature(1, { type: "Point", coordinates: [0, 0] }, GREEN);
    expect(feature?.parts[0]?.[0]?.x).toBeCloseTo(0.5, 12);
    expect(feature?.parts[0]?.[0]?.y).toBeCloseTo(0.5, 12);
  });
});

describe("overlayTile", () => {
  // One square from 0° to 45° east and 0° to 40° north: in the north-eastern tile of level 1, and in no other.
  const square = overlayFeature(7, { type: "Polygon", coordinates: [[[1, 1], [45, 1], [45, 40], [1, 40], [1, 1]]] }, GREEN);
  const features = square === null ? [] : [square];

  it("gives a feature to the tiles it reaches", () => {
    expect(overlayTile(features, { z: 1, x: 1, y: 0 }).features.map(({ fid }) => fid)).toEqual([7]);
    expect(overlayTile(features, { z: 4, x: 2, y: 2 }).features).toEqual([]);
  });

  it("in units by which it is found under the cursor", () => {
    const tile = overlayTile(features, { z: 1, x: 1, y: 0 });
    expect(featuresAt(tile, { x: 500, y: 3800 }, 1).map(({ fid }) => fid)).toEqual([7]);
    expect(featuresAt(tile, { x: 3000, y: 3800 }, 1)).toEqual([]);
  });
});
