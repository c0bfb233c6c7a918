// What a person sets in the page reaches the server, and is said when it does not.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

import { outputVideo } from "./chromium.mjs";
import { until } from "./server.mjs";
import { DREAM, choosePipeline, live, onCatalog, shownFrames } from "./steer.mjs";

const { open, parameter } = onCatalog();

const promptState = (page) => page.getByRole("form", { name: "Prompt" }).getByRole("status");

test("every kind of control changes what the server reports", async () => {
  const { page, errors, close } = await open(DREAM);
  await live(page);

  await page.getByRole("slider", { name: "Noise scale" }).press("ArrowRight");
  await parameter(page, "the slider's value", (values) => values.noise_scale === 0.61);
  await page.getByRole("spinbutton", { name: "Seed, number" }).fill("7");
  await parameter(page, "the number's", (values) => values.seed === 7);
  await page.getByRole("slider", { name: "Denoising steps 2" }).press("ArrowDown");
  await page.getByRole("button", { name: "Remove the last of Denoising steps" }).click();
  await parameter(
    page,
    "the list's",
    (values) => String(values.denoising_step_list) === "1000,749,500",
  );
  await page.getByRole("button", { name: "Reset Seed to 42" }).click();
  await parameter(page, "one default", (values) => values.seed === 42 && values.noise_scale === 0.61);
  await page.getByRole("button", { name: "Reset all" }).click();
  await parameter(
    page,
    "every default",
    (values) => values.noise_scale === 0.6 && values.denoising_step_list.length === 4,
  );

  await page.getByRole("button", { name: "Stop" }).click();
  await page.getByRole("radio", { name: "Test pattern" }).check();
  await choosePipeline(page, "Light trails");
  await page.getByRole("button", { name: "Start" }).click();
  await live(page);
  await page.getByRole("combobox", { name: "Palette" }).selectOption({ label: "ice" });
  await parameter(page, "the select's", (values) => values.palette === "ice");
  await choosePipeline(page, "Old Film");
  await page.getByRole("switch", { name: "Dust" }).click();
  await parameter(page, "the switch's", (values) => values.dust === false);
  assert.deepEqual(errors, []);
  await close();
});

test("a picture comes without a source, and what needs one is hidden", async () => {
  const { page, close } = await open(DREAM);
  await live(page);

  await until("frames are shown", async () => (await shownFrames(page)) > 10);
  assert.equal(await page.getByText("Input strength").count(), 0);
  await page.getByRole("button", { name: "Stop" }).click();
  await choosePipeline(page, "Echo");

  assert.ok(await page.getByRole("button", { name: "Start" }).isDisabled());
  await page.getByText("Echo needs an input").waitFor();
  await close();
});

test("a mix of prompts is sent with Enter, weighed, in force from a frame, and there to send again", async () => {
  const { page, close } = await open(DREAM);
  await live(page);

  await page.getByRole("textbox", { name: "Prompt" }).fill("a storm");
  await page.getByRole("button", { name: "Add a prompt" }).click();
  await page.keyboard.type("fire");
  await page.keyboard.press("Shift+Enter");
  await page.keyboard.type("at night");
  await page.keyboard.press("Enter");
  await parameter(
    page,
    "both",
    ({ prompts }) => prompts[0]?.text === "a storm" && prompts[1]?.text === "fire\nat night",
  );
  await until("the page says from which frame", async () =>
    /Applied from frame \d+/.test(await promptState(page).textContent()),
  );
  await page.getByRole("slider", { name: "Weight of prompt 2" }).press("Home");
  await parameter(page, "the weight", ({ prompts }) => prompts[1]?.weight === 0);
  await page.getByRole("form", { name: "Prompt" }).getByText("100 %").waitFor();
  await page.getByRole("button", { name: "Remove prompt 2" }).click();
  await page.getByRole("button", { name: "History", exact: true }).click();
  await page.getByRole("dialog").getByRole("button", { name: "a storm × 1" }).click();

  await parameter(
    page,
    "the earlier mix",
    ({ prompts }) => prompts.length === 2 && prompts[1].weight === 1,
  );
  await close();
});

