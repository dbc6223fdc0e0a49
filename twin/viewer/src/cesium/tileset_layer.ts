/** One layer drawn from its 3D Tiles, coloured feature by feature without asking the server again. */

import { type BoundingSphere, Cartesian3, Cesium3DTileFeature, Cesium3DTileStyle, Cesium3DTileset, type CesiumWidget, Color, type CustomShader, PointCloudShading } from "@cesium/engine";

import { MUTED, type Rgb, chosenChoice, coloring } from "../coloring";
import type { Layer } from "../scene";
import { bottomlessShader } from "./bottomless_shader";
import { surfaceShader } from "./surface_shader";
import type { DrawnLayer, LayerEvents, LayerLook, LayerStatistics, Marks } from "./drawn_layer";
import { ENVELOPE } from "./envelope_layer";

const SELECTED = Color.fromCssColorString("#00e5ff");

/** Leaves to the shader what colour a surface has. */
const WHITE: Rgb = [255, 255, 255];

/** The constant term of the light from all sides (the first spherical harmonic). */
const AMBIENT_LIGHT = 0.55;

/** A tileset of which nothing is drawn has a volume of no size, at longitude and latitude 0. */
const LEAST_RADIUS_M = 0.01;

const POINT_CLOUD = "point_cloud";

/** The recipes of layers whose tiles are not made of features: a tile names the thing below it, and that has colours of its own. */
const NAMED_BY_TILE: ReadonlySet<string> = new Set(["model", POINT_CLOUD]);

/** Returns whether what is picked of a layer is named by a tile. */
export function isNamedByTile(layer: Layer): boolean {
  return NAMED_BY_TILE.has(layer.recipe);
}

/** Points grow with the gaps between them, up to these pixels. */
const LARGEST_POINT_PX = 8;

/** The property of every GLB of ours that names the feature (docs/architecture.md, Tile metadata). */
const FID = "fid";

/** CesiumJS takes any object with `evaluateColor` where a style expression may stand; its type declarations do not say so. */
function colorExpression(colorOf: (feature: Cesium3DTileFeature) => Color): Cesium3DTileStyle["color"] {
  return {
    evaluateColor: (feature: Cesium3DTileFeature, result?: Color) => Color.clone(colorOf(feature), result),
    evaluate: colorOf,
  };
}

/** Returns the fid of a picked 3D feature and its properties as the tile has them; null for what is none of ours. */
export function readFeature(picked: unknown): { tileset: Cesium3DTileset; fid: number; properties: Record<string, unknown> } | null {
  if (!(picked instanceof Cesium3DTileFeature)) return null;
  const fid: unknown = picked.getProperty(FID);
  if (typeof fid !== "number") return null;
  const properties = Object.fromEntries(picked.getPropertyIds().map((id) => [id, picked.getProperty(id) as unknown]));
  return { tileset: picked.tileset, fid, properties };
}

/** What CesiumJS keeps of a tile; its type declarations leave it out. */
interface TileOfModel {
  readonly parent?: TileOfModel | null;
  readonly metadata?: { getProperty(name: string): unknown };
}

/** Returns the finished model a picked thing belongs to: the next tile above it whose metadata name one; null for all else. */
export function readModel(picked: unknown): { tileset: unknown; fid: number; properties: Record<string, unknown> } | null {
  const found = picked as { tileset?: unknown; primitive?: unknown; content?: { tile?: TileOfModel }; _content?: { tile?: TileOfModel } } | undefined;
  let tile = (found?.content ?? found?._content)?.tile ?? null;
  while (tile !== null) {
    const fid = tile.metadata?.getProperty(FID);
    if (typeof fid === "number") return { tileset: found?.tileset ?? found?.primitive, fid, properties: { name: tile.metadata?.getProperty("name") } };
    tile = tile.parent ?? null;
  }
  return null;
}

/** Gives walls in the shade a steady share of light, instead of a sky rendered for each hour. */
function lightEvenly(tileset: Cesium3DTileset): void {
  tileset.environmentMapManager.enabled = false;
  const [ambient, ...directional] = [AMBIENT_LIGHT, ...Array.from({ length: 8 }, () => 0)];
  tileset.imageBasedLighting.sphericalHarmonicCoefficients = [ambient, ...directional].map((part) => new Cartesian3(part, part, part));
}

/** Draws points as large as what lies between them, shaded by depth, so that a scan reads as a surface. */
function closedSurface(): PointCloudShading {
  return new PointCloudShading({ attenuation: true, maximumAttenuation: LARGEST_POINT_PX, eyeDomeLighting: true });
}

