import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { useLocation } from "react-router";
import { on401 } from "../api/client";
import { getPortal, getPortalMe } from "../api/portal";
import { asProblem } from "../api/problem";
import { Icon } from "../components/Icon";
import { Failed, Skeleton } from "../components/states";
import { Frame } from "./Frame";
import { Rights } from "./Rights";
import { useWords } from "./words";
import { Welcome, type WelcomeNote } from "./Welcome";

/** The address names the tenant: /privacy/{tenant}. Everything else depends on whether this visitor has shown a code. */
export function App() {
  const slug = decodeURIComponent(useLocation().pathname.split("/")[1] ?? "");
  const words = useWords();
  const portal = useQuery({ queryKey: ["portal", slug], queryFn: () => getPortal(slug), enabled: slug !== "" });
  const missing = slug === "" || (portal.error !== null && asProblem(portal.error).status === 404);

  useEffect(() => {
    if (portal.data) document.title = words.pageTitle(portal.data.tenant.name);
  }, [portal.data, words]);

  if (missing) {
    return (
      <Frame>
        <div className="empty">
          <Icon name="search" size={34} />
          <h1>{words.missing.title}</h1>
          <p>{words.missing.text}</p>
        </div>
      </Frame>
    );
  }
  if (!portal.data) return <Frame>{portal.error ? <Failed error={portal.error} retry={() => void portal.refetch()} /> : <Skeleton lines={6} />}</Frame>;
  return <Visit key={slug} slug={slug} portal={portal.data} />;
}

/** What a link from a mail carries, taken out of the address so that it is in no history and on no shared screen. */
function tokenFromAddress(): string | undefined {
  const token = new URLSearchParams(window.location.hash.slice(1)).get("token") ?? undefined;
  if (token) window.history.replaceState(null, "", window.location.pathname);
  return token;
}

function Visit({ slug, portal }: { slug: string; portal: NonNullable<Awaited<ReturnType<typeof getPortal>>> }) {
  const cache = useQueryClient();
  const [note, setNote] = useState<WelcomeNote>();
  const [wasHere, setWasHere] = useState(false);
  const [token, setToken] = useState(tokenFromAddress);
  const me = useQuery({ queryKey: ["portal", slug, "me"], queryFn: () => getPortalMe(slug), refetchInterval: ({ state }) => (state.error ? false : 10_000) });
  const { data, error, refetch } = me;
  useEffect(() => {
    if (!data || error) return;
    return on401(() => void refetch({ cancelRefetch: false }));
  }, [data, error, refetch]);
  const out = me.error !== null && asProblem(me.error).status === 401;

  if (me.data && !out && !wasHere) setWasHere(true);

  // Whoever comes by a link wants their own page, whoever was here before.
  if (token || out || note === "left") {
    return (
      <Frame tenant={portal.tenant}>
        <Welcome
          portal={portal}
          slug={slug}
          note={note ?? (wasHere ? "ended" : undefined)}
          token={token}
          onTokenDropped={() => setToken(undefined)}
          onOpened={() => {
            setToken(undefined);
            setNote(undefined);
            setWasHere(false);
            // Whatever an earlier visitor of this browser saw is gone before the next one sees anything.
            cache.removeQueries({ queryKey: ["portal", slug, "mine"] });
            void cache.resetQueries({ queryKey: ["portal", slug, "me"] });
          }}
        />
      </Frame>
    );
  }
  if (!me.data) return <Frame tenant={portal.tenant}>{me.error ? <Failed error={me.error} retry={() => void me.refetch()} /> : <Skeleton lines={6} />}</Frame>;
  return (
    <Frame tenant={portal.tenant}>
      <Rights
        slug={slug}
        me={me.data}
        onLeft={() => {
          cache.removeQueries({ queryKey: ["portal", slug, "mine"] });
          cache.removeQueries({ queryKey: ["portal", slug, "me"] });
          setNote("left");
        }}
      />
    </Frame>
  );
}
