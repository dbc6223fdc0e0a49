/** Extents on the ellipsoid. Pure. */

/** West, south, east, north in degrees. */
export type Extent = readonly [number, number, number, number];

/** Returns whether two extents have a point in common. */
export function meets(one: Extent, other: Extent): boolean {
  return one[0] <= other[2] && other[0] <= one[2] && one[1] <= other[3] && other[1] <= one[3];
}

/** Returns what two extents have in common; null when there is none. */
export function commonExtent(one: Extent, other: Extent): Extent | null {
  if (!meets(one, other)) return null;
  return [Math.max(one[0], other[0]), Math.max(one[1], other[1]), Math.min(one[2], other[2]), Math.min(one[3], other[3])];
}

/** Returns the smallest extent around the given ones; null when there is none. */
export function unionExtent(extents: readonly (Extent | null)[]): Extent | null {
  return extents.reduce<Extent | null>((union, extent) => {
    if (extent === null || union === null) return extent ?? union;
    return [Math.min(union[0], extent[0]), Math.min(union[1], extent[1]), Math.max(union[2], extent[2]), Math.max(union[3], extent[3])];
  }, null);
}
