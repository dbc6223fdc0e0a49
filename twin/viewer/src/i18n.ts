/** Every word the viewer itself says, in both languages; titles of layers, fields and codes come with the scene. */

/** One text in both languages of the platform. */
export interface Text {
  readonly zh: string;
  readonly en: string;
}

export type Language = "zh" | "en";

/** Returns `zh` for any Chinese language tag, else `en`. */
export function browserLanguage(tags: readonly string[]): Language {
  return (tags[0] ?? "zh").toLowerCase().startsWith("zh") ? "zh" : "en";
}

/** Returns the tag for `<html lang>`. */
export function languageTag(language: Language): string {
  return language === "zh" ? "zh-CN" : "en";
}

export function inLanguage(text: Text, language: Language): string {
  return language === "zh" ? text.zh : text.en;
}

const words = {
  attributes: { zh: "属性", en: "Attributes" },
  close: { zh: "关闭", en: "Close" },
  taken_on: { zh: "获取日期", en: "Taken on" },
  color_by: { zh: "着色依据", en: "Colour by" },
  coordinates: { zh: "经度，纬度 (CGCS2000)", en: "lon, lat (CGCS2000)" },
  dataset: { zh: "数据集", en: "Dataset" },
  ellipsoidal_height: { zh: "椭球高", en: "ellipsoidal height" },
  empty_city: { zh: "还没有数据", en: "No data yet" },
  empty_city_how: { zh: "用下面的命令载入第一份文件，本页会自动显示：", en: "Load a first file with this command; this page then shows it by itself:" },
  error_find: { zh: "查找失败", en: "The search failed" },
  error_items: { zh: "读取要素属性失败", en: "The feature's attributes could not be read" },
  error_not_found: { zh: "没有找到", en: "Nothing found" },
  "error_scene-invalid": { zh: "场景描述 (scene.json) 无法理解，请联系管理员", en: "The description of the scene (scene.json) cannot be understood; please tell the operator" },
  "error_scene-unreachable": { zh: "无法读取场景，请检查服务是否在运行", en: "The scene cannot be loaded; is the server running?" },
  error_terrain: { zh: "地形无法载入，以椭球面代替", en: "The terrain cannot be loaded; the ellipsoid stands in for it" },
  error_tileset: { zh: "图层无法载入", en: "A layer cannot be loaded" },
  error_render: { zh: "绘制出错，请刷新页面", en: "Drawing stopped with an error; please reload the page" },
  error_webgl: { zh: "此浏览器不支持 WebGL 2，无法显示三维场景", en: "This browser has no WebGL 2, which the 3D scene needs" },
  filter_layers: { zh: "筛选图层", en: "Filter layers" },
  find: { zh: "查找", en: "Find" },
  find_hint: { zh: "名称、编号、OID 或 经度,纬度", en: "Name, number, OID or lon,lat" },
  ground_opacity: { zh: "地面不透明度", en: "Ground opacity" },
  hide_layers: { zh: "收起图层", en: "Hide layers" },
  home: { zh: "全图", en: "Whole city" },
  item_link: { zh: "在 OGC API 中打开", en: "Open in OGC API" },
  language: { zh: "English", en: "中文" },
  layers: { zh: "图层", en: "Layers" },
  legend: { zh: "图例", en: "Legend" },
  links: { zh: "关联", en: "Linked with" },
  loading: { zh: "正在载入", en: "Loading" },
  map_view: { zh: "俯视 (2D)", en: "From above (2D)" },
  more_links: { zh: "还有 {count} 个", en: "and {count} more" },
  new_revision: { zh: "已更新到提交 {commit}", en: "Updated to commit {commit}" },
  no_value: { zh: "无数据或其他", en: "No value, or other" },
  north: { zh: "朝北", en: "North up" },
  retry: { zh: "重试", en: "Try again" },
  revision: { zh: "版本", en: "Revision" },
  search: { zh: "查找要素", en: "Find a feature" },
  show_layers: { zh: "图层与图例", en: "Layers and legend" },
  state_building: { zh: "正在生成", en: "being built" },
  state_building_far: { zh: "正在生成 {percent} %", en: "building {percent} %" },
  state_building_left: { zh: "正在生成 {percent} % · {left}", en: "building {percent} % · {left}" },
  state_failed: { zh: "生成失败", en: "build failed" },
  state_missing: { zh: "等待生成", en: "waiting to be built" },
  tilted_view: { zh: "倾斜 (3D)", en: "Tilted (3D)" },
  title: { zh: "城市三维空间底座", en: "City spatial base platform" },
  upload: { zh: "提交数据", en: "Submit data" },
  underground: { zh: "地下", en: "Underground" },
  view_tools: { zh: "视图工具", en: "View tools" },
  was_deleted: { zh: "此要素在新版本中已删除", en: "This feature is no longer in the new revision" },
  zoom_in: { zh: "放大", en: "Zoom in" },
  zoom_out: { zh: "缩小", en: "Zoom out" },
  zoom_to: { zh: "缩放到", en: "Zoom to" },
} as const satisfies Record<string, Text>;

export type Word = keyof typeof words;

/** Values that stand in a text's places: `{count}` takes the value called count. */
export type Values = Readonly<Record<string, string | number>>;

/** Says one word of a page, with values in its places. */
export type SayOf<W extends string> = (word: W, values?: Values) => string;

/** Says one word of the viewer. */
export type Say = SayOf<Word>;

/** Returns the speaker of a page's own words in a language. */
export function speakerOf<W extends string>(texts: Readonly<Record<W, Text>>, language: Language): SayOf<W> {
  return (word, values = {}) => inLanguage(texts[word], language).replaceAll(/\{(\w+)\}/g, (place, name: string) => String(values[name] ?? place));
}

/** Returns the viewer's speaker of a language. */
export function speaker(language: Language): Say {
  return speakerOf(words, language);
}
