import { useState } from "react";

import { useRefusal } from "../../hooks/useAccount";
import { useRecordings } from "../../hooks/useRecorder";
import * as format from "../../lib/format";
import type { RecordingStatus } from "../../types/figures";
import { RecordingRow } from "./RecordingRow";
import { Button } from "../ui/Button";
import { Notice } from "../ui/Notice";
import { Switch } from "../ui/Switch";

/** Records the stream; plays, downloads and deletes the recordings on the server. */
export function RecordingsPanel({ sessionId }: { sessionId: string | null }) {
  const [input, setInput] = useState(false);
  const { status, recordings, busy, sentence, listSentence, recorder } = useRecordings(sessionId);
  const refusal = useRefusal("record");
  const active = status?.active ?? false;
  const unable = busy || refusal !== null;
  const failure = sentence ?? status?.sentence ?? listSentence;
  return (
    <section aria-label="Recordings" className="space-y-4">
      <div className="flex flex-wrap items-center gap-x-5 gap-y-2">
        {active ? (
          <Button look="danger" disabled={unable} onClick={() => void recorder.stop()}>
            <span aria-hidden className="size-2.5 rounded-xs bg-current" />
            End recording
          </Button>
        ) : (
          <Button disabled={unable || sessionId === null} onClick={() => void recorder.start(input)}>
            <span aria-hidden className="size-2.5 rounded-full bg-tally" />
            Record
          </Button>
        )}
        <Switch
          label="Also record the input"
          checked={input}
          disabled={active || unable}
          onChange={setInput}
        />
        {active && status && <Running status={status} />}
        {!refusal && sessionId === null && <p className="text-xs text-muted">Start a stream to record it.</p>}
      </div>
      {refusal && <Notice look="quiet">{refusal}</Notice>}
      {failure && <Notice look="problem">{failure}</Notice>}
      {recordings === null && !listSentence && <p className="text-sm text-muted">Loading the list …</p>}
      {recordings?.length === 0 && (
        <p className="text-sm text-muted">
          No recordings yet. The server keeps what you record, and it is listed here.
        </p>
      )}
      {recordings && recordings.length > 0 && (
        <ul aria-label="Recordings on the server" className="space-y-3">
          {recordings.map((recording) => (
            <RecordingRow
              key={recording.id}
              recording={recording}
              onDelete={refusal === null ? recorder.remove : null}
            />
          ))}
        </ul>
      )}
    </section>
  );
}

/** A timer: screen readers read it on request, not every second. */
function Running({ status }: { status: RecordingStatus }) {
  return (
    <p
      role="timer"
      aria-label="Recorded so far"
      className="flex items-center gap-2 font-mono text-sm text-text tabular-nums"
    >
      <span aria-hidden className="size-2.5 animate-pulse rounded-full bg-tally" />
      {format.duration(status.seconds)} · {format.bytes(status.bytes)}
    </p>
  );
}
