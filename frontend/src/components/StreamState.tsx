import { useCountdown } from "../hooks/useCountdown";
import { asSentence } from "../lib/format";
import type { StreamSnapshot } from "../rtc/snapshot";

/** The empty screen before the first frame. */
export function Graticule() {
  return <div aria-hidden className="graticule absolute inset-0 border border-black" />;
}

/** The state of the stream in words, over the video. */
export function StreamState({ stream }: { stream: StreamSnapshot }) {
  const seconds = useCountdown(stream.retryAt);
  const sentences = sentencesOf(stream, seconds);
  if (!sentences) return null;
  const [sentence, next] = sentences;
  const cover = stream.phase === "live" ? "top-3 inset-x-3" : "inset-0";
  const busy = stream.phase === "connecting" || stream.phase === "reconnecting";
  return (
    <div className={`absolute ${cover} grid place-items-center p-4`}>
      <div className="relative max-w-md overflow-hidden rounded-md bg-black/80 px-4 py-2.5 text-center text-sm text-balance text-white">
        <p role={stream.phase === "ended" ? "alert" : "status"}>{sentence}</p>
        {/* Outside the status, so that screen readers do not count the seconds aloud. */}
        {next && <p className="text-white/75">{next}</p>}
        {busy && <span aria-hidden className="sweep absolute bottom-0 left-0 h-0.5 w-2/5 bg-white/80" />}
      </div>
    </div>
  );
}

/** Null if the video speaks for itself. */
function sentencesOf(stream: StreamSnapshot, seconds: number | null): string[] | null {
  switch (stream.phase) {
    case "idle":
      return ["Press Start to run your video through the pipeline."];
    case "connecting":
      return ["Connecting …"];
    case "live":
      if (stream.paused) return ["Paused."];
      if (stream.frozen)
        return ["No new frame for over two seconds. Still connected; the server may be busy."];
      return null;
    case "reconnecting": {
      const reason = stream.sentence ?? "The connection was lost.";
      const next = seconds === null ? "Trying again …" : `Attempt ${stream.attempt} in ${seconds} s.`;
      return [`Reconnecting: ${asSentence(reason)}`, next];
    }
    case "ended":
      return [stream.sentence ? `Ended: ${asSentence(stream.sentence)}` : "Ended."];
    default:
      return stream.phase satisfies never;
  }
}
