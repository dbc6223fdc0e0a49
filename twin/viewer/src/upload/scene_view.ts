/** From where what was published is seen in the scene. Pure. */

import { type Extent, unionExtent } from "../extent";
import type { CameraView } from "../state";
import { type ChangesByAction, mapContent } from "./content";

const METRES_A_DEGREE = 111_320;
const LEAST_HEIGHT_M = 300;
/** Of a view of 60° straight down this height shows the extent and some ground around it. */
const HEIGHTS_A_WIDTH = 1.5;

/** Returns the view straight down on an extent. */
export function viewOver([west, south, east, north]: Extent): CameraView {
  const latDeg = (south + north) / 2;
  const widthM = Math.max((east - west) * Math.cos((latDeg * Math.PI) / 180), north - south) * METRES_A_DEGREE;
  return { lonDeg: (west + east) / 2, latDeg, heightM: Math.max(LEAST_HEIGHT_M, widthM * HEIGHTS_A_WIDTH), headingDeg: 0, pitchDeg: -90 };
}

/** Returns the view of all changes that are known; null where none has a place, and the scene begins as it does. */
export function viewOfChanges(changes: ChangesByAction): CameraView | null {
  const extent = unionExtent(mapContent([], changes).features.map((feature) => feature.extent));
  return extent === null ? null : viewOver(extent);
}
