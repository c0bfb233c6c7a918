import { useId } from "react";

import { useAccount } from "../../hooks/useAccount";
import { isSignedIn } from "../../lib/permissions";
import { signOut } from "../../state/actions";
import { Button } from "../ui/Button";
import { PersonIcon } from "../ui/icons";

/** Who is signed in, and the way out. A caller who needs no sign-in sees nothing. */
export function AccountMenu({ streaming }: { streaming: boolean }) {
  const id = useId();
  const { me } = useAccount();
  if (!me || !isSignedIn(me)) return null;
  return (
    <>
      <Button look="bare" className="max-sm:size-9 max-sm:px-0" popoverTarget={id} title="Account">
        <PersonIcon />
        <span className="sr-only">Account: </span>
        <span className="max-w-32 truncate max-sm:sr-only">{me.name}</span>
      </Button>
      {/* The browser closes it with Escape or a click elsewhere, and gives the focus back. */}
      <div
        id={id}
        popover="auto"
        role="group"
        aria-label="Account"
        className="absolute inset-auto top-14 right-4 w-64 rounded-lg border border-line bg-panel p-4 text-text shadow-2xl"
      >
        <p className="text-sm font-semibold [overflow-wrap:anywhere]">{me.name}</p>
        <p className="text-xs text-muted">Signed in as {me.role}</p>
        <Button className="mt-3 w-full" onClick={() => void signOut()}>
          {streaming ? "End the stream and sign out" : "Sign out"}
        </Button>
      </div>
    </>
  );
}
