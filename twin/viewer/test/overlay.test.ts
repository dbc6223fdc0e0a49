import { describe, expect, it } from "vitest";

import { outlinePaths, overlayFeature, overlayTile } from "../src/overlay";
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

describe("outlinePaths", () => {
  const corners = [[119, 31], [119.001, 31], [119.001, 31.001], [119, 31]];
  const path = (most: number, stepDeg: number) => {
    const feature = overlayFeature(1, { type: "Polygon", coordinates: [corners] }, GREEN);
    return feature === null ? [] : (outlinePaths(feature, stepDeg, most)[0] ?? []);
  };

  it("comes back to longitude and latitude", () => {
    const found = path(100, 1);
    expect(found.length).toBe(corners.length);
    for (const [index, [lon, lat]] of found.entries()) {
      expect(lon).toBeCloseTo(corners[index]?.[0] ?? NaN, 9);
      expect(lat).toBeCloseTo(corners[index]?.[1] ?? NaN, 9);
    }
  });

  it("has places between corners that are far apart, as many as there may be", () => {
    const found = path(100, 0.00026);
    expect(found.slice(0, 5).map(([lon]) => lon.toFixed(5))).toEqual(["119.00000", "119.00025", "119.00050", "119.00075", "119.00100"]);
    expect(path(7, 0.00026).length).toBe(7);
  });

  it("leaves corners out where there are too many, its ends never", () => {
    const found = path(2, 1);
    expect(found.length).toBe(3);
    expect([found[0]?.[0].toFixed(6), found.at(-1)?.[0].toFixed(6)]).toEqual(["119.000000", "119.000000"]);
  });
});
