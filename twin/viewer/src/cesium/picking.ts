/** What lies under a pixel: a 3D feature, else the topmost draped one, else the bare ground. */

import { Cartesian2, Cartographic, type CesiumWidget, type ImageryLayer } from "@cesium/engine";

import type { TileFeature } from "../vector_tile";
import type { DrawnLayer } from "./drawn_layer";
import { drawnParts } from "./envelope_layer";
import { MvtLayer } from "./mvt_layer";
import { inDegrees } from "./terrain";
import { isNamedByTile, TilesetLayer, readFeature, readModel } from "./tileset_layer";

export interface PickedFeature {
  readonly dataset: string;
  readonly fid: number;
  /** As the tile carries them; the item has them all. */
  readonly properties: Readonly<Record<string, unknown>>;
}

function pickSolid(widget: CesiumWidget, layers: readonly DrawnLayer[], pixel: Cartesian2): PickedFeature | null {
  const picked: unknown = widget.scene.pick(pixel, 5, 5);
  const model = readModel(picked);
  const feature = model ?? readFeature(picked);
  if (feature === null) return null;
  const owner = layers.find((drawn) => drawn instanceof TilesetLayer && drawn.tileset === feature.tileset && isNamedByTile(drawn.layer) === (model !== null));
  return owner === undefined ? null : { dataset: owner.layer.dataset, fid: feature.fid, properties: feature.properties };
}

async function pickDraped(widget: CesiumWidget, layers: readonly DrawnLayer[], pixel: Cartesian2): Promise<PickedFeature | null> {
  const { scene } = widget;
  const ray = scene.camera.getPickRay(pixel);
  const picked = ray === undefined ? undefined : await scene.imageryLayers.pickImageryLayerFeatures(ray, scene);
  for (const info of picked ?? []) {
    const owner = layers.find((drawn) => drawn instanceof MvtLayer && drawn.owns(info.imageryLayer as ImageryLayer));
    const feature = info.data as TileFeature;
    if (owner !== undefined && feature.fid !== null) return { dataset: owner.layer.dataset, fid: feature.fid, properties: feature.properties };
  }
  return null;
}

/** Returns the feature under a pixel of the canvas (CSS pixels from its upper left corner); null over bare ground and sky. */
export async function pickFeature(widget: CesiumWidget, drawn: readonly DrawnLayer[], x: number, y: number): Promise<PickedFeature | null> {
  const layers = drawnParts(drawn);
  const pixel = new Cartesian2(x, y);
  return pickSolid(widget, layers, pixel) ?? (await pickDraped(widget, layers, pixel));
}

/** Returns the ground under a pixel; null over the sky. */
export function groundAt(widget: CesiumWidget, pixel: Cartesian2): ReturnType<typeof inDegrees> | null {
  const { camera, globe } = widget.scene;
  const ray = camera.getPickRay(pixel);
  const ground = ray === undefined ? undefined : globe.pick(ray, widget.scene);
  return ground === undefined ? null : inDegrees(Cartographic.fromCartesian(ground));
}
