import { openPortalByLink } from "../api/portal";
import { Problem } from "../api/problem";
import { ApiForm } from "../components/ApiForm";
import { Button } from "../components/Button";
import { useWords } from "./words";

/** Somebody came by the link in a mail. It is used up by the press of the button and not by looking: mail scanners look too. */
export function OpenLink({ slug, token, onOpened, onBack }: { slug: string; token: string; onOpened: () => void; onBack: () => void }) {
  const words = useWords();
  const open = async () => {
    try {
      await openPortalByLink(slug, token);
    } catch (error) {
      if (error instanceof Problem && error.status === 401) {
        throw new Problem({ status: 401, code: "said", title: words.link.wrong, requestId: error.requestId, fields: [] });
      }
      throw error;
    }
  };
  return (
    <div className="stack">
      <h2>{words.link.title}</h2>
      <p className="soft">{words.link.text}</p>
      <ApiForm block submitLabel={words.link.submit} submit={open} onDone={onOpened}>
        {null}
      </ApiForm>
      <div className="row between">
        <Button kind="quiet" onPress={onBack}>
          {words.link.other}
        </Button>
      </div>
    </div>
  );
}
