// What a healthy session of the page leaves in the server's log, which has its default settings.
import assert from "node:assert/strict";
import { test } from "node:test";

import { launch, openPage, stamps, state } from "./chromium.mjs";
import { startServer, until } from "./server.mjs";
import { live } from "./steer.mjs";

test("a healthy session prints ten lines at most, and no warning", async (context) => {
  const [browser, server] = await Promise.all([launch(), startServer()]);
  context.after(() => Promise.all([browser.close(), server.kill()]));
  const ready = server.log().length;
  const { page, close } = await openPage(browser, `${server.url}/?source=pattern&autostart=1`);
  await live(page);
  const id = await page.evaluate(() => window.scope.sessionId());
  await page.getByRole("slider", { name: "Simulated work" }).press("PageUp");
  await until("numbers come back", async () => (await stamps(page)).length >= 60);
  await page.getByRole("button", { name: "Stop" }).click();
  await until("the page is idle", async () => (await state(page)) === "idle");
  await close();

  await server.kill("SIGTERM");

  const lines = server.log().slice(ready).trim().split("\n");
  assert.deepEqual(
    lines.filter((line) => !/^20\S+Z +INFO /.test(line)),
    [],
  );
  const own = lines.filter((line) => line.includes(id));
  assert.ok(own.length > 0 && own.length <= 10, own.join("\n"));
});
