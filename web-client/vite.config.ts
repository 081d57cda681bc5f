import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// Two pages, one set of assets. The server answers every path below /console/ with dist/console/index.html,
// every path below /privacy/ with dist/privacy/index.html, and /assets/* as immutable files.
export default defineConfig({
  base: "/",
  // Each folder has its own index.html; an unknown path must not fall back to one of them in `vite dev`.
  appType: "mpa",
  plugins: [react(), pagesInDevelopment()],
  build: {
    target: "es2022",
    // The content security policy allows no data: URLs, so nothing may be inlined.
    assetsInlineLimit: 0,
    // An inline polyfill script would break the policy too; every supported browser preloads modules by itself.
    modulePreload: { polyfill: false },
    rollupOptions: { input: { console: "console/index.html", privacy: "privacy/index.html" } },
  },
  server: {
    proxy: Object.fromEntries(
      ["/api", "/connect", "/log", "/mailbox"].map((path) => [
        path,
        { target: process.env["WEIR_URL"] ?? "http://127.0.0.1:8080", ws: true },
      ]),
    ),
  },
  test: { include: ["src/**/*.test.{ts,tsx}", "recovery/test/*.test.ts"], environment: "node" },
});

/** Serves the deep links of both pages in `vite dev` the way the real server does. */
function pagesInDevelopment() {
  return {
    name: "weir-pages",
    configureServer(server: { middlewares: { use(handler: (req: { url?: string }, res: unknown, next: () => void) => void): void } }) {
      server.middlewares.use((req, _res, next) => {
        const page = /^\/(console|privacy)(\/|$)/.exec(req.url ?? "")?.[1];
        if (page && !/\.\w+(\?|$)/.test(req.url ?? "")) req.url = `/${page}/index.html`;
        next();
      });
    },
  };
}
