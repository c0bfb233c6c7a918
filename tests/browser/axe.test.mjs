// The page to people who do not see it or hear it well: axe finds nothing, in any of its states.
// SCREENSHOTS=FOLDER keeps a picture of each state at each width.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { test } from "node:test";

import { state } from "./chromium.mjs";
import { until } from "./server.mjs";
import { onCatalog, picture, shownFrames } from "./steer.mjs";

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const { open } = onCatalog();

async function isClean(page, where) {
  await page.evaluate(axe);
  // Colours move for a moment after a change; an animation of what is gone or hidden never ends.
  await page.evaluate(() => {
    const moving = document.getAnimations().filter((one) => one.effect.getTiming().iterations !== Infinity);
    const ended = Promise.allSettled(moving.map((one) => one.finished));
    return Promise.race([ended, new Promise((enough) => setTimeout(enough, 1000))]).then(() => null);
  });
  const violations = await page.evaluate(async () => {
    const { violations } = await window.axe.run(document, { resultTypes: ["violations"] });
    return violations.map(
      ({ id, nodes }) => `${id}: ${nodes.map((node) => node.html.slice(0, 160)).join(" | ")}`,
    );
  });
  assert.deepEqual(violations, [], where);
}

for (const [colorScheme, width] of [
  ["dark", 375],
  ["light", 1024],
  ["dark", 1920],
]) {
  test(`${colorScheme}, ${width} px: idle, live, recording, dialogs, drawer, error`, async () => {
    const { page, close } = await open("source=pattern&pipeline=dream&prompt=a&prompt=b", {
      viewport: { width, height: 900 },
      colorScheme,
    });
    await page.getByText("Noise scale").first().waitFor();
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), colorScheme);
    await isClean(page, "idle");
    await picture(page, `${width}-idle`);

    await page.getByRole("button", { name: "Start" }).click();
    await until("the page is live", async () => (await state(page)) === "live");
    await page.getByRole("tab", { name: "Timeline" }).click();
    await page.getByRole("button", { name: "Capture" }).click();
    await page.getByRole("slider", { name: "Noise scale" }).press("PageUp");
    await page.getByRole("button", { name: "Send" }).click();
    await page.getByRole("button", { name: "End capture" }).click();
    await isClean(page, "live, with a timeline");
    await until("a picture is shown", async () => (await shownFrames(page)) > 20);
    await picture(page, `${width}-live`);
    await page.getByRole("button", { name: "Record", exact: true }).click();
    await page.getByRole("timer", { name: "Recording" }).waitFor();
    await isClean(page, "recording");
    await page.getByRole("button", { name: "End recording" }).click();
    for (const [tab, content] of [
      ["Figures", "svg"],
      ["Recordings", "li"],
      ["Graph", "img"],
      ["Server log", "*"],
    ]) {
      await page.getByRole("tab", { name: tab }).click();
      await page.getByRole("region", { name: tab }).locator(content).first().waitFor();
      await isClean(page, tab);
      await picture(page, `${width}-${tab.toLowerCase().replace(" ", "-")}`);
    }
    assert.equal(
      await page.evaluate(() => document.documentElement.scrollWidth > innerWidth),
      false,
      "no sideways",
    );
    await page.getByRole("button", { name: "Change the pipeline" }).click();
    await isClean(page, "pipelines");
    await picture(page, `${width}-pipelines`);
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Shortcuts" }).click();
    await isClean(page, "shortcuts");
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Stop" }).click();
    await page.evaluate(() => {
      navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("no", "NotAllowedError"));
    });
    await page.getByRole("radio", { name: "Camera" }).check();
    await page.getByRole("button", { name: "Start" }).click();
    await page.getByRole("alert").filter({ hasText: "not allowed" }).waitFor();
    await isClean(page, "error");
    await picture(page, `${width}-error`);
    await close();
  });
}
