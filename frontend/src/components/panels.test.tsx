import { cleanup, render, screen } from "@testing-library/react";
import { afterEach, expect, it, vi } from "vitest";

import { IDLE } from "../rtc/snapshot";
import { NO_METRICS } from "../types/stream";
import { SettingsPanel } from "./SettingsPanel";
import { StatusBar } from "./StatusBar";

afterEach(cleanup);

vi.stubGlobal(
  "ResizeObserver",
  class {
    observe() {}
    unobserve() {}
    disconnect() {}
  },
);

it("shows what is not known as a dash, not as 0", () => {
  render(<StatusBar metrics={{ ...NO_METRICS, fpsOut: 0 }} />);

  expect(screen.getByTestId("delay").textContent).toBe("–");
  expect(screen.getByTestId("fps-in").textContent).toBe("– fps");
  expect(screen.getByTestId("fps-out").textContent).toBe("0.0 fps");
});

it("draws a pipeline's parameters and what is wrong with them", () => {
  const stream = {
    ...IDLE,
    phase: "live" as const,
    rejected: { size: "too large" },
  };
  const pipeline = {
    id: "p",
    name: "Pipe",
    description: "Does it.",
    supports_prompts: false,
    config_schema: {
      properties: {
        size: { type: "integer", minimum: 0, maximum: 9, default: 3, ui: { label: "Size" } },
        model: { type: "string", ui: { label: "Model", is_load_param: true } },
      },
    },
  };
  const nothing = () => undefined;

  render(
    <SettingsPanel
      stream={stream}
      pipelines={[pipeline]}
      error={null}
      chosen={pipeline}
      onPipeline={nothing}
      onParameter={nothing}
      onReload={nothing}
      onResetAll={nothing}
      onForget={nothing}
      mode="video"
    />,
  );

  expect(screen.getByRole("slider", { name: "Size" }).getAttribute("aria-valuenow")).toBe("3");
  expect(screen.getByRole("alert").textContent).toBe("too large");
  expect(screen.getByLabelText("Model")).toHaveProperty("disabled", true);
});
