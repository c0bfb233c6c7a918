import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const server = process.env["SCOPE_SERVER"] ?? "http://localhost:8000";
const proxied = ["/api", "/health", "/ready", "/openapi.json", "/docs"];

export default defineConfig({
  plugins: [react(), tailwindcss()],
  server: { proxy: Object.fromEntries(proxied.map((path) => [path, server])) },
  test: { environment: "jsdom", include: ["src/**/*.test.{ts,tsx}"] },
});
