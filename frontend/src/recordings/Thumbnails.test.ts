import { expect, it } from "vitest";

import { Thumbnails } from "./Thumbnails";

it("draws one file after another, each once", async () => {
  const begun: string[] = [];
  const ends: (() => void)[] = [];
  const thumbnails = new Thumbnails((path) => {
    begun.push(path);
    return new Promise((done) => ends.push(() => done(`still of ${path}`)));
  });
  const settle = () => new Promise((done) => setTimeout(done));

  const [one, other, again] = [thumbnails.of("a"), thumbnails.of("b"), thumbnails.of("a")];
  await settle();
  expect(begun).toEqual(["a"]);
  ends[0]?.();
  expect(await one).toBe("still of a");
  await settle();
  ends[1]?.();

  expect(await other).toBe("still of b");
  expect(await again).toBe("still of a");
  expect(begun).toEqual(["a", "b"]);
});

it("continues after a file that cannot be drawn", async () => {
  const thumbnails = new Thumbnails((path) =>
    path === "broken" ? Promise.reject(new Error("no frame")) : Promise.resolve("still"),
  );

  const stills = await Promise.all([thumbnails.of("broken"), thumbnails.of("whole")]);

  expect(stills).toEqual([null, "still"]);
});
