import { type KeyboardEvent, type ReactNode, useId } from "react";

import { IconButton } from "./ui/IconButton";
import { ChevronIcon } from "./ui/icons";

export interface DrawerTab {
  id: string;
  label: string;
  content: ReactNode;
}

interface Props {
  tabs: DrawerTab[];
  /** The open tab; null if the drawer is closed. */
  open: string | null;
  onOpen: (id: string | null) => void;
}

/** Panels at the bottom of the page that are needed now and then: one tab is open at a time, or none. */
export function Drawer({ tabs, open, onOpen }: Props) {
  const id = useId();
  const shown = tabs.find((tab) => tab.id === open) ?? null;
  const onKey = (event: KeyboardEvent<HTMLDivElement>) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    const buttons = [...event.currentTarget.querySelectorAll<HTMLButtonElement>('[role="tab"]')];
    const at = buttons.findIndex((button) => button === document.activeElement);
    buttons[(at + by + buttons.length) % buttons.length]?.focus();
    event.preventDefault();
  };
  return (
    <aside aria-label="Drawer" className="shrink-0 border-t border-line bg-panel">
      <div className="flex h-10 items-center justify-between gap-2 px-2 sm:px-3">
        <div role="tablist" aria-label="Drawer" onKeyDown={onKey} className="flex h-full overflow-x-auto">
          {tabs.map((tab, at) => (
            <button
              key={tab.id}
              type="button"
              role="tab"
              id={`${id}-${tab.id}`}
              aria-selected={tab === shown}
              aria-controls={tab === shown ? `${id}-panel` : undefined}
              tabIndex={tab === shown || (!shown && at === 0) ? 0 : -1}
              onClick={() => onOpen(tab === shown ? null : tab.id)}
              className="engraved flex items-center gap-2 border-t-2 border-transparent px-3 whitespace-nowrap text-muted hover:text-text focus-visible:outline-offset-[-3px] aria-selected:border-accent aria-selected:text-text"
            >
              {tab.label}
            </button>
          ))}
        </div>
        {shown && (
          <IconButton small label="Close the drawer" icon={<ChevronIcon />} onClick={() => onOpen(null)} />
        )}
      </div>
      {shown && (
        <div
          role="tabpanel"
          id={`${id}-panel`}
          aria-labelledby={`${id}-${shown.id}`}
          tabIndex={0}
          className="max-h-[45dvh] xl:max-h-[34dvh] overflow-y-auto border-t border-line px-4 py-4 focus-visible:outline-offset-[-3px] sm:px-5"
        >
          {shown.content}
        </div>
      )}
    </aside>
  );
}
