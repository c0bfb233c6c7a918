import type { Devices } from "../hooks/useDevices";
import { type ServerFiles, isServerKind, nameOf } from "../lib/serverFiles";
import { settings as settingsStore, steering } from "../state/page";
import { CODECS, FRAME_RATES, RESOLUTIONS, type Settings } from "../types/setup";
import { type StreamSnapshot, isRunning } from "../rtc/snapshot";
import type { CodecChoice, ServerKind, SourceKind } from "../types/stream";
import { FileControls } from "./FileControls";
import { SourcePicker } from "./SourcePicker";
import { Notice } from "./ui/Notice";
import { Panel } from "./ui/Panel";
import { Select } from "./ui/Select";
import { Switch } from "./ui/Switch";

interface Props {
  stream: StreamSnapshot;
  settings: Settings;
  devices: Devices;
  files: ServerFiles | null;
  /** What has to be done before a start; null if nothing has. */
  obstacle: string | null;
}

const RATES = FRAME_RATES.toSorted((one, other) => one - other).map((rate) => ({
  value: String(rate),
  label: `${rate} fps`,
}));
const SIZES = RESOLUTIONS.toSorted((one, other) => Number.parseInt(one) - Number.parseInt(other)).map(
  (size) => ({ value: size as string, label: size.replace("x", " × ") }),
);
const CODEC_OPTIONS = CODECS.map((value) => ({ value, label: value === "auto" ? "Auto" : value }));
const AUDIO_LABELS: Partial<Record<SourceKind, string>> = {
  camera: "Microphone",
  screen: "Screen audio",
  file: "File audio",
  pattern: "Audio (test tone)",
};

/** The source, and how it is opened and sent. */
export function InputAndControlsPanel(props: Props) {
  const { stream, settings, devices, files } = props;
  const { source, sourceNames } = settings;
  const running = isRunning(stream);
  const rejected = stream.rejected["input_source"];
  const sendsVideo = source !== "text" && !isServerKind(source);
  const needsDevice = source === "camera" || source === "screen";
  return (
    <Panel title="Input">
      <SourcePicker
        value={source}
        running={running}
        files={files}
        onChange={(kind) =>
          steering.setSource({
            source: kind,
            measureDelay: kind === "pattern",
            ...(isServerKind(kind)
              ? { sourceNames: { ...sourceNames, [kind]: nameOf(files, kind, sourceNames[kind]) } }
              : {}),
          })
        }
      />
      {needsDevice && devices.sentence && <Notice look="hint">{devices.sentence}</Notice>}
      {props.obstacle && <Notice look="hint">{props.obstacle}</Notice>}
      {stream.sourceNotice && <Notice look="problem">{stream.sourceNotice}</Notice>}
      {rejected && <Notice look="problem">{rejected}</Notice>}
      {source === "camera" && <Camera {...props} />}
      {source === "screen" && <FrameRate {...props} />}
      {source === "file" && <FileChoice onFile={(file) => steering.setSource({}, file)} />}
      {source === "file" && stream.player && <FileControls player={stream.player} />}
      {isServerKind(source) && <ServerFileChoice {...props} kind={source} />}
      {AUDIO_LABELS[source] && <AudioSwitch {...props} label={AUDIO_LABELS[source]} />}
      <Actual stream={stream} />
      <details className="group border-t border-line pt-3">
        <summary className="engraved py-1 text-muted hover:text-text">Connection</summary>
        <div className="mt-4 space-y-4">
          <Select
            label="Codec"
            value={settings.codec}
            options={CODEC_OPTIONS}
            disabled={running}
            onChange={(codec) => settingsStore.set({ codec: codec as CodecChoice })}
          />
          <Switch
            label="Stamp frames to measure the delay"
            checked={sendsVideo && (settings.measureDelay || source === "pattern")}
            disabled={source === "pattern" || !sendsVideo}
            onChange={(measureDelay) => steering.setSource({ measureDelay })}
          />
        </div>
      </details>
    </Panel>
  );
}

function Camera(props: Props) {
  const { settings, devices } = props;
  return (
    <>
      {devices.cameras.length > 0 && (
        <Select
          label="Camera device"
          value={devices.cameras.some((one) => one.deviceId === settings.cameraId) ? settings.cameraId : ""}
          options={[{ value: "", label: "Any camera" }, ...devices.cameras.map(named("Camera"))]}
          onChange={(cameraId) => steering.setSource({ cameraId })}
        />
      )}
      <div className="grid grid-cols-2 gap-3">
        <Select
          label="Resolution"
          value={settings.resolution}
          options={SIZES}
          onChange={(resolution) => steering.setSource({ resolution })}
        />
        <FrameRate {...props} />
      </div>
    </>
  );
}

function FrameRate({ settings }: Props) {
  return (
    <Select
      label="Frame rate"
      value={String(settings.frameRate)}
      options={RATES}
      onChange={(rate) => steering.setSource({ frameRate: Number(rate) })}
    />
  );
}

function AudioSwitch({ label, stream, settings, devices }: Props & { label: string }) {
  return (
    <div className="space-y-2">
      <Switch
        label={label}
        checked={isRunning(stream) ? stream.audioOn : settings.audio}
        onChange={steering.setAudio}
      />
      {settings.source === "camera" && settings.audio && devices.microphones.length > 1 && (
        <Select
          bare
          label="Microphone device"
          value={settings.microphoneId}
          options={[{ value: "", label: "Any microphone" }, ...devices.microphones.map(named("Microphone"))]}
          onChange={(microphoneId) => steering.setSource({ microphoneId })}
        />
      )}
    </div>
  );
}

/** A file input styled as a button. */
function FileChoice({ onFile }: { onFile: (file: File) => void }) {
  return (
    <label className="block space-y-1.5 text-xs font-medium text-soft">
      Video file
      <input
        type="file"
        accept="video/*"
        onChange={(event) => {
          const file = event.target.files?.[0];
          if (file) onFile(file);
        }}
        className="block w-full text-xs text-muted file:mr-3 file:h-9 file:rounded-md file:border file:border-solid file:border-line file:bg-raised file:px-3 file:text-sm file:font-medium file:text-text"
      />
    </label>
  );
}

/** The files on the server. One that is gone stays in the list until another is chosen. */
function ServerFileChoice({ kind, settings, files }: Props & { kind: ServerKind }) {
  const { sourceNames } = settings;
  const name = sourceNames[kind];
  const known = (files?.[kind] ?? []).map((file) => ({ value: file.identifier, label: file.name }));
  const options = known.some(({ value }) => value === name)
    ? known
    : [{ value: name, label: name }, ...known];
  return (
    <Select
      label={kind === "recording" ? "Recording on the server" : "File on the server"}
      value={name}
      options={options}
      onChange={(chosen) => steering.setSource({ sourceNames: { ...sourceNames, [kind]: chosen } })}
    />
  );
}

/** What the source actually delivers. */
function Actual({ stream }: { stream: StreamSnapshot }) {
  const given = stream.inputStream?.getVideoTracks()[0]?.getSettings();
  if (!given?.width || !given.height) return null;
  const rate = given.frameRate ? ` at ${Math.round(given.frameRate)} fps` : "";
  return (
    <p className="text-xs text-muted">
      The source delivers {given.width} × {given.height}
      {rate}.
    </p>
  );
}

function named(kind: string) {
  return (device: MediaDeviceInfo, index: number) => ({
    value: device.deviceId,
    label: device.label || `${kind} ${index + 1}`,
  });
}
