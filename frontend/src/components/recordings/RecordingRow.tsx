import { useState } from "react";

import * as format from "../../lib/format";
import { downloadPath, recordingPath } from "../../lib/api";
import type { Recording, RecordingFile } from "../../types/figures";
import { Button } from "../ui/Button";
import { Notice } from "../ui/Notice";
import { Select } from "../ui/Select";
import { Player } from "./Player";
import { Thumbnail } from "./Thumbnail";

interface Props {
  recording: Recording;
  /** Null if this person may not. */
  onDelete: ((id: string) => Promise<void>) | null;
}

/** One recording: a thumbnail, what it is, and what can be done with it. */
export function RecordingRow({ recording, onDelete }: Props) {
  const [name, setName] = useState<string | null>(null);
  const [playing, setPlaying] = useState(false);
  const { id, files } = recording;
  const running = recording.state === "recording";
  const first = files.find((file) => file.kind === "output") ?? files[0];
  const file = files.find((one) => one.name === name) ?? first;
  const path = file ? recordingPath(id, file.name) : null;
  const title = format.moment(recording.started);
  return (
    <li className="space-y-3 rounded-xl border border-line bg-panel/60 p-3" aria-label={title}>
      <div className="flex flex-wrap gap-x-4 gap-y-3">
        <Thumbnail path={running || !first ? null : recordingPath(id, first.name)} />
        <div className="min-w-0 grow basis-40 space-y-1">
          <p className="text-sm font-medium text-text">{title}</p>
          <p className="font-mono text-xs text-muted tabular-nums">
            {[recording.pipeline_id, format.duration(recording.seconds), format.bytes(recording.bytes)].join(
              " · ",
            )}
          </p>
          {running && <p className="text-xs text-problem">Recording …</p>}
          {recording.state === "finished" && recording.sentence && (
            <p className="text-xs text-muted">{format.asSentence(recording.sentence)}</p>
          )}
        </div>
        <div className="flex flex-wrap content-start items-end gap-2">
          {files.length > 1 && file && (
            <div className="w-40">
              <Select
                label="File"
                value={file.name}
                options={files.map((one) => ({ value: one.name, label: labelOf(one, files) }))}
                onChange={setName}
              />
            </div>
          )}
          <Button disabled={running || !path} aria-expanded={playing} onClick={() => setPlaying(!playing)}>
            {playing ? "Close" : "Play"}
          </Button>
          {file && !running && (
            <Button asChild>
              <a href={downloadPath(id, file.name)} download={file.name}>
                Download
              </a>
            </Button>
          )}
          <DeleteButton
            disabled={running || !onDelete}
            title={title}
            onDelete={() => onDelete?.(id) ?? Promise.resolve()}
          />
        </div>
      </div>
      {(recording.state === "failed" || recording.state === "cut") && (
        <Notice look="hint">{recording.sentence ?? "It ended early; what was written is kept."}</Notice>
      )}
      {playing && path && <Player key={path} path={path} title={title} />}
    </li>
  );
}

/** Asks once more before it deletes. */
function DeleteButton(props: { disabled: boolean; title: string; onDelete: () => Promise<void> }) {
  const [asking, setAsking] = useState(false);
  const [busy, setBusy] = useState(false);
  if (!asking) {
    return (
      <Button disabled={props.disabled} onClick={() => setAsking(true)}>
        Delete
      </Button>
    );
  }
  const remove = () => {
    setBusy(true);
    void props.onDelete().finally(() => {
      setBusy(false);
      setAsking(false);
    });
  };
  return (
    <div
      role="group"
      aria-label={`Delete the recording of ${props.title} for good?`}
      className="flex items-center gap-2"
      onKeyDown={(event) => event.key === "Escape" && setAsking(false)}
    >
      <Button look="danger" autoFocus disabled={busy} onClick={remove}>
        Delete for good
      </Button>
      <Button disabled={busy} onClick={() => setAsking(false)}>
        Keep
      </Button>
    </div>
  );
}

/** "Output" or "Input", its number if there are several, codec and size. */
function labelOf(file: RecordingFile, files: RecordingFile[]): string {
  const same = files.filter((other) => other.kind === file.kind);
  const parts = [file.kind === "output" ? "Output" : "Input"];
  if (same.length > 1) parts.push(`part ${same.indexOf(file) + 1}`);
  return [...parts, file.codec, format.resolution(file.width, file.height)].join(", ");
}
