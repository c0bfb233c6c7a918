import { useCountdown } from "../hooks/useCountdown";
import { asSentence } from "../lib/format";
import { troubleOf } from "../lib/stageTrouble";
import type { StreamSnapshot } from "../rtc/snapshot";
import { Button } from "./ui/Button";

/** The empty screen before the first frame. */
export function Graticule() {
  return <div aria-hidden className="graticule absolute inset-0 border border-black" />;
}

interface Props {
  stream: StreamSnapshot;
  /** Why this person may not start a stream. */
  refusal?: string | null;
  /** Starts a stage again that was given up. */
  onRestart: () => void;
}

/** The state of the stream and of its stage in words, over the video. */
export function StreamState({ stream, refusal = null, onRestart }: Props) {
  const seconds = useCountdown(stream.retryAt);
  const said = sentencesOf(stream, refusal, seconds);
  if (!said) return null;
  const { phase, stage } = stream;
  const cover = phase === "live" ? "top-3 inset-x-3" : "inset-0";
  const busy = phase === "connecting" || phase === "reconnecting";
  const failed = phase === "live" && stage?.state === "failed";
  // One frame that fails is no news: what is over within a moment is not shown.
  const late = phase === "live" && stage?.state === "degraded" ? "late" : "";
  return (
    <div className={`absolute ${cover} ${late} grid place-items-center p-4`}>
      <div className="relative max-w-md overflow-hidden rounded-md bg-black/80 px-4 py-2.5 text-center text-sm text-balance text-white">
        <div role={phase === "ended" || failed ? "alert" : "status"}>
          <p>{said.sentence}</p>
          {said.next && <p className="[overflow-wrap:anywhere] text-white/75">{said.next}</p>}
        </div>
        {/* Outside the status, so that screen readers do not count the seconds aloud. */}
        {said.countdown && <p className="text-white/75">{said.countdown}</p>}
        {failed && !stream.paused && (
          <Button size="small" className="mt-2" onClick={onRestart}>
            Restart
          </Button>
        )}
        {busy && <span aria-hidden className="sweep absolute bottom-0 left-0 h-0.5 w-2/5 bg-white/80" />}
      </div>
    </div>
  );
}

interface Said {
  sentence: string;
  next?: string | null;
  countdown?: string;
}

/** Null if the video speaks for itself. */
function sentencesOf(stream: StreamSnapshot, refusal: string | null, seconds: number | null): Said | null {
  switch (stream.phase) {
    case "idle":
      return { sentence: refusal ?? "Press Start to run your video through the pipeline." };
    case "connecting":
      return { sentence: "Connecting …" };
    case "live":
      return liveSentences(stream);
    case "reconnecting": {
      if (stream.signedOut)
        return { sentence: "You are signed out.", next: "Sign in, and the stream goes on." };
      const reason = stream.sentence ?? "The connection was lost.";
      const countdown = seconds === null ? "Trying again …" : `Attempt ${stream.attempt} in ${seconds} s.`;
      return { sentence: `Reconnecting: ${asSentence(reason)}`, countdown };
    }
    case "ended":
      return { sentence: stream.sentence ? `Ended: ${asSentence(stream.sentence)}` : "Ended." };
    default:
      return stream.phase satisfies never;
  }
}

function liveSentences({ paused, stage, frozen }: StreamSnapshot): Said | null {
  if (paused) return { sentence: "Paused." };
  const trouble = stage && troubleOf(stage);
  if (trouble) return trouble;
  if (!frozen) return null;
  return { sentence: "No new frame for over two seconds. Still connected; the server may be busy." };
}
