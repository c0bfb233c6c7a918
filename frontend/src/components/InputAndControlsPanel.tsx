import type { CodecChoice, Phase, SourceKind } from "../types/stream";
import { Button } from "./ui/Button";
import { Notice } from "./ui/Notice";
import { Panel } from "./ui/Panel";
import { Select } from "./ui/Select";
import { Switch } from "./ui/Switch";

/** What the next start uses. */
export interface Choice {
  source: SourceKind;
  deviceId: string;
  file: File | null;
  sound: boolean;
  measureDelay: boolean;
  codec: CodecChoice;
}

interface Props {
  phase: Phase;
  paused: boolean;
  choice: Choice;
  cameras: MediaDeviceInfo[];
  cameraSentence: string | null;
  onChoice: (change: Partial<Choice>) => void;
  onStart: () => void;
  onStop: () => void;
  onPause: (paused: boolean) => void;
}

const SOURCES = [
  { value: "camera", label: "Camera" },
  { value: "screen", label: "Screen" },
  { value: "file", label: "File" },
  { value: "pattern", label: "Test pattern" },
];
const CODECS = ["auto", "VP8", "VP9", "H264"].map((value) => ({
  value,
  label: value === "auto" ? "Auto" : value,
}));

export function InputAndControlsPanel(props: Props) {
  const { phase, choice, onChoice } = props;
  const running = phase === "connecting" || phase === "live" || phase === "reconnecting";
  const needsCamera = choice.source === "camera" || choice.source === "screen";
  return (
    <Panel title="Input and controls">
      <Select
        label="Source"
        value={choice.source}
        options={SOURCES}
        disabled={running}
        onChange={(value) => onChoice({ source: value as SourceKind, measureDelay: value === "pattern" })}
      />
      {needsCamera && props.cameraSentence && <Notice look="hint">{props.cameraSentence}</Notice>}
      {choice.source === "camera" && props.cameras.length > 0 && (
        <Select
          label="Camera device"
          value={choice.deviceId}
          options={[{ value: "", label: "Any camera" }, ...props.cameras.map(named)]}
          disabled={running}
          onChange={(deviceId) => onChoice({ deviceId })}
        />
      )}
      {choice.source === "file" && (
        <label className="block space-y-1.5 text-xs font-medium text-slate-300">
          Video file
          <input
            type="file"
            accept="video/*"
            disabled={running}
            onChange={(event) => onChoice({ file: event.target.files?.[0] ?? null })}
            className="block w-full text-sm file:mr-3 file:h-9 file:rounded-lg file:border-0 file:bg-slate-800 file:px-3 file:text-slate-100"
          />
        </label>
      )}
      <Select
        label="Codec"
        value={choice.codec}
        options={CODECS}
        disabled={running}
        onChange={(value) => onChoice({ codec: value as CodecChoice })}
      />
      <Switch
        label="Sound"
        checked={choice.sound}
        disabled={running}
        onChange={(sound) => onChoice({ sound })}
      />
      <Switch
        label="Measure delay from the picture"
        checked={choice.measureDelay || choice.source === "pattern"}
        disabled={running || choice.source === "pattern"}
        onChange={(measureDelay) => onChoice({ measureDelay })}
      />
      <div className="flex gap-2">
        {running ? (
          <Button look="danger" className="grow" onClick={props.onStop}>
            Stop
          </Button>
        ) : (
          <Button look="primary" className="grow" onClick={props.onStart}>
            Start
          </Button>
        )}
        <Button
          disabled={phase !== "live"}
          aria-pressed={props.paused}
          onClick={() => props.onPause(!props.paused)}
        >
          {props.paused ? "Resume" : "Pause"}
        </Button>
      </div>
    </Panel>
  );
}

function named(camera: MediaDeviceInfo, index: number): { value: string; label: string } {
  return { value: camera.deviceId, label: camera.label || `Camera ${index + 1}` };
}
