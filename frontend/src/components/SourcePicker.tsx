import { useId } from "react";

import type { SourceKind } from "../types/stream";
import { CameraIcon, FileIcon, PatternIcon, ScreenIcon, TextIcon } from "./ui/icons";

const SOURCES: { kind: SourceKind; label: string; icon: React.ReactNode }[] = [
  { kind: "camera", label: "Camera", icon: <CameraIcon /> },
  { kind: "screen", label: "Screen", icon: <ScreenIcon /> },
  { kind: "file", label: "File", icon: <FileIcon /> },
  { kind: "pattern", label: "Test pattern", icon: <PatternIcon /> },
  { kind: "text", label: "Text only", icon: <TextIcon /> },
];

interface Props {
  value: SourceKind;
  running: boolean;
  onChange: (kind: SourceKind) => void;
}

/** Radio buttons that look like the keys of a switcher: each lies unseen over its key. */
export function SourcePicker({ value, running, onChange }: Props) {
  const name = useId();
  return (
    <fieldset>
      <legend className="sr-only">Source</legend>
      <div className="grid grid-cols-6 gap-px overflow-hidden rounded-md border border-line bg-line">
        {SOURCES.map(({ kind, label, icon }, at) => (
          <label
            key={kind}
            className={`relative flex h-14 flex-col items-center justify-center gap-1 bg-panel text-xs text-soft hover:bg-raised hover:text-text has-checked:bg-raised has-checked:text-accent has-focus-visible:outline-2 has-focus-visible:-outline-offset-2 has-focus-visible:outline-accent has-disabled:cursor-not-allowed has-disabled:bg-panel has-disabled:text-muted ${at < 3 ? "col-span-2" : "col-span-3"}`}
          >
            <input
              type="radio"
              name={name}
              value={kind}
              checked={kind === value}
              // To go with or without a picture is agreed on at the start.
              disabled={running && (kind === "text") !== (value === "text")}
              onChange={() => onChange(kind)}
              className="absolute inset-0 size-full cursor-[inherit] opacity-0"
            />
            {icon}
            {label}
          </label>
        ))}
      </div>
    </fieldset>
  );
}
