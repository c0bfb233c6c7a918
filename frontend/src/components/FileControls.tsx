import { useStore } from "../hooks/useStore";
import * as format from "../lib/format";
import type { FilePlayer } from "../rtc/sources/FilePlayer";
import { IconButton } from "./ui/IconButton";
import { LoopIcon, PauseIcon, PlayIcon } from "./ui/icons";
import { Slider } from "./ui/Slider";

const STEP_S = 0.1;

/** Playback controls of a file that is the source. */
export function FileControls({ player }: { player: FilePlayer }) {
  const { playing, loop, positionS, durationS } = useStore(player);
  return (
    <div className="flex items-center gap-1.5">
      <IconButton
        small
        label={playing ? "Pause the file" : "Play the file"}
        icon={playing ? <PauseIcon /> : <PlayIcon />}
        onClick={() => player.setPlaying(!playing)}
      />
      <Slider
        label="Position in the file"
        unit="seconds"
        value={Math.round(positionS / STEP_S) * STEP_S}
        min={0}
        max={Math.max(durationS, STEP_S)}
        step={STEP_S}
        onChange={player.seek}
      />
      <span className="font-mono text-2xs whitespace-nowrap text-muted tabular-nums">
        {format.duration(positionS)} / {format.duration(durationS)}
      </span>
      <IconButton
        small
        label="Loop the file"
        aria-pressed={loop}
        icon={<LoopIcon />}
        onClick={() => player.setLoop(!loop)}
      />
    </div>
  );
}
