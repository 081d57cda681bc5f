import { useState } from "react";
import { unsealMessage } from "../../api/subjects";
import type { Message } from "../../api/types";
import { ApiForm } from "../../components/ApiForm";
import { Button } from "../../components/Button";
import { Dialog } from "../../components/Dialog";
import { Notice } from "../../components/Notice";
import { fullTime } from "../../format/time";

/** Asks before it opens a sealed message: the reading goes into the audit log. The content is forgotten when the dialog closes. */
export function Unseal({ message, onClose }: { message: Message | undefined; onClose: () => void }) {
  return (
    <Dialog title="Unseal this message?" isOpen={message !== undefined} onClose={onClose}>
      {message && <UnsealBody message={message} onClose={onClose} />}
    </Dialog>
  );
}

function UnsealBody({ message, onClose }: { message: Message; onClose: () => void }) {
  const [opened, setOpened] = useState<Message>();
  if (opened) {
    return (
      <>
        {opened.unreadable ? <Notice tone="warn">Its key has been destroyed: nobody can read it any more.</Notice> : <pre className="payload">{inWords(opened.data)}</pre>}
        <p className="faint small">Recorded {fullTime(opened.created_at)}. This reading is in the audit log.</p>
        <div className="dialog-actions">
          <Button kind="primary" onPress={onClose}>
            Close
          </Button>
        </div>
      </>
    );
  }
  return (
    <ApiForm submit={() => unsealMessage(message.id)} onDone={setOpened} submitLabel="Unseal and record it" beside={<Button onPress={onClose}>Cancel</Button>}>
      <p className="soft">You will see what it says. The audit log records that you read it, with your name and the time.</p>
    </ApiForm>
  );
}

function inWords(data: unknown): string {
  if (typeof data !== "string") return JSON.stringify(data, null, 2) ?? "";
  try {
    return JSON.stringify(JSON.parse(data), null, 2);
  } catch {
    return data;
  }
}
