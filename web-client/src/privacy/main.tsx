import { QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { I18nProvider } from "react-aria-components";
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
import { WordsContext, wordsFor } from "./words";

const root = document.getElementById("root");
if (!root) throw new Error("privacy/index.html has no #root");

const words = wordsFor(navigator.languages);
document.documentElement.lang = words.locale;

createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={newQueryClient()}>
      <I18nProvider locale={words.locale}>
        <WordsContext.Provider value={words}>
          <BrowserRouter basename="/privacy">
            <App />
            <Toasts />
          </BrowserRouter>
        </WordsContext.Provider>
      </I18nProvider>
    </QueryClientProvider>
  </StrictMode>,
);
