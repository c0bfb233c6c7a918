import { SignInForm } from "../components/account/SignInForm";
import { useAccount } from "../hooks/useAccount";
import type { Me } from "../types/account";

/** The page to a stranger. */
export function SignInPage({ me }: { me: Me }) {
  const { reason } = useAccount();
  return (
    <main className="grid min-h-dvh place-items-center p-4">
      <div className="w-full max-w-sm space-y-6 rounded-lg border border-line bg-panel p-6">
        <div className="space-y-1">
          <h1 className="text-lg font-semibold tracking-tight">Sign in to Scope</h1>
          <p className="font-mono text-xs [overflow-wrap:anywhere] text-muted">{window.location.host}</p>
        </div>
        <SignInForm ways={me.sign_in} reason={reason} />
      </div>
    </main>
  );
}
