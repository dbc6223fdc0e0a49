/** One layer as a server lists it, for tests to vary. */

import { type Layer, parseScene } from "../src/scene";

export const sceneJson = {
  city: { name: "学府新城", storage_crs: "EPSG:4549", vertical: "egm96", extent: [119.9, 31.7, 120, 31.8] },
  commit: 7,
  terrain: { dataset: "terrain", revision: 5, url: "tiles/terrain/5/" },
  layers: [
    {
      dataset: "buildings",
      feature_type: "building",
      title: { zh: "建筑物", en: "Buildings" },
      cim: { class: "建筑三维模型", level: "CIM3" },
      revision: 7,
      count: 3000,
      geometry_type: "MultiPolygon",
      recipe: "extrude",
      underground: false,
      oid_prefix: "2.25.123.2.1.",
      extent: [119.9, 31.7, 120, 31.8],
      tileset: { url: "tiles/buildings/7/tileset.json", state: "ready" },
      items: "ogc/collections/buildings/items",
      mvt: "ogc/collections/buildings/tiles/WebMercatorQuad/{z}/{y}/{x}",
      fields: [
        { name: "name", title: { zh: "名称", en: "Name" }, type: "string", unit: null },
        { name: "usage", title: { zh: "用途", en: "Use" }, type: "code", unit: null, codes: { "0701": { zh: "居住", en: "Housing", color: "#ffcc66" } } },
        { name: "height_m", title: { zh: "高度", en: "Height" }, type: "number", unit: "m" },
        { name: "gone", title: { zh: "已拆除", en: "Demolished" }, type: "boolean", unit: null },
      ],
      style: {
        color_by: "usage",
        default_color: "#c8c8c8",
        choices: [
          { field: "usage", kind: "codes", legend: [{ value: "0701", title: { zh: "居住", en: "Housing" }, color: "#ffcc66" }] },
          { field: "height_m", kind: "ramp", stops: [[0, "#000000"], [10, "#646464"], [100, "#ffffff"]], unit: "m" },
        ],
      },
      draw_order: 20,
      visible: true,
    },
  ],
} as const;

export function buildings(): Layer {
  const [layer] = parseScene(sceneJson).layers;
  if (layer === undefined) throw new Error("the scene has lost its layer");
  return layer;
}
