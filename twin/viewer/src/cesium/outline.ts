/** The outline of one feature on the ground, drawn over whatever stands before it: of a building it is seen from above its roof. */

import { ArcType, Cartesian3, Cartographic, type CesiumWidget, Color, ColorGeometryInstanceAttribute, GeometryInstance, PolylineColorAppearance, PolylineGeometry, Primitive } from "@cesium/engine";

import type { Rgb } from "../coloring";
import { type OverlayFeature, outlinePaths } from "../overlay";
import { heightOnGround } from "./terrain";

const WIDTH_PX = 5;
/** About 50 m: so far apart the ground is asked for its height. */
const STEP_DEG = 0.0005;
const MOST_PLACES = 10_000;
/** A height that changes by less as finer ground comes is not worth drawing the outline anew, metres. */
const TOLERANCE_M = 0.1;

export class Outline {
  private readonly paths: readonly (readonly Cartographic[])[];
  private primitive: Primitive | null = null;

  constructor(
    private readonly widget: CesiumWidget,
    feature: OverlayFeature,
    private readonly color: Rgb,
  ) {
    this.paths = outlinePaths(feature, STEP_DEG, MOST_PLACES).filter((path) => path.length > 1).map((path) => path.map(([lonDeg, latDeg]) => Cartographic.fromDegrees(lonDeg, latDeg, NaN)));
    this.setOnGround();
  }

  /** A more detailed tile of the ground may have come. */
  setOnGround(): void {
    let isMoved = false;
    for (const place of this.paths.flat()) {
      const heightM = heightOnGround(this.widget, place);
      if (Math.abs(heightM - place.height) <= TOLERANCE_M) continue;
      place.height = heightM;
      isMoved = true;
    }
    if (isMoved) this.draw();
  }

  remove(): void {
    if (this.primitive !== null) this.widget.scene.primitives.remove(this.primitive);
    this.primitive = null;
  }

  private draw(): void {
    this.remove();
    const color = ColorGeometryInstanceAttribute.fromColor(Color.fromBytes(...this.color));
    this.primitive = new Primitive({
      geometryInstances: this.paths.map((path) => new GeometryInstance({
        geometry: new PolylineGeometry({
          positions: path.map((place) => Cartographic.toCartesian(place, undefined, new Cartesian3())),
          width: WIDTH_PX,
          arcType: ArcType.NONE,
          vertexFormat: PolylineColorAppearance.VERTEX_FORMAT,
        }),
        attributes: { color },
      })),
      appearance: new PolylineColorAppearance({ translucent: false, renderState: { depthTest: { enabled: false }, depthMask: false } }),
      asynchronous: false,
      allowPicking: false,
    });
    this.widget.scene.primitives.add(this.primitive);
    this.widget.scene.requestRender();
  }
}
