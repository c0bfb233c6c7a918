import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";

import { GraphView } from "./GraphView";
import { LogPanel } from "./LogPanel";

beforeEach(() => {
  vi.stubGlobal(
    "ResizeObserver",
    class {
      observe() {}
      disconnect() {}
    },
  );
  URL.createObjectURL = () => "blob:image";
  URL.revokeObjectURL = () => undefined;
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

function serve(answer: (path: string) => Response) {
  vi.stubGlobal("fetch", (path: string) => Promise.resolve(answer(path)));
}

it("shows the graph in an image, zooms by keys, and offers its texts", async () => {
  serve((path) => new Response(path.endsWith("svg") ? "<svg/>" : "gst-launch-1.0 videotestsrc"));

  render(<GraphView sessionId="s 1" />);

  const image = await screen.findByRole("img", { name: /Graph of the session/ });
  expect(image.getAttribute("src")).toBe("blob:image");
  const frame = screen.getByRole("application");
  fireEvent.keyDown(frame, { key: "+" });
  expect(screen.getByText("125 %")).toBeTruthy();
  expect(screen.getByRole("link", { name: "Download .dot" }).getAttribute("href")).toBe(
    "/api/v1/sessions/s%201/graph.dot",
  );
  expect(screen.getByLabelText("gst-launch-1.0 line").textContent).toContain("videotestsrc");
});

it("says why there is no graph", async () => {
  serve(() => Response.json({ detail: "Graphviz is not installed here" }, { status: 501 }));
  const { rerender } = render(<GraphView sessionId={null} />);
  expect(screen.getByText(/press Start/)).toBeTruthy();

  rerender(<GraphView sessionId="s" />);

  expect((await screen.findByRole("alert")).textContent).toBe("Graphviz is not installed here.");
});

it("shows the log's lines, filtered by level and words", async () => {
  serve(() => Response.json({ lines: ["t INFO one", "t WARN two"], offset: 2 }));

  render(<LogPanel />);

  expect(await screen.findByText("t INFO one")).toBeTruthy();
  fireEvent.change(screen.getByLabelText("Lines shown"), { target: { value: "WARN" } });
  expect(screen.queryByText("t INFO one")).toBeNull();
  fireEvent.change(screen.getByLabelText("Search the log"), { target: { value: "nothing" } });
  expect(screen.getByText("No matching lines.")).toBeTruthy();
  fireEvent.click(screen.getByRole("button", { name: "Pause" }));
  expect(screen.getByRole("button", { name: "Resume" })).toBeTruthy();
});

it("says that the server is not reachable", async () => {
  vi.stubGlobal("fetch", () => Promise.reject(new TypeError("failed")));

  render(<LogPanel />);

  expect((await screen.findByRole("alert")).textContent).toContain("not reachable");
});
