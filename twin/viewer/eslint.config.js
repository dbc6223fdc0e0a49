import tseslint from "typescript-eslint";

export default tseslint.config(
  { ignores: ["dist/", "node_modules/", "*.config.js"] },
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      // CesiumJS declares its interfaces (TerrainProvider, Light …) as classes that nothing inherits from.
      "@typescript-eslint/no-unsafe-class-instance-assignment": "off",
      // Numbers in template texts are coordinates and counts: their default form is the one wanted.
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
    },
  },
);
