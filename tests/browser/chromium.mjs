// Debian's Chromium with a fake camera, driven by playwright-core.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before } from "node:test";

import { chromium } from "playwright-core";

import { startServer } from "./server.mjs";

const ARGS = [
  "--no-sandbox",
  "--use-fake-ui-for-media-stream",
  "--use-fake-device-for-media-stream",
  "--autoplay-policy=no-user-gesture-required",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Over plain HTTP from another host; the server may be behind a proxy that speaks HTTPS, and sends the header always. */
const NO_OPENER_POLICY = "The Cross-Origin-Opener-Policy header has been ignored";

/** With FAKE_CAMERA=FILE.y4m the camera shows that file in place of Chromium's own pattern. */
export async function launch(extraArgs = []) {
  const { FAKE_CAMERA: film } = process.env;
  const camera = film ? [`--use-file-for-fake-video-capture=${film}`] : [];
  const args = [...ARGS, ...camera, ...extraArgs];
  return chromium.launch({ executablePath: "/usr/bin/chromium", headless: true, args });
}

/** The same at the client's end of a link, whose server is the only one that it reaches. */
export async function launchBehind(link, url) {
  const folder = await mkdtemp(join(tmpdir(), "scope-chromium-"));
  const executablePath = join(folder, "chromium");
  const script = `#!/bin/sh\nexec ${link.atClient.join(" ")} /usr/bin/chromium "$@"\n`;
  await writeFile(executablePath, script, { mode: 0o755 });
  const args = [...ARGS, `--unsafely-treat-insecure-origin-as-secure=${url}`];
  const browser = await chromium.launch({ executablePath, headless: true, args });
  await rm(folder, { recursive: true });
  return browser;
}

/** A page whose console errors are collected; `prepare` gets it before it loads. */
export async function openPage(browser, url, { prepare, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
  const page = await context.newPage();
  const errors = [];
  page.on("console", (message) => {
    const isError = message.type() === "error" && !message.text().startsWith(NO_OPENER_POLICY);
    if (isError) errors.push(message.text());
  });
  page.on("pageerror", (error) => errors.push(String(error)));
  await prepare?.(page);
  await page.goto(url);
  return { page, errors, close: () => context.close() };
}

/** Keeps the page's connections for their statistics, each made with `forced` besides its own configuration. */
export const keepConnections = (page, forced = {}) =>
  page.addInitScript((forced) => {
    const Native = window.RTCPeerConnection;
    window.connections = [];
    window.RTCPeerConnection = class extends Native {
      constructor(configuration) {
        super({ ...configuration, ...forced });
        window.connections.push(this);
      }
    };
  }, forced);

/** Video frames that the newest of the kept connections has sent. */
export const framesSent = (page) =>
  page.evaluate(async () => {
    const report = [...(await window.connections.at(-1).getStats()).values()];
    return report.find(({ type, kind }) => type === "outbound-rtp" && kind === "video").framesSent;
  });

/** A browser and a server for all tests of a file. */
export function withServer() {
  let browser, server;
  before(async () => {
    [browser, server] = await Promise.all([launch(), startServer()]);
  });
  after(async () => {
    await browser?.close();
    await server?.kill();
  });
  return {
    open: (path, options) => openPage(browser, server.url + path, options),
    /** Of another server. */
    openAt: (url, options) => openPage(browser, url, options),
    get: (path) => server.get(path),
  };
}

export const state = (page) => page.evaluate(() => window.scope.state());
export const outputVideo = (page) => page.getByLabel("Output video");
export const inputVideo = (page) => page.getByLabel("Input video");
/** The value beside this label in the status bar. */
export const figure = (page, label) =>
  page.getByRole("contentinfo").getByText(label, { exact: true }).locator("+ dd");
export const stamps = (page) => page.evaluate(() => window.scope.stamps());
