/** The data classes of CJJ/T 315-2022 as groups of the layer list. Pure; the grouping is ours until the standard's text was compared. */

import type { Text } from "./i18n";
import type { Layer } from "./scene";

interface Group {
  readonly title: Text;
  /** Words by which a FeatureType's class is known to belong here. */
  readonly words: readonly string[];
}

const GROUPS = {
  plan: { title: { zh: "规划管控", en: "Planning and control" }, words: ["规划", "控制线", "开发评价"] },
  project: { title: { zh: "工程建设项目", en: "Construction projects" }, words: ["项目", "许可", "验收"] },
  topic: { title: { zh: "公共专题", en: "Public topics" }, words: ["社会", "法人", "人口", "经济", "兴趣点", "地名"] },
  sensing: { title: { zh: "物联感知", en: "Sensing" }, words: ["监测", "感知", "安防", "物联"] },
  resource: { title: { zh: "资源调查", en: "Resource surveys" }, words: ["调查", "普查", "耕地", "地质", "水资源"] },
  base: { title: { zh: "时空基础", en: "Base map and 3D models" }, words: ["三维模型", "行政区", "电子地图", "测绘", "遥感", "影像", "高程", "控制点", "点云"] },
  other: { title: { zh: "其他", en: "Other" }, words: [""] },
} as const satisfies Record<string, Group>;

export type GroupName = keyof typeof GROUPS;

export interface LayerGroup {
  readonly name: GroupName;
  readonly title: Text;
  readonly layers: readonly Layer[];
}

const NAMES = Object.keys(GROUPS) as GroupName[];

function groupOf(layer: Layer): GroupName {
  return NAMES.find((name) => GROUPS[name].words.some((word) => layer.cimClass.includes(word))) ?? "other";
}

/** Returns the layers in groups, none of them empty; within a group they keep their order. */
export function groupLayers(layers: readonly Layer[]): LayerGroup[] {
  const groups = NAMES.map((name) => ({ name, title: GROUPS[name].title, layers: layers.filter((layer) => groupOf(layer) === name) }));
  return groups.filter((group) => group.layers.length > 0);
}
