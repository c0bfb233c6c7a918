import * as format from "../lib/format";
import type { Metrics } from "../types/stream";

/** Figures of the last second. */
export function StatusBar({ metrics }: { metrics: Metrics }) {
  const items = [
    { id: "fps-in", label: "Sent", value: `${format.frames(metrics.fpsIn)} fps` },
    { id: "fps-out", label: "Returned", value: `${format.frames(metrics.fpsOut)} fps` },
    {
      id: "delay",
      label: metrics.delay ? `Delay (${metrics.delay.origin})` : "Delay",
      value: format.milliseconds(metrics.delay?.ms ?? null),
    },
    { id: "server-latency", label: "In the server", value: format.milliseconds(metrics.serverLatencyMs) },
    { id: "rtt", label: "Round trip", value: format.milliseconds(metrics.roundTripMs) },
    {
      id: "bitrate",
      label: "Bitrate",
      value: `↑ ${format.bitrate(metrics.bitrateUpBps)}  ↓ ${format.bitrate(metrics.bitrateDownBps)}`,
    },
    { id: "codec", label: "Codec", value: format.text(metrics.codec) },
  ];
  return (
    <footer aria-label="Status" className="border-t border-slate-800 bg-slate-950/80 px-4 py-2.5 sm:px-6">
      <dl className="flex flex-wrap gap-x-7 gap-y-1.5 text-xs">
        {items.map((item) => (
          <div key={item.id} className="flex gap-2">
            <dt className="text-slate-400">{item.label}</dt>
            <dd data-testid={item.id} className="font-mono text-slate-100 tabular-nums">
              {item.value}
            </dd>
          </div>
        ))}
      </dl>
    </footer>
  );
}
