/** The camera in the words of the URL: degrees and metres, and flights to extents, places and whole tilesets. */

import {
  BoundingSphere,
  Cartesian2,
  Cartesian3,
  type CesiumWidget,
  HeadingPitchRange,
  Math as CesiumMath,
  Matrix4,
  PerspectiveFrustum,
  Rectangle,
  Transforms,
} from "@cesium/engine";

import type { Extent } from "../extent";
import type { CameraView } from "../state";
import { inDegrees } from "./terrain";

const FLIGHT_S = 1.2;
const TILTED_PITCH_DEG = -40;
const NEAREST_RANGE_M = 60;
/** No dry land lies lower. */
const LOWEST_GROUND_M = -500;
/** A sphere is looked at from so many of its radii. */
const RADII_AWAY = 1.9;
/** So large a share of the picture's width a city takes up then, its near edge the most. */
const FILLED = 0.95;
/** Aslant, what is near moves further aside than the middle does: this share of the way puts the whole in the middle. */
const ASIDE = 0.85;

/** So much more than what is looked down on the picture holds: controls lie over its edges. */
const MARGIN = 1.3;

/** How much of the picture's sides lies under panels, CSS pixels. */
export interface Covered {
  readonly left: number;
  readonly right: number;
}

export function cameraView(widget: CesiumWidget): CameraView {
  const { camera } = widget.scene;
  return {
    ...inDegrees(camera.positionCartographic),
    headingDeg: CesiumMath.toDegrees(CesiumMath.zeroToTwoPi(camera.heading)) % 360,
    pitchDeg: CesiumMath.toDegrees(camera.pitch),
  };
}

export function setCameraView(widget: CesiumWidget, view: CameraView): void {
  widget.scene.camera.setView({
    destination: Cartesian3.fromDegrees(view.lonDeg, view.latDeg, view.heightM),
    orientation: { heading: CesiumMath.toRadians(view.headingDeg), pitch: CesiumMath.toRadians(view.pitchDeg), roll: 0 },
  });
  widget.scene.requestRender();
}

/** Returns the sphere around an extent, lying on the ground as far as it is loaded. */
export function extentSphere(widget: CesiumWidget, extent: Extent): BoundingSphere {
  const rectangle = Rectangle.fromDegrees(...extent);
  const loadedM = widget.scene.globe.getHeight(Rectangle.center(rectangle)) ?? 0;
  // Ground tiles of the whole earth sag kilometres under its curve: their height is nobody's ground.
  const groundM = loadedM < LOWEST_GROUND_M ? 0 : loadedM;
  return BoundingSphere.fromRectangle3D(rectangle, undefined, groundM);
}

/** Returns half the picture's height at a distance of 1. */
function halfHeight({ scene: { camera } }: CesiumWidget): number {
  return camera.frustum instanceof PerspectiveFrustum ? Math.tan((camera.frustum.fovy ?? 0) / 2) : 0;
}

/** Returns from how far above a rectangle of so many metres is seen whole, with a margin, whatever the picture's shape. */
export function rangeAbove(widget: CesiumWidget, widthM: number, depthM: number): number {
  const { canvas } = widget.scene;
  const shape = canvas.clientWidth / Math.max(1, canvas.clientHeight);
  return (MARGIN * Math.max(widthM / shape, depthM)) / 2 / halfHeight(widget);
}

/** Flies (or, with `durationS` 0, jumps) to look aslant at a sphere, north up; it stands in the middle of what panels leave free. */
export function flyToSphere(widget: CesiumWidget, sphere: BoundingSphere, covered: Covered, durationS = FLIGHT_S): void {
  const { camera, canvas } = widget.scene;
  const free = Math.max(1, canvas.clientWidth - covered.left - covered.right);
  const range = Math.max(NEAREST_RANGE_M, sphere.radius * RADII_AWAY * Math.max(1, (FILLED * canvas.clientWidth) / free));
  const metresPerPixel = (2 * range * halfHeight(widget)) / canvas.clientHeight;
  const west = ((covered.left - covered.right) / 2) * ASIDE * metresPerPixel;
  const looked = Matrix4.multiplyByPoint(Transforms.eastNorthUpToFixedFrame(sphere.center), new Cartesian3(-west, 0, 0), new Cartesian3());
  camera.flyToBoundingSphere(new BoundingSphere(looked, sphere.radius), {
    duration: durationS,
    offset: new HeadingPitchRange(0, CesiumMath.toRadians(TILTED_PITCH_DEG), range),
  });
}

/** Returns the point of the ground in the middle of the picture; null when it shows only sky. */
export function lookedAt(widget: CesiumWidget): Cartesian3 | null {
  const { camera, canvas, globe } = widget.scene;
  const ray = camera.getPickRay(new Cartesian2(canvas.clientWidth / 2, canvas.clientHeight / 2));
  return (ray === undefined ? undefined : globe.pick(ray, widget.scene)) ?? null;
}

/** Turns the camera around the point it looks at, keeping its distance; nothing happens when it looks at the sky. */
export function orbit(widget: CesiumWidget, headingDeg: number, pitchDeg: number): void {
  const target = lookedAt(widget);
  if (target === null) return;
  const { camera } = widget.scene;
  const range = Cartesian3.distance(camera.positionWC, target);
  camera.flyToBoundingSphere(new BoundingSphere(target, 0), {
    duration: FLIGHT_S / 2,
    offset: new HeadingPitchRange(CesiumMath.toRadians(headingDeg), CesiumMath.toRadians(pitchDeg), range),
  });
}

/** Looks straight down, or aslant. */
export function setTilted(widget: CesiumWidget, tilted: boolean): void {
  orbit(widget, cameraView(widget).headingDeg, tilted ? TILTED_PITCH_DEG : -89.9);
}

/** Multiplies the distance to the point looked at. */
export function zoomBy(widget: CesiumWidget, factor: number): void {
  const target = lookedAt(widget);
  const { camera } = widget.scene;
  const distance = target === null ? camera.positionCartographic.height : Cartesian3.distance(camera.positionWC, target);
  camera.moveForward(distance * (1 - factor));
  widget.scene.requestRender();
}

/** Puts the camera at `rangeM` from a place, looking at it. */
export function lookAt(widget: CesiumWidget, place: Cartesian3, headingDeg: number, pitchDeg: number, rangeM: number): void {
  const { camera } = widget.scene;
  camera.lookAt(place, new HeadingPitchRange(CesiumMath.toRadians(headingDeg), CesiumMath.toRadians(pitchDeg), rangeM));
  camera.lookAtTransform(Matrix4.IDENTITY);
  widget.scene.requestRender();
}

/** Returns how many metres of ground one pixel spans in the middle of the picture; null when it shows only sky. */
export function metresPerPixel(widget: CesiumWidget): number | null {
  const target = lookedAt(widget);
  if (target === null) return null;
  const { camera, drawingBufferHeight, drawingBufferWidth } = widget.scene;
  const size = camera.getPixelSize(new BoundingSphere(target, 1), drawingBufferWidth, drawingBufferHeight);
  return size * (drawingBufferWidth / widget.scene.canvas.clientWidth);
}

