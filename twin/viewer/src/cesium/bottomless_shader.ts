/** Solids that stand on the ground without their bottoms: those would lie in one plane with it and flicker. */

import { CustomShader, LightingModel } from "@cesium/engine";

/** The cosine of the angle to straight down within which a face is a bottom. */
const LEAST_DOWNWARD = 0.9;

/** Returns the shader that draws no face that looks down. */
export function bottomlessShader(): CustomShader {
  return new CustomShader({
    lightingModel: LightingModel.PBR,
    fragmentShaderText: `void fragmentMain(FragmentInput fsInput, inout czm_modelMaterial material) {
  vec3 normalWC = czm_inverseViewRotation * fsInput.attributes.normalEC;
  if (dot(normalWC, normalize(fsInput.attributes.positionWC)) < -${LEAST_DOWNWARD}) discard;
}`,
  });
}
