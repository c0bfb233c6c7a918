// The page in Chromium against the real server: what a person sees, read from the returned picture.
import assert from "node:assert/strict";
import { test } from "node:test";

import { figure, framesSent, keepConnections, outputVideo, stamps, state, withServer } from "./chromium.mjs";
import { receive } from "./raw.mjs";
import { startServer, until } from "./server.mjs";

const { open, openAt, get } = withServer();

const live = (page) => until("the page is live", async () => (await state(page)) === "live");
const session = async (page) => {
  const id = await page.evaluate(() => window.scope.sessionId());
  return get(`/api/v1/sessions/${id}`);
};

for (const codec of ["VP8", "VP9", "H264"]) {
  test(`${codec}: the returned frame numbers rise, and most of them are there`, async () => {
    const { page, errors, close } = await open(`/?source=pattern&codec=${codec}`, {
      prepare: keepConnections,
    });

    await page.getByRole("button", { name: "Start" }).click();
    await live(page);
    const numbers = (count) =>
      until(`${count} numbers came back`, async () => {
        const all = await stamps(page);
        return all.length >= count && all;
      });
    const [first, before] = [await numbers(30), await framesSent(page)];
    const [seen, after] = [await numbers(90), await framesSent(page)];

    const falls = seen.filter((number, at) => at > 0 && number < seen[at - 1]);
    assert.deepEqual(falls, [], "numbers rise");
    // Of those that the browser had the time to encode and send.
    const share = (seen.length - first.length) / (after - before);
    assert.ok(share > 0.6, `${Math.round(share * 100)} % of the frames that were sent came back`);
    await until("a measured delay is shown", async () => {
      const figures = await page.getByRole("contentinfo").textContent();
      return /Delay \(measured\)\d+ ms/.test(figures);
    });
    await until("the server knows it", async () => (await session(page)).body.client_delay_ms > 0);
    assert.equal(await figure(page, "Codec").textContent(), codec);
    assert.equal((await session(page)).body.video_codec, codec);
    assert.deepEqual(errors, []);
    await close();
  });
}

test("the camera's picture comes back", async () => {
  const { page, errors, close } = await open("/?source=camera");

  await page.getByRole("button", { name: "Start" }).click();
  await live(page);

  const moved = async () => outputVideo(page).evaluate((video) => video.getVideoPlaybackQuality().totalVideoFrames);
  await until("frames are shown", async () => (await moved()) > 30);
  await until("an estimated delay is shown as one", async () => {
    const figures = await page.getByRole("contentinfo").textContent();
    return /Delay \(estimated\)\d+ ms/.test(figures);
  });
  await until("the server knows it", async () => (await session(page)).body.client_delay_ms > 0);
  assert.deepEqual(errors, []);
  await close();
});

test("audio comes back with the video", async () => {
  const { page, close } = await open("/?source=pattern");

  await page.getByRole("switch", { name: "Audio" }).click();
  await page.getByRole("button", { name: "Start" }).click();
  await live(page);

  await until("audio packets went back", async () => (await session(page)).body.sound_packets > 50);
  await page.getByRole("button", { name: "Unmute" }).click();
  assert.equal(await outputVideo(page).evaluate((video) => video.muted), false);
  await close();
});

test("pause and a parameter reach the server, and Stop ends the session", async () => {
  const { page, close } = await open("/?source=pattern");
  await page.getByRole("button", { name: "Start" }).click();
  await live(page);
  const id = await page.evaluate(() => window.scope.sessionId());

  await page.getByRole("slider", { name: "Simulated work" }).press("PageUp");
  await until("the parameter is in force", async () => (await session(page)).body.parameters.work_ms > 0);
  await page.getByRole("button", { name: "Pause" }).click();
  await until("the session is paused", async () => (await session(page)).body.paused);
  await page.getByRole("button", { name: "Resume" }).click();
  await until("it goes on", async () => !(await session(page)).body.paused);
  await page.getByRole("button", { name: "Stop" }).click();

  const ended = await until("the session is over", async () => {
    const answer = await get(`/api/v1/sessions/${id}`);
    return answer.status === 410 && answer.body;
  });
  assert.equal(ended.reason, "closed_by_client");
  assert.equal(await state(page), "idle");
  await close();
});

test("a server that is killed and comes back gets its page back", async () => {
  const own = await startServer();
  const { page, close } = await openAt(`${own.url}/?source=pattern&autostart=1`);
  await live(page);

  await own.kill();
  await until("the page says so", async () => (await state(page)) === "reconnecting");
  await until("with its next step", async () => /Attempt|Trying/.test(await page.locator("main").textContent()));
  const again = await startServer({ port: own.port });

  await live(page);
  await until("numbers rise again", async () => (await stamps(page)).length > 30);
  await again.kill();
  await close();
});

test("a server that shuts down says so in the page", async () => {
  const own = await startServer();
  const { page, close } = await openAt(`${own.url}/?source=pattern&autostart=1`);
  await live(page);
  // The channel may open after the first picture; before, nobody can be told anything.
  await until("the server's figures arrive", () => page.evaluate(() => scope.metrics().serverLatencyMs !== null));

  const stopped = own.kill("SIGTERM");

  await until("the reason is shown", async () =>
    /the server is shutting down/i.test(await page.locator("main").textContent()),
  );
  await stopped;
  await close();
});

test("any path is the page, over HTTPS too", async () => {
  const own = await startServer({ args: ["--tls", "self-signed"], scheme: "https" });
  const { page, errors, close } = await openAt(`${own.url}/some/where?source=pattern&autostart=1`, {
    ignoreHTTPSErrors: true,
  });

  await live(page);
  await until("numbers rise", async () => (await stamps(page)).length > 30);
  assert.deepEqual(errors, []);
  await close();
  await own.kill();
});

test("an offer without a picture is answered", async () => {
  const { page, close } = await open("/health");

  const { type } = await page.evaluate(receive);

  assert.equal(type, "answer");
  await close();
});
