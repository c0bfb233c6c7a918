import type { Phase } from "../types/stream";

const LIGHTS: Record<Phase, string> = {
  idle: "bg-slate-500",
  connecting: "bg-amber-400 animate-pulse",
  live: "bg-emerald-400",
  reconnecting: "bg-amber-400 animate-pulse",
  ended: "bg-rose-500",
};

const WORDS: Record<Phase, string> = {
  idle: "Ready",
  connecting: "Connecting",
  live: "Live",
  reconnecting: "Reconnecting",
  ended: "Ended",
};

export function Header({ phase }: { phase: Phase }) {
  return (
    <header className="flex items-center justify-between gap-4 px-4 py-3 sm:px-6">
      <div className="flex items-center gap-3">
        <img src="/favicon.svg" alt="" className="size-8" />
        <h1 className="text-lg font-semibold">Scope</h1>
      </div>
      <nav className="flex items-center gap-5 text-sm text-slate-300">
        <span className="flex items-center gap-2" aria-live="polite">
          <span aria-hidden className={`size-2.5 rounded-full ${LIGHTS[phase]}`} />
          {WORDS[phase]}
        </span>
        <a className="hover:text-white" href="/docs/">
          API
        </a>
      </nav>
    </header>
  );
}
