import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import "./index.css";
import { Entrance } from "./pages/Entrance";
import { settings } from "./state/page";
import { followTheme } from "./state/theme";

// Before the first render, so that the page does not flash in the other theme.
followTheme(settings, document.documentElement);

const root = document.getElementById("root");
if (!root) throw new Error("index.html has no element #root");
createRoot(root).render(
  <StrictMode>
    <Entrance />
  </StrictMode>,
);
