// A page with OpenLayers and MapLibre, two maps that others wrote; tests ask them through `window.client` what they made of our services.
import * as maplibre from "maplibre-gl";

const { ol, pmtiles } = window; // their bundles are no modules
const target = document.getElementById("map");
let open = null;

function clear() {
  open?.close();
  open = null;
  target.replaceChildren();
}

/** Opens an OpenLayers map with one layer, looking at a place; resolves when all is drawn. */
async function openLayers(layer, lonDeg, latDeg, zoom, projection = "EPSG:3857") {
  clear();
  await described(layer.getSource());
  const view = new ol.View({ projection, center: ol.proj.fromLonLat([lonDeg, latDeg], projection), zoom });
  const map = new ol.Map({ target, layers: [layer], view, controls: [] });
  open = { close: () => map.setTarget(null) };
  return new Promise((resolve, reject) => {
    layer.getSource().on("error", reject);
    map.once("rendercomplete", () => resolve({ map, extent: view.calculateExtent(map.getSize()) }));
  });
}

/** Resolves when a source has read the description of its service: a map is complete without it, and empty. */
function described(source) {
  return new Promise((resolve, reject) => {
    const look = () => {
      if (source.getState() === "ready") resolve();
      else if (source.getState() === "error") reject(source.getError?.() ?? new Error("the source cannot be read"));
    };
    source.on("change", look);
    look();
  });
}

/**
 * OGC API - Tiles by the description of the tileset, on a map of the same projection: the distinct features in view.
 * OpenLayers has to be told of another projection than web mercator; it has no name for CGCS2000, whose degrees are those of EPSG:4326.
 */
async function olVectorTiles(url, projection, lonDeg, latDeg, zoom) {
  const layer = new ol.layer.VectorTile({ source: new ol.source.OGCVectorTile({ url, projection, format: new ol.format.MVT() }) });
  const { extent } = await openLayers(layer, lonDeg, latDeg, zoom, projection);
  return properties(layer.getFeaturesInExtent(extent));
}

/** OGC API - Features in GeoJSON, the box of the view asked for. */
async function olFeatures(items, lonDeg, latDeg, zoom) {
  const source = new ol.source.Vector({
    format: new ol.format.GeoJSON(),
    strategy: ol.loadingstrategy.bbox,
    url: (box) => `${items}?limit=1000&bbox=${ol.proj.transformExtent(box, "EPSG:3857", "EPSG:4326").join(",")}`,
  });
  await openLayers(new ol.layer.Vector({ source }), lonDeg, latDeg, zoom);
  return source.getFeatures().map((feature) => ({ id: feature.getId(), ...plain(feature) }));
}

/** A MapLibre style as it is served: what is drawn, by the layers of the style. */
async function mapLibre(style, lonDeg, latDeg, zoom) {
  clear();
  const map = new maplibre.Map({ container: target, style, center: [lonDeg, latDeg], zoom, interactive: false, attributionControl: false });
  const failures = [];
  open = { close: () => map.remove() };
  map.on("error", ({ error }) => failures.push(error.message));
  await new Promise((resolve) => map.once("idle", resolve));
  const found = map.queryRenderedFeatures().map((f) => ({ layer: f.layer.id, type: f.layer.type, properties: f.properties }));
  return { failures, found };
}

function properties(features) {
  const byFid = new Map();
  for (const feature of features) byFid.set(feature.get("fid") ?? feature.getId(), plain(feature));
  return [...byFid.values()];
}

function plain(feature) {
  const { geometry, ...rest } = feature.getProperties();
  return rest;
}

/** A PMTiles file read by ranges: what of its layer is drawn in view. */
async function mapLibreArchive(url, layer, lonDeg, latDeg, zoom) {
  const protocol = new pmtiles.Protocol();
  maplibre.addProtocol("pmtiles", protocol.tile);
  const style = {
    version: 8,
    sources: { archive: { type: "vector", url: `pmtiles://${url}` } },
    layers: [{ id: layer, type: "fill", source: "archive", "source-layer": layer }],
  };
  return mapLibre(style, lonDeg, latDeg, zoom);
}

window.client = { olVectorTiles, olFeatures, mapLibre, mapLibreArchive };
