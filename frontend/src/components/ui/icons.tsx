import type { ReactNode } from "react";

function Icon({ children, size = 16 }: { children: ReactNode; size?: number }) {
  return (
    <svg
      aria-hidden
      width={size}
      height={size}
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      strokeWidth={1.4}
      strokeLinecap="round"
      strokeLinejoin="round"
      className="shrink-0"
    >
      {children}
    </svg>
  );
}

const outline = (path: string) =>
  function OutlineIcon() {
    return (
      <Icon>
        <path d={path} />
      </Icon>
    );
  };

const solid = (path: string) =>
  function SolidIcon() {
    return (
      <Icon>
        <path d={path} fill="currentColor" stroke="none" />
      </Icon>
    );
  };

export const PlayIcon = solid("M4.5 2.6v10.8c0 .5.5.8.9.5l8.2-5.4c.4-.3.4-.8 0-1L5.4 2c-.4-.2-.9 0-.9.6z");
export const StopIcon = solid("M4 3h8a1 1 0 0 1 1 1v8a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1V4a1 1 0 0 1 1-1z");
export const PauseIcon = solid("M4 2.5h2.5v11H4zM9.5 2.5H12v11H9.5z");
export const RecordIcon = solid("M8 3a5 5 0 1 0 0 10A5 5 0 0 0 8 3z");
export const CloseIcon = outline("m3.5 3.5 9 9m0-9-9 9");
export const PlusIcon = outline("M8 3v10M3 8h10");
export const MinusIcon = outline("M3 8h10");
export const ResetIcon = outline("M3 3.5v3h3M3.3 6.3A5 5 0 1 1 3 8.8");
export const LinkIcon = outline(
  "M6.8 9.2a2.6 2.6 0 0 0 3.7 0l2.2-2.2a2.6 2.6 0 1 0-3.7-3.7L8.3 4M9.2 6.8a2.6 2.6 0 0 0-3.7 0L3.3 9A2.6 2.6 0 1 0 7 12.7l.7-.7",
);
export const SunIcon = outline(
  "M8 5.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6zM8 1.3v1.2m0 11v1.2M1.3 8h1.2m11 0h1.2M3.3 3.3l.8.8m7.8 7.8.8.8m0-9.4-.8.8m-7.8 7.8-.8.8",
);
export const MoonIcon = outline("M13.3 9.6A5.8 5.8 0 0 1 6.4 2.7a5.8 5.8 0 1 0 6.9 6.9z");
export const KeyboardIcon = outline(
  "M2.5 4h11a1 1 0 0 1 1 1v6a1 1 0 0 1-1 1h-11a1 1 0 0 1-1-1V5a1 1 0 0 1 1-1zM4 6.5h.01M6.7 6.5h.01M9.3 6.5h.01M12 6.5h.01M5 9.5h6",
);
export const CameraIcon = outline(
  "M2.5 4h6.5a1 1 0 0 1 1 1v6a1 1 0 0 1-1 1H2.5a1 1 0 0 1-1-1V5a1 1 0 0 1 1-1zM10 7l4-2.2v6.4L10 9z",
);
export const ScreenIcon = outline("M2.5 3h11a1 1 0 0 1 1 1v6.5h-13V4a1 1 0 0 1 1-1zM5.5 13.5h5M8 10.5v3");
export const FileIcon = outline("M4 1.8h5l3.2 3.2v9.2H4zM9 1.8V5h3.2M6.7 8v3.6l3-1.8z");
export const ServerIcon = outline("M2 2.5h12V7H2zM2 9h12v4.5H2zM4.5 4.8h.01M4.5 11.3h.01");
export const ReelIcon = outline("M2 3h12v10H2zM5 3v10M11 3v10M2 6.3h3M2 9.7h3M11 6.3h3M11 9.7h3");
export const PatternIcon = outline("M2 3h12v10H2zM5 3v10M8 3v10M11 3v10");
export const TextIcon = outline("M3 4.5V3h10v1.5M8 3v10M6 13h4");
export const SnapshotIcon = outline(
  "M2 5h2.6l1-1.7h4.8l1 1.7H14v8H2zM8 6.6a2.2 2.2 0 1 0 0 4.4 2.2 2.2 0 0 0 0-4.4z",
);
export const MutedIcon = outline("M2.5 6.2v3.6H5l3.2 2.7v-9L5 6.2zM11 6.5l3 3m0-3-3 3");
export const SpeakerIcon = outline(
  "M2.5 6.2v3.6H5l3.2 2.7v-9L5 6.2zM10.8 5.8a3 3 0 0 1 0 4.4M12.6 4a5.6 5.6 0 0 1 0 8",
);
export const FullscreenIcon = outline("M2.5 6V2.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10");
export const PipIcon = outline("M1.8 3h12.4v10H1.8zM8.2 8h4v3h-4z");
export const InsetIcon = outline("M1.8 3h12.4v10H1.8zM3.8 9h3.4v2.2H3.8z");
export const BesideIcon = outline("M1.8 3h12.4v10H1.8zM8 3v10");
export const AloneIcon = outline("M1.8 3h12.4v10H1.8z");
export const HistoryIcon = outline("M3 3.5v3h3M3.3 6.3A5 5 0 1 1 3 8.8M8 5.5V8l1.8 1.2");
export const LoopIcon = outline(
  "M11 2.5 13.2 4.7 11 6.9M13 4.7H5.5A2.8 2.8 0 0 0 2.7 7.5M5 13.5 2.8 11.3 5 9.1M3 11.3h7.5a2.8 2.8 0 0 0 2.8-2.8",
);
export const ChevronIcon = outline("m4 6 4 4 4-4");
export const PersonIcon = outline(
  "M8 2.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6zM2.8 13.8a5.2 5.2 0 0 1 10.4 0",
);
export const DiceIcon = outline("M3 3h10v10H3zM5.8 5.8h.01M10.2 5.8h.01M8 8h.01M5.8 10.2h.01M10.2 10.2h.01");
