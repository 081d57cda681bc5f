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
import "../design/privacy.css";
import { App } from "./App";
import { Speaking, speech, wanted } from "./language";

const root = document.getElementById("root");
if (!root) throw new Error("privacy/index.html has no #root");

// Only the words of one language are fetched, and before anything is shown: a page that changes its language is unsettling.
void speech(wanted(document.cookie, navigator.languages)).then((first) => {
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={newQueryClient()}>
        <Speaking first={first}>
          <BrowserRouter basename="/privacy">
            <App />
            <Toasts />
          </BrowserRouter>
        </Speaking>
      </QueryClientProvider>
    </StrictMode>,
  );
});
