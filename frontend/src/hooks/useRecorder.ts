import { useEffect, useSyncExternalStore } from "react";

import { Recorder, type RecorderSnapshot } from "../recordings/Recorder";
import { Thumbnails } from "../recordings/Thumbnails";
import type { RecordingMessage } from "../types/figures";

/** One recorder a page: it outlives every component. */
const recorder = new Recorder();
export const thumbnails = new Thumbnails();

/** As the video's controls show it. */
export interface RecordingProgress {
  active: boolean;
  seconds: number;
  bytes: number;
  /** What is wrong with it, for a person. */
  sentence: string | null;
}

/** Records a session, or ends that; `message` is what the server said last of a recording. */
export function useRecorder(
  sessionId: string | null,
  message: RecordingMessage | null,
): { recording: RecordingProgress; onRecord: () => void } {
  const { status, sentence } = useFollowing(sessionId);
  useEffect(() => {
    if (message) recorder.hear(message);
  }, [message]);
  const { active, seconds, bytes } = status ?? { active: false, seconds: 0, bytes: 0 };
  return {
    recording: { active, seconds, bytes, sentence: sentence ?? status?.sentence ?? null },
    onRecord: () => void (active ? recorder.stop() : recorder.start(false)),
  };
}

/** The list of what the server keeps, read while the component stands, and the recorder of the session. */
export function useRecordings(sessionId: string | null): RecorderSnapshot & { recorder: Recorder } {
  useEffect(() => recorder.watch(), []);
  return { ...useFollowing(sessionId), recorder };
}

function useFollowing(sessionId: string | null): RecorderSnapshot {
  const snapshot = useSyncExternalStore(recorder.subscribe, recorder.getSnapshot);
  useEffect(() => recorder.follow(sessionId), [sessionId]);
  // The list tells how a recording grows also while the data channel is silent.
  const active = snapshot.status?.active ?? false;
  useEffect(() => (active ? recorder.watch() : undefined), [active]);
  return snapshot;
}
