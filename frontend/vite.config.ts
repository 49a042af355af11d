import { defineConfig } from "vite";

export default defineConfig({
  base: "/",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    target: "es2022",
    outDir: "dist",
    assetsDir: "assets",
    // The page's Content-Security-Policy has no `data:` but for images, and one file less is nothing won.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
});
