import { afterEach, beforeEach, expect, it, vi } from "vitest";

import { GraphWatch } from "./GraphWatch";

let made: Blob[];
let released: string[];

beforeEach(() => {
  made = [];
  released = [];
  URL.createObjectURL = (blob) => `blob:${made.push(blob as Blob)}`;
  URL.revokeObjectURL = (url) => void released.push(url);
});

afterEach(() => vi.unstubAllGlobals());

function serve(svg: () => Response) {
  vi.stubGlobal("fetch", (path: string) =>
    Promise.resolve(path.endsWith("graph.svg") ? svg() : new Response("gst-launch-1.0 …")),
  );
}

it("loads the image and the launch line", async () => {
  serve(() => new Response("<svg/>"));
  const watch = new GraphWatch();

  await watch.load("s");
  await watch.load("s");

  expect(watch.getSnapshot()).toEqual({
    url: "blob:2",
    launch: "gst-launch-1.0 …",
    loading: false,
    sentence: null,
  });
  expect(made[0]?.type).toBe("image/svg+xml");
  expect(released).toEqual(["blob:1"]);
});

it("says why there is no image, and still loads the launch line", async () => {
  serve(() => Response.json({ detail: "Graphviz is not installed" }, { status: 501 }));
  const watch = new GraphWatch();

  await watch.load("s");

  expect(watch.getSnapshot()).toMatchObject({
    url: null,
    launch: "gst-launch-1.0 …",
    sentence: "Graphviz is not installed",
  });
});

it("ignores what arrives after it is closed", async () => {
  serve(() => new Response("<svg/>"));
  const watch = new GraphWatch();

  const loading = watch.load("s");
  watch.close();
  await loading;

  expect(watch.getSnapshot().url).toBeNull();
  expect(made).toEqual([]);
});
