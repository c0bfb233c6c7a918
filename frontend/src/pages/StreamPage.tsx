import { useEffect, useRef, useState } from "react";

import { Permitted } from "../components/account/Permitted";
import { SignInBanner } from "../components/account/SignInBanner";
import { Drawer } from "../components/Drawer";
import { FiguresPanel } from "../components/FiguresPanel";
import { GraphView } from "../components/GraphView";
import { Header } from "../components/Header";
import { InputAndControlsPanel } from "../components/InputAndControlsPanel";
import { LogPanel } from "../components/LogPanel";
import { PromptInput } from "../components/PromptInput";
import { RecordingsPanel } from "../components/recordings/RecordingsPanel";
import { SettingsPanel } from "../components/SettingsPanel";
import { ShortcutSheet } from "../components/ShortcutSheet";
import { StatusBar } from "../components/StatusBar";
import { TimelinePanel } from "../components/TimelinePanel";
import { Toast } from "../components/Toast";
import { VideoOutput } from "../components/VideoOutput";
import { useFocusOnEntry, useRefusal } from "../hooks/useAccount";
import { useDevices } from "../hooks/useDevices";
import { useLight } from "../hooks/useLight";
import { usePageActions } from "../hooks/usePageActions";
import { usePipelines } from "../hooks/usePipelines";
import { useRecorder } from "../hooks/useRecorder";
import { useServerFiles } from "../hooks/useServerFiles";
import { useStore } from "../hooks/useStore";
import { useStreamState } from "../hooks/useStreamState";
import { obstacleOf } from "../lib/obstacle";
import { sourceInForce } from "../lib/serverFiles";
import { isRunning } from "../rtc/snapshot";
import { autostart } from "../state/actions";
import { settings as settingsStore, steering } from "../state/page";

/** The page: input, video and prompt, pipeline; the drawer and figures below. */
export function StreamPage() {
  const stream = useStreamState();
  const settings = sourceInForce(useStore(settingsStore), stream.inputSource);
  const { pipelines, error, settled, reload } = usePipelines();
  const devices = useDevices(stream.phase === "live");
  const files = useServerFiles(`${stream.phase} ${stream.recording?.state}`);
  const light = useLight();
  const { recording, onRecord } = useRecorder(stream.sessionId, stream.recording);
  const [help, setHelp] = useState(false);
  const chosen = pipelines.find((pipeline) => pipeline.id === stream.pipelineId) ?? null;
  const refusal = useRefusal("start");
  const obstacle = (isRunning(stream) ? null : refusal) ?? obstacleOf(settings, steering.hasFile, chosen);
  const { actions, elements } = usePageActions({ obstacle, onHelp: () => setHelp(true), onRecord });

  const main = useRef<HTMLElement>(null);
  useFocusOnEntry(main);

  const mayStart = settled && refusal === null;
  useEffect(() => {
    if (mayStart) autostart();
  }, [mayStart]);

  return (
    <div className="flex min-h-dvh flex-col xl:h-dvh xl:min-h-150">
      <Header phase={stream.phase} light={light} actions={actions} />
      <SignInBanner />
      <main
        ref={main}
        tabIndex={-1}
        className="flex outline-none min-h-0 grow flex-col lg:grid lg:grid-cols-12 lg:content-start xl:content-stretch"
      >
        <div className="border-line max-lg:border-t lg:col-span-4 lg:col-start-9 lg:border-l xl:col-span-3 xl:col-start-auto xl:overflow-y-auto xl:border-r xl:border-l-0 3xl:col-span-2">
          <InputAndControlsPanel
            stream={stream}
            settings={settings}
            devices={devices}
            files={files}
            obstacle={obstacle}
          />
        </div>
        <div className="flex min-h-0 flex-col max-lg:contents lg:col-span-8 lg:col-start-1 lg:row-span-2 lg:row-start-1 lg:max-xl:sticky lg:max-xl:top-0 lg:max-xl:self-start xl:col-span-6 xl:col-start-auto xl:row-span-1 3xl:col-span-8">
          <VideoOutput
            stream={stream}
            settings={settings}
            recording={recording}
            obstacle={obstacle}
            actions={actions}
            elements={elements}
          />
          <div className="max-lg:order-first xl:max-h-2/5 xl:shrink-0 xl:overflow-y-auto">
            <PromptInput pipeline={chosen} stream={stream} settings={settings} textarea={elements.prompt} />
          </div>
        </div>
        <div className="border-line max-xl:border-t lg:col-span-4 lg:col-start-9 lg:border-l xl:col-span-3 xl:col-start-auto xl:overflow-y-auto 3xl:col-span-2">
          <SettingsPanel
            stream={stream}
            pipelines={pipelines}
            error={error}
            chosen={chosen}
            mode={settings.source === "text" ? "text" : "video"}
            onReload={reload}
          />
        </div>
      </main>
      <Drawer
        open={settings.drawer}
        onOpen={(drawer) => settingsStore.set({ drawer })}
        tabs={[
          { id: "timeline", label: "Timeline", content: <TimelinePanel /> },
          { id: "figures", label: "Figures", content: <FiguresPanel sessionId={stream.sessionId} /> },
          {
            id: "recordings",
            label: "Recordings",
            content: (
              <Permitted to="recordings">
                <RecordingsPanel sessionId={stream.sessionId} />
              </Permitted>
            ),
          },
          {
            id: "graph",
            label: "Graph",
            content: <GraphView sessionId={stream.sessionId} live={stream.phase === "live"} />,
          },
          {
            id: "log",
            label: "Server log",
            content: (
              <Permitted to="log">
                <LogPanel />
              </Permitted>
            ),
          },
        ]}
      />
      <StatusBar metrics={stream.metrics} />
      <Toast />
      {help && <ShortcutSheet onClose={() => setHelp(false)} />}
    </div>
  );
}
