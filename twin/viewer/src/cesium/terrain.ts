/** The ground: the city's quantized-mesh terrain, or the bare ellipsoid. */

import { Cartographic, CesiumTerrainProvider, type CesiumWidget, EllipsoidTerrainProvider, Math as CesiumMath, sampleTerrainMostDetailed } from "@cesium/engine";

/** Sets the ground to the terrain at `url`, or to the ellipsoid; rejects when the terrain cannot be loaded and leaves the ground as it was. */
export async function setTerrain(widget: CesiumWidget, url: URL | null): Promise<void> {
  const { scene } = widget;
  try {
    scene.terrainProvider = url === null ? new EllipsoidTerrainProvider() : await CesiumTerrainProvider.fromUrl(url.href, { requestVertexNormals: true });
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
  const [sampled] = await sampleTerrainMostDetailed(provider, [place], true);
  return sampled?.height ?? Number.NaN;
}

/** Returns longitude and latitude in degrees and the height in metres. */
export function inDegrees(place: Cartographic): { lonDeg: number; latDeg: number; heightM: number } {
  return { lonDeg: CesiumMath.toDegrees(place.longitude), latDeg: CesiumMath.toDegrees(place.latitude), heightM: place.height };
}
