import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { getPortalConsents, setPortalConsent } from "../api/portal";
import type { PortalConsent } from "../api/types";
import { useAction } from "../components/action";
import { Button } from "../components/Button";
import { Confirm } from "../components/Dialog";
import { Loaded } from "../components/states";
import { toast } from "../components/toasts";
import { ConsentCard } from "./ConsentCard";
import { goesUnlessRefused } from "./consents";
import { Section } from "./Section";
import { useWords } from "./words";

export function ConsentSection({ slug }: { slug: string }) {
  const words = useWords();
  const cache = useQueryClient();
  const query = useQuery({ queryKey: ["portal", slug, "mine", "consents"], queryFn: () => getPortalConsents(slug) });
  const [asksAll, setAsksAll] = useState(false);
  const [agreeing, setAgreeing] = useState<PortalConsent>();
  const refresh = () => cache.invalidateQueries({ queryKey: ["portal", slug] });

  const withdraw = useAction(async ({ purpose }: PortalConsent) => {
    const event = await setPortalConsent(slug, { purpose_id: purpose.id ?? "", state: "withdrawn" });
    toast({ title: words.consents.withdrawn(purpose.name), detail: words.consents.withdrawnDetail(event.cutoffs?.length ?? 0) });
    await refresh();
  });

  const cards = (consents: PortalConsent[]) =>
    consents.length > 0 && (
      <ul role="list" className="stack">
        {consents.map((consent) => (
          <ConsentCard key={consent.purpose.id} consent={consent} busy={withdraw.busy} onChange={(on) => (on ? setAgreeing(consent) : void withdraw.run(consent))} />
        ))}
      </ul>
    );

  const given = query.data?.items.filter(({ valid }) => valid) ?? [];
  return (
    <Section
      id="consents"
      title={words.consents.title}
      lede={words.consents.lede}
      aside={
        given.length > 1 && (
          <Button size="small" onPress={() => setAsksAll(true)}>
            {words.consents.withdrawAll}
          </Button>
        )
      }
    >
      <Loaded query={query} lines={3}>
        {({ items }) =>
          items.length === 0 ? (
            <p className="card padded soft">{words.consents.none}</p>
          ) : (
            <>
              {cards(items.filter((consent) => !goesUnlessRefused(consent)))}
              {items.some(goesUnlessRefused) && (
                <div className="stack">
                  <h3 className="serif">{words.consents.unless.title}</h3>
                  <p className="soft">{words.consents.unless.lede}</p>
                  {cards(items.filter(goesUnlessRefused))}
                </div>
              )}
            </>
          )
        }
      </Loaded>
      <Confirm
        title={agreeing ? words.consents.agreeTitle(agreeing.purpose.name) : ""}
        confirmLabel={words.consents.agree}
        kind="primary"
        isOpen={agreeing !== undefined}
        onClose={() => setAgreeing(undefined)}
        act={() =>
          setPortalConsent(slug, { purpose_id: agreeing?.purpose.id ?? "", state: "given", ...(agreeing?.notice ? { notice_version_id: agreeing.notice.version_id } : {}) })
        }
        onDone={() => {
          if (agreeing) toast({ title: words.consents.given(agreeing.purpose.name) });
          void refresh();
        }}
      >
        {agreeing?.purpose.description && <p>{agreeing.purpose.description}</p>}
        {agreeing?.notice && (
          <pre className="payload notice-text" lang={agreeing.notice.language}>
            {agreeing.notice.text}
          </pre>
        )}
        <p>{words.consents.noText}</p>
      </Confirm>
      <Confirm
        title={words.consents.withdrawAllTitle}
        confirmLabel={words.consents.withdrawAll}
        isOpen={asksAll}
        onClose={() => setAsksAll(false)}
        act={async () => {
          for (const { purpose } of given) await setPortalConsent(slug, { purpose_id: purpose.id ?? "", state: "withdrawn" });
        }}
        onDone={() => {
          toast({ title: words.consents.withdrawnAll });
          void refresh();
        }}
      >
        <p>{words.consents.withdrawAllText}</p>
      </Confirm>
    </Section>
  );
}
