// A page that is not ours, in the words of Scope's first release: one whole offer, only `sdp` and `type` read.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { launch, openPage } from "./chromium.mjs";
import { call, teachStamps } from "./raw.mjs";
import { startServer } from "./server.mjs";

const COLOURS = [
  [255, 0, 0],
  [0, 255, 0],
  [0, 0, 255],
  [128, 128, 128],
  [210, 64, 130],
  [40, 90, 160],
];
/** Two lossy codecs in a row; a wrong matrix (BT.601 read as BT.709) is off by 29. */
const TOLERANCE = 8;

let browser, server;
before(async () => {
  [browser, server] = await Promise.all([launch(), startServer()]);
});
after(async () => {
  await browser?.close();
  await server?.kill();
});

for (const codec of ["VP8", "VP9", "H264"]) {
  let result;

  test(`${codec}: a page of the first release gets rising numbers`, async () => {
    const { page, close } = await openPage(browser, `${server.url}/health`);
    await teachStamps(page);

    result = await page.evaluate(call, { codec, colours: COLOURS, frames: 90 });

    const { numbers } = result;
    const falls = numbers.filter((number, at) => at > 0 && number < numbers[at - 1]);
    assert.deepEqual(falls, [], "numbers rise");
    const later = new Set(numbers.slice(30));
    const share = later.size / (numbers.at(-1) - numbers[30] + 1);
    assert.ok(share > 0.6, `${Math.round(share * 100)} % of the source's frames came back`);
    await close();
  });

  test(`${codec}: colours come back as they were sent`, () => {
    const off = result.bars.map((bar, at) => Math.max(...bar.map((value, part) => Math.abs(value - COLOURS[at][part]))));

    assert.ok(Math.max(...off) <= TOLERANCE, `sent ${JSON.stringify(COLOURS)}, got ${JSON.stringify(result.bars)}`);
  });
}
