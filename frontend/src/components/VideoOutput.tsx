import { type RefObject, useEffect, useRef } from "react";

import { useRefusal } from "../hooks/useAccount";
import { session, steering } from "../state/page";
import { Graticule, StreamState } from "./StreamState";
import { Transport, type TransportProps } from "./Transport";

/** The output, the input as an inset or beside it, the state of the stream, and its buttons. */
export function VideoOutput(props: TransportProps) {
  const { stream, settings, elements } = props;
  const { outputStream, inputStream } = stream;
  const { muted, inputView } = settings;
  const { viewer, output } = elements;
  const refusal = useRefusal("start");
  useEffect(() => {
    session.metrics.attach(outputStream ? output.current : null);
    return () => session.metrics.attach(null);
  }, [output, outputStream]);
  const inputShown = inputView !== "hidden" && (inputStream?.getVideoTracks().length ?? 0) > 0;
  const beside = inputView === "beside" && inputShown;
  return (
    <section aria-label="Video" className="flex min-h-0 flex-col max-lg:contents xl:grow">
      <div
        ref={viewer}
        className={`@container-size relative grid min-h-0 overflow-hidden bg-black max-xl:aspect-video max-lg:sticky max-lg:top-0 max-lg:z-10 max-lg:order-first max-sm:aspect-4/3 xl:grow ${beside ? "grid-cols-2 gap-px" : ""}`}
      >
        {beside && <Video title="Input" stream={inputStream} muted />}
        <div className="relative min-h-0 min-w-0">
          {!outputStream && <Graticule />}
          <Video title="Output" stream={outputStream} muted={muted} video={output} labelled={beside} />
          <StreamState stream={stream} refusal={refusal} onRestart={steering.forgetFrames} />
        </div>
        {inputShown && !beside && (
          <div className="absolute right-3 bottom-3 aspect-4/3 w-[min(20cqw,60cqh)] min-w-24 overflow-hidden rounded-md border border-white/25 bg-black shadow-lg">
            <Video title="Input" stream={inputStream} muted />
          </div>
        )}
      </div>
      <div className="max-lg:order-first">
        <Transport {...props} />
      </div>
    </section>
  );
}

interface VideoProps {
  title: string;
  stream: MediaStream | null;
  muted: boolean;
  labelled?: boolean;
  video?: RefObject<HTMLVideoElement | null>;
}

function Video({ title, stream, muted, labelled = true, video: given }: VideoProps) {
  const own = useRef<HTMLVideoElement>(null);
  const video = given ?? own;
  useEffect(() => {
    if (video.current) video.current.srcObject = stream;
  }, [stream, video]);
  return (
    <figure className="relative size-full min-h-0 min-w-0">
      <video
        ref={video}
        aria-label={`${title} video`}
        autoPlay
        playsInline
        muted={muted}
        className="absolute inset-0 size-full object-contain"
      />
      {labelled && (
        <figcaption className="engraved absolute top-2 left-2 rounded-sm bg-black/65 px-1.5 text-white">
          {title}
        </figcaption>
      )}
    </figure>
  );
}
