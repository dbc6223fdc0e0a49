import { cpSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const root = dirname(fileURLToPath(import.meta.url));
const engine = join(root, "node_modules", "@cesium", "engine");

/** Copies what CesiumJS loads by URL while it runs; KTX2 is left out: we write none, and its worker alone needs `new Function`. */
function cesiumAssets() {
  const wanted = (path) => !path.includes("transcodeKTX2") && !path.includes("basis_transcoder");
  return {
    name: "cesium-assets",
    apply: "build",
    closeBundle() {
      const target = join(root, "dist", "cesium");
      cpSync(join(engine, "Build", "Workers"), join(target, "Workers"), { recursive: true, filter: wanted });
      for (const asset of ["approximateTerrainHeights.json", "IAU2006_XYS"]) {
        cpSync(join(engine, "Source", "Assets", asset), join(target, "Assets", asset), { recursive: true });
      }
    },
  };
}

/** The two places where CesiumJS writes inline styles, which `style-src 'self'` forbids, and what stands there instead. */
const inlineStyles = [
  // src/ui/viewer.css holds what the credits need.
  { file: "/Scene/CreditDisplay.js", from: "  appendCss(container);\n", to: "" },
  {
    file: "/Core/FeatureDetection.js",
    from: /canvas\.setAttribute\(\s*"style",\s*"image-rendering: -moz-crisp-edges;" \+ "image-rendering: pixelated;",\s*\);/,
    to: 'canvas.style.imageRendering = "pixelated";',
  },
];

function withoutInlineStyles() {
  return {
    name: "without-inline-styles",
    transform(code, id) {
      const patch = inlineStyles.find(({ file }) => id.endsWith(file));
      if (patch === undefined) return null;
      const patched = code.replace(patch.from, patch.to);
      if (patched === code) throw new Error(`${patch.file} has changed: look where it writes inline styles now`);
      return { code: patched, map: null };
    },
  };
}

export default defineConfig({
  root,
  base: "./",
  plugins: [cesiumAssets(), withoutInlineStyles()],
  build: {
    target: "es2022",
    outDir: "dist",
    emptyOutDir: true,
    chunkSizeWarningLimit: 6000,
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    rolldownOptions: { input: { viewer: join(root, "index.html"), upload: join(root, "upload", "index.html") } },
  },
  test: { include: ["test/**/*.test.ts"] },
});
