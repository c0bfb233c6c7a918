import { isLimited, memoryOf, nameOf } from "../../figures/collect";
import * as format from "../../lib/format";
import type { Host, SessionDetail } from "../../types/figures";

/** What does not change every second: path, codecs, sizes, and the server's hardware. */
export function Facts({ detail, host }: { detail: SessionDetail | null; host: Host | null }) {
  const pair = detail?.candidate_pair;
  const rows = [
    ["Pipeline", format.text(detail?.pipeline_id ?? null)],
    ["Codec", format.text(detail && codecs(detail))],
    ["Encoder", format.text(detail?.encoder ?? null)],
    ["Decoder", format.text(detail?.decoder ?? null)],
    ["Input size", format.resolution(detail?.width ?? null, detail?.height ?? null)],
    ["Output size", format.resolution(detail?.sent_width ?? null, detail?.sent_height ?? null)],
    ["Path, server side", format.text(pair?.local ?? null)],
    ["Path, browser side", format.text(pair?.remote ?? null)],
    ["CPU", format.text(host && processors(host))],
    ["Memory", format.text(host && memory(host))],
    ["GPU", format.text(host && graphics(host))],
    ["Sessions", host ? `${host.sessions.live} of ${host.sessions.limit}` : format.text(null)],
  ];
  return (
    <dl className="grid grid-cols-1 gap-x-6 gap-y-1.5 text-xs sm:grid-cols-2 xl:grid-cols-3">
      {rows.map(([label, value]) => (
        <div key={label} className="flex min-w-0 justify-between gap-3">
          <dt className="shrink-0 text-muted">{label}</dt>
          <dd className="min-w-0 text-right font-mono break-words text-text">{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function codecs(detail: SessionDetail): string {
  return detail.audio_codec === null ? detail.video_codec : `${detail.video_codec}, ${detail.audio_codec}`;
}

function processors(host: Host): string {
  const all = `${host.cpu.cores} × ${host.cpu.model ?? "core"}`;
  return isLimited(host) ? `${host.cpu.limit_cores} of ${all}` : all;
}

function memory(host: Host): string {
  const { total, limited } = memoryOf(host);
  return limited ? `${format.memory(total)} (container limit)` : format.memory(total);
}

function graphics(host: Host): string {
  return host.gpus.length > 0 ? host.gpus.map(nameOf).join(", ") : "none reported by a driver";
}
