// A recording that a killed server has left: Chromium plays it up to the last second but one.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { launch, openPage } from "./chromium.mjs";
import { call, play, teachStamps } from "./raw.mjs";
import { startServer, until } from "./server.mjs";

/** Bars: a plain background lets the browser's VP9 encoder leave a number's last bits out. */
const COLOURS = [
  [255, 0, 0],
  [0, 255, 0],
  [0, 0, 255],
];
/** What a kill may take: the fragment that is being written, and a second between two looks. */
const LOST_S = 2;

let browser, folder;
before(async () => {
  [browser, folder] = await Promise.all([launch(), mkdtemp(join(tmpdir(), "scope-killed-"))]);
});
after(async () => {
  await browser?.close();
  await rm(folder, { recursive: true, force: true });
});

const start = () => startServer({ args: ["--recordings", folder] });

/** Records a call for some seconds, kills the server and gives how long it was and how many frames it had. */
async function recordAndKill(codec) {
  const server = await start();
  const { page, close } = await openPage(browser, `${server.url}/health`);
  await teachStamps(page);
  const calling = page.evaluate(call, { codec, colours: COLOURS, frames: Infinity }).catch(() => null); // it is cut off
  const session = await until("a session", async () => (await server.get("/api/v1/sessions")).body.sessions[0]);
  const live = async () => (await server.get(`/api/v1/sessions/${session.id}`)).body;
  await until("a picture", async () => (await live()).frames_out > 10);
  const drawn = () => page.evaluate(() => globalThis.drawn);
  const first = await drawn();
  await fetch(`${server.url}/api/v1/recordings/${session.id}/start`, { method: "POST" });
  const recorded = async () => (await live()).recording?.seconds;
  const seconds = await until("six seconds", async () => {
    const seconds = await recorded();
    return seconds > 6 && seconds;
  });
  const numbers = (await drawn()) - first;
  await server.kill("SIGKILL");
  await close();
  await calling;
  return { seconds, numbers };
}

for (const [codec, end] of [
  ["H264", "mp4"],
  ["VP8", "webm"],
  ["VP9", "webm"],
]) {
  test(`${codec}: what a killed server has recorded plays`, async (t) => {
    const recorded = await recordAndKill(codec);

    const server = await start();
    t.after(() => server.kill());
    const [recording] = (await server.get("/api/v1/recordings")).body.recordings;
    const { page, close } = await openPage(browser, `${server.url}/health`);
    await teachStamps(page);
    const played = [];
    // Another file begins where congestion control changes the size.
    for (const { name } of recording.files) {
      assert.ok(name.endsWith(end), name);
      played.push(await page.evaluate(play, `/api/v1/recordings/${recording.id}/${name}`));
    }

    const errors = played.map(({ error }) => error).filter(Boolean);
    const seconds = played.reduce((sum, { seconds }) => sum + seconds, 0);
    const numbers = played.flatMap(({ numbers }) => numbers);
    const falls = numbers.filter((number, at) => at > 0 && number < numbers[at - 1]);
    assert.deepEqual([errors, falls], [[], []]);
    assert.ok(seconds >= recorded.seconds - LOST_S, `${seconds} of ${recorded.seconds} s`);
    const kept = (recorded.numbers * (recorded.seconds - LOST_S)) / recorded.seconds;
    assert.ok(numbers.at(-1) - numbers[0] > (kept * 2) / 3, `${numbers[0]} to ${numbers.at(-1)} of ${recorded.numbers}`);
    await close();
  });
}
