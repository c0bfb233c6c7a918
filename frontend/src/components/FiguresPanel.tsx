import { useState } from "react";

import type { History } from "../figures/History";
import { nameOf } from "../figures/collect";
import { wordOf } from "../figures/words";
import { useHistory, useSession, useSystem } from "../hooks/useFigures";
import * as format from "../lib/format";
import type { Host } from "../types/figures";
import { Facts } from "./figures/Facts";
import { type Line, Plot } from "./figures/Plot";
import { StepTable } from "./figures/StepTable";
import { Notice } from "./ui/Notice";
import { Select } from "./ui/Select";

const MINUTE_MS = 60_000;
const MINUTES = [1, 5, 15];
const STEPS = ["jitter_buffer", "decode", "wait_for_stage", "stage", "wait_for_encoder", "encode", "send"];
const PLACES = ["before_stage", "before_encoder", "skipped_by_stage", "paused", "for_the_link"];

/** Plots of the last minutes, and what the session and the server are. It asks the server while it is shown. */
export function FiguresPanel({ sessionId }: { sessionId: string | null }) {
  const [minutes, setMinutes] = useState(5);
  const { host, sentence: hostSentence } = useSystem();
  const { detail, sentence } = useSession(sessionId);
  const history = useHistory();
  const now = performance.now();
  // A page that has just been opened does not show minutes of nothing.
  const age = Math.max(MINUTE_MS, now - (history.oldest ?? now));
  const frame = { now, windowMs: Math.min(minutes * MINUTE_MS, age) };
  const line = (label: string, name: string): Line => ({
    label,
    points: history.since(name, frame.now - frame.windowMs),
  });
  return (
    <section aria-label="Figures" className="space-y-5">
      <div className="flex flex-wrap items-end justify-between gap-3">
        <div className="w-52">
          <Select
            label="Time shown"
            value={String(minutes)}
            options={MINUTES.map((count) => ({
              value: String(count),
              label: count === 1 ? "The last minute" : `Up to ${count} minutes`,
            }))}
            onChange={(value) => setMinutes(Number(value))}
          />
        </div>
        {sessionId === null && <p className="text-xs text-muted">Figures of a stream come once it runs.</p>}
      </div>
      {(sentence ?? hostSentence) && <Notice look="hint">{sentence ?? hostSentence}</Notice>}
      <div className="grid gap-x-6 gap-y-5 sm:grid-cols-2 xl:grid-cols-3">
        <Plot
          {...frame}
          title="Pictures a second"
          format={format.frameRate}
          least={30}
          lines={[
            line("sent", "fps.sent"),
            line("decoded by the server", "fps.decoded"),
            line("encoded by the server", "fps.encoded"),
            line("returned", "fps.returned"),
          ]}
        />
        <Plot
          {...frame}
          title="Dropped pictures a second, by place"
          format={format.frameRate}
          least={5}
          lines={dropLines(history, line)}
        />
        <Plot
          {...frame}
          title="Bitrate"
          format={format.bitrate}
          least={500_000}
          lines={[
            line("up", "bitrate.up"),
            line("down", "bitrate.down"),
            line("granted to the encoder", "bitrate.granted"),
          ]}
        />
        <Plot
          {...frame}
          title="Where the delay goes"
          stacked
          format={format.tenths}
          least={20}
          lines={[
            line(wordOf("round_trip"), "delay.round_trip"),
            ...STEPS.map((step) => line(wordOf(step), `step.${step}`)),
            line(wordOf("browser_buffer"), "delay.browser_buffer"),
            line(wordOf("browser_decode"), "delay.browser_decode"),
          ]}
          over={[line("end to end", "delay.total")]}
        />
        <Plot
          {...frame}
          title="Round trip"
          format={format.tenths}
          least={10}
          lines={[line("to the server and back", "delay.round_trip")]}
        />
        <Plot
          {...frame}
          title="Packets lost"
          format={format.percent}
          least={5}
          lines={[line("up", "loss.up"), line("down", "loss.down")]}
        />
        <Plot
          {...frame}
          title="The server's processors and memory"
          format={format.percent}
          least={100}
          lines={[line("CPU", "host.cpu"), line("RAM", "host.ram")]}
        />
        {host && host.gpus.length > 0 && (
          <Plot
            {...frame}
            title="The server's graphics cards"
            format={format.percent}
            least={100}
            lines={cardLines(host, line)}
          />
        )}
      </div>
      <Facts detail={detail} host={host} />
      <StepTable steps={detail?.latency ?? []} />
    </section>
  );
}

/** The places that are known here, and those that the server names besides. */
function dropLines(history: History, line: (label: string, name: string) => Line): Line[] {
  const named = history.names("drops.").map((name) => name.slice("drops.".length));
  return [...new Set([...PLACES, ...named])].map((place) => line(wordOf(place), `drops.${place}`));
}

function cardLines(host: Host, line: (label: string, name: string) => Line): Line[] {
  return host.gpus.flatMap((gpu, place) => {
    const name = host.gpus.length > 1 ? ` ${place} (${nameOf(gpu)})` : "";
    const use = gpu.utilization_percent === null && gpu.awake_percent != null ? "GPU awake" : "GPU";
    return [line(`${use}${name}`, `gpu.${place}`), line(`VRAM${name}`, `vram.${place}`)];
  });
}
