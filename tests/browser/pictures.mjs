// Films the page for the documents: [FAKE_CAMERA=FILE.y4m] node pictures.mjs FOLDER
// A person before the camera, cartooned; then another pipeline is chosen while she is live. Writes FOLDER/NNN.jpg and
// FOLDER/frames.txt, which ffmpeg's concat reads; then the page at three widths, FOLDER/WIDTHpx.jpg.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { launch, openPage } from "./chromium.mjs";
import { startServer, until } from "./server.mjs";
import { choosePipeline, live, shownFrames } from "./steer.mjs";

const [folder] = process.argv.slice(2);
if (!folder) {
  console.error("pictures: expected a folder; use: [FAKE_CAMERA=FILE.y4m] node pictures.mjs FOLDER");
  process.exit(64);
}
/** Wide enough for the panels on both sides. */
const SIZE = { width: 1440, height: 810 };
const WIDTHS = [
  { width: 375, height: 812, colorScheme: "dark" },
  { width: 1024, height: 768, colorScheme: "light" },
  { width: 1920, height: 1080, colorScheme: "dark" },
];
const seconds = (count) => new Promise((over) => setTimeout(over, count * 1000));

await mkdir(folder, { recursive: true });
// Sharp from the first frame on: congestion control begins low otherwise.
const server = await startServer({ args: ["--start-bitrate-bps", "2500000"] });
const browser = await launch();
const { page } = await openPage(browser, `${server.url}/`, { viewport: SIZE });
await page.getByRole("radio", { name: "Camera" }).check();
await choosePipeline(page, "Cartoon");
await page.getByRole("button", { name: "Start" }).click();
await live(page);
await until("the video plays", async () => (await shownFrames(page)) > 60);

const frames = [];
const chrome = await page.context().newCDPSession(page);
chrome.on("Page.screencastFrame", async ({ data, metadata, sessionId }) => {
  frames.push({ data, at: metadata.timestamp });
  await chrome.send("Page.screencastFrameAck", { sessionId }).catch(() => {}); // the film is over
});
await chrome.send("Page.startScreencast", { format: "jpeg", quality: 95, everyNthFrame: 1 });
await seconds(3);
await page.getByRole("button", { name: "Change the pipeline" }).click();
await seconds(0.8);
await page.getByRole("dialog").getByRole("button", { name: "Evening" }).click();
await until("it runs", async () => /Evening[^]*Running/.test(await page.locator("main").innerText()));
await seconds(3);
await chrome.send("Page.stopScreencast");
for (const { width, height, colorScheme } of WIDTHS) {
  await page.setViewportSize({ width, height });
  await page.emulateMedia({ colorScheme });
  await seconds(1);
  await page.screenshot({ path: join(folder, `${width}px.jpg`), quality: 85 });
}
await browser.close();
await server.kill();

frames.sort((one, other) => one.at - other.at);
const lines = [];
for (const [number, { data, at }] of frames.entries()) {
  const name = `${String(number).padStart(3, "0")}.jpg`;
  await writeFile(join(folder, name), Buffer.from(data, "base64"));
  const lasts = (frames[number + 1]?.at ?? at + 0.1) - at;
  lines.push(`file '${name}'`, `duration ${lasts.toFixed(4)}`);
}
await writeFile(join(folder, "frames.txt"), `${lines.join("\n")}\n`);
console.log(`${frames.length} frames`);
