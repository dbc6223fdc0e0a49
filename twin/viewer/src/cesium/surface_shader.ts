/** Roofs, walls and grounds in colours of their own, by the second set of feature ids in our tiles (docs/architecture.md, Tile metadata). */

import { CustomShader, CustomShaderMode, LightingModel } from "@cesium/engine";

import { parseColor } from "../coloring";
import type { SurfaceChoice } from "../scene";

/** sRGB to linear, near enough for a legend. */
const GAMMA = 2.2;

/** Returns one line of GLSL; numbers only, no text of the scene. */
function branch(id: number, color: string): string {
  const linear = parseColor(color).map((part) => ((part / 255) ** GAMMA).toFixed(5));
  return `if (fsInput.featureIds.surface == ${Math.trunc(id)}) material.diffuse = vec3(${linear.join(", ")});`;
}

/** Returns the shader that colours by the kind of surface; the style's colour still multiplies it. */
export function surfaceShader({ legend }: SurfaceChoice): CustomShader {
  const branches = legend.map(({ id, color }) => branch(id, color)).join("\n  ");
  return new CustomShader({
    mode: CustomShaderMode.MODIFY_MATERIAL,
    lightingModel: LightingModel.PBR,
    fragmentShaderText: `void fragmentMain(FragmentInput fsInput, inout czm_modelMaterial material) {\n  ${branches}\n}`,
  });
}
