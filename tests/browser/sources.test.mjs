// What the page sends, and what the server plays in its place.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFile, mkdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";

import { inputVideo } from "./chromium.mjs";
import { until } from "./server.mjs";
import { live, onCatalog, recorded, shownFrames } from "./steer.mjs";

let clip;
const { open, get, session } = onCatalog({
  args: async (folder) => {
    await mkdir(join(folder, "clips"));
    clip = join(folder, "clips", "clip.webm");
    const picture = ["-f", "lavfi", "-i", "testsrc=size=320x240:rate=30:duration=6"];
    execFileSync("ffmpeg", ["-v", "error", ...picture, "-c:v", "libvpx", "-g", "15", "-b:v", "1M", clip]);
    return ["--video-files", join(folder, "clips")];
  },
  // Headless, there is nobody to choose what is shared.
  browserArgs: ["--auto-accept-this-tab-capture", "--auto-select-desktop-capture-source=Entire screen"],
});

/** Neither a camera nor a microphone is asked for. */
const forbidDevices = (page) =>
  page.addInitScript(() => {
    window.asked = 0;
    const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = (wish) => (window.asked++, ask(wish));
  });

async function pictureComes(page, claim) {
  const before = await shownFrames(page);
  await until(claim, async () => (await shownFrames(page)) > before + 20);
}

/** What chose the file that the server plays. */
const played = async (page) => {
  const { input_source: source } = await session(page);
  return source && { source_type: source.source_type, source_name: source.source_name };
};

test("a file of the server's needs no camera, and gives way to a recording and to the camera", async () => {
  const { page, errors, close } = await open("pipeline=echo&source=text");
  await forbidDevices(page);
  await page.reload();
  await page.getByText("no recordings yet").waitFor();
  assert.ok(await page.getByRole("radio", { name: "Recording" }).isDisabled());
  await page.getByRole("radio", { name: "Server file" }).check();
  await page.getByRole("button", { name: "Start" }).click();
  await live(page);
  const { id } = await session(page);
  await pictureComes(page, "the file's picture");
  assert.deepEqual(await played(page), { source_type: "video_file", source_name: "clip.webm" });
  assert.equal(await page.evaluate(() => window.asked), 0);

  await page.getByRole("button", { name: "Record", exact: true }).click();
  await recorded(page, 2);
  await page.getByRole("button", { name: "End recording" }).click();
  await page.getByRole("radio", { name: "Recording" }).check();
  await until("the recording plays", async () => (await played(page))?.source_type === "recording");
  await pictureComes(page, "the recording's picture");

  await page.getByRole("radio", { name: "Camera" }).check();
  await until("the server takes the camera", async () => (await played(page)) === null);
  await pictureComes(page, "the camera's picture");
  assert.equal(await page.evaluate(() => window.asked), 1);
  const figures = () => page.evaluate(() => window.scope.metrics().fpsIn);
  await until("the camera's pictures go out", async () => (await figures()) > 5);
  await page.getByRole("radio", { name: "Server file" }).check();
  await until("the camera is let go", async () => (await inputVideo(page).count()) === 0);
  assert.equal((await session(page)).id, id);
  assert.deepEqual(errors, []);
  await close();
});

test("a server's file that is refused is said, before the start and while the picture goes on", async () => {
  const { page, close } = await open("pipeline=echo&source=video_file&source_name=gone.webm&autostart=1");
  await page.getByText('no file named "gone.webm"').first().waitFor();
  const file = page.getByRole("combobox", { name: "File on the server" });
  await file.selectOption("clip.webm");
  await page.getByRole("button", { name: "Start" }).click();
  await live(page);
  await pictureComes(page, "the file's picture");

  const late = join(dirname(clip), "late.webm");
  await copyFile(clip, late);
  await page.getByRole("radio", { name: "Test pattern" }).check();
  await until("the page's picture is back", async () => (await played(page)) === null);
  await page.getByRole("button", { name: "Stop" }).click();
  await page.getByRole("radio", { name: "Server file" }).check();
  await file.getByRole("option", { name: "late.webm" }).waitFor({ state: "attached" });
  await page.getByRole("button", { name: "Start" }).click();
  await live(page);
  await until("the file plays", async () => (await played(page))?.source_name === "clip.webm");
  await rm(late);
  await file.selectOption("late.webm");
  await page.getByRole("alert").filter({ hasText: 'no file named "late.webm"' }).waitFor();

  assert.equal(await file.inputValue(), "clip.webm");
  await pictureComes(page, "the picture goes on");
  await close();
});

test("a server's file is there after a reload, and travels in a link", async () => {
  const { page, close } = await open("pipeline=echo&source=video_file&source_name=clip.webm", {
    permissions: ["clipboard-read", "clipboard-write"],
  });
  await page.getByRole("button", { name: "Copy link" }).first().click();
  await page.getByText("Copied a link").waitFor();
  const link = new URL(await page.evaluate(() => navigator.clipboard.readText()));
  const chosen = (at) => at.getByRole("combobox", { name: "File on the server" }).inputValue();
  // What a link says is kept once something is set.
  await page.getByRole("button", { name: /theme/ }).click();
  await page.goto(new URL("/", page.url()).href);
  assert.equal(await chosen(page), "clip.webm");
  await close();

  const other = await open(link.search.slice(1));
  assert.equal(await chosen(other.page), "clip.webm");
  await other.close();
});

test("the screen is a source, and the page says when its sharing ends", async () => {
  const { page, errors, close } = await open("source=screen&pipeline=echo");
  await page.getByRole("button", { name: "Start" }).click();
  await live(page);

  await pictureComes(page, "the screen's picture");
  await inputVideo(page).evaluate((video) => {
    const [track] = video.srcObject.getVideoTracks();
    if (!track.getSettings().displaySurface) throw new Error("this is no screen");
    track.dispatchEvent(new Event("ended"));
  });

  await page.getByText("Screen sharing ended").waitFor();
  assert.deepEqual(errors, []);
  await close();
});

test("a file of the client's plays, is held, sought in, and plays again and again or once", async () => {
  const { page, errors, close } = await open("source=file&pipeline=echo");
  await page.getByText("Choose a video file first").first().waitFor();
  await page.getByLabel("Video file").setInputFiles(clip);
  await page.getByRole("button", { name: "Start" }).click();
  await live(page);
  await pictureComes(page, "the file's picture");
  const position = page.getByRole("slider", { name: "Position in the file" });
  const at = async () => Number(await position.getAttribute("aria-valuenow"));

  await page.getByRole("button", { name: "Pause the file" }).click();
  await page.getByRole("button", { name: "Play the file" }).waitFor();
  await position.press("Home");
  await until("it is at its start", async () => (await at()) === 0);
  await position.press("End");
  await until("it is at its end", async () => (await at()) > 5);
  await page.getByRole("button", { name: "Play the file" }).click();
  await until("it begins again", async () => (await at()) < 3);
  await pictureComes(page, "the picture after its end");

  await page.getByRole("button", { name: "Loop the file" }).click();
  await position.press("End");
  await page.getByRole("button", { name: "Play the file" }).waitFor();
  await until("it stays at its start", async () => (await at()) < 1);
  assert.deepEqual(errors, []);
  await close();
});
