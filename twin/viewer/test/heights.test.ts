import { describe, expect, it } from "vitest";

import { separationAt } from "../src/heights";
import { scaleStep } from "../src/ui/status_bar";

describe("separationAt", () => {
  const grid = { extent: [119, 31, 121, 32], columns: 3, rows: 2, separationM: [3, 4, 5, 4, 5, 6] } as const;

  it("is bilinear between nodes, rows going north", () => {
    expect(separationAt(grid, 119, 31)).toBe(3);
    expect(separationAt(grid, 121, 32)).toBe(6);
    expect(separationAt(grid, 119.5, 31.5)).toBeCloseTo(4, 12);
    expect(separationAt(grid, 120.5, 31)).toBeCloseTo(4.5, 12);
  });

  it("holds the edge outside, and knows no number where there is no grid", () => {
    expect(separationAt(grid, 0, 31)).toBe(3);
    expect(separationAt({ ...grid, separationM: [] }, 120, 31)).toBeNull();
  });
});

describe("scaleStep", () => {
  it("is the longest round length that fits", () => {
    expect(scaleStep(1)).toEqual({ metres: 100, px: 100 });
    expect(scaleStep(0.5).metres).toBe(50);
    expect(scaleStep(3).metres).toBe(200);
  });
});
