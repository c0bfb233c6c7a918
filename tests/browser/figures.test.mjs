// The figures that the page shows, against what the server tells.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { launch, openPage, state } from "./chromium.mjs";
import { startServer, until } from "./server.mjs";

let browser, server;
before(async () => {
  [browser, server] = await Promise.all([launch(), startServer()]);
});
after(async () => {
  await browser?.close();
  await server?.kill();
});

test("the status bar has the stream's figures and the server's, and a dash for what nobody knows", async () => {
  const { page, errors, close } = await openPage(browser, `${server.url}/?source=pattern&autostart=1`);
  const figure = (id) => page.getByTestId(id).textContent();
  assert.equal(await figure("fps-out"), "– fps", "nothing has come back yet");
  await until("the page is live", async () => (await state(page)) === "live");

  for (const id of ["fps-in", "fps-out", "delay", "server-latency", "rtt", "bitrate", "loss", "codec", "cpu", "ram"]) {
    await until(`${id} is known`, async () => !(await figure(id)).includes("–"));
  }

  const { memory, gpus } = (await server.get("/api/v1/system")).body;
  const total = Math.min(memory.total_bytes, memory.limit_bytes ?? Infinity) / 2 ** 30;
  const wanted = total < 99.95 ? total.toFixed(1) : String(Math.round(total));
  assert.ok((await figure("ram")).endsWith(`of ${wanted} GiB`), await figure("ram"));
  if (gpus.length === 0) {
    assert.deepEqual([await figure("gpu"), await figure("vram")], ["–", "–"]);
  }
  assert.deepEqual(errors, []);
  await close();
});

test("the status bar says so while the server is away", async () => {
  const own = await startServer();
  const { page, close } = await openPage(browser, own.url);
  const ram = page.getByTestId("ram");
  await until("it is known", async () => (await ram.textContent()).includes("GiB"));

  await own.kill();

  await until("it is not known", async () => (await ram.textContent()) === "–");
  assert.match(await ram.locator("..").getAttribute("title"), /not reachable/);
  await close();
});
