// A person signs in at a real OpenID Connect issuer (npm oidc-provider) with Chromium.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { launch, openPage } from "./chromium.mjs";
import { startIssuer, startServer } from "./server.mjs";

let browser, folder, issuer, server;

before(async () => {
  issuer = await startIssuer();
  folder = await mkdtemp(join(tmpdir(), "scope-oidc-"));
  const args = ["--oidc-issuer", issuer.url, "--oidc-client-id", "scope"];
  args.push("--oidc-role-claim", "role", "--trust-loopback=false");
  const env = { SCOPE_STATE_DIR: folder };
  [server, browser] = await Promise.all([startServer({ env, args }), launch()]);
});

after(async () => {
  await browser?.close();
  await server?.kill();
  await issuer?.kill();
  if (folder) await rm(folder, { recursive: true });
});

const me = (page) => page.evaluate(async () => (await fetch("/api/v1/me")).json());

/** At the issuer: its login, then its consent. */
async function signIn(page, name) {
  await page.locator("[name=login]").fill(name);
  await page.locator("[name=password]").fill("any");
  await page.locator("button[type=submit]").click();
  await page.locator("button[type=submit]", { hasText: "Continue" }).click();
}

const open = () => openPage(browser, server.url.replace("127.0.0.1", "localhost"));

test("a person signs in at the issuer, and out", async () => {
  const { page, close } = await open();
  const link = page.getByRole("link", { name: "Sign in with localhost" });
  await link.waitFor();
  assert.equal((await me(page)).role, "nobody");

  await link.click();
  await page.waitForURL(/\/interaction\//);
  await signIn(page, "user");
  await page.getByRole("button", { name: "Start" }).waitFor();

  const { role, subject } = await me(page);
  assert.deepEqual([role, subject], ["user", "oidc:user"]);
  const cookie = (await page.context().cookies()).find(({ name }) => name === "scope_session");
  assert.deepEqual([cookie.httpOnly, cookie.sameSite], [true, "Strict"]);
  await page.evaluate(() => fetch("/api/v1/sign-out", { method: "POST" }));
  assert.equal((await me(page)).role, "nobody");
  await close();
});

test("somebody without a role, and an answer that this browser did not ask for, are refused", async () => {
  const { page, close } = await open();
  await page.getByRole("link", { name: "Sign in with localhost" }).click();
  await page.waitForURL(/\/interaction\//);
  await signIn(page, "guest");
  await page.waitForURL(/\/callback/);
  assert.match(await page.locator("body").innerText(), /gives no role here/);

  const returned = page.url();
  const again = await page.goto(returned);
  assert.equal(again.status(), 502, "a code is for one exchange");
  await page.context().clearCookies();
  const foreign = await page.goto(returned);
  assert.equal(foreign.status(), 400, "it began none");
  await close();
});
