// Sources, pipelines, keys, and what is there again after a reload.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

import { inputVideo, stamps, state } from "./chromium.mjs";
import { until } from "./server.mjs";
import { choosePipeline, live, onCatalog, shownFrames } from "./steer.mjs";

const { get, open, session } = onCatalog();

test("a pipeline is changed while live, and a broken one says why it cannot be", async () => {
  const { page, errors, close } = await open("pipeline=echo&source=pattern&autostart=1");
  await live(page);
  const seen = async () => (await stamps(page)).length;
  await until("numbers come back", async () => (await seen()) > 5);

  await choosePipeline(page, "Colour Grade");

  await until("the session runs it", async () => (await session(page)).pipeline_id === "grade");
  await until(
    "the page says so",
    async () => (await page.getByRole("status", { name: "Pipeline state" }).textContent()) === "Running",
  );
  assert.equal(await state(page), "live");
  await page.getByRole("button", { name: "Change the pipeline" }).click();
  const broken = page.getByRole("dialog").getByRole("button", { name: /^broken/ });
  assert.ok(await broken.isDisabled());
  assert.match(await broken.textContent(), /missing field/);
  assert.deepEqual(errors, []);
  await close();
});

test("the source changes on the same session", async () => {
  const { page, close } = await open("source=pattern&autostart=1");
  await live(page);
  await until("the pattern comes back", async () => (await stamps(page)).length > 5);
  const { id } = await session(page);

  await page.getByRole("radio", { name: "Camera" }).check();
  const shown = () =>
    inputVideo(page).evaluate((video) => video.srcObject.getVideoTracks()[0].label);
  await until("the camera is shown", async () => /fake/.test(await shown()));
  const before = await shownFrames(page);
  await until("its picture comes back", async () => (await shownFrames(page)) > before + 20);
  await page.getByRole("combobox", { name: "Resolution" }).selectOption("320x240");
  await page.getByText("The source delivers 320 × 240").waitFor();

  assert.equal((await session(page)).id, id);
  await close();
});

test("a camera that goes away is said", async () => {
  const { page, close } = await open("source=camera&autostart=1");
  await live(page);

  await inputVideo(page).evaluate((video) => {
    video.srcObject.getVideoTracks()[0].dispatchEvent(new Event("ended"));
  });

  await page.getByText("The camera stopped").waitFor();
  await close();
});

test("what is set is there after a reload, and travels in a link", async () => {
  const { page, close } = await open("pipeline=grade&source=pattern", {
    permissions: ["clipboard-read", "clipboard-write"],
  });
  await page.getByRole("slider", { name: "Hue" }).press("Home");
  await page.getByRole("button", { name: /theme/ }).click();
  const theme = await page.evaluate(() => document.documentElement.dataset.theme);

  await page.getByRole("button", { name: "Copy link" }).first().click();
  await page.getByText("Copied a link").waitFor();
  const link = await page.evaluate(() => navigator.clipboard.readText());
  await page.goto(new URL("/", page.url()).href);
  const hue = (at) =>
    until(
      "the hue is there",
      async () => (await at.getByRole("slider", { name: "Hue" }).getAttribute("aria-valuenow")) === "-180",
    );
  await hue(page);
  assert.ok(await page.getByRole("radio", { name: "Test pattern" }).isChecked());
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), theme);
  const other = await open(new URL(link).search.slice(1));

  await hue(other.page);
  assert.ok(await other.page.getByRole("radio", { name: "Test pattern" }).isChecked());
  await other.close();
  await close();
});

test("the picture is saved as PNG, and everything goes with keys alone", async () => {
  const { page, close } = await open("source=pattern&pipeline=echo");
  await page.getByText("Simulated work").first().waitFor();

  await page.keyboard.press("s");
  await live(page);
  await until("numbers come back", async () => (await stamps(page)).length > 5);
  const saved = page.waitForEvent("download");
  await page.keyboard.press("c");
  const picture = await readFile(await (await saved).path());
  assert.equal(picture.subarray(1, 4).toString(), "PNG");
  await page.keyboard.press("r");
  const recordings = async () => (await get("/api/v1/recordings")).body.recordings;
  await until("the server records", async () => (await recordings())[0]?.state === "recording");
  await page.getByRole("button", { name: "End recording" }).waitFor();
  await page.keyboard.press("r");
  await until("the recording has ended", async () => (await recordings())[0]?.state === "finished");
  await page.keyboard.press("i");
  await page.getByRole("button", { name: "Input: beside the output" }).waitFor();
  await page.keyboard.press("]");
  await until("the next pipeline runs", async () => (await session(page)).pipeline_id !== "echo");
  await page.keyboard.press("p");
  await until("it is paused", async () => (await session(page)).paused);
  await page.keyboard.press("?");
  const sheet = page.getByRole("dialog", { name: "Shortcuts" });
  await sheet.waitFor();
  await page.keyboard.press("Escape");
  await sheet.waitFor({ state: "hidden" });
  await page.keyboard.press("s");

  await until("it is idle", async () => (await state(page)) === "idle");
  await close();
});
