import { Suspense, useEffect, useRef, useState } from "react";
import { Dialog, Modal, ModalOverlay } from "react-aria-components";
import { Navigate, Outlet, useLocation } from "react-router";
import { asProblem } from "../../api/problem";
import { Button } from "../../components/Button";
import { Failed, Skeleton } from "../../components/states";
import { SessionContext, useMeQuery } from "../session";
import { Nav } from "./Nav";
import { VerifyBanner } from "./VerifyBanner";

/** The frame around every page behind the sign-in: navigation at the side, or behind a button on a phone. */
export function Shell() {
  const me = useMeQuery();
  const location = useLocation();
  const [menuOpen, setMenuOpen] = useState(false);
  const main = useRef<HTMLElement>(null);
  const shown = useRef(location.pathname);

  // A new page starts at its top and takes the focus, so that screen readers and the keyboard follow.
  useEffect(() => {
    if (shown.current === location.pathname) return;
    shown.current = location.pathname;
    window.scrollTo(0, 0);
    main.current?.focus({ preventScroll: true });
  }, [location.pathname]);

  if (!me.data) {
    if (!me.error) return <Skeleton lines={8} />;
    if (asProblem(me.error).status === 401) return <Navigate to="/sign-in" state={{ from: location.pathname + location.search }} replace />;
    return <Failed error={me.error} retry={() => void me.refetch()} />;
  }
  if (me.error && asProblem(me.error).status === 401) {
    return <Navigate to="/sign-in" state={{ from: location.pathname + location.search, ended: true }} replace />;
  }

  return (
    <SessionContext.Provider value={me.data}>
      <a href="#main" className="skip">
        Skip to content
      </a>
      <div className="shell">
        <header className="topbar">
          <Button icon="menu" aria-label="Menu" onPress={() => setMenuOpen(true)} />
          <span className="clip">{me.data.tenant.name}</span>
          <span aria-hidden="true" />
        </header>
        <header className="sidebar">
          <Nav />
        </header>
        <ModalOverlay className="veil" isOpen={menuOpen} onOpenChange={setMenuOpen} isDismissable>
          <Modal className="drawer">
            <Dialog className="dialog" aria-label="Menu">
              <Nav onNavigate={() => setMenuOpen(false)} />
            </Dialog>
          </Modal>
        </ModalOverlay>
        <main id="main" className="main" ref={main} tabIndex={-1} style={{ outline: "none" }}>
          <VerifyBanner />
          <Suspense fallback={<Skeleton lines={6} />}>
            <Outlet />
          </Suspense>
        </main>
      </div>
    </SessionContext.Provider>
  );
}
