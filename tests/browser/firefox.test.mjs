// The main path in Debian's Firefox ESR, over WebDriver BiDi.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import puppeteer from "puppeteer-core";

import { startServer, until } from "./server.mjs";

let browser, server;
before(async () => {
  server = await startServer();
  browser = await puppeteer.launch({
    browser: "firefox",
    executablePath: "/usr/bin/firefox-esr",
    headless: true,
    extraPrefsFirefox: {
      "media.autoplay.default": 0,
      "media.navigator.permission.disabled": true,
      "media.navigator.streams.fake": true,
      "media.peerconnection.ice.obfuscate_host_addresses": false,
    },
  });
});
after(async () => {
  await browser?.close();
  await server?.kill();
});

test("Firefox: the returned frame numbers rise", async () => {
  const page = await browser.newPage();
  await page.goto(`${server.url}/?source=pattern&codec=VP8`);

  await page.locator("button::-p-text(Start)").click();
  await until("the page is live", () => page.evaluate(() => window.scope.state() === "live"));
  const seen = await until("60 numbers came back", async () => {
    const all = await page.evaluate(() => window.scope.stamps());
    return all.length >= 60 && all;
  });

  assert.deepEqual(
    seen.filter((number, at) => at > 0 && number < seen[at - 1]),
    [],
  );
  await page.locator("button::-p-text(Stop)").click();
  await until("it is idle", () => page.evaluate(() => window.scope.state() === "idle"));
});
