// The page to people who do not see it or hear it well: axe finds nothing, in any of its states.
// SCREENSHOTS=FOLDER keeps a picture of each state at each width.
import assert from "node:assert/strict";
import { test } from "node:test";

import { SIZES, fitsSideways, isClean } from "./axe.mjs";
import { state } from "./chromium.mjs";
import { until } from "./server.mjs";
import { onCatalog, picture, shownFrames } from "./steer.mjs";

const { open } = onCatalog();

for (const [colorScheme, width] of SIZES) {
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
    assert.ok(await fitsSideways(page), "no sideways");
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
