import type { SourceOptions } from "../../types/stream";
import { pattern, stamped } from "./canvas";
import { camera, screen } from "./devices";
import { file } from "./file";
import type { Source } from "./Source";

export { NO_CAMERA, hasMediaDevices } from "./devices";
export type { Source } from "./Source";

/** Frame rate of a file that is drawn through a canvas. */
const FILE_FPS = 30;

export async function openSource(options: SourceOptions): Promise<Source> {
  const { measureDelay, frameRate } = options;
  switch (options.source) {
    case "pattern":
      return pattern(options.audio);
    case "camera":
      return stamped(await camera(options), measureDelay, frameRate);
    case "screen":
      return stamped(await screen(options), measureDelay, frameRate);
    case "file":
      return stamped(await file(options.file), measureDelay, FILE_FPS);
    case "text":
    case "video_file":
    case "recording":
      return {
        stream: new MediaStream(),
        onStamp: null,
        onEnded: null,
        player: null,
        close: () => undefined,
      };
    default:
      return options.source satisfies never;
  }
}
