import { useEffect, useSyncExternalStore } from "react";

import { Recorder, type RecorderSnapshot } from "../figures/Recorder";
import { Thumbnails } from "../figures/Thumbnails";
import type { RecordingMessage } from "../types/figures";

/** One recorder a page: it outlives every component. */
const recorder = new Recorder();
export const thumbnails = new Thumbnails();

/** Records a session; `message` is what the server said last of a recording. */
export function useRecorder(
  sessionId: string | null,
  message: RecordingMessage | null = null,
): RecorderSnapshot & { recorder: Recorder } {
  const snapshot = useSyncExternalStore(recorder.subscribe, recorder.getSnapshot);
  useEffect(() => recorder.follow(sessionId), [sessionId]);
  useEffect(() => {
    if (message) recorder.hear(message);
  }, [message]);
  // The list tells how a recording grows also while the data channel is silent.
  const active = snapshot.status?.active ?? false;
  useEffect(() => (active ? recorder.watch() : undefined), [active]);
  return { ...snapshot, recorder };
}

/** The same, and the list of what the server keeps, read while the component stands. */
export function useRecordings(sessionId: string | null): RecorderSnapshot & { recorder: Recorder } {
  useEffect(() => recorder.watch(), []);
  return useRecorder(sessionId);
}
