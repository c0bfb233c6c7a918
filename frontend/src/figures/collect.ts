import type { Gpu, Host, SessionDetail, SystemMetrics } from "../types/figures";
import type { Metrics } from "../types/stream";
import type { Values } from "./History";
import type { Rates } from "./Rates";

/** In a container its limits count, elsewhere the host's figures. */
export function systemMetricsOf(host: Host | null, metrics: Metrics): SystemMetrics {
  const known = host?.gpus ?? [];
  const gpuPercent = most(known.map((gpu) => gpu.utilization_percent));
  const ram = host && memoryOf(host);
  return {
    cpuPercent: host && cpuOf(host),
    gpuPercent,
    gpuAtMostPercent: gpuPercent === null ? most(known.map((gpu) => gpu.awake_percent ?? null)) : null,
    ramUsedBytes: ram?.used ?? null,
    ramTotalBytes: ram?.total ?? null,
    vramUsedBytes: sum(known.map((gpu) => gpu.memory_used_bytes)),
    vramTotalBytes: sum(known.map((gpu) => gpu.memory_total_bytes)),
    fps: metrics.fpsOut,
    latencyMs: metrics.delay?.ms ?? null,
  };
}

/** The browser's figures of the last second. */
export function ofMetrics(metrics: Metrics): Values {
  return {
    "fps.sent": metrics.fpsIn,
    "fps.returned": metrics.fpsOut,
    "bitrate.up": metrics.bitrateUpBps,
    "bitrate.down": metrics.bitrateDownBps,
    "loss.up": metrics.lossUpPercent,
    "loss.down": metrics.lossDownPercent,
    "delay.total": metrics.delay?.ms ?? null,
    "delay.round_trip": metrics.roundTripMs,
    "delay.browser_buffer": metrics.bufferMs,
    "delay.browser_decode": metrics.decodeMs,
  };
}

/** The host's figures; each GPU has its own. */
export function ofHost(host: Host): Values {
  const ram = memoryOf(host);
  const cards = host.gpus.flatMap((gpu, place): [string, number | null][] => [
    [`gpu.${place}`, gpu.utilization_percent ?? gpu.awake_percent ?? null],
    [`vram.${place}`, percent(gpu.memory_used_bytes, gpu.memory_total_bytes)],
  ]);
  return { "host.cpu": cpuOf(host), "host.ram": percent(ram.used, ram.total), ...Object.fromEntries(cards) };
}

/** The server's figures of the session; `rates` has the previous counts. */
export function ofSession(session: SessionDetail, rates: Rates, at: number): Values {
  const { figures } = session;
  const drops = Object.entries(session.drops).map(([place, count]): [string, number | null] => [
    `drops.${place}`,
    rates.perSecond(`drops.${place}`, at, count),
  ]);
  const steps = session.latency
    .filter((times) => times.step !== "total")
    .map((times): [string, number | null] => [`step.${times.step}`, meanOf(times, rates, at)]);
  return {
    "fps.decoded": figures?.fps_in ?? null,
    "fps.encoded": figures?.fps_out ?? null,
    "bitrate.granted": figures && figures.target_bps > 0 ? figures.target_bps : null,
    ...Object.fromEntries(drops),
    ...Object.fromEntries(steps),
  };
}

/** Milliseconds per frame since the previous reading; null if no frame came. */
function meanOf(times: SessionDetail["latency"][number], rates: Rates, at: number): number | null {
  const frames = rates.increase(`count.${times.step}`, at, times.count);
  const spent = rates.increase(`sum.${times.step}`, at, times.sum_ms);
  return frames && spent && frames.count > 0 ? spent.count / frames.count : null;
}

function cpuOf(host: Host): number | null {
  return isLimited(host) ? (host.cpu.limit_usage_percent ?? null) : host.cpu.usage_percent;
}

/** Whether a container limits the CPU. */
export function isLimited(host: Host): boolean {
  return typeof host.cpu.limit_cores === "number" && host.cpu.limit_cores < host.cpu.cores;
}

export function memoryOf({ memory }: Host): { used: number | null; total: number; limited: boolean } {
  const limit = memory.limit_bytes;
  if (limit === null || limit >= memory.total_bytes) {
    return { used: memory.used_bytes, total: memory.total_bytes, limited: false };
  }
  return { used: memory.limit_used_bytes ?? null, total: limit, limited: true };
}

/** The GPU's name. */
export function nameOf(gpu: Gpu): string {
  return gpu.name ?? `GPU ${gpu.index}`;
}

function percent(part: number | null, whole: number | null): number | null {
  return part === null || whole === null || whole <= 0 ? null : (part / whole) * 100;
}

function most(values: (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length > 0 ? Math.max(...known) : null;
}

function sum(values: (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length > 0 ? known.reduce((one, other) => one + other, 0) : null;
}
