// A page that is not ours, in the words of Scope's first release: one whole offer, only `sdp` and `type` read.
import assert from "node:assert/strict";
import { test } from "node:test";

import { withServer } from "./chromium.mjs";
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

const { open } = withServer();

for (const codec of ["VP8", "VP9", "H264"]) {
  let result;

  test(`${codec}: a page of the first release gets rising numbers`, async () => {
    const { page, close } = await open("/health");
    await teachStamps(page);

    result = await page.evaluate(call, { codec, colours: COLOURS, frames: 90 });

    const { numbers, sent } = result;
    const falls = numbers.filter((number, at) => at > 0 && number < numbers[at - 1]);
    assert.deepEqual(falls, [], "numbers rise");
    // Of those that the browser had the time to encode and send.
    const share = new Set(numbers.slice(30)).size / sent;
    assert.ok(share > 0.6, `${Math.round(share * 100)} % of the frames that were sent came back`);
    await close();
  });

  test(`${codec}: colours come back as they were sent`, () => {
    const off = result.bars.map((bar, at) => Math.max(...bar.map((value, part) => Math.abs(value - COLOURS[at][part]))));

    assert.ok(Math.max(...off) <= TOLERANCE, `sent ${JSON.stringify(COLOURS)}, got ${JSON.stringify(result.bars)}`);
  });
}
