// The figures that the page shows, against what the server tells.
import assert from "node:assert/strict";
import { test } from "node:test";

import { figure, state, withServer } from "./chromium.mjs";
import { startServer, until } from "./server.mjs";

/** What is known while a stream with a measured delay runs. */
const LABELS = [
  "Sent",
  "Returned",
  "Delay (measured)",
  "In the server",
  "Round trip",
  "Bitrate",
  "Loss",
  "Codec",
  "CPU",
  "RAM",
];

const { open, openAt, get } = withServer();

test("the status bar has the stream's figures and the server's, and a dash for what nobody knows", async () => {
  const { page, errors, close } = await open("/?source=pattern&autostart=1");
  const shown = (label) => figure(page, label).textContent();
  assert.equal(await shown("Returned"), "– fps", "nothing has come back yet");
  await until("the page is live", async () => (await state(page)) === "live");

  for (const label of LABELS) {
    await until(`${label} is known`, async () => !(await shown(label)).includes("–"));
  }

  const { memory, gpus } = (await get("/api/v1/system")).body;
  const total = Math.min(memory.total_bytes, memory.limit_bytes ?? Infinity) / 2 ** 30;
  const wanted = total < 99.95 ? total.toFixed(1) : String(Math.round(total));
  assert.ok((await shown("RAM")).endsWith(`of ${wanted} GiB`), await shown("RAM"));
  if (gpus.length === 0) {
    assert.deepEqual([await shown("GPU"), await shown("VRAM")], ["–", "–"]);
  }
  assert.deepEqual(errors, []);
  await close();
});

test("the status bar says so while the server is away", async () => {
  const own = await startServer();
  const { page, close } = await openAt(own.url);
  const ram = figure(page, "RAM");
  await until("it is known", async () => (await ram.textContent()).includes("GiB"));

  await own.kill();

  await until("it is not known", async () => (await ram.textContent()) === "–");
  assert.match(await ram.locator("..").getAttribute("title"), /not reachable/);
  await close();
});
