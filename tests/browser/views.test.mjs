// The picture out of the page: the whole screen, and a window of its own.
import assert from "node:assert/strict";
import { test } from "node:test";

import { outputVideo } from "./chromium.mjs";
import { until } from "./server.mjs";
import { live, onCatalog, shownFrames } from "./steer.mjs";

const { open } = onCatalog();

const moves = async (page, claim) => {
  const before = await shownFrames(page);
  await until(claim, async () => (await shownFrames(page)) > before + 10);
};

test("the picture takes the whole screen and gives it back, by button and by key", async () => {
  const { page, errors, close } = await open("source=pattern&pipeline=echo&autostart=1");
  await live(page);
  const full = () => page.evaluate(() => document.fullscreenElement?.querySelector("[aria-label='Output video']") != null);

  await page.getByRole("button", { name: "Full screen" }).click();
  await until("the video is all there is", full);
  const video = await outputVideo(page).boundingBox();
  const { width, height } = page.viewportSize();
  assert.deepEqual([video.width, video.height], [width, height]);
  await moves(page, "it moves there");
  await page.keyboard.press("f");
  await until("the page is back", async () => !(await full()));
  await page.keyboard.press("f");
  await until("a key does the same", full);
  await page.evaluate(() => document.exitFullscreen());

  assert.deepEqual(errors, []);
  await close();
});

test("the picture gets a window of its own, and comes back", async () => {
  const { page, errors, close } = await open("source=pattern&pipeline=echo&autostart=1");
  await live(page);
  await moves(page, "the picture moves");
  const apart = () =>
    page.evaluate(() => document.pictureInPictureElement?.getAttribute("aria-label") ?? null);

  await page.getByRole("button", { name: "Picture in picture" }).click();
  await until("the output is in a window", async () => (await apart()) === "Output video");
  await moves(page, "it moves there");
  await page.getByRole("button", { name: "Picture in picture" }).click();
  await until("it is back", async () => (await apart()) === null);

  assert.deepEqual(errors, []);
  await close();
});
