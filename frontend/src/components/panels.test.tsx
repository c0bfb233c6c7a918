import { cleanup, render, screen } from "@testing-library/react";
import { afterEach, expect, it, vi } from "vitest";

import { IDLE } from "../rtc/snapshot";
import { SettingsPanel } from "./SettingsPanel";

afterEach(cleanup);

vi.stubGlobal(
  "ResizeObserver",
  class {
    observe() {}
    unobserve() {}
    disconnect() {}
  },
);

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
    version: "",
    supported_modes: ["video" as const],
    supports_prompts: false,
    config_schema: {
      properties: {
        size: { type: "integer", minimum: 0, maximum: 9, default: 3, ui: { label: "Size" } },
        model: { type: "string", ui: { label: "Model", is_load_param: true } },
      },
    },
  };

  render(
    <SettingsPanel
      stream={stream}
      pipelines={[pipeline]}
      error={null}
      chosen={pipeline}
      onReload={() => undefined}
      mode="video"
    />,
  );

  expect(screen.getByRole("slider", { name: "Size" }).getAttribute("aria-valuenow")).toBe("3");
  expect(screen.getByRole("alert").textContent).toBe("Too large.");
  expect(screen.getByLabelText("Model")).toHaveProperty("disabled", true);
});
