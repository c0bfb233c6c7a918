// Helpers of the tests that steer: a server with the shipped pipelines and a broken one, and the page's own words.
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { state } from "./chromium.mjs";
import { startServer, until } from "./server.mjs";

const catalog = fileURLToPath(new URL("../../pipelines/catalog", import.meta.url));

export const DREAM = "pipeline=dream&source=text&autostart=1";

/** A server with the shipped pipelines and one that is broken. */
export async function startCatalog(args = []) {
  const folder = await mkdtemp(join(tmpdir(), "scope-pipelines-"));
  await mkdir(join(folder, "broken"));
  await writeFile(
    join(folder, "broken", "pipeline.toml"),
    'id = "broken"\nname = "Broken"\nkind = "echo"\n',
  );
  const server = await startServer({ args: ["--pipelines", `${catalog},${folder}`, ...args] });
  const kill = async () => {
    await server.kill();
    await rm(folder, { recursive: true });
  };
  const session = async (page) => {
    const id = await page.evaluate(() => window.scope.sessionId());
    return (await server.get(`/api/v1/sessions/${id}`)).body;
  };
  const parameter = (page, claim, holds) =>
    until(claim, async () => {
      const { parameters } = await session(page);
      return holds(parameters) && parameters;
    });
  return { ...server, kill, session, parameter };
}

export const live = (page) => until("the page is live", async () => (await state(page)) === "live");

/** Frames that the page has shown of the output. */
export const shownFrames = (page) =>
  page.getByTestId("output-video").evaluate((video) => video.getVideoPlaybackQuality().totalVideoFrames);

export async function choosePipeline(page, name) {
  await page.getByRole("button", { name: "Change the pipeline" }).click();
  await page.getByRole("dialog").getByRole("button", { name }).click();
}
