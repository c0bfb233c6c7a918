// The way of a new user: the camera's picture painted by a shipped pipeline, a prompt changed, a recording taken home.
// SCREENSHOTS=FOLDER keeps a picture of each step.
import assert from "node:assert/strict";
import { stat } from "node:fs/promises";
import { test } from "node:test";

import { until } from "./server.mjs";
import { choosePipeline, live, onCatalog, picture, probe, recorded, shownFrames } from "./steer.mjs";

const { open, get, session } = onCatalog();

test("from the start page to a recording on the own disk", async () => {
  const { page, errors, close } = await open("");
  await page.getByRole("radio", { name: "Camera" }).check();
  await choosePipeline(page, "Dream");
  await picture(page, "start");
  await page.getByRole("button", { name: "Start" }).click();
  await live(page);
  await until("a painted picture", async () => (await shownFrames(page)) > 30);

  await page.getByRole("textbox", { name: "Prompt" }).fill("a red moon over a green sea");
  await page.getByRole("button", { name: "Send" }).click();
  await page.getByText(/applied from/i).first().waitFor();
  await picture(page, "live");

  await page.getByRole("button", { name: "Record", exact: true }).click();
  await recorded(page, 1);
  const before = (await session(page)).frames_out;
  await recorded(page, 3);
  const during = (await session(page)).frames_out - before;
  await page.getByRole("button", { name: "End recording" }).click();
  await page.getByRole("tab", { name: "Recordings" }).click();
  const row = page.getByRole("region", { name: "Recordings" }).getByRole("listitem").first();
  const link = row.getByRole("link", { name: "Download" });
  await link.waitFor();
  await row.locator("img").waitFor(); // its thumbnail
  await picture(page, "recorded");
  const [download] = await Promise.all([page.waitForEvent("download"), link.click()]);
  const path = await download.path();

  const [video] = probe(path).filter((stream) => stream.codec_type === "video");
  assert.ok(during > 0 && Number(video.nb_read_packets) >= during, `${during} frames and ${JSON.stringify(video)}`);
  assert.ok((await stat(path)).size > 20_000);

  // And it plays where it was made.
  await row.getByRole("button", { name: "Play" }).click();
  const played = row.locator("video");
  await until("it plays", () => played.evaluate((one) => one.readyState >= 2 && one.videoWidth > 0));
  await row.getByRole("button", { name: "Delete" }).click();
  await row.getByRole("button", { name: "Delete for good" }).click();
  await until("it is gone", async () => {
    return (await get("/api/v1/recordings")).body.recordings.length === 0;
  });
  assert.deepEqual(errors, []);
  await close();
});
