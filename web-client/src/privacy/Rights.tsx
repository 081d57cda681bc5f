import { leavePortal } from "../api/portal";
import type { PortalMe } from "../api/types";
import { useAction } from "../components/action";
import { Button } from "../components/Button";
import { Notice } from "../components/Notice";
import { ConsentSection } from "./ConsentSection";
import { HeldSection } from "./HeldSection";
import { RequestSection } from "./RequestSection";
import { useWords } from "./words";

/** The page once the visitor has shown that the address is theirs. */
export function Rights({ slug, me, onLeft }: { slug: string; me: PortalMe; onLeft: () => void }) {
  const words = useWords();
  const leave = useAction(async () => {
    await leavePortal(slug);
    onLeft();
  });
  return (
    <div className="stack visit-sections">
      <header className="visit-title">
        <h1>{words.top.greeting}</h1>
        <p className="row between">
          <span className="soft">
            {me.email === "" ? (
              words.top.erased
            ) : (
              <>
                {words.top.signedInAs} <strong>{me.email}</strong>
              </>
            )}
          </span>
          <Button size="small" icon="out" onPress={() => leave.run()} isPending={leave.busy}>
            {words.top.signOut}
          </Button>
        </p>
      </header>
      {!me.known && me.email !== "" && <Notice>{words.top.nobody}</Notice>}
      <HeldSection me={me} />
      <ConsentSection slug={slug} />
      <RequestSection slug={slug} />
    </div>
  );
}
