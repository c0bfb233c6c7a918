import { cleanup, render, screen, within } from "@testing-library/react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";

import { NO_METRICS } from "../types/stream";
import { FiguresPanel } from "./FiguresPanel";
import { StatusBar } from "./StatusBar";

const HOST = {
  cpu: { model: "A processor", cores: 8, usage_percent: 0, limit_cores: 2, limit_usage_percent: 41 },
  memory: {
    total_bytes: 8 * 1024 ** 3,
    used_bytes: 5 * 1024 ** 3,
    limit_bytes: 2 * 1024 ** 3,
    limit_used_bytes: 1024 ** 3,
    process_bytes: null,
  },
  gpus: [],
  load_average: null,
  sessions: { live: 1, limit: 16 },
};

const SESSION = {
  id: "s1",
  state: "live",
  pipeline_id: "edges",
  video_codec: "VP8",
  audio_codec: null,
  encoder: "vp8enc",
  decoder: "vp8dec",
  width: 640,
  height: 480,
  sent_width: null,
  sent_height: null,
  drops: { before_stage: 0, made_up_place: 0 },
  figures: null,
  latency: [{ step: "stage", count: 3, sum_ms: 9, mean_ms: 3, p50_ms: 2.5, p95_ms: 4, p99_ms: 5 }],
  candidate_pair: { local: "host udp 10.0.0.1:5000", remote: "host udp 10.0.0.2:6000" },
};

let requests: string[];

beforeEach(() => {
  requests = [];
  vi.stubGlobal("fetch", (path: string) => {
    requests.push(path);
    return Promise.resolve(Response.json(path.endsWith("/system") ? HOST : SESSION));
  });
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

/** The value beside this label in the status bar. */
const figure = (label: string) =>
  within(screen.getByRole("contentinfo", { name: "Status" })).getByText(label).nextElementSibling;

it("shows the server's load beside the stream's figures, and a dash for what is unknown", async () => {
  render(<StatusBar metrics={{ ...NO_METRICS, fpsOut: 0 }} />);

  await screen.findByText("41 %");
  expect(figure("CPU")?.textContent).toBe("41 %");
  expect(figure("RAM")?.textContent).toBe("1.0 GiB of 2.0 GiB");
  expect(figure("GPU")?.textContent).toBe("–");
  expect(figure("GPU")?.parentElement?.title).toContain("Unknown");
  expect(figure("Delay")?.textContent).toBe("–");
  expect(figure("Sent")?.textContent).toBe("– fps");
  expect(figure("Returned")?.textContent).toBe("0.0 fps");
});

it("draws what the server reports about the session", async () => {
  render(<FiguresPanel sessionId="s1" />);
  const panel = within(screen.getByRole("region", { name: "Figures" }));

  expect(await panel.findByText("host udp 10.0.0.1:5000")).toBeTruthy();
  expect(panel.getByText("640 × 480")).toBeTruthy();
  expect(panel.getByRole("row", { name: /^Pipeline 3.0 ms 2.5 ms/ })).toBeTruthy();
  expect(panel.getByRole("img", { name: /^Where the delay goes/ })).toBeTruthy();
  expect(panel.getByText("made up place")).toBeTruthy();
});

it("does not ask about a session when there is none", async () => {
  render(<FiguresPanel sessionId={null} />);

  await screen.findByText("2 of 8 × A processor");
  expect(requests.filter((path) => path.includes("/sessions/"))).toEqual([]);
  expect(screen.getByText(/appear once a stream is running/)).toBeTruthy();
});
