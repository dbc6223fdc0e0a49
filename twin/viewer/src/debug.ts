/**
 * `window.__twin`: what end-to-end tests and a curious developer may ask of a running viewer.
 *
 * It reads and moves the view as a user could, and is kept stable for tests; it is no API for other pages.
 */

import type { CityView } from "./cesium/city_view";
import type { CameraView, ViewState } from "./state";

export interface DebugHandle {
  /** True when the scene is loaded, what the URL selects with it, and nothing more is on its way for the present view: it is drawn. */
  ready(): boolean;
  /** What `ready` still waits for. */
  pending(): string[];
  state(): ViewState & { readonly camera: CameraView };
  statistics(): ReturnType<CityView["statistics"]>;
  setCamera(view: CameraView): void;
  lookAt(lonDeg: number, latDeg: number, heightM: number, headingDeg: number, pitchDeg: number, rangeM: number): void;
  pick(x: number, y: number): ReturnType<CityView["pick"]>;
  project(lonDeg: number, latDeg: number, heightM: number): { x: number; y: number } | null;
  terrainHeight(lonDeg: number, latDeg: number): Promise<number>;
}

declare global {
  interface Window {
    __twin?: DebugHandle;
  }
}

/** Returns the handle of a view. */
export function debugHandle(view: CityView, state: () => ViewState, loaded: () => boolean): DebugHandle {
  return {
    ready: () => loaded() && view.pending().length === 0,
    pending: () => [...(loaded() ? [] : ["scene"]), ...view.pending()],
    state: () => ({ ...state(), camera: view.camera() }),
    statistics: () => view.statistics(),
    setCamera: (camera) => {
      view.setCamera(camera);
    },
    lookAt: (...place) => {
      view.lookAt(...place);
    },
    pick: async (x, y) => view.pick(x, y),
    project: (lonDeg, latDeg, heightM) => view.project(lonDeg, latDeg, heightM),
    terrainHeight: async (lonDeg, latDeg) => view.terrainHeight(lonDeg, latDeg),
  };
}