/** The mean colour of the picture that is shown. */
const colour = (page) =>
  outputVideo(page).evaluate((video) => {
    const context = new OffscreenCanvas(32, 32).getContext("2d", { willReadFrequently: true });
    context.drawImage(video, 0, 0, 32, 32);
    const { data } = context.getImageData(0, 0, 32, 32);
    const sums = [0, 0, 0];
    data.forEach((value, at) => at % 4 < 3 && (sums[at % 4] += value / 1024));
    return sums;
  });

const apart = (one, other) => Math.hypot(...one.map((value, at) => value - other[at]));

/** The colour once it stays for 30 looks; each look is told. */
async function settled(page, told = () => undefined) {
  let last = [];
  return until("the colour stays", async () => {
    const seen = await colour(page);
    told(seen);
    last = [...last, seen].slice(-30);
    return last.length === 30 && last.every((one) => apart(one, seen) < 2) && seen;
  });
}

test("a transition leads the picture from one prompt to the next, frame by frame", async () => {
  const { page, close } = await open(`${DREAM}&prompt=sea&set.speed=0&set.noise_scale=0`);
  await live(page);
  await until("frames are shown", async () => (await shownFrames(page)) > 10);
  const before = await settled(page);

  await page.getByRole("spinbutton", { name: "Transition length in frames" }).fill("120");
  await page.getByRole("textbox", { name: "Prompt" }).fill("fire");
  await page.getByRole("button", { name: "Send" }).click();
  const way = [];
  await until("the page says from which frame", async () =>
    /Applied from frame \d+/.test(await promptState(page).textContent()),
  );
  await until("the picture moves", async () => apart(await colour(page), before) > 4);
  const after = await settled(page, (seen) => way.push(seen));

  await parameter(page, "the new prompt", ({ prompts }) => prompts.length === 1 && prompts[0].text === "fire");
  const whole = apart(before, after);
  assert.ok(whole > 20, `${before} and ${after} are told apart`);
  const midway = way.filter((seen) => apart(seen, before) > whole / 4 && apart(seen, after) > whole / 4);
  assert.ok(midway.length > 5, `${midway.length} of ${way.length} looks were on the way`);
  await close();
});

test("a timeline sets the same again, and goes through a file", async () => {
  const { page, close } = await open("pipeline=grade&source=pattern&autostart=1");
  await live(page);
  const hue = page.getByRole("slider", { name: "Hue" });
  await page.getByRole("tab", { name: "Timeline" }).click();

  await page.getByRole("button", { name: "Capture" }).click();
  await hue.press("Home");
  await parameter(page, "the change", (values) => values.hue === -180);
  await page.getByRole("button", { name: "End capture" }).click();
  await hue.press("End");
  await parameter(page, "another one", (values) => values.hue === 180);
  await page.getByRole("button", { name: "Play", exact: true }).click();
  await parameter(page, "what was captured", (values) => values.hue === -180);

  const saved = page.waitForEvent("download");
  await page.getByRole("button", { name: "Export" }).click();
  const file = await (await saved).path();
  const { format, events } = JSON.parse(await readFile(file, "utf8"));
  assert.equal(format, "scope-timeline");
  assert.equal(events[0].pipeline_id, "grade");
  await page.getByRole("button", { name: "Clear" }).click();
  const load = (buffer) =>
    page.getByLabel("Timeline file").setInputFiles({ name: "t.json", mimeType: "application/json", buffer });
  await load(Buffer.from("{}"));
  await page.getByText('"format" is not "scope-timeline"').waitFor();
  await load(await readFile(file));
  await page.getByText(`${events.length} changes`).waitFor();
  await close();
});
