// A page that shows one tileset with NASA-AMMOS 3d-tiles-renderer on three.js; tests ask it through `window.client`.
import { AmbientLight, DirectionalLight, PerspectiveCamera, Raycaster, Scene, Triangle, Vector2, Vector3, WebGLRenderer } from "three";
import { MeshoptDecoder } from "three/addons/libs/meshopt_decoder.module.js";
import { ImplicitTilingPlugin } from "3d-tiles-renderer/core/plugins";
import { TilesRenderer, WGS84_ELLIPSOID } from "3d-tiles-renderer/three";
import { GLTFExtensionsPlugin } from "3d-tiles-renderer/three/plugins";

const ERROR_TARGET_PX = 16;
const radians = (degrees) => (degrees * Math.PI) / 180;
const renderer = new WebGLRenderer({ antialias: false, preserveDrawingBuffer: true });
renderer.setClearColor(0x000000, 1);
renderer.setSize(window.innerWidth, window.innerHeight);
document.body.append(renderer.domElement);
const camera = new PerspectiveCamera(60, window.innerWidth / window.innerHeight, 1, 1e6);
const scene = new Scene();
const sun = new DirectionalLight(0xffffff, 2);
scene.add(new AmbientLight(0xffffff, 1), sun, sun.target);
let tiles = null;
let failures = [];
let quietFrames = 0;

function show(url) {
  if (tiles !== null) {
    scene.remove(tiles.group);
    tiles.dispose();
  }
  failures = [];
  quietFrames = 0;
  tiles = new TilesRenderer(url);
  tiles.errorTarget = ERROR_TARGET_PX;
  tiles.registerPlugin(new ImplicitTilingPlugin());
  tiles.registerPlugin(new GLTFExtensionsPlugin({ meshoptDecoder: MeshoptDecoder, autoDispose: false }));
  tiles.addEventListener("load-error", ({ url: failed, error }) => failures.push(`${failed}: ${error}`));
  tiles.setCamera(camera);
  tiles.setResolutionFromRenderer(camera, renderer);
  scene.add(tiles.group);
}

/** Puts the camera `range` metres from a place, looking north and down by `pitch`. */
function lookAt(lonDeg, latDeg, heightM, pitchDeg, rangeM) {
  const target = WGS84_ELLIPSOID.getCartographicToPosition(radians(latDeg), radians(lonDeg), heightM, new Vector3());
  const [east, north, up] = [new Vector3(), new Vector3(), new Vector3()];
  WGS84_ELLIPSOID.getEastNorthUpAxes(radians(latDeg), radians(lonDeg), east, north, up);
  const away = north.multiplyScalar(-Math.cos(radians(pitchDeg))).addScaledVector(up, Math.sin(radians(pitchDeg)));
  camera.up.copy(up);
  camera.position.copy(target).addScaledVector(away, rangeM);
  camera.lookAt(target);
  camera.updateMatrixWorld();
  sun.position.copy(camera.position).addScaledVector(east, rangeM / 2);
  sun.target.position.copy(target);
  quietFrames = 0;
}

function frame() {
  requestAnimationFrame(frame);
  if (tiles === null) return;
  tiles.update();
  renderer.render(scene, camera);
  const { queued, downloading, parsing } = tiles.stats;
  const isQuiet = tiles.root !== null && !tiles.isLoading && queued + downloading + parsing === 0;
  quietFrames = isQuiet ? quietFrames + 1 : 0;
}

function shown() {
  const classes = {};
  let meshes = 0;
  tiles.forEachLoadedModel((model, tile) => {
    if (!tiles.visibleTiles.has(tile)) return;
    model.traverse((object) => { meshes += object.isMesh || object.isPoints ? 1 : 0; });
    for (const { className } of model.userData.structuralMetadata?.getPropertyTableInfo() ?? []) classes[className] = (classes[className] ?? 0) + 1;
  });
  return { tiles: tiles.visibleTiles.size, meshes, classes };
}

/** The feature a ray hits: its id by the vertex or the instance, its row of the property table as the renderer's own reader gives it. */
function pick(x, y) {
  const ray = new Raycaster();
  ray.setFromCamera(new Vector2((2 * x) / window.innerWidth - 1, 1 - (2 * y) / window.innerHeight), camera);
  const [hit] = ray.intersectObject(tiles.group, true);
  if (hit === undefined) return null;
  const { object, face, point } = hit;
  let model = object;
  while (model.userData.structuralMetadata === undefined && model.parent !== tiles.group) model = model.parent;
  const metadata = model.userData.structuralMetadata;
  if (metadata === undefined || object.isPoints) return { row: null };
  const id = object.isInstancedMesh ? instanceFeature(object, hit.instanceId) : meshFeature(object, hit.faceIndex, face, point);
  const row = metadata.getPropertyTableData(0, id);
  const stored = metadata.tableAccessors[0].definition.properties; // of a column that the table lacks the reader makes zeros
  const values = Object.keys(stored).map((name) => [name, typeof row[name] === "bigint" ? Number(row[name]) : row[name]]);
  const instanced = object.isInstancedMesh === true;
  return { class: metadata.getPropertyTableInfo(0).className, instanced, mixed: isMixed(object), row: Object.fromEntries(values) };
}

/** Whether the content that an object is part of draws instances and meshes. */
function isMixed(object) {
  let content = object;
  while (content.parent !== tiles.group) content = content.parent;
  const kinds = new Set();
  content.traverse((part) => { if (part.isMesh) kinds.add(part.isInstancedMesh === true); });
  return kinds.size === 2;
}

function instanceFeature(mesh, instance) {
  return mesh.geometry.getAttribute("_FEATURE_ID_0").getX(instance);
}

function meshFeature(mesh, triangle, face, point) {
  const position = mesh.geometry.getAttribute("position");
  const local = mesh.worldToLocal(point.clone());
  const [a, b, c] = [face.a, face.b, face.c].map((i) => new Vector3().fromBufferAttribute(position, i));
  return mesh.userData.meshFeatures.getFeatures(triangle, Triangle.getBarycoord(local, a, b, c, new Vector3()))[0];
}

window.client = { show, lookAt, shown, pick, failures: () => failures, ready: () => quietFrames > 2, state: () => ({ ...tiles.stats, failures }) };
requestAnimationFrame(frame);
