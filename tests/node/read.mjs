// Decodes GLB files named on stdin with glTF-Transform and the meshoptimizer decoder; prints, for each file, world positions (geocentric,
// z up), triangles, feature ids, ids of the set labelled "surface", the place of each vertex in its picture (null: it shows none) with the
// picture in base64, and the property table, decoded here from the binary chunk by the text of EXT_structural_metadata.
import { readFileSync } from "node:fs";
import { NodeIO } from "@gltf-transform/core";
import { EXTMeshGPUInstancing, EXTMeshoptCompression, EXTTextureWebP, KHRMeshQuantization } from "@gltf-transform/extensions";
import { MeshoptDecoder } from "meshoptimizer";

await MeshoptDecoder.ready;
const io = new NodeIO()
  .registerExtensions([EXTMeshGPUInstancing, EXTMeshoptCompression, EXTTextureWebP, KHRMeshQuantization])
  .registerDependencies({ "meshopt.decoder": MeshoptDecoder });

const COMPONENTS = {
  INT8: [Int8Array, 1], UINT8: [Uint8Array, 1], INT16: [Int16Array, 2], UINT16: [Uint16Array, 2],
  INT32: [Int32Array, 4], UINT32: [Uint32Array, 4], FLOAT32: [Float32Array, 4], FLOAT64: [Float64Array, 8],
};

function chunks(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.getUint32(12, true);
  const json = JSON.parse(new TextDecoder().decode(bytes.subarray(20, 20 + length)));
  const start = 20 + length;
  return { json, bin: bytes.subarray(start + 8, start + 8 + view.getUint32(start, true)) };
}

function typed(bin, view, type, count) {
  const [Type, size] = COMPONENTS[type];
  const start = view.byteOffset ?? 0;
  if (start % 8) throw new Error("property table view is not on 8 bytes");
  if (view.byteLength < size * count) throw new Error("property table view is too short");
  return new Type(bin.slice(start, start + size * count).buffer);
}

function propertyTable({ json, bin }) {
  const { schema, propertyTables } = json.extensions.EXT_structural_metadata;
  const table = propertyTables[0];
  const { properties } = schema.classes[table.class];
  const columns = {};
  for (const [name, stored] of Object.entries(table.properties)) {
    const definition = properties[name];
    const values = json.bufferViews[stored.values];
    if (definition.type === "STRING") {
      const offsets = typed(bin, json.bufferViews[stored.stringOffsets], stored.stringOffsetType ?? "UINT32", table.count + 1);
      const data = bin.slice(values.byteOffset ?? 0, (values.byteOffset ?? 0) + values.byteLength);
      columns[name] = Array.from({ length: table.count }, (_, i) => new TextDecoder("utf-8", { fatal: true }).decode(data.slice(offsets[i], offsets[i + 1])));
    } else if (definition.type === "ENUM") {
      const { valueType, values: names } = schema.enums[definition.enumType];
      const byValue = new Map(names.map((v) => [v.value, v.name]));
      columns[name] = Array.from(typed(bin, values, valueType ?? "UINT16", table.count), (v) => byValue.get(v));
    } else {
      columns[name] = Array.from(typed(bin, values, definition.componentType, table.count));
    }
    if ("noData" in definition) columns[name] = columns[name].map((v) => (v === definition.noData ? null : v));
  }
  return { class: table.class, count: table.count, columns };
}

// Adds the vertices of every instance, turned as the text of EXT_mesh_gpu_instancing says: scaled, rotated, moved, then as its node is.
function expand(node, instances, out) {
  const m = node.getWorldMatrix();
  const [translation, rotation, scale, feature] = ["TRANSLATION", "ROTATION", "SCALE", "_FEATURE_ID_0"].map((n) => instances.getAttribute(n));
  const position = node.getMesh().listPrimitives()[0].getAttribute("POSITION");
  for (let n = 0; n < translation.getCount(); n++) {
    const [t, q, s] = [translation, rotation, scale].map((a) => a.getElement(n, []));
    for (let i = 0; i < position.getCount(); i++) {
      const p = position.getElement(i, []).map((v, k) => v * s[k]);
      const a = cross(q, p).map((v) => 2 * v);
      const b = cross(q, a);
      const [x, y, z] = p.map((v, k) => v + q[3] * a[k] + b[k] + t[k]);
      const world = [0, 1, 2].map((r) => m[r] * x + m[4 + r] * y + m[8 + r] * z + m[12 + r]);
      out.positions.push([world[0], -world[2], world[1]]);
      out.features.push(feature.getScalar(n));
    }
  }
}

const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];

async function decode(file) {
  const bytes = new Uint8Array(readFileSync(file));
  const document = await io.readBinary(bytes);
  const { json } = chunks(bytes);
  const sets = json.meshes[0].primitives[0].extensions?.EXT_mesh_features.featureIds;
  const surfaceSet = sets?.find(({ label }) => label === "surface");
  const out = { file, positions: [], triangles: [], features: [], surfaces: [], places: [], picture: null, table: propertyTable(chunks(bytes)) };
  for (const node of document.getRoot().listNodes()) {
    const mesh = node.getMesh();
    if (!mesh) continue;
    const instances = node.getExtension("EXT_mesh_gpu_instancing");
    if (instances) {
      expand(node, instances, out);
      continue;
    }
    const m = node.getWorldMatrix();
    for (const primitive of mesh.listPrimitives()) {
      const base = out.features.length;
      const position = primitive.getAttribute("POSITION");
      const feature = primitive.getAttribute("_FEATURE_ID_0");
      const picture = primitive.getMaterial().getBaseColorTexture();
      const place = picture && primitive.getAttribute("TEXCOORD_0");
      if (picture) out.picture = Buffer.from(picture.getImage()).toString("base64");
      const surface = surfaceSet && primitive.getAttribute(`_FEATURE_ID_${surfaceSet.attribute}`);
      for (let i = 0; i < position.getCount(); i++) {
        const [x, y, z] = position.getElement(i, []);
        const world = [0, 1, 2].map((r) => m[r] * x + m[4 + r] * y + m[8 + r] * z + m[12 + r]);
        out.positions.push([world[0], -world[2], world[1]]); // glTF y-up → geocentric z-up
        out.features.push(feature.getScalar(i));
        if (surface) out.surfaces.push(surface.getScalar(i));
        out.places.push(place ? place.getElement(i, []) : null);
      }
      const indices = primitive.getIndices().getArray();
      for (let i = 0; i < indices.length; i += 3) out.triangles.push([base + indices[i], base + indices[i + 1], base + indices[i + 2]]);
    }
  }
  return out;
}

const files = readFileSync(0, "utf8").split("\n").filter(Boolean);
const decoded = [];
for (const file of files) decoded.push(await decode(file));
process.stdout.write(JSON.stringify(decoded));
