import { useEffect, useSyncExternalStore } from "react";

import { Recorder, type RecorderSnapshot } from "../recordings/Recorder";
import { Thumbnails } from "../recordings/Thumbnails";
import { announcer } from "../state/page";
import type { RecordingMessage } from "../types/figures";
import { useAccount, useRefusal } from "./useAccount";

/** One per page: it outlives the components. */
const recorder = new Recorder();
export const thumbnails = new Thumbnails();

/** As the buttons below the video show it. */
export interface RecordingProgress {
  active: boolean;
  seconds: number;
  bytes: number;
  /** Why this person may not record. */
  refusal: string | null;
  /** What is wrong with it. */
  sentence: string | null;
}

/** Starts and ends a recording of the session; `message` is the server's latest about one. */
export function useRecorder(
  sessionId: string | null,
  message: RecordingMessage | null,
): { recording: RecordingProgress; onRecord: () => void } {
  const refusal = useRefusal("record");
  const { status, sentence } = useFollowing(sessionId);
  useEffect(() => {
    if (message) recorder.onMessage(message);
  }, [message]);
  const { active, seconds, bytes } = status ?? { active: false, seconds: 0, bytes: 0 };
  return {
    recording: { active, seconds, bytes, refusal, sentence: sentence ?? status?.sentence ?? null },
    onRecord: () => {
      if (refusal) announcer.say(refusal, "problem");
      else void (active ? recorder.stop() : recorder.start(false));
    },
  };
}

/** The recordings on the server, read while the component is mounted, and the session's recorder. */
export function useRecordings(sessionId: string | null): RecorderSnapshot & { recorder: Recorder } {
  const may = useRefusal("recordings") === null;
  useEffect(() => (may ? recorder.watch() : undefined), [may]);
  return { ...useFollowing(sessionId), recorder };
}

function useFollowing(sessionId: string | null): RecorderSnapshot {
  const snapshot = useSyncExternalStore(recorder.subscribe, recorder.getSnapshot);
  const { me } = useAccount();
  const person = me && me.role !== "nobody" ? me.subject : null;
  useEffect(() => recorder.follow(sessionId), [sessionId]);
  useEffect(() => {
    if (person !== null) recorder.showTo(person);
  }, [person]);
  // The list shows how a recording grows, even while the data channel is silent.
  const active = person !== null && (snapshot.status?.active ?? false);
  useEffect(() => (active ? recorder.watch() : undefined), [active]);
  return snapshot;
}
