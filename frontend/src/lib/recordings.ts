import type { Recording } from "../types/figures";
import { json, request } from "./api";

const ROOT = "/api/v1/recordings";

/** All that the server keeps. It names every session that a recording is of, or the only one. */
export async function recordings(signal?: AbortSignal): Promise<Recording[]> {
  const response = await request(ROOT, signal ? { signal } : {});
  const body = (await response.json()) as { recordings: (Recording & { session?: string })[] };
  return body.recordings.map(({ session, ...recording }) => ({
    ...recording,
    sessions: recording.sessions ?? (session === undefined ? [] : [session]),
  }));
}

/** Begins to record what the session sends; with `input` also what it receives. Gives the recording's id. */
export async function startRecording(session: string, input: boolean): Promise<string> {
  const path = `${ROOT}/${encodeURIComponent(session)}/start`;
  const response = await request(path, json("POST", input ? { input } : {}));
  return ((await response.json()) as { id: string }).id;
}

export async function stopRecording(session: string): Promise<void> {
  await request(`${ROOT}/${encodeURIComponent(session)}/stop`, { method: "POST" });
}

export async function deleteRecording(id: string): Promise<void> {
  await request(`${ROOT}/${encodeURIComponent(id)}`, { method: "DELETE" });
}

/** Where a file of a recording is played from. */
export function filePath(id: string, file: string): string {
  return `${ROOT}/${encodeURIComponent(id)}/${encodeURIComponent(file)}`;
}

/** Where it is saved from. */
export function downloadPath(id: string, file: string): string {
  return `${filePath(id, file)}?download`;
}
