/** The ground: the city's quantized-mesh terrain, else sea level, else the bare ellipsoid. */

import { Cartographic, CesiumTerrainProvider, type CesiumWidget, EllipsoidTerrainProvider, Math as CesiumMath, sampleTerrainMostDetailed } from "@cesium/engine";

import type { SeparationGrid } from "../heights";
import { SeaLevelTerrain } from "./sea_level";

/** No ground on Earth lies deeper; what does is a chord of a coarse tile beside the view, and what stood on it would show below the camera. */
const DEEPEST_GROUND_M = -500;

/**
 * Sets the ground to the terrain at `url`, without one to sea level where `separation` says where that is, else to the ellipsoid; rejects
 * when the terrain cannot be loaded and leaves the ground as it was.
 */
export async function setTerrain(widget: CesiumWidget, url: URL | null, separation: SeparationGrid | null): Promise<void> {
  const { scene } = widget;
  try {
    if (url !== null) scene.terrainProvider = await CesiumTerrainProvider.fromUrl(url.href, { requestVertexNormals: true });
    else scene.terrainProvider = separation === null ? new EllipsoidTerrainProvider() : new SeaLevelTerrain(separation);
  } finally {
    scene.globe.show = true;
    scene.requestRender();
  }
}

/** Returns the ellipsoidal height of the ground at a place from the most detailed terrain tile there, metres. */
export async function terrainHeight(widget: CesiumWidget, lonDeg: number, latDeg: number): Promise<number> {
  const place = Cartographic.fromDegrees(lonDeg, latDeg);
  const provider = widget.scene.terrainProvider;
  if (provider instanceof EllipsoidTerrainProvider) return 0;
  if (provider instanceof SeaLevelTerrain) return provider.heightAt(lonDeg, latDeg);
  const [sampled] = await sampleTerrainMostDetailed(provider, [place], true);
  return sampled?.height ?? Number.NaN;
}

/** Returns the ellipsoidal height of the ground at a place as far as it is drawn by now, metres; 0 where nothing is. */
export function heightOnGround(widget: CesiumWidget, place: Cartographic): number {
  const heightM = widget.scene.globe.getHeight(place) ?? 0;
  return heightM < DEEPEST_GROUND_M ? 0 : heightM;
}

/** Returns longitude and latitude in degrees and the height in metres. */
export function inDegrees(place: Cartographic): { lonDeg: number; latDeg: number; heightM: number } {
  return { lonDeg: CesiumMath.toDegrees(place.longitude), latDeg: CesiumMath.toDegrees(place.latitude), heightM: place.height };
}
