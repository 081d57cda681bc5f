import { Suspense } from "react";
import { Link, Outlet } from "react-router";
import { Logo } from "../../components/Logo";
import { Skeleton } from "../../components/states";
import { WeirArt } from "../../components/WeirArt";

/** The frame of the pages in front of the sign-in. */
export function Door() {
  return (
    <div className="door">
      <aside className="door-art" aria-label="About Weir">
        <WeirArt />
        <Brand />
        <div className="door-words">
          <p>Realtime data that leaves on the day you promised.</p>
          <p>Weir pools your WebSockets, lets through what people agreed to, deletes the rest on time, and proves all three.</p>
        </div>
      </aside>
      <main className="door-main">
        <div className="door-form">
          <Brand />
          <Suspense fallback={<Skeleton lines={4} />}>
            <Outlet />
          </Suspense>
        </div>
      </main>
    </div>
  );
}

function Brand() {
  return (
    <Link to="/sign-in" className="brand">
      <Logo />
      <span>
        <b>Weir</b>
      </span>
    </Link>
  );
}
