// The examples of docs/api.md as they stand, in Chromium, on a page of the server.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { launch, openPage } from "./chromium.mjs";
import { startServer, until } from "./server.mjs";

const guide = fileURLToPath(new URL("../../docs/api.md", import.meta.url));
const catalog = fileURLToPath(new URL("../../pipelines/catalog", import.meta.url));
let browser, server;

before(async () => {
  server = await startServer({ args: ["--pipelines", catalog] });
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.kill();
});

const examples = (text) => [...text.matchAll(/^```js\n([^]*?)^```$/gm)].map(([, code]) => code);

/** Runs the examples one behind the other in a page, as one script; gives what `result` says at its end. */
async function run(code, result) {
  const { page, close } = await openPage(browser, `${server.url}/openapi.json`);
  const given = await page.evaluate(`(async () => { ${code.join("\n")}\nreturn ${result}; })()`);
  return { page, given, close };
}

test("the guide's client connects, is steered and shows the returned video", async () => {
  const code = examples(await readFile(guide, "utf8"));
  assert.equal(code.length, 2);

  const { page, given, close } = await run(code, "({ sessionId, frame, saturation: parameters.saturation })");

  assert.equal(given.saturation, 1.6);
  const session = async () => (await server.get(`/api/v1/sessions/${given.sessionId}`)).body;
  assert.equal((await session()).pipeline_id, "grade");
  await until("video comes back", () =>
    page
      .locator("video")
      .evaluate((video) => video.videoWidth > 0 && !video.paused && video.currentTime > 0.2),
  );
  assert.ok(given.frame <= (await session()).frames_out + 60, `named frame ${given.frame}`);
  await close();
});

test("an example that fails is noticed", async () => {
  await assert.rejects(
    run(['const x = await fetch("/api/v1/nothing"); if (!x.ok) throw new Error("planted");'], "x"),
    /planted/,
  );
});
