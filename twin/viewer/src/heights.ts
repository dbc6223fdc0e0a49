/** Heights above sea level from ellipsoidal ones, by the separations the scene carries. Pure. */

import type { Extent } from "./extent";

/** Geoid separations N = h − H on a regular grid over an extent, rows from south to north, columns from west to east. */
export interface SeparationGrid {
  readonly extent: Extent;
  readonly columns: number;
  readonly rows: number;
  readonly separationM: readonly number[];
}

/** Returns N at a place, bilinear; places outside take the nearest edge's value; null when the grid is no grid. */
export function separationAt(grid: SeparationGrid, lonDeg: number, latDeg: number): number | null {
  const [west, south, east, north] = grid.extent;
  const column = clamp(((lonDeg - west) / (east - west)) * (grid.columns - 1), grid.columns - 1);
  const row = clamp(((latDeg - south) / (north - south)) * (grid.rows - 1), grid.rows - 1);
  const [left, below] = [Math.min(Math.floor(column), Math.max(0, grid.columns - 2)), Math.min(Math.floor(row), Math.max(0, grid.rows - 2))];
  const at = (i: number, j: number): number => grid.separationM[Math.min(j, grid.rows - 1) * grid.columns + Math.min(i, grid.columns - 1)] ?? NaN;
  const [u, v] = [column - left, row - below];
  const lower = at(left, below) * (1 - u) + at(left + 1, below) * u;
  const upper = at(left, below + 1) * (1 - u) + at(left + 1, below + 1) * u;
  const separation = lower * (1 - v) + upper * v;
  return Number.isFinite(separation) ? separation : null;
}

function clamp(value: number, maximum: number): number {
  return Number.isFinite(value) ? Math.min(Math.max(value, 0), maximum) : 0;
}
