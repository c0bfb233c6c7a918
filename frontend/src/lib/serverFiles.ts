import type { ServerFile } from "../types/api";
import { SERVER_KINDS, type Settings } from "../types/setup";
import type { InputSource, ServerKind, SourceKind } from "../types/stream";
import { inputFiles } from "./api";

/** The files on the server that can be a source, by kind. */
export type ServerFiles = Record<ServerKind, ServerFile[]>;

/** Whether the source is a file on the server. */
export function isServerKind(kind: SourceKind): kind is ServerKind {
  return SERVER_KINDS.some((one) => one === kind);
}

/** The chosen file on the server; null if the source is another one, or no file is chosen. */
export function inputSourceOf({ source, sourceNames }: Settings): InputSource | null {
  if (!isServerKind(source) || sourceNames[source] === "") return null;
  return { source_type: source, source_name: sourceNames[source] };
}

/** The settings with the source in force: a file that the server plays wins over what is set. */
export function sourceInForce(settings: Settings, inputSource: InputSource | null): Settings {
  if (!inputSource) return settings;
  const { source_type: source, source_name: name } = inputSource;
  return { ...settings, source, sourceNames: { ...settings.sourceNames, [source]: name } };
}

/** The file to start with: the one that was chosen before, or else the first. */
export function nameOf(files: ServerFiles | null, kind: ServerKind, before: string): string {
  const known = files?.[kind] ?? [];
  return (known.find((file) => file.identifier === before) ?? known[0])?.identifier ?? before;
}

export async function serverFiles(): Promise<ServerFiles> {
  const [video_file, recording] = await Promise.all([inputFiles("video_file"), inputFiles("recording")]);
  return { video_file, recording };
}

/** What identifies a file that the server plays. */
export function chosenOf({ source_type, source_name }: InputSource): InputSource {
  return { source_type, source_name };
}
