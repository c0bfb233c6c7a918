import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import "./index.css";
import { StreamPage } from "./pages/StreamPage";

const root = document.getElementById("root");
if (!root) throw new Error("index.html has no element #root");
createRoot(root).render(
  <StrictMode>
    <StreamPage />
  </StrictMode>,
);
