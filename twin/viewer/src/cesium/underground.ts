/** Looking below the ground: a translucent globe, and a camera that may dive under it. */

import { Color, type CesiumWidget, NearFarScalar } from "@cesium/engine";

/** Makes the ground `opacity` (0–1) opaque and lets the camera below it; null closes the ground again. */
export function setGroundOpacity(widget: CesiumWidget, opacity: number | null): void {
  const { globe, screenSpaceCameraController } = widget.scene;
  screenSpaceCameraController.enableCollisionDetection = opacity === null;
  globe.translucency.enabled = opacity !== null;
  if (opacity !== null) {
    globe.translucency.frontFaceAlpha = opacity;
    globe.translucency.backFaceAlpha = opacity;
    globe.undergroundColorAlphaByDistance = new NearFarScalar(500, 0, 5000, 1);
  }
  globe.showSkirts = opacity === null;
  widget.scene.backgroundColor = Color.fromCssColorString(opacity === null ? "#cfdae3" : "#b9b3a9");
  widget.scene.requestRender();
}
