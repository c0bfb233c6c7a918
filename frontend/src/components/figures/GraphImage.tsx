import {
  type KeyboardEvent,
  type PointerEvent,
  useEffect,
  useRef,
  useState,
  useSyncExternalStore,
} from "react";

import { Fingers, Viewport } from "../../figures/Viewport";
import { Button } from "../ui/Button";

const STEP = 1.25;
const MOVE_PX = 60;

/** The image of a graph, in a box: zoomed by wheel, pinch and keys, moved by mouse, finger and keys. */
export function GraphImage({ url }: { url: string }) {
  const [viewport] = useState(() => new Viewport());
  const view = useSyncExternalStore(viewport.subscribe, viewport.getSnapshot);
  const box = useRef<HTMLDivElement>(null);
  const image = useRef<HTMLImageElement>(null);
  const fingers = useRef(new Fingers(viewport));

  const resize = () => {
    if (!box.current || !image.current || image.current.naturalWidth === 0) return;
    viewport.resize(
      { width: image.current.naturalWidth, height: image.current.naturalHeight },
      { width: box.current.clientWidth, height: box.current.clientHeight },
    );
  };
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const observer = new ResizeObserver(resize);
    observer.observe(element);
    // React's own wheel listener is passive: it cannot keep the page from scrolling.
    const wheel = (event: WheelEvent) => {
      event.preventDefault();
      const { left, top } = element.getBoundingClientRect();
      viewport.zoom(event.deltaY < 0 ? STEP : 1 / STEP, event.clientX - left, event.clientY - top);
    };
    element.addEventListener("wheel", wheel, { passive: false });
    return () => {
      observer.disconnect();
      element.removeEventListener("wheel", wheel);
    };
  });

  const pointer = (event: PointerEvent<HTMLDivElement>, what: "down" | "move") => {
    const { left, top } = event.currentTarget.getBoundingClientRect();
    fingers.current[what](event.pointerId, event.clientX - left, event.clientY - top);
  };
  const key = (event: KeyboardEvent) => {
    const act = KEYS[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    // The arrows and letters belong to the image while it has the focus.
    event.stopPropagation();
    act(viewport);
  };
  return (
    <div className="space-y-2">
      <div
        ref={box}
        role="application"
        aria-roledescription="zoomable image"
        aria-label="The session's graph. Plus and minus zoom, arrows move, 0 shows all of it."
        tabIndex={0}
        className="relative h-[min(24rem,32dvh)] min-h-56 cursor-grab touch-none overflow-hidden rounded-lg border border-line bg-white active:cursor-grabbing"
        onKeyDown={key}
        onDoubleClick={viewport.fit}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          pointer(event, "down");
        }}
        onPointerMove={(event) => pointer(event, "move")}
        onPointerUp={(event) => fingers.current.up(event.pointerId)}
        onPointerCancel={(event) => fingers.current.up(event.pointerId)}
      >
        <img
          ref={image}
          src={url}
          alt="Graph of the session's elements and their links"
          draggable={false}
          onLoad={resize}
          className="absolute top-0 left-0 max-w-none origin-top-left select-none"
          style={{ transform: `translate(${view.x}px, ${view.y}px) scale(${view.scale})` }}
        />
      </div>
      <div className="flex flex-wrap items-center gap-2">
        <Button aria-label="Zoom in" onClick={() => viewport.zoom(STEP)}>
          +
        </Button>
        <Button aria-label="Zoom out" onClick={() => viewport.zoom(1 / STEP)}>
          −
        </Button>
        <Button onClick={viewport.fit}>Show all</Button>
        <span className="font-mono text-xs text-muted tabular-nums">{Math.round(view.scale * 100)} %</span>
      </div>
    </div>
  );
}

const KEYS: Record<string, (viewport: Viewport) => void> = {
  "+": (viewport) => viewport.zoom(STEP),
  "=": (viewport) => viewport.zoom(STEP),
  "-": (viewport) => viewport.zoom(1 / STEP),
  "0": (viewport) => viewport.fit(),
  ArrowLeft: (viewport) => viewport.move(MOVE_PX, 0),
  ArrowRight: (viewport) => viewport.move(-MOVE_PX, 0),
  ArrowUp: (viewport) => viewport.move(0, MOVE_PX),
  ArrowDown: (viewport) => viewport.move(0, -MOVE_PX),
};
