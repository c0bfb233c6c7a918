import { useStore } from "../hooks/useStore";
import { announcer } from "../state/page";
import { IconButton } from "./ui/IconButton";
import { CloseIcon } from "./ui/icons";

/** Says what a button did. The live region always exists, so that screen readers notice what is put into it. */
export function Toast() {
  const { sentence, look, number } = useStore(announcer);
  return (
    <div className="pointer-events-none fixed inset-x-0 bottom-14 z-20 grid place-items-center px-4">
      <div role="status" aria-live="polite" className="pointer-events-auto">
        {sentence && (
          <p
            key={number}
            className={`flex items-center gap-2 rounded-md border bg-panel py-1.5 pr-1.5 pl-4 text-sm shadow-xl ${look === "problem" ? "border-problem text-problem" : "border-edge text-text"}`}
          >
            {sentence}
            <IconButton small label="Dismiss" icon={<CloseIcon />} onClick={announcer.dismiss} />
          </p>
        )}
      </div>
    </div>
  );
}
