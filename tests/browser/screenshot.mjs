// Saves a picture of the live page for the README: SCREENSHOT=../../page.png npm run screenshot
import { launch, openPage, stamps, state } from "./chromium.mjs";
import { startServer, until } from "./server.mjs";

const path = process.env.SCREENSHOT;
if (!path) {
  console.error("screenshot: SCREENSHOT names no file; use: SCREENSHOT=page.png npm run screenshot");
  process.exit(64);
}

const [browser, server] = await Promise.all([launch(), startServer()]);
const { page } = await openPage(browser, `${server.url}/?source=pattern&autostart=1`);
await until("the page is live", async () => (await state(page)) === "live");
// Congestion control is at its rate, and every figure of the status bar is there, after some seconds.
await until("300 numbers came back", async () => (await stamps(page)).length >= 300);
await page.screenshot({ path });
await browser.close();
await server.kill();
