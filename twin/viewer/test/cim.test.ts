import { describe, expect, it } from "vitest";

import { groupLayers } from "../src/cim";
import { buildings } from "./layers";

describe("groupLayers", () => {
  it("puts layers under the standard's classes, keeps their order and shows no empty group", () => {
    const layer = (dataset: string, cimClass: string) => ({ ...buildings(), dataset, cimClass });
    const groups = groupLayers([layer("a", "国土空间规划"), layer("b", "建筑三维模型"), layer("c", "行政区"), layer("d", "国土调查"), layer("e", "自有分类")]);
    expect(groups.map(({ title, layers }) => [title.en, layers.map(({ dataset }) => dataset)])).toEqual([
      ["Planning and control", ["a"]],
      ["Resource surveys", ["d"]],
      ["Base map and 3D models", ["b", "c"]],
      ["Other", ["e"]],
    ]);
  });
});
