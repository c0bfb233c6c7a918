import type { RefObject } from "react";

import * as format from "../lib/format";
import { enterPip, pipPossible, toggleFullscreen } from "../lib/screen";
import type { InputView } from "../types/setup";
import type { StreamSnapshot } from "../rtc/snapshot";
import { Button } from "./ui/Button";
import { IconButton } from "./ui/IconButton";
import {
  AloneIcon,
  BesideIcon,
  FullscreenIcon,
  InsetIcon,
  MutedIcon,
  PauseIcon,
  PipIcon,
  PlayIcon,
  RecordIcon,
  SnapshotIcon,
  SoundIcon,
  StopIcon,
} from "./ui/icons";

/** A recording on the server; `sentence` says what is wrong with it. */
export interface Recording {
  active: boolean;
  seconds: number;
  bytes: number;
  sentence: string | null;
}

export interface TransportProps {
  stream: StreamSnapshot;
  muted: boolean;
  inputView: InputView;
  recording: Recording | null;
  /** What stands in the way of a start, for a person. */
  obstacle: string | null;
  onStart: () => void;
  onStop: () => void;
  onPause: (paused: boolean) => void;
  onMuted: (muted: boolean) => void;
  onInputView: () => void;
  onSnapshot: (video: HTMLVideoElement) => void;
  onRecord: () => void;
  onProblem: (sentence: string) => void;
  video: RefObject<HTMLVideoElement | null>;
  stage: RefObject<HTMLDivElement | null>;
}

const VIEWS: Record<InputView, { label: string; icon: React.ReactNode }> = {
  inset: { label: "Input: inset", icon: <InsetIcon /> },
  beside: { label: "Input: beside the output", icon: <BesideIcon /> },
  hidden: { label: "Input: hidden", icon: <AloneIcon /> },
};

/** What can be done with the stream and its picture. */
export function Transport(props: TransportProps) {
  const { stream, muted, inputView } = props;
  const { phase, paused, outputStream } = stream;
  const running = phase === "connecting" || phase === "live" || phase === "reconnecting";
  const hasSound = (outputStream?.getAudioTracks().length ?? 0) > 0;
  const withVideo = (act: (video: HTMLVideoElement) => void) => () => {
    if (props.video.current) act(props.video.current);
  };
  const full = () => {
    if (props.stage.current) void toggleFullscreen(props.stage.current, props.video.current);
  };
  const pip = withVideo(
    (video) => void enterPip(video).catch((error: Error) => props.onProblem(error.message)),
  );
  return (
    <div className="flex flex-wrap items-center gap-x-2 gap-y-2 border-b border-line bg-panel px-4 py-2.5 sm:px-5">
      {running ? (
        <Button look="danger" onClick={props.onStop} title="Stop (S)">
          <StopIcon /> Stop
        </Button>
      ) : (
        <Button look="primary" onClick={props.onStart} title="Start (S)" disabled={props.obstacle !== null}>
          <PlayIcon /> Start
        </Button>
      )}
      <Button
        disabled={phase !== "live"}
        aria-pressed={paused}
        title="Pause or resume (P)"
        onClick={() => props.onPause(!paused)}
      >
        {paused ? <PlayIcon /> : <PauseIcon />}
        {paused ? "Resume" : "Pause"}
      </Button>
      <RecordButton {...props} />
      <div className="ml-auto flex items-center gap-0.5">
        {hasSound && phase === "live" && (
          <IconButton
            label={muted ? "Unmute" : "Mute"}
            shortcut="M"
            icon={muted ? <MutedIcon /> : <SoundIcon />}
            onClick={() => props.onMuted(!muted)}
          />
        )}
        <IconButton
          label={VIEWS[inputView].label}
          shortcut="I"
          icon={VIEWS[inputView].icon}
          onClick={props.onInputView}
        />
        <IconButton
          label="Save a snapshot"
          shortcut="C"
          icon={<SnapshotIcon />}
          disabled={!outputStream}
          onClick={withVideo(props.onSnapshot)}
        />
        {pipPossible() && (
          <IconButton label="Picture in picture" icon={<PipIcon />} disabled={!outputStream} onClick={pip} />
        )}
        <IconButton label="Full screen" shortcut="F" icon={<FullscreenIcon />} onClick={full} />
      </div>
    </div>
  );
}

function RecordButton({ recording, stream, onRecord }: TransportProps) {
  if (!recording) return null;
  const { active, seconds, bytes, sentence } = recording;
  return (
    <>
      {active ? (
        <Button look="danger" onClick={onRecord} title="End the recording (R)">
          <StopIcon /> End recording
        </Button>
      ) : (
        <Button disabled={stream.phase !== "live"} onClick={onRecord} title="Record on the server (R)">
          <span className="text-tally">
            <RecordIcon />
          </span>
          Record
        </Button>
      )}
      {active && (
        <span data-testid="recording" className="font-mono text-xs text-soft tabular-nums">
          {format.duration(seconds)} · {format.bytes(bytes)}
        </span>
      )}
      {sentence && (
        <p role="alert" className="text-xs text-problem">
          {sentence}
        </p>
      )}
    </>
  );
}
