import type { ReactNode } from "react";

import { useRefusal } from "../../hooks/useAccount";
import type { Permission } from "../../lib/permissions";
import { Notice } from "../ui/Notice";

/** The content for those who may see it; the others read why they do not. */
export function Permitted({ to, children }: { to: Permission; children: ReactNode }) {
  const refusal = useRefusal(to);
  return refusal ? <Notice look="quiet">{refusal}</Notice> : children;
}
