import { systemMetricsOf } from "../figures/collect";
import { useNoted, useSystem } from "../hooks/useFigures";
import * as format from "../lib/format";
import type { SystemMetrics } from "../types/figures";
import type { Metrics } from "../types/stream";

interface Item {
  label: string;
  value: string;
  /** Its tooltip. */
  title: string;
}

/** The latest figures of the stream and of the server. */
export function StatusBar({ metrics }: { metrics: Metrics }) {
  const { host, sentence } = useSystem();
  useNoted(metrics);
  return (
    <footer aria-label="Status" className="border-t border-line bg-ground/80 px-4 py-2.5 sm:px-6">
      <dl className="flex flex-wrap gap-x-6 gap-y-1.5 text-xs">
        <Figures
          items={ofStream(metrics)}
          unknown="no stream is running, or the browser does not report it."
        />
        <Figures
          items={ofServer(systemMetricsOf(host, metrics))}
          unknown={sentence ?? "the server does not report it."}
        />
      </dl>
    </footer>
  );
}

function Figures({ items, unknown }: { items: Item[]; unknown: string }) {
  return items.map(({ label, value, title }) => {
    const known = format.isKnown(value);
    return (
      <div key={label} className="flex gap-2" title={known ? title : `${title}. Unknown: ${unknown}`}>
        <dt className="text-muted">{label}</dt>
        <dd className="font-mono text-text tabular-nums">{value}</dd>
        {!known && <dd className="sr-only">unknown</dd>}
      </div>
    );
  });
}

function ofStream(metrics: Metrics): Item[] {
  const { delay } = metrics;
  const bothWays = (up: string, down: string) => `↑ ${up}  ↓ ${down}`;
  return [
    {
      label: "Sent",
      value: `${format.frameRate(metrics.fpsIn)} fps`,
      title: "Frames sent per second",
    },
    {
      label: "Returned",
      value: `${format.frameRate(metrics.fpsOut)} fps`,
      title: "Frames returned per second",
    },
    {
      label: delay ? `Delay (${delay.origin})` : "Delay",
      value: format.milliseconds(delay?.ms ?? null),
      title: "From drawing a frame to its return",
    },
    {
      label: "In the server",
      value: format.milliseconds(metrics.serverLatencyMs),
      title: "From a frame's first packet in to its last packet out",
    },
    {
      label: "Round trip",
      value: format.milliseconds(metrics.roundTripMs),
      title: "To the server and back",
    },
    {
      label: "Bitrate",
      value: bothWays(format.bitrate(metrics.bitrateUpBps), format.bitrate(metrics.bitrateDownBps)),
      title: "All traffic of this connection, up and down",
    },
    {
      label: "Loss",
      value: bothWays(format.percent(metrics.lossUpPercent), format.percent(metrics.lossDownPercent)),
      title: "Video packets that did not arrive, up and down",
    },
    {
      label: "Codec",
      value: format.text(metrics.codec),
      title: "Codec of the returned video",
    },
  ];
}

function ofServer(metrics: SystemMetrics): Item[] {
  const atMost = metrics.gpuPercent === null ? metrics.gpuAtMostPercent : null;
  return [
    {
      label: "CPU",
      value: format.percent(metrics.cpuPercent),
      title: "CPU usage of the server",
    },
    {
      label: "GPU",
      value: atMost === null ? format.percent(metrics.gpuPercent) : `≤ ${format.percent(atMost)}`,
      title:
        atMost === null
          ? "Usage of the server's busiest GPU"
          : "Share of time that the GPU was awake, which its usage cannot exceed",
    },
    {
      label: "RAM",
      value: format.memoryUse(metrics.ramUsedBytes, metrics.ramTotalBytes),
      title: "Memory of the server",
    },
    {
      label: "VRAM",
      value: format.memoryUse(metrics.vramUsedBytes, metrics.vramTotalBytes),
      title: "GPU memory of the server",
    },
  ];
}
