/** An ImageryProvider that draws our vector tiles in the browser, so that 2D layers drape over terrain crisp at every zoom. */

import {
  type Credit,
  Event as CesiumEvent,
  ImageryLayerFeatureInfo,
  type ImageryProvider,
  Math as CesiumMath,
  Rectangle,
  WebMercatorTilingScheme,
} from "@cesium/engine";

import type { Extent } from "../extent";
import { type DecodedTile, EMPTY_TILE, type Paint, type TileAddress, type TileFeature, ancestor, decodeTile, drawTile, featuresAt, inAncestor } from "../vector_tile";

const TILE_PX = 512;
/** Deeper levels are drawn from tiles of this one: a tile unit is 0.15 m there, finer than a survey needs on a screen. */
const DEEPEST_DATA_LEVEL = 16;
const DEEPEST_LEVEL = 20;
/** An extent smaller than this many pixels is not worth a request. */
const SMALLEST_EXTENT_PX = 24;
const CACHED_TILES = 200;
const PICK_TOLERANCE_PX = 6;

export interface MvtImageryOptions {
  /** Absolute URL with {z}, {y} and {x}. */
  readonly template: string;
  readonly extent: Extent | null;
  readonly paintOf: (feature: TileFeature) => Paint | null;
  readonly decoded: (tile: DecodedTile, address: TileAddress) => void;
  readonly loading: (busy: boolean) => void;
  readonly failed: (detail: string) => void;
}

/** Where vector tiles come from. */
export interface TileSource {
  get(address: TileAddress): Promise<DecodedTile>;
}

/** Vector tiles by address, each asked for once; the oldest go first. */
export class TileCache implements TileSource {
  private readonly tiles = new Map<string, Promise<DecodedTile>>();
  private pending = 0;

  constructor(private readonly options: Pick<MvtImageryOptions, "template" | "decoded" | "loading" | "failed">) {}

  get busy(): boolean {
    return this.pending > 0;
  }

  async get(address: TileAddress): Promise<DecodedTile> {
    const url = this.options.template.replace("{z}", String(address.z)).replace("{x}", String(address.x)).replace("{y}", String(address.y));
    const known = this.tiles.get(url);
    if (known !== undefined) return known;
    const tile = this.fetch(url, address);
    this.tiles.set(url, tile);
    const oldest = this.tiles.keys().next().value;
    if (this.tiles.size > CACHED_TILES && oldest !== undefined) this.tiles.delete(oldest);
    return tile;
  }

  private async fetch(url: string, address: TileAddress): Promise<DecodedTile> {
    this.pending += 1;
    this.options.loading(true);
    try {
      const response = await fetch(url);
      if (response.status === 204 || response.status === 404) return EMPTY_TILE;
      if (!response.ok) throw new Error(`HTTP ${response.status}`);
      const tile = decodeTile(await response.arrayBuffer());
      this.options.decoded(tile, address);
      return tile;
    } catch (error) {
      this.tiles.delete(url);
      this.options.failed(String(error));
      throw error;
    } finally {
      this.pending -= 1;
      this.options.loading(this.pending > 0);
    }
  }
}

function rectangleOf(extent: Extent | null, whole: Rectangle): Rectangle {
  if (extent === null) return whole;
  const rectangle = Rectangle.fromDegrees(...extent);
  return Rectangle.intersection(rectangle, whole) ?? whole;
}

/** The lowest level at which the extent is large enough to be seen. */
function firstLevel(rectangle: Rectangle): number {
  const share = Math.max(rectangle.width, rectangle.height) / CesiumMath.TWO_PI;
  return Math.max(0, Math.ceil(Math.log2(SMALLEST_EXTENT_PX / (TILE_PX * Math.max(share, 1e-9)))));
}

/** Draws one layer's vector tiles; as CesiumJS asks it, an object of the form of ImageryProvider. */
export class MvtImageryProvider {
  readonly tileWidth = TILE_PX;
  readonly tileHeight = TILE_PX;
  readonly minimumLevel = 0;
  readonly maximumLevel = DEEPEST_LEVEL;
  readonly tilingScheme = new WebMercatorTilingScheme();
  readonly errorEvent = new CesiumEvent();
  readonly hasAlphaChannel = true;
  readonly rectangle: Rectangle;
  readonly credit: Credit | undefined = undefined;
  readonly proxy = undefined;
  readonly tileDiscardPolicy = undefined;
  /** Below this level the layer is too small to be seen, and nothing is asked for. */
  readonly firstLevel: number;

  constructor(
    private readonly paintOf: MvtImageryOptions["paintOf"],
    extent: Extent | null,
    private readonly tiles: TileSource,
    private readonly pickable: boolean,
  ) {
    this.rectangle = rectangleOf(extent, this.tilingScheme.rectangle);
    this.firstLevel = firstLevel(this.rectangle);
    // The tile cache tells of failures; without a listener CesiumJS would write them to the console, once for each try.
    this.errorEvent.addEventListener(() => undefined);
  }

  /** The level of ground tiles from which the layer has to be drawn. */
  get firstTerrainLevel(): number {
    return Math.max(0, this.firstLevel - 1);
  }

  /** Returns this provider under the type CesiumJS declares for providers, which is a class with no common base of its own. */
  asImageryProvider(): ImageryProvider {
    return this as unknown as ImageryProvider;
  }

  getTileCredits(): Credit[] {
    return [];
  }

  async requestImage(x: number, y: number, level: number): Promise<HTMLCanvasElement> {
    const canvas = document.createElement("canvas");
    const address = { z: level, x, y };
    if (level < this.firstLevel) {
      canvas.width = canvas.height = 1;
      return canvas;
    }
    const outer = ancestor(address, DEEPEST_DATA_LEVEL);
    const tile = await this.tiles.get(outer);
    canvas.width = canvas.height = TILE_PX;
    const context = canvas.getContext("2d");
    if (context === null) return canvas;
    const scale = 2 ** (level - outer.z);
    const [left, top] = [x - outer.x * scale, y - outer.y * scale];
    const unitPx = (TILE_PX * scale) / tile.extent;
    drawTile(context, tile, level, (point) => ({ x: point.x * unitPx - left * TILE_PX, y: point.y * unitPx - top * TILE_PX }), this.paintOf);
    return canvas;
  }

  async pickFeatures(x: number, y: number, level: number, longitude: number, latitude: number): Promise<ImageryLayerFeatureInfo[]> {
    if (!this.pickable || level < this.firstLevel) return [];
    const inner = { z: level, x, y };
    const outer = ancestor(inner, DEEPEST_DATA_LEVEL);
    const tile = await this.tiles.get(outer);
    const bounds = this.tilingScheme.tileXYToRectangle(x, y, level);
    const mercator = (angle: number): number => Math.asinh(Math.tan(angle));
    const within = {
      x: (longitude - bounds.west) / bounds.width,
      y: (mercator(bounds.north) - mercator(latitude)) / (mercator(bounds.north) - mercator(bounds.south)),
    };
    const tolerance = (PICK_TOLERANCE_PX * tile.extent) / (TILE_PX * 2 ** (level - outer.z));
    return featuresAt(tile, inAncestor(inner, outer, within, tile.extent), tolerance).map((feature) => {
      const info = new ImageryLayerFeatureInfo();
      info.data = feature;
      return info;
    });
  }
}
