import { useEffect, useSyncExternalStore } from "react";

import { Recorder, type RecorderSnapshot } from "../recordings/Recorder";
import { Thumbnails } from "../recordings/Thumbnails";
import type { RecordingMessage } from "../types/figures";

/** One per page: it outlives the components. */
const recorder = new Recorder();
export const thumbnails = new Thumbnails();

/** As the buttons below the video show it. */
export interface RecordingProgress {
  active: boolean;
  seconds: number;
  bytes: number;
  /** What is wrong with it. */
  sentence: string | null;
}

/** Starts and ends a recording of the session; `message` is the server's latest about one. */
export function useRecorder(
  sessionId: string | null,
  message: RecordingMessage | null,
): { recording: RecordingProgress; onRecord: () => void } {
  const { status, sentence } = useFollowing(sessionId);
  useEffect(() => {
    if (message) recorder.onMessage(message);
  }, [message]);
  const { active, seconds, bytes } = status ?? { active: false, seconds: 0, bytes: 0 };
  return {
    recording: { active, seconds, bytes, sentence: sentence ?? status?.sentence ?? null },
    onRecord: () => void (active ? recorder.stop() : recorder.start(false)),
  };
}

/** The recordings on the server, read while the component is mounted, and the session's recorder. */
export function useRecordings(sessionId: string | null): RecorderSnapshot & { recorder: Recorder } {
  useEffect(() => recorder.watch(), []);
  return { ...useFollowing(sessionId), recorder };
}

function useFollowing(sessionId: string | null): RecorderSnapshot {
  const snapshot = useSyncExternalStore(recorder.subscribe, recorder.getSnapshot);
  useEffect(() => recorder.follow(sessionId), [sessionId]);
  // The list shows how a recording grows, even while the data channel is silent.
  const active = snapshot.status?.active ?? false;
  useEffect(() => (active ? recorder.watch() : undefined), [active]);
  return snapshot;
}