export class TilesetLayer implements DrawnLayer {
  private selectedFid: number | null = null;
  private readonly seen = new Set<string>();
  private marks: Marks = new Map();
  private surfaceShader: CustomShader | undefined;
  private readonly plainShader: CustomShader | undefined;
  private look: LayerLook;

  private constructor(
    readonly layer: Layer,
    private readonly widget: CesiumWidget,
    readonly tileset: Cesium3DTileset,
    look: LayerLook,
    private standby: boolean,
  ) {
    this.look = look;
    this.plainShader = layer.recipe === ENVELOPE ? bottomlessShader() : undefined;
  }

  /** Returns the layer once its root has come; rejects when it cannot be loaded. */
  static async create(layer: Layer, url: URL, widget: CesiumWidget, look: LayerLook, events: LayerEvents, standby: boolean): Promise<TilesetLayer> {
    const tileset = await Cesium3DTileset.fromUrl(url.href, { maximumScreenSpaceError: 16, cullRequestsWhileMoving: false });
    const drawn = new TilesetLayer(layer, widget, tileset, look, standby);
    lightEvenly(tileset);
    if (layer.recipe === POINT_CLOUD) tileset.pointCloudShading = closedSurface();
    drawn.show();
    drawn.restyle();
    tileset.tileFailed.addEventListener(({ message, url: tile }: { message: string; url: string }) => {
      events.failed(`${tile}: ${message}`);
    });
    tileset.loadProgress.addEventListener((requests: number, processing: number) => {
      events.loading(requests + processing > 0);
    });
    widget.scene.primitives.add(tileset);
    widget.scene.requestRender();
    return drawn;
  }

  setLook(look: LayerLook): void {
    if (look.colorBy !== this.look.colorBy) this.seen.clear();
    this.look = look;
    this.show();
    this.restyle();
  }

  reveal(): void {
    this.standby = false;
    this.show();
  }

  select(fid: number | null): void {
    if (fid === this.selectedFid) return;
    this.selectedFid = fid;
    this.restyle();
  }

  mark(marks: Marks): void {
    this.marks = marks;
    this.restyle();
  }

  sphere(): BoundingSphere | null {
    const { boundingSphere } = this.tileset;
    return boundingSphere.radius > LEAST_RADIUS_M ? boundingSphere : null;
  }

  statistics(): LayerStatistics {
    // `statistics` is what CesiumJS's own inspector reads; it is not in the type declarations.
    const { statistics } = this.tileset as unknown as { statistics: { selected: number; numberOfFeaturesSelected: number } };
    return { tilesSelected: statistics.selected, featuresSelected: statistics.numberOfFeaturesSelected, loaded: this.tileset.tilesLoaded };
  }

  seenCodes(): ReadonlySet<string> {
    return this.seen;
  }

  remove(): void {
    this.widget.scene.primitives.remove(this.tileset);
    this.widget.scene.requestRender();
  }

  /** On standby CesiumJS loads what the present view needs without drawing it. */
  private show(): void {
    this.tileset.show = this.look.visible && !this.standby;
    this.tileset.preloadWhenHidden = this.look.visible && this.standby;
    this.widget.scene.requestRender();
  }

  /** What every feature has that is not marked; null where each has its own. */
  private plainColor(isOwn: boolean): Rgb | null {
    if (this.look.isMuted === true) return MUTED;
    return isOwn ? WHITE : null;
  }

  private restyle(): void {
    if (isNamedByTile(this.layer)) return;
    const choice = chosenChoice(this.layer, this.look.colorBy);
    const colorOf = coloring(this.layer, choice, (code) => this.seen.add(code));
    const bySurface = choice?.kind === "surface" && this.look.isMuted !== true;
    this.tileset.customShader = bySurface ? (this.surfaceShader ??= surfaceShader(choice)) : this.plainShader;
    const isOwn = bySurface || choice?.kind === "texture";
    const field = choice?.field;
    const style = new Cesium3DTileStyle();
    const scratch = new Color();
    style.color = colorExpression((feature) => {
      const fid = this.selectedFid === null && this.marks.size === 0 ? null : (feature.getProperty(FID) as number);
      if (fid !== null && fid === this.selectedFid) return SELECTED;
      const marked = fid === null ? undefined : this.marks.get(fid);
      const [red, green, blue] = marked ?? this.plainColor(isOwn) ?? colorOf(field === undefined ? undefined : feature.getProperty(field));
      return Color.fromBytes(red, green, blue, 255, scratch);
    });
    this.tileset.style = style;
    this.widget.scene.requestRender();
  }
}
