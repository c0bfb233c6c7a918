import { useStore } from "../hooks/useStore";
import { settings } from "../state/page";
import { SHORTCUTS } from "../state/shortcuts";
import { Dialog } from "./ui/Dialog";
import { Switch } from "./ui/Switch";

/** The single-key shortcuts; people who dictate to their computer turn them off. */
export function ShortcutSheet({ onClose }: { onClose: () => void }) {
  const { shortcuts } = useStore(settings);
  return (
    <Dialog title="Shortcuts" onClose={onClose}>
      <dl className="grid gap-x-10 sm:grid-cols-2">
        {SHORTCUTS.map(({ key, words }) => (
          <div key={key} className="flex items-center justify-between gap-4 border-b border-line py-2">
            <dt className="text-soft">{words}</dt>
            <dd>
              <kbd className="inline-grid h-6 min-w-6 place-items-center rounded-sm border border-edge bg-well px-1.5 font-mono text-xs">
                {key.toUpperCase()}
              </kbd>
            </dd>
          </div>
        ))}
      </dl>
      <p className="mt-4 text-xs text-pretty text-muted">
        In a prompt, Enter sends and Shift+Enter starts a new line. Sliders move with the arrow keys, faster
        with Page Up and Page Down.
      </p>
      <div className="mt-4 max-w-60">
        <Switch
          label="Use single-key shortcuts"
          checked={shortcuts}
          onChange={(on) => settings.set({ shortcuts: on })}
        />
      </div>
    </Dialog>
  );
}
