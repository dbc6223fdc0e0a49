/** The bare globe: neutral ground, steady light, no stars, nothing fetched from outside. */

import {
  CesiumWidget,
  Cartesian3,
  Color,
  Credit,
  CreditDisplay,
  DirectionalLight,
  EllipsoidTerrainProvider,
  type Globe,
  Matrix4,
  Transforms,
} from "@cesium/engine";

import type { Extent } from "../extent";

const GROUND = Color.fromCssColorString("#e4e7e3");
const UNDERGROUND = Color.fromCssColorString("#5b5148");

/** Light from the north-west, as hillshades have it: east, north and up parts of where it shines to. */
const LIGHT_EAST_NORTH_UP = new Cartesian3(0.55, -0.45, -0.7);

/** How long one frame may spend on preparing ground tiles. CesiumJS gives 5 ms, which starves loading where frames are slow anyway. */
const GROUND_LOADING_MS = 30;

/** Sets the time slice of ground loading, which CesiumJS keeps to itself; without the field nothing happens. */
function giveLoadingTime(globe: Globe): void {
  const { _surface: surface } = globe as unknown as { _surface?: { _loadQueueTimeSlice?: number } };
  if (surface?._loadQueueTimeSlice !== undefined) surface._loadQueueTimeSlice = GROUND_LOADING_MS;
}

/** Returns whether the browser can draw at all. */
export function hasWebGl2(): boolean {
  return document.createElement("canvas").getContext("webgl2") !== null;
}

/** Returns an empty globe in `container`; CesiumJS finds its workers and assets under `assets`. */
export function createGlobe(container: HTMLElement, assets: URL, msaaSamples: number): CesiumWidget {
  // CesiumJS reads this global; it is the documented way to say where its files lie.
  Reflect.set(globalThis, "CESIUM_BASE_URL", assets.href);
  // The default is the logo of a hosted service that is not used here.
  CreditDisplay.cesiumCredit = new Credit("CesiumJS");
  const credits = document.createElement("div");
  const widget = new CesiumWidget(container, {
    baseLayer: false,
    skyBox: false,
    skyAtmosphere: false,
    scene3DOnly: true,
    msaaSamples,
    requestRenderMode: true,
    maximumRenderTimeChange: Number.POSITIVE_INFINITY,
    showRenderLoopErrors: false,
    terrainProvider: new EllipsoidTerrainProvider(),
    creditContainer: credits,
    contextOptions: { webgl: { powerPreference: "high-performance" } },
  });
  const { scene } = widget;
  const { globe } = scene;
  scene.backgroundColor = Color.fromCssColorString("#cfdae3");
  globe.baseColor = GROUND;
  globe.undergroundColor = UNDERGROUND;
  globe.depthTestAgainstTerrain = true;
  globe.preloadAncestors = false;
  giveLoadingTime(globe);
  // Hidden until the city's terrain is set: tiles of the bare ellipsoid would be loaded only to be thrown away.
  globe.show = false;
  globe.showGroundAtmosphere = false;
  globe.enableLighting = true;
  globe.lambertDiffuseMultiplier = 1.35;
  globe.vertexShadowDarkness = 0;
  scene.fog.enabled = false;
  return widget;
}

/** Puts the light over the city, so that a picture of it does not depend on the hour. */
export function lightCity(widget: CesiumWidget, extent: Extent): void {
  const centre = Cartesian3.fromDegrees((extent[0] + extent[2]) / 2, (extent[1] + extent[3]) / 2);
  const direction = Matrix4.multiplyByPointAsVector(Transforms.eastNorthUpToFixedFrame(centre), LIGHT_EAST_NORTH_UP, new Cartesian3());
  widget.scene.light = new DirectionalLight({ direction: Cartesian3.normalize(direction, direction), intensity: 2 });
}
