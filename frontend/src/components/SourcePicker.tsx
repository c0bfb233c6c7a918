import { useId } from "react";

import { SERVER_KINDS } from "../types/setup";
import { type ServerFiles, isServerKind } from "../lib/serverFiles";
import type { ServerKind, SourceKind } from "../types/stream";
import { CameraIcon, FileIcon, PatternIcon, ReelIcon, ScreenIcon, ServerIcon, TextIcon } from "./ui/icons";

const SOURCES: { kind: SourceKind; label: string; icon: React.ReactNode }[] = [
  { kind: "camera", label: "Camera", icon: <CameraIcon /> },
  { kind: "screen", label: "Screen", icon: <ScreenIcon /> },
  { kind: "file", label: "File", icon: <FileIcon /> },
  { kind: "text", label: "Text only", icon: <TextIcon /> },
  { kind: "pattern", label: "Test pattern", icon: <PatternIcon /> },
  { kind: "video_file", label: "Server file", icon: <ServerIcon /> },
  { kind: "recording", label: "Recording", icon: <ReelIcon /> },
];
const NONE: Record<ServerKind, React.ReactNode> = {
  video_file: (
    <>
      The server has no video files: start it with <code className="whitespace-nowrap">--video-files</code>{" "}
      and a folder that contains some.
    </>
  ),
  recording: "The server has no recordings yet.",
};

interface Props {
  value: SourceKind;
  running: boolean;
  files: ServerFiles | null;
  onChange: (kind: SourceKind) => void;
}

/** Radio buttons styled as keys: each input lies invisibly over its key. */
export function SourcePicker({ value, running, files, onChange }: Props) {
  const name = useId();
  const isMissing = (kind: SourceKind) => isServerKind(kind) && files?.[kind].length === 0;
  const missing = SERVER_KINDS.filter(isMissing);
  return (
    <fieldset>
      <legend className="sr-only">Source</legend>
      <div className="grid grid-cols-12 gap-px overflow-hidden rounded-md border border-line bg-line">
        {SOURCES.map(({ kind, label, icon }, at) => (
          <label
            key={kind}
            className={`relative flex h-14 flex-col items-center justify-center gap-1 bg-panel text-xs text-soft hover:bg-raised hover:text-text has-checked:bg-raised has-checked:text-accent has-focus-visible:outline-2 has-focus-visible:-outline-offset-2 has-focus-visible:outline-accent has-disabled:cursor-not-allowed has-disabled:bg-panel has-disabled:text-muted ${at < 4 ? "col-span-3" : "col-span-4"}`}
          >
            <input
              type="radio"
              name={name}
              value={kind}
              checked={kind === value}
              // Whether video is sent is negotiated at the start.
              disabled={isMissing(kind) || (running && (kind === "text") !== (value === "text"))}
              aria-describedby={isMissing(kind) ? `${name}-${kind}` : undefined}
              onChange={() => onChange(kind)}
              className="absolute inset-0 size-full cursor-[inherit] opacity-0"
            />
            {icon}
            {label}
          </label>
        ))}
      </div>
      {missing.map((kind) => (
        <p key={kind} id={`${name}-${kind}`} className="mt-2 text-xs text-muted">
          {NONE[kind]}
        </p>
      ))}
    </fieldset>
  );
}
