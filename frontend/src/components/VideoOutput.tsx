import { useEffect, useRef } from "react";

import type { InputView } from "../types/setup";
import type { StreamSnapshot } from "../rtc/snapshot";
import { Graticule, StreamState } from "./StreamState";
import { Transport, type TransportProps } from "./Transport";

interface Props extends Omit<TransportProps, "video" | "stage"> {
  stream: StreamSnapshot;
  muted: boolean;
  inputView: InputView;
  attachOutput: (video: HTMLVideoElement | null) => void;
}

/** The output, the input as an inset or beside it, in words what is going on, and what can be done with it. */
export function VideoOutput({ attachOutput, ...props }: Props) {
  const { stream, muted, inputView } = props;
  const { outputStream, inputStream } = stream;
  const stage = useRef<HTMLDivElement>(null);
  const output = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    attachOutput(outputStream ? output.current : null);
    return () => attachOutput(null);
  }, [attachOutput, outputStream]);
  const inputShown = inputView !== "hidden" && (inputStream?.getVideoTracks().length ?? 0) > 0;
  const beside = inputView === "beside" && inputShown;
  return (
    <section aria-label="Video" className="flex min-h-0 flex-col max-lg:contents xl:grow">
      <div
        ref={stage}
        data-stage
        data-view={inputView}
        className={`@container-size relative grid min-h-0 overflow-hidden bg-black max-xl:aspect-video max-lg:sticky max-lg:top-0 max-lg:z-10 max-lg:order-first max-sm:aspect-4/3 xl:grow ${beside ? "grid-cols-2 gap-px" : ""}`}
      >
        {beside && <Picture title="Input" stream={inputStream} testId="input-video" muted />}
        <div className="relative min-h-0 min-w-0">
          {!outputStream && <Graticule />}
          <Picture
            title="Output"
            stream={outputStream}
            testId="output-video"
            muted={muted}
            reference={output}
            labelled={beside}
          />
          <StreamState stream={stream} />
        </div>
        {inputShown && !beside && (
          <div className="absolute right-3 bottom-3 aspect-4/3 w-[min(20cqw,60cqh)] min-w-24 overflow-hidden rounded-md border border-white/25 bg-black shadow-lg">
            <Picture title="Input" stream={inputStream} testId="input-video" muted />
          </div>
        )}
      </div>
      <div className="max-lg:order-first">
        <Transport {...props} video={output} stage={stage} />
      </div>
    </section>
  );
}

interface PictureProps {
  title: string;
  stream: MediaStream | null;
  testId: string;
  muted: boolean;
  labelled?: boolean;
  reference?: React.RefObject<HTMLVideoElement | null>;
}

function Picture({ title, stream, testId, muted, labelled = true, reference }: PictureProps) {
  const own = useRef<HTMLVideoElement>(null);
  const video = reference ?? own;
  useEffect(() => {
    if (video.current) video.current.srcObject = stream;
  }, [stream, video]);
  return (
    <figure className="relative size-full min-h-0 min-w-0">
      <video
        ref={video}
        data-testid={testId}
        aria-label={title}
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
