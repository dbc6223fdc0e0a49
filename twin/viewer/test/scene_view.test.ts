import { describe, expect, it } from "vitest";

import { viewOfChanges, viewOver } from "../src/upload/scene_view";

describe("the view of what was published", () => {
  it("looks straight down on the middle, from high enough to see all of it", () => {
    const view = viewOver([119.9, 31.7, 120.1, 31.8]);
    expect(view.lonDeg).toBeCloseTo(120);
    expect(view.latDeg).toBeCloseTo(31.75);
    expect(view.pitchDeg).toBe(-90);
    expect(view.heightM).toBeGreaterThan(18_900);
    expect(view.heightM).toBeLessThan(40_000);
  });

  it("comes no nearer than one sees where one is", () => {
    expect(viewOver([120, 31.8, 120, 31.8]).heightM).toBe(300);
  });

  it("is the scene's own where nothing has a place", () => {
    expect(viewOfChanges(new Map())).toBeNull();
  });
});
