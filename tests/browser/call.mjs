// One call of the page in Chromium, for tests/suite/networks: node call.mjs URL CODEC SECONDS
// Prints what tests/support/call.rs reads. Runs at the client's end of a link, where the server alone is reached.
import { launch, openPage, state } from "./chromium.mjs";
import { until } from "./server.mjs";

const [url, codec, seconds] = process.argv.slice(2);
if (!seconds) {
  console.error("call: too few arguments; use: node call.mjs URL CODEC SECONDS");
  process.exit(64);
}
const say = (line) => console.log(JSON.stringify(line));
/** A frame whose drawing the page has forgotten is older than its memory of four seconds. */
const FORGOTTEN_MS = 4000;

await until("the server is ready", async () => (await fetch(`${url}/ready`).catch(() => null))?.ok);
const browser = await launch([`--unsafely-treat-insecure-origin-as-secure=${url}`]);
const { page } = await openPage(browser, `${url}/?source=pattern&codec=${codec}&autostart=1`);
await until("the page is live", async () => (await state(page)) === "live");
const began = await until("a number came back", () => page.evaluate(() => window.scope.frames()[0]?.atMs));

for (let second = 1; second <= Number(seconds); second++) {
  await page.evaluate(
    (over) => new Promise((done) => setTimeout(done, over - performance.now())),
    began + second * 1000,
  );
  say({ second });
}

const frames = await page.evaluate(() => window.scope.frames());
const session = await page.evaluate(async () => (await fetch(`/api/v1/sessions/${window.scope.sessionId()}`)).json());
const metrics = await page.evaluate(() => window.scope.metrics());
say({
  frames: frames.map(({ stamp, atMs, delayMs }) => [atMs - began, stamp, delayMs ?? FORGOTTEN_MS]),
  notes: { metrics, session },
});
await browser.close();
