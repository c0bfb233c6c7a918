import { useCallback, useEffect, useRef, useState } from "react";

import { Header } from "../components/Header";
import { type Choice, InputAndControlsPanel } from "../components/InputAndControlsPanel";
import { PromptInput } from "../components/PromptInput";
import { SettingsPanel } from "../components/SettingsPanel";
import { StatusBar } from "../components/StatusBar";
import { VideoOutput } from "../components/VideoOutput";
import { useDevices } from "../hooks/useDevices";
import { usePipelines } from "../hooks/usePipelines";
import { useStream } from "../hooks/useStream";
import { setupOf } from "../lib/query";

const setup = setupOf(window.location.search);

const FIRST_CHOICE: Choice = {
  source: setup.source,
  deviceId: "",
  file: null,
  sound: false,
  measureDelay: setup.source === "pattern",
  codec: setup.codec,
};

/** The page: controls, video, settings, and figures below. */
export function StreamPage() {
  const { stream, controller } = useStream();
  const { pipelines, error, reload } = usePipelines();
  const { cameras, cameraSentence } = useDevices(stream.phase === "live");
  const [choice, setChoice] = useState(FIRST_CHOICE);
  const [pipelineId, setPipelineId] = useState(setup.pipelineId);
  const live = stream.phase === "live";
  const wanted = (live ? stream.pipelineId : null) ?? pipelineId;
  const chosen = pipelines.find((pipeline) => pipeline.id === wanted) ?? pipelines[0] ?? null;

  const start = useCallback(() => {
    const parameters = controller.getSnapshot().parameters;
    const deviceId = choice.deviceId || null;
    void controller.start({ ...choice, deviceId, pipelineId, parameters });
  }, [controller, choice, pipelineId]);

  const started = useRef(false);
  useEffect(() => {
    if (!setup.autostart || started.current) return;
    started.current = true;
    start();
  }, [start]);

  const changePipeline = (id: string) => {
    setPipelineId(id);
    controller.switchPipeline(id);
  };

  return (
    <div className="flex min-h-dvh flex-col">
      <Header phase={stream.phase} />
      <main
        data-state={stream.phase}
        className="grid grow grid-cols-12 content-start gap-4 px-4 pb-4 sm:px-6"
      >
        <div className="col-span-12 xl:col-span-2">
          <InputAndControlsPanel
            phase={stream.phase}
            paused={stream.paused}
            choice={choice}
            cameras={cameras}
            cameraSentence={cameraSentence}
            onChoice={(change) => setChoice({ ...choice, ...change })}
            onStart={start}
            onStop={controller.stop}
            onPause={controller.setPaused}
          />
        </div>
        <div className="col-span-12 space-y-4 xl:col-span-8">
          <VideoOutput stream={stream} attachOutput={controller.attachOutput} />
          <PromptInput supported={chosen?.supports_prompts ?? false} onPrompt={controller.setParameters} />
        </div>
        <div className="col-span-12 xl:col-span-2">
          <SettingsPanel
            stream={stream}
            pipelines={pipelines}
            error={error}
            chosen={chosen}
            onPipeline={changePipeline}
            onParameter={(name, value) => controller.setParameters({ [name]: value })}
            onReload={reload}
          />
        </div>
      </main>
      <StatusBar metrics={stream.metrics} />
    </div>
  );
}
