// axe on a page, and the sizes and colours that every page is checked in.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export const SIZES = [
  ["dark", 375],
  ["light", 1024],
  ["dark", 1920],
];

/** Fails if axe finds anything. */
export async function isClean(page, where) {
  await page.evaluate(axe);
  // Colours move for a moment after a change; an animation of what is gone or hidden never ends.
  await page.evaluate(() => {
    const moving = document.getAnimations().filter((one) => one.effect.getTiming().iterations !== Infinity);
    const ended = Promise.allSettled(moving.map((one) => one.finished));
    return Promise.race([ended, new Promise((enough) => setTimeout(enough, 1000))]).then(() => null);
  });
  const violations = await page.evaluate(async () => {
    const { violations } = await window.axe.run(document, { resultTypes: ["violations"] });
    return violations.map(
      ({ id, nodes }) => `${id}: ${nodes.map((node) => node.html.slice(0, 160)).join(" | ")}`,
    );
  });
  assert.deepEqual(violations, [], where);
}

export const fitsSideways = (page) =>
  page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth);
