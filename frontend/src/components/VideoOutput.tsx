import { useEffect, useRef, useState } from "react";

import { useCountdown } from "../hooks/useCountdown";
import type { StreamSnapshot } from "../types/stream";
import { Button } from "./ui/Button";

interface Props {
  stream: StreamSnapshot;
  attachOutput: (video: HTMLVideoElement | null) => void;
}

/** Input and output side by side, and in words what is going on. */
export function VideoOutput({ stream, attachOutput }: Props) {
  const output = useRef<HTMLVideoElement>(null);
  const [muted, setMuted] = useState(true);
  const { outputStream } = stream;
  useEffect(() => {
    attachOutput(outputStream ? output.current : null);
    return () => attachOutput(null);
  }, [attachOutput, outputStream]);
  const hasSound = (outputStream?.getAudioTracks().length ?? 0) > 0;
  return (
    <section aria-label="Video" className="grid gap-4 lg:grid-cols-2">
      <Frame title="Input" stream={stream.inputStream} testId="input-video" muted />
      <Frame title="Output" stream={outputStream} testId="output-video" muted={muted} reference={output}>
        <State stream={stream} />
        {hasSound && stream.phase === "live" && (
          <Button className="absolute right-3 bottom-3" onClick={() => setMuted(!muted)}>
            {muted ? "Unmute" : "Mute"}
          </Button>
        )}
      </Frame>
    </section>
  );
}

interface FrameProps {
  title: string;
  stream: MediaStream | null;
  testId: string;
  muted: boolean;
  reference?: React.RefObject<HTMLVideoElement | null>;
  children?: React.ReactNode;
}

function Frame({ title, stream, testId, muted, reference, children }: FrameProps) {
  const own = useRef<HTMLVideoElement>(null);
  const video = reference ?? own;
  useEffect(() => {
    if (video.current) video.current.srcObject = stream;
  }, [stream, video]);
  return (
    <figure className="space-y-2">
      <figcaption className="text-xs font-medium text-slate-400">{title}</figcaption>
      <div className="relative aspect-4/3 overflow-hidden rounded-2xl border border-slate-800 bg-black">
        <video
          ref={video}
          data-testid={testId}
          aria-label={title}
          autoPlay
          playsInline
          muted={muted}
          className="size-full object-contain"
        />
        {children}
      </div>
    </figure>
  );
}

function State({ stream }: { stream: StreamSnapshot }) {
  const seconds = useCountdown(stream.retryAt);
  const sentences = sentencesOf(stream, seconds);
  if (!sentences) return null;
  const [sentence, next] = sentences;
  const cover = stream.phase === "live" ? "top-3 inset-x-3" : "inset-0 bg-slate-950/75";
  return (
    <div className={`absolute ${cover} grid place-items-center p-4`}>
      <div className="max-w-md rounded-lg bg-slate-900/90 px-4 py-2.5 text-center text-sm text-slate-100">
        <p role={stream.phase === "ended" ? "alert" : "status"}>{sentence}</p>
        {/* Outside the status: a screen reader does not count seconds aloud. */}
        {next && <p className="text-slate-400">{next}</p>}
      </div>
    </div>
  );
}

/** What a person has to know of the stream's state; null where the picture says it. */
function sentencesOf(stream: StreamSnapshot, seconds: number | null): string[] | null {
  switch (stream.phase) {
    case "idle":
      return ["Press Start to send your picture through the pipeline."];
    case "connecting":
      return ["Connecting …"];
    case "live":
      if (stream.paused) return ["Paused."];
      if (stream.frozen)
        return ["No new picture for over two seconds. The connection stands; the server may be busy."];
      return null;
    case "reconnecting": {
      const reason = stream.sentence ?? "The connection was lost.";
      const next = seconds === null ? "Trying again …" : `Attempt ${stream.attempt} in ${seconds} s.`;
      return [`Reconnecting: ${reason}`, next];
    }
    case "ended":
      return [stream.sentence ? `Ended: ${stream.sentence}` : "Ended."];
    default:
      return stream.phase satisfies never;
  }
}
