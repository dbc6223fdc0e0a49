import { describe, expect, it } from "vitest";

import { unionExtent } from "../src/extent";
import { drawingKey, parseScene } from "../src/scene";
import { buildings, sceneJson } from "./layers";

describe("parseScene", () => {
  it("reads what the contract shows", () => {
    const scene = parseScene(sceneJson);
    expect(scene.terrain?.url).toBe("tiles/terrain/5/");
    expect(scene.layers[0]?.style.choices.map((choice) => choice.kind)).toEqual(["codes", "ramp"]);
    expect(scene.city.separation).toBeNull();
  });

  it("orders layers from the bottom up", () => {
    const [layer] = sceneJson.layers;
    const scene = parseScene({ ...sceneJson, layers: [layer, { ...layer, dataset: "plan", draw_order: 5 }] });
    expect(scene.layers.map(({ dataset }) => dataset)).toEqual(["plan", "buildings"]);
  });

  it.each([
    ["a list", [], "scene is not an object"],
    ["no city", { ...sceneJson, city: null }, "scene.city is not an object"],
    ["a count as text", { ...sceneJson, layers: [{ ...sceneJson.layers[0], count: "3" }] }, "scene.layers[0].count is not a number"],
    ["half an extent", { ...sceneJson, city: { ...sceneJson.city, extent: [1, 2] } }, "extent is not [west, south, east, north]"],
  ])("names what is wrong with %s", (_name, value, message) => {
    expect(() => parseScene(value)).toThrow(message);
  });
});

describe("drawingKey", () => {
  it("changes with the revision and the state of the tiles, not with the title", () => {
    const layer = buildings();
    expect(drawingKey({ ...layer, title: { zh: "楼", en: "Houses" } })).toBe(drawingKey(layer));
    expect(drawingKey({ ...layer, revision: 8 })).not.toBe(drawingKey(layer));
    expect(drawingKey({ ...layer, tileset: { url: "t", state: "building" } })).not.toBe(drawingKey({ ...layer, tileset: { url: "t", state: "ready" } }));
  });
});

describe("unionExtent", () => {
  it("is the hull of what is there", () => {
    expect(unionExtent([null, [1, 2, 3, 4], null, [0, 3, 2, 9]])).toEqual([0, 2, 3, 9]);
    expect(unionExtent([null])).toBeNull();
  });
});
