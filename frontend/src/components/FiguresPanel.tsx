import { useState } from "react";

import type { History } from "../figures/History";
import { nameOf } from "../figures/collect";
import { wordOf } from "../figures/words";
import { useAccount } from "../hooks/useAccount";
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

/** Plots of the last minutes, and facts about the session and the server. Asks the server only while it is shown. */
export function FiguresPanel({ sessionId }: { sessionId: string | null }) {
  const [minutes, setMinutes] = useState(5);
  const { host, sentence: hostSentence } = useSystem();
  const { detail, sentence } = useSession(sessionId);
  const history = useHistory();
  const { me } = useAccount();
  const now = performance.now();
  // A page that was just opened does not show empty minutes.
  const age = Math.max(MINUTE_MS, now - (history.oldest ?? now));
  const range = { now, windowMs: Math.min(minutes * MINUTE_MS, age) };
  const line = (label: string, name: string): Line => ({
    label,
    points: history.since(name, range.now - range.windowMs),
  });
  return (
    <section aria-label="Figures" className="space-y-5">
      <div className="flex flex-wrap items-end justify-between gap-3">
        <div className="w-52">
          <Select
            label="Time range"
            value={String(minutes)}
            options={MINUTES.map((count) => ({
              value: String(count),
              label: count === 1 ? "Last minute" : `Last ${count} minutes`,
            }))}
            onChange={(value) => setMinutes(Number(value))}
          />
        </div>
        {sessionId === null && (
          <p className="text-xs text-muted">Stream figures appear once a stream is running.</p>
        )}
      </div>
      {me?.open && (
        <Notice look="quiet">
          This server asks for no key: everybody who reaches it may do everything. Started without --open, it
          asks.
        </Notice>
      )}
      {(sentence ?? hostSentence) && <Notice look="hint">{sentence ?? hostSentence}</Notice>}
      <div className="grid gap-x-6 gap-y-5 sm:grid-cols-2 xl:grid-cols-3">
        <Plot
          {...range}
          title="Frames per second"
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
          {...range}
          title="Dropped frames per second, by place"
          format={format.frameRate}
          least={5}
          lines={dropLines(history, line)}
        />
        <Plot
          {...range}
          title="Bitrate"
          format={format.bitrate}
          least={500_000}
          lines={[
            line("up", "bitrate.up"),
            line("down", "bitrate.down"),
            line("encoder target", "bitrate.granted"),
          ]}
        />
        <Plot
          {...range}
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
          {...range}
          title="Round trip"
          format={format.tenths}
          least={10}
          lines={[line("to the server and back", "delay.round_trip")]}
        />
        <Plot
          {...range}
          title="Packet loss"
          format={format.percent}
          least={5}
          lines={[line("up", "loss.up"), line("down", "loss.down")]}
        />
        <Plot
          {...range}
          title="Server CPU and memory"
          format={format.percent}
          least={100}
          lines={[line("CPU", "host.cpu"), line("RAM", "host.ram")]}
        />
        {host && host.gpus.length > 0 && (
          <Plot
            {...range}
            title="Server GPUs"
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

/** The known places, then any others that the server reports. */
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
