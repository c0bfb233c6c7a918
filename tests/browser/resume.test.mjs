// A page whose network goes away under it: it takes its session along to another path.
import assert from "node:assert/strict";
import { test } from "node:test";

import { launchBehind, openPage, stamps, state } from "./chromium.mjs";
import { startLink } from "./link.mjs";
import { startServer, until } from "./server.mjs";

/** A live page at the client's end of a link; null, with a line that says so: not on this machine. */
async function livePage(context, settings) {
  const link = await startLink(settings);
  if (!link) {
    console.log("skip: no network namespaces");
    return null;
  }
  const closes = [link.stop];
  context.after(async () => {
    for (const close of closes.reverse()) await close();
  });
  const server = await startServer({ link });
  closes.push(() => server.kill());
  const browser = await launchBehind(link, server.url);
  closes.push(() => browser.close());
  const { page } = await openPage(browser, `${server.url}/?source=pattern&codec=VP8&autostart=1`);
  await until("the page is live", async () => (await state(page)) === "live");
  await until("numbers come back", async () => (await stamps(page)).length >= 30);
  return { link, page };
}

const sessionId = (page) => page.evaluate(() => window.scope.sessionId());
/** Asked by the page: only what runs at the link's ends reaches the server. */
const session = (page, id) =>
  page.evaluate(async (id) => {
    const response = await fetch(`/api/v1/sessions/${id}`);
    return { status: response.status, body: await response.json() };
  }, id);

/** Keeps every state that the page shows from here on. */
const watchStates = (page) =>
  page.evaluate(() => {
    window.states = [];
    const main = document.querySelector("main");
    const note = () => window.states.push([window.scope.state(), main.textContent]);
    new MutationObserver(note).observe(main, { attributes: true, characterData: true, childList: true, subtree: true });
  });

test("a page whose path is cut goes on with its session over another one", async (context) => {
  const live = await livePage(context, { second_path: true });
  if (!live) return;
  const { link, page } = live;
  const first = await sessionId(page);
  await page.getByRole("slider", { name: "Simulated work" }).press("PageUp");
  const before = await until("the parameter is in force and the delay is known", async () => {
    const { body } = await session(page, first);
    return body.parameters.work_ms > 0 && body.client_delay_ms > 0 && body;
  });
  await watchStates(page);
  const last = (await page.evaluate(() => window.scope.frames())).at(-1);

  link.cut("first");

  const second = await until("the page has another session", async () => {
    const id = await sessionId(page);
    return id !== first && (await state(page)) === "live" && id;
  });
  const seen = await until("numbers come back again", async () => {
    const all = await stamps(page);
    return all.length >= 30 && all;
  });
  assert.ok(seen[0] > last.stamp, `the source went on: ${seen[0]} after ${last.stamp}`);
  assert.deepEqual(
    seen.filter((number, at) => at > 0 && number < seen[at - 1]),
    [],
    "numbers rise",
  );
  const [again] = await page.evaluate(() => window.scope.frames());
  context.diagnostic(`no picture for ${Math.round(again.atMs - last.atMs)} ms`);
  const states = await page.evaluate(() => window.states);
  assert.ok(
    states.some(([name, text]) => name === "reconnecting" && text.includes("Reconnecting")),
    "the page said so",
  );
  const after = (await session(page, second)).body;
  assert.deepEqual([after.parameters, after.pipeline_id], [before.parameters, before.pipeline_id]);
  const over = await session(page, first);
  assert.deepEqual([over.status, over.body.reason], [410, "resumed"]);

  await page.getByRole("slider", { name: "Simulated work" }).press("PageUp");
  await until("the session is steered over the new path", async () => {
    const { body } = await session(page, second);
    return body.parameters.work_ms > before.parameters.work_ms;
  });
});

test("a paused page, where no picture tells of the loss, is paused on the other path too", async (context) => {
  const live = await livePage(context, { second_path: true });
  if (!live) return;
  const { link, page } = live;
  const first = await sessionId(page);
  await page.getByRole("button", { name: "Pause" }).click();
  await until("the session is paused", async () => (await session(page, first)).body.paused);

  link.cut("first");

  const second = await until("the page has another session", async () => {
    const id = await sessionId(page);
    return id !== first && (await state(page)) === "live" && id;
  });
  assert.equal((await session(page, first)).body.reason, "resumed");
  assert.equal((await session(page, second)).body.paused, true);
  await page.getByRole("button", { name: "Resume" }).click();
  await until("numbers come back", async () => (await stamps(page)).length >= 30);
});

test("Stop ends a page that has no path left", async (context) => {
  const live = await livePage(context, {});
  if (!live) return;
  const { link, page } = live;

  link.cut("first");
  await until("the page reconnects", async () => (await state(page)) === "reconnecting");
  await page.getByRole("button", { name: "Stop" }).click();

  await until("the page is idle", async () => (await state(page)) === "idle");
  assert.equal(await sessionId(page), null);
});
