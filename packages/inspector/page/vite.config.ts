import { defineConfig } from "vite";

export default defineConfig({
  root: import.meta.dirname,
  // An inspector may be mounted anywhere in a server of the user's.
  base: "./",
  build: {
    outDir: "../dist/page",
    emptyOutDir: true,
    // Nothing inline: the policy of the page allows only files of its own.
    assetsInlineLimit: 0,
    // Whoever gets the page gets the licences of what is in it.
    license: { fileName: "LICENSES.md" },
    modulePreload: { polyfill: false },
    target: "es2023",
  },
});
