import { systemMetricsOf } from "../figures/collect";
import { useNoted, useSystem } from "../hooks/useFigures";
import * as format from "../lib/format";
import type { SystemMetrics } from "../types/figures";
import type { Metrics } from "../types/stream";

interface Item {
  label: string;
  value: string;
  /** What a pointer over it says. */
  title: string;
}

/** Figures of the last seconds: of this page's stream, and of the server. */
export function StatusBar({ metrics }: { metrics: Metrics }) {
  const { host, sentence } = useSystem();
  useNoted(metrics);
  return (
    <footer aria-label="Status" className="border-t border-line bg-ground/80 px-4 py-2.5 sm:px-6">
      <dl className="flex flex-wrap gap-x-6 gap-y-1.5 text-xs">
        <Figures items={ofStream(metrics)} unknown="no stream runs, or the browser does not tell." />
        <Figures
          items={ofServer(systemMetricsOf(host, metrics))}
          unknown={sentence ?? "the server does not tell."}
        />
      </dl>
    </footer>
  );
}

function Figures({ items, unknown }: { items: Item[]; unknown: string }) {
  return items.map(({ label, value, title }) => {
    const known = format.isKnown(value);
    return (
      <div key={label} className="flex gap-2" title={known ? title : `${title}. Not known: ${unknown}`}>
        <dt className="text-muted">{label}</dt>
        <dd className="font-mono text-text tabular-nums">{value}</dd>
        {!known && <dd className="sr-only">not known</dd>}
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
      title: "Pictures sent a second",
    },
    {
      label: "Returned",
      value: `${format.frameRate(metrics.fpsOut)} fps`,
      title: "Pictures that came back a second",
    },
    {
      label: delay ? `Delay (${delay.origin})` : "Delay",
      value: format.milliseconds(delay?.ms ?? null),
      title: "From a picture's drawing to its return",
    },
    {
      label: "In the server",
      value: format.milliseconds(metrics.serverLatencyMs),
      title: "From a picture's first packet to the last packet of its return",
    },
    {
      label: "Round trip",
      value: format.milliseconds(metrics.roundTripMs),
      title: "To the server and back",
    },
    {
      label: "Bitrate",
      value: bothWays(format.bitrate(metrics.bitrateUpBps), format.bitrate(metrics.bitrateDownBps)),
      title: "Everything on this connection, up and down",
    },
    {
      label: "Loss",
      value: bothWays(format.percent(metrics.lossUpPercent), format.percent(metrics.lossDownPercent)),
      title: "Packets of the picture that did not arrive, up and down",
    },
    {
      label: "Codec",
      value: format.text(metrics.codec),
      title: "Of the picture that comes back",
    },
  ];
}

function ofServer(metrics: SystemMetrics): Item[] {
  const atMost = metrics.gpuPercent === null ? metrics.gpuAtMostPercent : null;
  return [
    {
      label: "CPU",
      value: format.percent(metrics.cpuPercent),
      title: "Use of the server's processors",
    },
    {
      label: "GPU",
      value: atMost === null ? format.percent(metrics.gpuPercent) : `≤ ${format.percent(atMost)}`,
      title:
        atMost === null
          ? "Use of the server's busiest graphics card"
          : "Share of the time that the graphics card was awake",
    },
    {
      label: "RAM",
      value: format.memoryUse(metrics.ramUsedBytes, metrics.ramTotalBytes),
      title: "Memory of the server",
    },
    {
      label: "VRAM",
      value: format.memoryUse(metrics.vramUsedBytes, metrics.vramTotalBytes),
      title: "Memory of the server's graphics cards",
    },
  ];
}
