import { expect, it } from "vitest";

import type { Gpu, Host, SessionDetail } from "../types/figures";
import { NO_METRICS } from "../types/stream";
import { Rates } from "./Rates";
import { ofHost, ofMetrics, ofSession, systemMetricsOf } from "./collect";

const DROPS = { before_stage: 5, before_encoder: 0, skipped_by_stage: 0, paused: 0, for_the_link: 0 };
const HOST: Host = {
  cpu: { model: "A processor", cores: 8, usage_percent: 50, limit_cores: null, limit_usage_percent: null },
  memory: {
    total_bytes: 1000,
    used_bytes: 400,
    limit_bytes: null,
    limit_used_bytes: null,
    process_bytes: 10,
  },
  gpus: [],
  load_average: null,
  sessions: { live: 0, limit: 8 },
};

function card(change: Partial<Gpu>): Gpu {
  return {
    index: 0,
    name: null,
    memory_total_bytes: null,
    memory_used_bytes: null,
    utilization_percent: null,
    awake_percent: null,
    ...change,
  };
}

const SESSION: SessionDetail = {
  id: "s",
  state: "live",
  pipeline_id: "echo",
  video_codec: "VP8",
  audio_codec: null,
  encoder: "vp8enc",
  decoder: "vp8dec",
  width: 640,
  height: 480,
  sent_width: 640,
  sent_height: 480,
  fps_limit: null,
  drops: DROPS,
  packets_lost_in: null,
  packets_lost_out: null,
  figures: {
    fps_in: 30,
    fps_out: 29,
    bitrate_in_bps: 1,
    bitrate_out_bps: 1,
    target_bps: 0,
    dropped_before_stage: 5,
    dropped_before_encoder: 0,
  },
  latency: [
    { step: "stage", count: 10, sum_ms: 100, mean_ms: 10, p50_ms: 10, p95_ms: 10, p99_ms: 10 },
    { step: "total", count: 10, sum_ms: 100, mean_ms: 10, p50_ms: 10, p95_ms: 10, p99_ms: 10 },
  ],
  candidate_pair: null,
};

it("has no figures of a server that does not answer, or of absent GPUs", () => {
  const nothing = systemMetricsOf(null, NO_METRICS);
  expect(Object.values(nothing).every((value) => value === null)).toBe(true);

  const without = systemMetricsOf(HOST, { ...NO_METRICS, fpsOut: 0 });
  expect(without).toMatchObject({ cpuPercent: 50, gpuPercent: null, vramUsedBytes: null, fps: 0 });
});

it("uses a container's limits in place of the host's figures", () => {
  const limited: Host = {
    ...HOST,
    cpu: { ...HOST.cpu, limit_cores: 2, limit_usage_percent: 90 },
    memory: { ...HOST.memory, limit_bytes: 500, limit_used_bytes: 100 },
  };

  expect(systemMetricsOf(limited, NO_METRICS)).toMatchObject({
    cpuPercent: 90,
    ramUsedBytes: 100,
    ramTotalBytes: 500,
  });
  expect(ofHost(limited)).toEqual({ "host.cpu": 90, "host.ram": 20 });
});

it("ignores a limit above what the host has", () => {
  const wide: Host = { ...HOST, memory: { ...HOST.memory, limit_bytes: 5000, limit_used_bytes: 1 } };

  expect(systemMetricsOf(wide, NO_METRICS)).toMatchObject({ ramUsedBytes: 400, ramTotalBytes: 1000 });
});

it("shows the busiest GPU and the memory of all", () => {
  const gpus = [
    card({ utilization_percent: 10, memory_total_bytes: 100, memory_used_bytes: 50 }),
    card({ utilization_percent: 70, memory_total_bytes: 100, memory_used_bytes: 10 }),
    card({}),
  ];

  const metrics = systemMetricsOf({ ...HOST, gpus }, NO_METRICS);

  expect(metrics).toMatchObject({ gpuPercent: 70, vramUsedBytes: 60, vramTotalBytes: 200 });
  expect(ofHost({ ...HOST, gpus })).toMatchObject({ "gpu.1": 70, "vram.0": 50, "gpu.2": null });
});

it("does not take awake time for usage", () => {
  const gpus = [card({ awake_percent: 30 })];

  expect(systemMetricsOf({ ...HOST, gpus }, NO_METRICS)).toMatchObject({
    gpuPercent: null,
    gpuAtMostPercent: 30,
  });
});

it("turns counts into rates, and means since the last reading only", () => {
  const rates = new Rates();
  const [stage, total] = SESSION.latency as [SessionDetail["latency"][0], SessionDetail["latency"][0]];

  const first = ofSession(SESSION, rates, 0);
  const later = { ...stage, count: 20, sum_ms: 400 };
  const second = ofSession(
    { ...SESSION, drops: { ...DROPS, before_stage: 7 }, latency: [later, total] },
    rates,
    1000,
  );

  expect(first).toEqual({
    "fps.decoded": 30,
    "fps.encoded": 29,
    "bitrate.granted": null,
    "drops.before_stage": null,
    "drops.before_encoder": null,
    "drops.skipped_by_stage": null,
    "drops.paused": null,
    "drops.for_the_link": null,
    "step.stage": null,
  });
  expect(second).toMatchObject({ "drops.before_stage": 2, "step.stage": 30 });
});

it("notes what the browser does not report as unknown", () => {
  expect(ofMetrics({ ...NO_METRICS, fpsIn: 0 })).toMatchObject({ "fps.sent": 0, "fps.returned": null });
});
