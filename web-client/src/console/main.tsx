import { QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { BrowserRouter } from "react-router";
import { newQueryClient } from "../components/queries";
import { Toasts } from "../components/toasts";
import "../design/tokens.css";
import "../design/base.css";
import "../design/buttons.css";
import "../design/controls.css";
import "../design/overlays.css";
import "../design/cards.css";
import "../design/tables.css";
import "../design/states.css";
import "../design/pieces.css";
import "../design/shell.css";
import { App } from "./App";

const root = document.getElementById("root");
if (!root) throw new Error("console/index.html has no #root");

createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={newQueryClient()}>
      <BrowserRouter basename="/console">
        <App />
        <Toasts />
      </BrowserRouter>
    </QueryClientProvider>
  </StrictMode>,
);
