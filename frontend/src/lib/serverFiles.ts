import type { ServerFile } from "../types/api";
import { SERVER_KINDS, type Settings } from "../types/setup";
import type { InputSource, ServerKind, SourceKind } from "../types/stream";
import { inputFiles } from "./api";

/** The server's files that may be a source, by kind. */
export type ServerFiles = Record<ServerKind, ServerFile[]>;

/** Whether the server plays it. */
export function isServerKind(kind: SourceKind): kind is ServerKind {
  return SERVER_KINDS.some((one) => one === kind);
}

/** The file of the server's that is set; null where another source is, or none is chosen. */
export function inputSourceOf({ source, sourceNames }: Settings): InputSource | null {
  if (!isServerKind(source) || sourceNames[source] === "") return null;
  return { source_type: source, source_name: sourceNames[source] };
}

/** The source that counts: the file that the server plays, before what is set. */
export function sourceInForce(settings: Settings, inputSource: InputSource | null): Settings {
  if (!inputSource) return settings;
  const { source_type: source, source_name: name } = inputSource;
  return { ...settings, source, sourceNames: { ...settings.sourceNames, [source]: name } };
}

/** The file to begin with: the one that was chosen before, or the first that there is. */
export function nameOf(files: ServerFiles | null, kind: ServerKind, before: string): string {
  const known = files?.[kind] ?? [];
  return (known.find((file) => file.identifier === before) ?? known[0])?.identifier ?? before;
}

export async function serverFiles(): Promise<ServerFiles> {
  const [video_file, recording] = await Promise.all([inputFiles("video_file"), inputFiles("recording")]);
  return { video_file, recording };
}

/** Of a file that the server plays, what chose it. */
export function chosenOf({ source_type, source_name }: InputSource): InputSource {
  return { source_type, source_name };
}
