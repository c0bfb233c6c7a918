// The page to strangers: the server is reached at an address of this machine that is not loopback, so it asks for a key.
// SCREENSHOTS=FOLDER keeps a picture of the sign-in at each width.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { SIZES, fitsSideways, isClean } from "./axe.mjs";
import { launch, openPage, stamps, state } from "./chromium.mjs";
import { binary, startServer, until } from "./server.mjs";
import { live, picture, shownFrames } from "./steer.mjs";

const host = Object.values(networkInterfaces())
  .flat()
  .find(({ family, internal }) => family === "IPv4" && !internal)?.address;
if (!host) console.log("skip: no address but loopback");
const skip = !host;

let browser, folder, server;
const keys = {};

before(async () => {
  if (skip) return;
  folder = await mkdtemp(join(tmpdir(), "scope-keys-"));
  const env = { SCOPE_STATE_DIR: join(folder, "state") };
  for (const role of ["user", "viewer"]) {
    const printed = execFileSync(binary, ["keys", "new", "--role", role, "--name", `a-${role}`], {
      env: { ...process.env, ...env },
      encoding: "utf8",
      stdio: ["ignore", "pipe", "inherit"],
    });
    [keys[role]] = /scope_[\w-]+/.exec(printed);
  }
  [server, browser] = await Promise.all([
    startServer({ host, env, args: ["--recordings", join(folder, "recordings")] }),
    launch(),
  ]);
});

after(async () => {
  await browser?.close();
  await server?.kill();
  if (folder) await rm(folder, { recursive: true });
});

const open = (query = "", options = {}) => openPage(browser, `${server.url}/?source=pattern${query}`, options);
const box = (page) => page.getByLabel("Key", { exact: true });
const start = (page) => page.getByRole("button", { name: "Start" });

async function signIn(page, key) {
  await box(page).fill(key);
  await page.keyboard.press("Enter");
}

/** What the server answers to the page itself. */
const status = (page, path) => page.evaluate(async (path) => (await fetch(path)).status, path);
const moves = async (page, claim) => {
  const before = await shownFrames(page);
  await until(claim, async () => (await shownFrames(page)) > before + 10);
};
const focused = (page) => page.evaluate(() => document.activeElement?.tagName);

test("a stranger signs in by keyboard, and the link's set-up goes on without a reload", { skip }, async () => {
  const { page, close } = await open("&pipeline=echo&autostart=1");
  await box(page).waitFor();
  assert.equal(await status(page, "/api/v1/sessions"), 401);
  assert.equal(await focused(page), "INPUT", "the focus is in the box");
  await page.evaluate(() => (window.mark = "not reloaded"));

  await signIn(page, "scope_wrong-wrong-wrong-wrong");
  await page.getByRole("alert").filter({ hasText: "key" }).waitFor();
  assert.equal(await focused(page), "INPUT", "and is again after a wrong key");
  await page.keyboard.type(keys.user);
  await page.keyboard.press("Enter");

  await live(page);
  assert.equal(await focused(page), "MAIN");
  assert.equal(await page.evaluate(() => window.mark), "not reloaded");
  await until("numbers come back", async () => (await stamps(page)).length > 10);
  await close();
});

test("the sign-in is a cookie that scripts do not see and other sites do not send", { skip }, async () => {
  const { page, close } = await open();
  await signIn(page, keys.user);
  await start(page).waitFor();

  const cookies = await page.context().cookies();

  assert.equal(cookies.length, 1);
  const [{ httpOnly, sameSite, value }] = cookies;
  assert.deepEqual({ httpOnly, sameSite }, { httpOnly: true, sameSite: "Strict" });
  assert.ok(!value.includes(keys.user), "and is not the key");
  assert.equal(await page.evaluate(() => document.cookie), "");
  assert.equal(await page.evaluate((key) => JSON.stringify(localStorage).includes(key), keys.user), false);
  await page.reload();
  await start(page).waitFor();
  await close();
});

test("signing out ends the stream first and says so", { skip }, async () => {
  const { page, close } = await open("&autostart=1");
  await signIn(page, keys.user);
  await live(page);
  const id = await page.evaluate(() => window.scope.sessionId());
  const ended = page.waitForResponse((response) => response.request().method() === "DELETE");
  const [cookie] = await page.context().cookies();

  await page.getByRole("button", { name: /^Account/ }).press("Enter");
  await page.getByRole("button", { name: "End the stream and sign out" }).press("Enter");

  assert.ok((await ended).ok(), "the server ended the session while the page was still signed in");
  await page.getByText("Your stream has ended and you are signed out.").waitFor();
  assert.equal(await focused(page), "INPUT");
  assert.equal(await status(page, `/api/v1/sessions/${id}`), 401);
  const again = await fetch(`${server.url}/api/v1/sessions`, {
    headers: { cookie: `${cookie.name}=${cookie.value}` },
  });
  assert.equal(again.status, 401, "the server has forgotten the cookie too");
  await signIn(page, keys.user);
  await start(page).waitFor();
  assert.equal(await state(page), "idle", "a link starts once");
  await close();
});

