import type { Actions } from "../hooks/usePageActions";
import type { Phase } from "../types/stream";
import { isRunning } from "../rtc/snapshot";
import { AccountMenu } from "./account/AccountMenu";
import { Button } from "./ui/Button";
import { IconButton } from "./ui/IconButton";
import { KeyboardIcon, LinkIcon, MoonIcon, SunIcon } from "./ui/icons";

const LIGHTS: Record<Phase, string> = {
  idle: "bg-edge",
  connecting: "bg-warn animate-pulse",
  live: "bg-tally shadow-[0_0_10px] shadow-tally/70",
  reconnecting: "bg-warn animate-pulse",
  ended: "bg-problem",
};

const WORDS: Record<Phase, string> = {
  idle: "Ready",
  connecting: "Connecting",
  live: "Live",
  reconnecting: "Reconnecting",
  ended: "Ended",
};

interface Props {
  phase: Phase;
  light: boolean;
  actions: Actions;
}

export function Header({ phase, light, actions }: Props) {
  return (
    <header className="flex h-13 shrink-0 items-center justify-between gap-3 border-b border-line bg-panel px-4 sm:px-5">
      <div className="flex items-center gap-4">
        <h1 className="text-lg font-semibold tracking-tight">Scope</h1>
        <span className="flex items-center gap-2 border-l border-line pl-4" aria-live="polite">
          <span aria-hidden className={`size-2 rounded-full ${LIGHTS[phase]}`} />
          <span className="engraved text-soft">{WORDS[phase]}</span>
        </span>
      </div>
      <nav aria-label="Page" className="flex items-center gap-0.5">
        <Button
          look="bare"
          className="max-sm:hidden"
          onClick={actions.link}
          title="Copy a link to this setup (L)"
        >
          <LinkIcon /> Copy link
        </Button>
        <IconButton label="Copy link" className="sm:hidden" icon={<LinkIcon />} onClick={actions.link} />
        <IconButton
          label={light ? "Dark theme" : "Light theme"}
          shortcut="T"
          icon={light ? <MoonIcon /> : <SunIcon />}
          onClick={actions.theme}
        />
        <IconButton label="Shortcuts" shortcut="?" icon={<KeyboardIcon />} onClick={actions.help} />
        <Button look="bare" asChild>
          <a href="/docs/">API</a>
        </Button>
        <AccountMenu streaming={isRunning({ phase })} />
      </nav>
    </header>
  );
}
