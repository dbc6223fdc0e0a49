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

/** Keeps CreditDisplay from adding an inline <style>, which `style-src 'self'` forbids; src/ui/viewer.css holds what it needs. */
function creditsWithoutInlineStyle() {
  const call = "  appendCss(container);\n";
  return {
    name: "credits-without-inline-style",
    transform(code, id) {
      if (!id.endsWith("/Scene/CreditDisplay.js")) return null;
      if (!code.includes(call)) throw new Error("CreditDisplay.js has changed: look where it adds its style now");
      return { code: code.replace(call, ""), map: null };
    },
  };
}

export default defineConfig({
  root,
  base: "./",
  plugins: [cesiumAssets(), creditsWithoutInlineStyle()],
  build: { target: "es2022", outDir: "dist", emptyOutDir: true, chunkSizeWarningLimit: 6000, modulePreload: { polyfill: false }, assetsInlineLimit: 0 },
  test: { include: ["test/**/*.test.ts"] },
});
