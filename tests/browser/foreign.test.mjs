// Pages of others against the server: a name that is pointed at it, requests across sites, a page in a frame.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { launch } from "./chromium.mjs";
import { startServer, until } from "./server.mjs";

// The attacker's name, and one of an application that the operator trusts, both on this machine.
const EVIL = "evil.example";
const APP = "app.example";

let browser, folder, site, port;
before(async () => {
  browser = await launch([`--host-resolver-rules=MAP *.example 127.0.0.1`]);
  folder = await mkdtemp(join(tmpdir(), "scope-foreign-"));
  const film = ["-f", "lavfi", "-i", "testsrc2=s=320x240:r=25:d=2", "-pix_fmt", "yuv420p", join(folder, "film.mp4")];
  execFileSync("ffmpeg", ["-loglevel", "error", ...film]);
  // A page with whatever its query says.
  site = createServer((request, response) => {
    const body = new URL(request.url, "http://site").searchParams.get("body") ?? "";
    response.writeHead(200, { "content-type": "text/html" }).end(`<!doctype html><body>${body}</body>`);
  });
  await new Promise((listening) => site.listen(0, "127.0.0.1", listening));
  ({ port } = site.address());
});
after(async () => {
  await browser?.close();
  site?.close();
  if (folder) await rm(folder, { recursive: true });
});

const start = (...args) => startServer({ args: ["--video-files", folder, "--recordings", join(folder, "r"), ...args] });

/** A page of the site under that name. */
async function visit(name, body = "") {
  const page = await (await browser.newContext()).newPage();
  await page.goto(`http://${name}:${port}/?body=${encodeURIComponent(body)}`);
  return page;
}

/** A running headless session, which a foreign page would like to end. */
async function run(server) {
  const input_source = { source_type: "video_file", source_name: "film.mp4", loop: true };
  const body = JSON.stringify({ pipeline_id: "echo", input_source });
  const headers = { "content-type": "application/json" };
  const response = await fetch(`${server.url}/api/v1/session/start`, { method: "POST", headers, body });
  assert.equal(response.status, 200, await response.text());
}
const runs = async (server) => (await server.get("/api/v1/sessions/headless")).status === 200;

test("a name that is pointed at the server gets nothing, until it is named", async () => {
  const server = await start();
  await run(server);
  const page = await (await browser.newContext()).newPage();

  const refused = await page.goto(`http://${EVIL}:${server.port}/api/v1/sessions`);
  assert.equal(refused.status(), 421);
  // Same origin by now: the browser itself sees nothing wrong.
  const inside = await page.evaluate(async () => {
    const ask = (method, path) => fetch(path, { method }).then(({ status }) => status);
    return [await ask("GET", "/api/v1/recordings"), await ask("POST", "/api/v1/session/stop")];
  });
  assert.deepEqual(inside, [421, 421]);
  assert.ok(await runs(server));

  const named = await start("--allowed-hosts", EVIL);
  const let_in = await page.goto(`http://${EVIL}:${named.port}/api/v1/sessions`);
  assert.equal(let_in.status(), 401, "it is answered, and asked for a key: the name is not localhost");
  await page.context().close();
  await Promise.all([server.kill(), named.kill()]);
});

test("a page of another site changes nothing, sees nothing, and is answered once it is named", async () => {
  const server = await start("--allow-origin", `http://${APP}:${port}`);
  await run(server);
  const api = `http://localhost:${server.port}/api/v1`;
  const attack = async (page) => {
    const form = `<form method="post" target="hidden" action="${api}/session/stop"><button>Win</button></form>
      <iframe name="hidden"></iframe><img src="${api}/session/frame">`;
    await page.goto(`${page.url().split("?")[0]}?body=${encodeURIComponent(form)}`);
    const posted = page.waitForResponse((response) => response.url().endsWith("/session/stop"));
    await page.getByRole("button").click();
    const status = (await posted).status();
    const simple = { method: "POST", mode: "no-cors", headers: { "content-type": "text/plain" } };
    // It is sent; the page may not even know how it was answered (Cross-Origin-Resource-Policy).
    await page.evaluate(([url, options]) => fetch(url, options).catch(String), [`${api}/session/stop`, simple]);
    const read = await page.evaluate(
      (url) => fetch(url).then((response) => response.json(), String),
      `${api}/session/parameters`,
    );
    const width = await page.locator("img").evaluate((image) => image.naturalWidth);
    return { status, read, width };
  };

  const evil = await visit(EVIL);
  const seen = await attack(evil);

  assert.equal(seen.status, 403);
  assert.match(String(seen.read), /TypeError/);
  assert.equal(seen.width, 0, "the picture is not shown");
  assert.ok(await runs(server), "the session lives");
  await evil.context().close();

  const app = await visit(APP);
  const used = await app.evaluate(async (api) => {
    const headers = { "content-type": "application/json", authorization: "Bearer none" };
    const read = await fetch(`${api}/sessions`, { headers: { authorization: "Bearer none" } });
    const body = JSON.stringify({ type: "offer" });
    const offered = await fetch(`${api}/webrtc/offer`, { method: "POST", headers, body });
    const stopped = await fetch(`${api}/session/stop`, { method: "POST" });
    return [read.type, (await offered.json()).code, stopped.type];
  }, api);
  assert.deepEqual([used[0], used[2]], ["cors", "cors"]);
  assert.equal(typeof used[1], "string");
  await app.context().close();
  await server.kill();
});

test("a page of the operator's choice frames the page, camera included; others do not", async () => {
  const frame = (server) =>
    `<iframe src="http://localhost:${server.port}/?source=camera" width="1200" height="900"
      allow="camera; microphone; display-capture; fullscreen; autoplay"></iframe>`;
  // A page that is not secure gets no camera, and lends none.
  const outer = "localhost";
  const closed = await start();
  const other = await visit(outer, frame(closed));
  const inner = other.frames()[1];
  await until("the browser has refused the frame", () => inner.url().startsWith("chrome-error:"));
  await other.context().close();

  const server = await start("--frame-ancestors", `http://${outer}:${port}`);
  const app = await visit(outer, frame(server));
  const page = app.frameLocator("iframe");
  await page.getByRole("button", { name: "Start" }).click();
  const shown = () =>
    page
      .getByLabel("Output video")
      .evaluate((video) => video.getVideoPlaybackQuality().totalVideoFrames)
      .catch(() => 0);
  await until("the camera's frames come back", async () => (await shown()) > 20);
  await app.context().close();
  await Promise.all([closed.kill(), server.kill()]);
});
