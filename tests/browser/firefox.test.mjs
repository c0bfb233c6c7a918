// The main path and signing in, in Debian's Firefox ESR, over WebDriver BiDi.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import puppeteer from "puppeteer-core";

import { startIssuer, startServer, until } from "./server.mjs";

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

const KEY = "a-key-for-the-firefox-tests";
const me = (page) => page.evaluate(async () => (await fetch("/api/v1/me")).json());

/** A page of its own, with its own cookies, of a server that knows nobody at this machine. */
async function stranger(context, args) {
  const folder = await mkdtemp(join(tmpdir(), "scope-firefox-"));
  context.after(() => rm(folder, { recursive: true }));
  const env = { SCOPE_STATE_DIR: folder, SCOPE_KEY: KEY };
  const locked = await startServer({ env, args: ["--trust-loopback=false", ...args] });
  context.after(() => locked.kill());
  const own = await browser.createBrowserContext();
  context.after(() => own.close());
  const page = await own.newPage();
  const url = `${locked.url.replace("127.0.0.1", "localhost")}/?source=pattern&codec=VP8`;
  await page.goto(url);
  return { page, url };
}

async function streams(page) {
  await page.locator("button::-p-text(Start)").click();
  await until("numbers come back", () => page.evaluate(() => window.scope.stamps().length > 10));
}

test("Firefox: a stranger signs in with a key, streams, and signs out", async (context) => {
  const { page } = await stranger(context, []);
  await page.locator("input[type=password]").fill(KEY);
  await page.keyboard.press("Enter");

  await streams(page);

  const cookies = await page.cookies();
  assert.deepEqual(
    cookies.map(({ httpOnly, sameSite }) => ({ httpOnly, sameSite })),
    [{ httpOnly: true, sameSite: "Strict" }],
  );
  assert.equal(await page.evaluate(() => document.cookie), "");
  assert.equal((await me(page)).role, "operator");
  await page.evaluate(() => fetch("/api/v1/sign-out", { method: "POST" }));
  assert.equal((await me(page)).role, "nobody");
});

test("Firefox: a person signs in at the issuer and streams", async (context) => {
  const issuer = await startIssuer();
  context.after(() => issuer.kill());
  const args = ["--oidc-issuer", issuer.url, "--oidc-client-id", "scope", "--oidc-role-claim", "role"];
  const { page, url } = await stranger(context, args);

  await page.locator("a::-p-text(Sign in with localhost)").click();
  await page.locator("[name=login]").fill("user");
  await page.locator("[name=password]").fill("any");
  await page.locator("button[type=submit]").click();
  await page.locator("button::-p-text(Continue)").click();
  await page.locator("button::-p-text(Start)").wait();

  await page.goto(url);
  await streams(page);
  const { role, subject } = await me(page);
  assert.deepEqual([role, subject], ["user", "oidc:user"]);
});
