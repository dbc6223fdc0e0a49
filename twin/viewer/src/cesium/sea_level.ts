/** The ground of a city without terrain: sea level, which is where its heights start. The ellipsoid would bury it or let it float. */

import { CustomHeightmapTerrainProvider, Ellipsoid, GeographicTilingScheme, Math as CesiumMath, TerrainProvider } from "@cesium/engine";

import { type SeparationGrid, separationAt } from "../heights";

/** Posts along one side of a tile; the geoid is smooth, they only carry the curvature of the Earth. */
const POSTS = 17;

/** As many posts as CesiumJS counts for its bare ellipsoid: sea level is as smooth, and needs no more tiles than that. */
const POSTS_WORTH = 64;

/** Terrain at H = 0, that is at the separation N above the ellipsoid; beyond the grid at its nearest edge's. */
export class SeaLevelTerrain extends CustomHeightmapTerrainProvider {
  private readonly levelZeroErrorM: number;

  constructor(private readonly separation: SeparationGrid) {
    const tilingScheme = new GeographicTilingScheme();
    super({ width: POSTS, height: POSTS, tilingScheme, callback: (x, y, level) => tileHeights(separation, tilingScheme, x, y, level) });
    const tiles = tilingScheme.getNumberOfXTilesAtLevel(0);
    this.levelZeroErrorM = TerrainProvider.getEstimatedLevelZeroGeometricErrorForAHeightmap(Ellipsoid.default, POSTS_WORTH, tiles);
  }

  override getLevelMaximumGeometricError(level: number): number {
    return this.levelZeroErrorM / 2 ** level;
  }

  /** Returns the ellipsoidal height of sea level at a place, metres. */
  heightAt(lonDeg: number, latDeg: number): number {
    return separationAt(this.separation, lonDeg, latDeg) ?? 0;
  }
}

/** Returns the heights of one tile's posts, rows from north to south. */
function tileHeights(separation: SeparationGrid, scheme: GeographicTilingScheme, x: number, y: number, level: number): Float64Array {
  const { west, south, east, north } = scheme.tileXYToRectangle(x, y, level);
  return Float64Array.from({ length: POSTS * POSTS }, (_, post) => {
    const [row, column] = [Math.floor(post / POSTS), post % POSTS];
    const longitude = west + ((east - west) * column) / (POSTS - 1);
    const latitude = north - ((north - south) * row) / (POSTS - 1);
    return separationAt(separation, CesiumMath.toDegrees(longitude), CesiumMath.toDegrees(latitude)) ?? 0;
  });
}
