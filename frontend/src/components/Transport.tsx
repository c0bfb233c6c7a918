import type { Actions, PageElements } from "../hooks/usePageActions";
import type { RecordingProgress } from "../hooks/useRecorder";
import * as format from "../lib/format";
import { enterPip, pipPossible } from "../lib/screen";
import { announcer } from "../state/page";
import type { InputView, Settings } from "../types/setup";
import { type StreamSnapshot, isRunning } from "../rtc/snapshot";
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
  SpeakerIcon,
  StopIcon,
} from "./ui/icons";

export interface TransportProps {
  stream: StreamSnapshot;
  settings: Settings;
  recording: RecordingProgress;
  /** What has to be done before a start; null if nothing has. */
  obstacle: string | null;
  actions: Actions;
  elements: PageElements;
}

const VIEWS: Record<InputView, { label: string; icon: React.ReactNode }> = {
  inset: { label: "Input: inset", icon: <InsetIcon /> },
  beside: { label: "Input: beside the output", icon: <BesideIcon /> },
  hidden: { label: "Input: hidden", icon: <AloneIcon /> },
};

/** The buttons for the stream and its video. */
export function Transport(props: TransportProps) {
  const { stream, settings, obstacle, actions, elements } = props;
  const { muted, inputView } = settings;
  const { phase, paused, outputStream } = stream;
  const hasAudio = (outputStream?.getAudioTracks().length ?? 0) > 0;
  const enterPictureInPicture = () => {
    if (!elements.output.current) return;
    enterPip(elements.output.current).catch((error: unknown) =>
      announcer.say(format.sentence(error), "problem"),
    );
  };
  return (
    <div className="flex flex-wrap items-center gap-x-2 gap-y-2 border-b border-line bg-panel px-4 py-2.5 sm:px-5">
      {isRunning(stream) ? (
        <Button look="danger" onClick={actions.toggle} title="Stop (S)">
          <StopIcon /> Stop
        </Button>
      ) : (
        <Button
          look="primary"
          onClick={actions.toggle}
          title={obstacle ?? "Start (S)"}
          disabled={obstacle !== null}
        >
          <PlayIcon /> Start
        </Button>
      )}
      <Button
        disabled={phase !== "live"}
        aria-pressed={paused}
        title="Pause or resume (P)"
        onClick={actions.pause}
      >
        {paused ? <PlayIcon /> : <PauseIcon />}
        {paused ? "Resume" : "Pause"}
      </Button>
      <RecordButton {...props} />
      <div className="ml-auto flex items-center gap-0.5">
        {hasAudio && phase === "live" && (
          <IconButton
            label={muted ? "Unmute" : "Mute"}
            shortcut="M"
            icon={muted ? <MutedIcon /> : <SpeakerIcon />}
            onClick={actions.mute}
          />
        )}
        <IconButton
          label={VIEWS[inputView].label}
          shortcut="I"
          icon={VIEWS[inputView].icon}
          onClick={actions.input}
        />
        <IconButton
          label="Save a snapshot"
          shortcut="C"
          icon={<SnapshotIcon />}
          disabled={!outputStream}
          onClick={actions.snapshot}
        />
        {pipPossible() && (
          <IconButton
            label="Picture in picture"
            icon={<PipIcon />}
            disabled={!outputStream}
            onClick={enterPictureInPicture}
          />
        )}
        <IconButton label="Full screen" shortcut="F" icon={<FullscreenIcon />} onClick={actions.fullscreen} />
      </div>
    </div>
  );
}

function RecordButton({ recording, stream, actions }: TransportProps) {
  const { active, seconds, bytes, refusal, sentence } = recording;
  const live = stream.phase === "live";
  return (
    <>
      {active ? (
        <Button
          look="danger"
          disabled={refusal !== null}
          onClick={actions.record}
          title="End the recording (R)"
        >
          <StopIcon /> End recording
        </Button>
      ) : (
        <Button
          disabled={!live || refusal !== null}
          onClick={actions.record}
          title={refusal ?? "Record on the server (R)"}
        >
          <span className="text-tally">
            <RecordIcon />
          </span>
          Record
        </Button>
      )}
      {active && (
        <span role="timer" aria-label="Recording" className="font-mono text-xs text-soft tabular-nums">
          {format.duration(seconds)} · {format.bytes(bytes)}
        </span>
      )}
      {live && refusal && <p className="text-xs text-muted">{refusal}</p>}
      {sentence && (
        <p role="alert" className="text-xs text-problem">
          {format.asSentence(sentence)}
        </p>
      )}
    </>
  );
}
