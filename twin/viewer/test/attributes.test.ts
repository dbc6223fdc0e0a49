import { describe, expect, it } from "vitest";

import { attributeRows } from "../src/attributes";
import { chosenChoice, coloring } from "../src/coloring";
import { fixed } from "../src/figures";
import { buildings } from "./layers";

describe("attributeRows", () => {
  it("gives titles, code titles and units in the language, in the FeatureType's order, without what is missing", () => {
    const rows = attributeRows(buildings(), { height_m: 18.30001, usage: "0701", name: null, gone: false }, "zh");
    expect(rows.map(({ title, text }) => [title, text])).toEqual([
      ["用途", "居住 (0701)"],
      ["高度", "18.3 m"],
      ["已拆除", "否"],
    ]);
    expect(attributeRows(buildings(), { usage: "0701" }, "en")[0]?.text).toBe("Housing (0701)");
  });

  it("understands a code by its title, as a tile's enum may name it, and shows an unknown code as it is", () => {
    expect(attributeRows(buildings(), { usage: "居住" }, "en")[0]?.text).toBe("Housing (0701)");
    expect(attributeRows(buildings(), { usage: "9999" }, "zh")[0]?.text).toBe("9999");
  });
});

describe("figures", () => {
  it("have no sign where they round to zero", () => {
    expect([fixed(-0.004, 2), fixed(-0, 6), fixed(-0.006, 2), fixed(3.14159, 2), fixed(-100, 0)]).toEqual(["0.00", "0.000000", "-0.01", "3.14", "-100"]);
    const layer = buildings();
    expect([-0.0001, -0.5].map((height_m) => attributeRows(layer, { height_m }, "en")[0]?.text)).toEqual(["0 m", "-0.5 m"]);
  });
});

describe("coloring", () => {
  const layer = buildings();
  const byUse = coloring(layer, chosenChoice(layer, undefined));
  const byHeight = coloring(layer, chosenChoice(layer, "height_m"));

  it("colours codes whichever way they are spelled, and the rest by default", () => {
    expect(["0701", "居住", "Housing"].map(byUse)).toEqual(Array(3).fill([255, 204, 102]));
    expect([undefined, null, "x", 3].map(byUse)).toEqual(Array(4).fill([200, 200, 200]));
  });

  it("mixes ramps between their stops and holds them beyond", () => {
    expect(byHeight(5)).toEqual([50, 50, 50]);
    expect(byHeight(-3)).toEqual([0, 0, 0]);
    expect(byHeight(10)).toEqual([100, 100, 100]);
    expect(byHeight(1000)).toEqual([255, 255, 255]);
    expect(byHeight(Number.NaN)).toEqual([200, 200, 200]);
  });

  it("falls back to the layer's own choice when asked for a field it has not", () => {
    expect(chosenChoice(layer, "nothing")?.field).toBe("usage");
  });
});
