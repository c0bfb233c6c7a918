// The audio of a source: turned on and off while the session is live, heard in what returns and in what is recorded.
import assert from "node:assert/strict";
import { test } from "node:test";

import { outputVideo } from "./chromium.mjs";
import { until } from "./server.mjs";
import { live, onCatalog, probe } from "./steer.mjs";

const { open, get, session } = onCatalog();

/** Root mean square of what the page plays just now, 1 being full scale. */
const loudness = (page) =>
  outputVideo(page).evaluate(async (video) => {
    if (video.srcObject.getAudioTracks().length === 0) return 0;
    const context = new AudioContext();
    const analyser = new AnalyserNode(context);
    new MediaStreamAudioSourceNode(context, { mediaStream: video.srcObject }).connect(analyser);
    await new Promise((heard) => setTimeout(heard, 300));
    const samples = new Float32Array(analyser.fftSize);
    analyser.getFloatTimeDomainData(samples);
    await context.close();
    return Math.hypot(...samples) / Math.sqrt(samples.length);
  });

test("audio is turned on in a session that began without, and its recording has it from there on", async () => {
  const { page, errors, close } = await open("pipeline=echo&source=pattern&autostart=1");
  await live(page);
  const { id } = await session(page);
  const audio = page.getByRole("switch", { name: "Audio" });
  assert.equal(await audio.isChecked(), false);
  await page.getByRole("button", { name: "Record", exact: true }).click();
  const files = async () => (await get("/api/v1/recordings")).body.recordings[0]?.files ?? [];
  await until("a file", async () => (await files()).length === 1);

  assert.equal(await loudness(page), 0);
  await audio.click();
  await until("the tone comes back", async () => (await loudness(page)) > 0.01);
  await until("a file with audio", async () => (await files()).length === 2);
  await audio.click();
  await until("silence comes back", async () => (await loudness(page)) < 0.001);
  await page.getByRole("button", { name: "End recording" }).click();
  await page.getByRole("timer", { name: "Recording" }).waitFor({ state: "detached" });

  assert.deepEqual(
    (await files()).map((file) => file.sound),
    [false, true],
  );
  const [{ id: recording }] = (await get("/api/v1/recordings")).body.recordings;
  const kinds = (await files()).map(({ name }) => {
    const url = new URL(`/api/v1/recordings/${recording}/${name}`, page.url()).href;
    return probe(url)
      .map((stream) => stream.codec_type)
      .toSorted();
  });
  assert.deepEqual(kinds, [["video"], ["audio", "video"]]);
  assert.equal((await session(page)).id, id);
  assert.deepEqual(errors, []);
  await close();
});
