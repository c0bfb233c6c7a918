import { afterEach, beforeEach, expect, it, vi } from "vitest";

import { History } from "./History";
import { SessionWatch } from "./SessionWatch";
import { SystemWatch } from "./SystemWatch";

let paths: string[];
let answer: (path: string) => Response;

const HOST = {
  cpu: { model: null, cores: 2, usage_percent: 25 },
  memory: { total_bytes: 100, used_bytes: 50, limit_bytes: null, process_bytes: null },
  gpus: [],
  load_average: null,
};

beforeEach(() => {
  vi.useFakeTimers();
  paths = [];
  vi.stubGlobal("fetch", (path: string) => {
    paths.push(path);
    return Promise.resolve(answer(path));
  });
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it("reads the server's load, and has none while the server is not reachable", async () => {
  const history = new History();
  const watch = new SystemWatch(history);
  answer = () => Response.json(HOST);

  const stop = watch.watch();
  await vi.advanceTimersByTimeAsync(0);
  expect(watch.getSnapshot().host?.cpu.usage_percent).toBe(25);
  expect(history.since("host.cpu", 0).map((point) => point.value)).toEqual([25]);

  answer = () => {
    throw new TypeError("failed");
  };
  await vi.advanceTimersByTimeAsync(2000);
  expect(watch.getSnapshot()).toMatchObject({
    host: null,
    sentence: expect.stringContaining("not reachable"),
  });
  stop();
});

it("reads nothing without a session, and another session's figures at once", async () => {
  const watch = new SessionWatch(new History());
  answer = (path) => Response.json({ id: path.split("/").pop(), drops: {}, latency: [], figures: null });
  const stop = watch.watch();
  await vi.advanceTimersByTimeAsync(3000);
  expect(paths).toEqual([]);

  watch.follow("one");
  await vi.advanceTimersByTimeAsync(0);
  expect(watch.getSnapshot().detail?.id).toBe("one");
  watch.follow("two");
  expect(watch.getSnapshot().detail).toBeNull();
  await vi.advanceTimersByTimeAsync(0);

  expect(watch.getSnapshot().detail?.id).toBe("two");
  stop();
});

it("says in a sentence that a session has ended", async () => {
  const watch = new SessionWatch(new History());
  answer = () => Response.json({ detail: "session x has ended: closed" }, { status: 410 });
  watch.follow("x");

  const stop = watch.watch();
  await vi.advanceTimersByTimeAsync(0);

  expect(watch.getSnapshot()).toEqual({ detail: null, sentence: "session x has ended: closed" });
  stop();
});
