// Helpers of the tests that steer: a server with the shipped pipelines and a broken one, and the page's own words.
import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before } from "node:test";
import { fileURLToPath } from "node:url";

import { launch, openPage, outputVideo, state } from "./chromium.mjs";
import { startServer, until } from "./server.mjs";

const catalog = fileURLToPath(new URL("../../pipelines/catalog", import.meta.url));

export const DREAM = "pipeline=dream&source=text&autostart=1";

/** A browser and a server with the shipped pipelines, one that is broken, and recordings of its own; both for a file. */
export function onCatalog({ args = async () => [], browserArgs = [] } = {}) {
  let browser, folder, server;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "scope-catalog-"));
    await mkdir(join(folder, "pipelines", "broken"), { recursive: true });
    await writeFile(
      join(folder, "pipelines", "broken", "pipeline.toml"),
      'id = "broken"\nname = "Broken"\nkind = "echo"\n',
    );
    const folders = ["--pipelines", `${catalog},${folder}/pipelines`, "--recordings", `${folder}/recordings`];
    server = await startServer({ args: [...folders, ...(await args(folder))] });
    browser = await launch(browserArgs);
  });
  after(async () => {
    await browser?.close();
    await server?.kill();
    if (folder) await rm(folder, { recursive: true });
  });

  const session = async (page) => {
    const id = await page.evaluate(() => window.scope.sessionId());
    return (await server.get(`/api/v1/sessions/${id}`)).body;
  };
  const parameter = (page, claim, holds) =>
    until(claim, async () => {
      const { parameters } = await session(page);
      return holds(parameters) && parameters;
    });
  return {
    open: (query, options) => openPage(browser, `${server.url}/?${query}`, options),
    get: (path) => server.get(path),
    session,
    parameter,
  };
}

export const live = (page) => until("the page is live", async () => (await state(page)) === "live");

/** Waits until the page shows that so many seconds are recorded. */
export const recorded = (page, seconds) =>
  until(`${seconds} seconds are recorded`, async () => {
    const shown = page.getByRole("timer", { name: "Recording" });
    const [, minutes, rest] = ((await shown.count()) && /(\d+):(\d\d)/.exec(await shown.textContent())) || [0, 0, 0];
    return Number(minutes) * 60 + Number(rest) >= seconds;
  });

/** Frames that the page has shown of the output. */
export const shownFrames = (page) =>
  outputVideo(page).evaluate((video) => video.getVideoPlaybackQuality().totalVideoFrames);

/** Keeps a picture of the whole page where SCREENSHOTS names a folder. */
export async function picture(page, name) {
  const { SCREENSHOTS: folder } = process.env;
  if (!folder) return;
  // What sticks to the top lies over the middle of a page that is scrolled.
  await page.evaluate(() => scrollTo(0, 0));
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
}

export async function choosePipeline(page, name) {
  await page.getByRole("button", { name: "Change the pipeline" }).click();
  await page.getByRole("dialog").getByRole("button", { name }).click();
}

/** What ffprobe says of a file or a URL: each stream's codec and how many packets it has. */
export function probe(path) {
  const args = ["-v", "error", "-count_packets", "-show_streams", "-of", "json", path];
  return JSON.parse(execFileSync("ffprobe", args)).streams;
}
