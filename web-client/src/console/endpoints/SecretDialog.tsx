import { Button } from "../../components/Button";
import { SecretBox } from "../../components/Copy";
import { Dialog } from "../../components/Dialog";

/** Shows a secret once. It closes only by its button, not by a stray click or Escape. */
export function SecretDialog({ title, secret, label = "Secret", note, onClose }: { title: string; secret: string | undefined; label?: string; note: string; onClose: () => void }) {
  return (
    <Dialog title={title} isOpen={secret !== undefined && secret !== ""} onClose={onClose} sticky>
      <SecretBox label={label} text={secret ?? ""} note={note} />
      <div className="dialog-actions">
        <Button kind="primary" onPress={onClose}>
          I have stored it
        </Button>
      </div>
    </Dialog>
  );
}
