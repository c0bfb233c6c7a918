import { isRunning } from "../rtc/snapshot";
import { useAccountWatched } from "../hooks/useAccount";
import { useStreamState } from "../hooks/useStreamState";
import { SignInPage } from "./SignInPage";
import { StreamPage } from "./StreamPage";

/** Lets people in: strangers sign in first. A stream that is running stays on the screen after its viewer has signed out. */
export function Entrance() {
  const { me, settled } = useAccountWatched();
  const stream = useStreamState();
  if (!settled) return <p className="late p-5 text-sm text-muted">Asking the server …</p>;
  if (me?.role === "nobody" && !isRunning(stream)) return <SignInPage me={me} />;
  return <StreamPage />;
}