test("a sign-in that ends during the stream leaves the stream alone and is offered again", { skip }, async () => {
  const { page, close } = await open("&autostart=1");
  await signIn(page, keys.user);
  await live(page);
  const id = await page.evaluate(() => window.scope.sessionId());

  await page.context().clearCookies();
  await page.getByRole("tab", { name: "Recordings" }).click();
  await page.getByRole("alert").filter({ hasText: "Your sign-in has ended" }).waitFor();

  assert.equal(await state(page), "live");
  await moves(page, "the video goes on");
  await isClean(page, "signed out while live");
  await page.getByRole("region", { name: "Signed out" }).getByRole("button", { name: "Sign in" }).press("Enter");
  await page.getByRole("dialog").waitFor();
  assert.equal(await focused(page), "INPUT");
  await isClean(page, "the dialog");
  await signIn(page, keys.user);
  await page.getByRole("region", { name: "Signed out" }).waitFor({ state: "detached" });
  assert.equal(await focused(page), "MAIN");
  assert.equal(await page.evaluate(() => window.scope.sessionId()), id, "in the same session");
  await moves(page, "the video goes on after it");
  await page.getByRole("button", { name: "Stop" }).click();
  await close();
});

test("a stream that the server's restart cut waits for a sign-in, then goes on", { skip }, async () => {
  const env = { SCOPE_STATE_DIR: join(folder, "state") };
  const first = await startServer({ host, env });
  const { page, close } = await openPage(browser, `${first.url}/?source=pattern&autostart=1`);
  await signIn(page, keys.user);
  await live(page);

  await first.kill();
  const second = await startServer({ host, env, port: first.port });
  await page.getByText("Sign in, and the stream goes on.").waitFor();
  await page.getByRole("region", { name: "Signed out" }).getByRole("button", { name: "Sign in" }).click();
  await signIn(page, keys.user);

  await live(page);
  await moves(page, "the video moves again");
  await close();
  await second.kill();
});

test("a user sees no server log, a viewer starts nothing, and both read why", { skip }, async () => {
  const { page, errors, close } = await open();
  await signIn(page, keys.user);
  await page.getByRole("tab", { name: "Server log" }).click();
  await page.getByText("Only operators may read the server's log").waitFor();
  assert.equal(await status(page, "/api/v1/logs/tail"), 403);
  await isClean(page, "a user's log");

  await page.getByRole("button", { name: /^Account/ }).click();
  await page.getByRole("button", { name: "Sign out" }).click();
  await signIn(page, keys.viewer);
  await page.getByText("may not start a stream").first().waitFor();

  assert.ok(await start(page).isDisabled());
  await page.keyboard.press("s");
  await page.getByRole("status").filter({ hasText: "may not start" }).first().waitFor();
  await isClean(page, "a viewer's page");
  // The page asks for nothing that it knows to be refused: only the question above was.
  assert.deepEqual(errors.filter((error) => !error.includes("403")), []);
  await close();
});

for (const [colorScheme, width] of SIZES) {
  test(`${colorScheme}, ${width} px: sign-in, wrong key, account`, { skip }, async () => {
    const { page, close } = await open("", { viewport: { width, height: 900 }, colorScheme });
    await box(page).waitFor();
    await isClean(page, "sign-in");
    await picture(page, `${width}-sign-in`);
    await signIn(page, "scope_wrong-wrong-wrong-wrong");
    await page.getByRole("alert").waitFor();
    await isClean(page, "wrong key");
    await picture(page, `${width}-wrong-key`);
    await signIn(page, keys.user);
    await page.getByRole("button", { name: /^Account/ }).click();
    await page.getByText("Signed in as user").waitFor();
    await isClean(page, "account");
    assert.ok(await fitsSideways(page), "no sideways");
    await picture(page, `${width}-account`);
    await page.keyboard.press("Escape");
    await page.getByText("Signed in as user").waitFor({ state: "hidden" });
    await close();
  });
}

test("at the machine itself nobody signs in", async () => {
  const own = await startServer();
  const chromium = browser ?? (await launch());
  const { page, errors, close } = await openPage(chromium, `${own.url}/?source=pattern`);

  await start(page).waitFor();

  assert.equal(await page.getByRole("button", { name: /^Account/ }).count(), 0);
  assert.deepEqual(errors, []);
  await close();
  await own.kill();
});

test("an open server says that it asks for no key", { skip }, async () => {
  const own = await startServer({ host, args: ["--open"] });
  const { page, errors, close } = await openPage(browser, `${own.url}/?source=pattern`);
  await page.getByRole("tab", { name: "Figures" }).click();

  await page.getByText("This server asks for no key").waitFor();

  assert.equal(await page.getByRole("button", { name: /^Account/ }).count(), 0);
  assert.deepEqual(errors, []);
  await close();
  await own.kill();
});
