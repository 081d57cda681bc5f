import { type ReactNode, useState } from "react";
import { Dialog as AriaDialog, Heading, Modal, ModalOverlay } from "react-aria-components";
import { Button, type ButtonKind } from "./Button";
import { TextInput } from "./fields";
import { ApiForm } from "./ApiForm";
import { usePhrases } from "./phrases";

interface DialogProps {
  title: string;
  isOpen: boolean;
  onClose: () => void;
  wide?: boolean;
  /** A secret shown once must not vanish with a stray click. */
  sticky?: boolean;
  role?: "dialog" | "alertdialog";
  children: ReactNode;
}

export function Dialog({ title, isOpen, onClose, wide, sticky, role = "dialog", children }: DialogProps) {
  const phrases = usePhrases();
  return (
    <ModalOverlay className="veil" isOpen={isOpen} onOpenChange={(open) => !open && onClose()} isDismissable={!sticky} isKeyboardDismissDisabled={sticky ?? false}>
      <Modal className={wide ? "dialog-frame wide" : "dialog-frame"}>
        <AriaDialog className="dialog" role={role}>
          <div className="dialog-head">
            <Heading slot="title" level={2}>
              {title}
            </Heading>
            {!sticky && <Button kind="quiet" size="small" icon="close" aria-label={phrases.close} onPress={onClose} />}
          </div>
          {children}
        </AriaDialog>
      </Modal>
    </ModalOverlay>
  );
}

interface ConfirmProps<T> {
  title: string;
  children: ReactNode;
  confirmLabel: string;
  kind?: ButtonKind;
  isOpen: boolean;
  onClose: () => void;
  act: () => Promise<T>;
  onDone?: (result: T) => void;
  /** The word to type before the button works, for what cannot be brought back. */
  typed?: string;
}

export function Confirm<T>({ isOpen, title, onClose, ...rest }: ConfirmProps<T>) {
  return (
    <Dialog title={title} isOpen={isOpen} onClose={onClose} role="alertdialog">
      <ConfirmForm {...rest} onClose={onClose} />
    </Dialog>
  );
}

function ConfirmForm<T>({ children, confirmLabel, kind = "danger", onClose, act, onDone, typed }: Omit<ConfirmProps<T>, "isOpen" | "title">) {
  const [word, setWord] = useState("");
  const phrases = usePhrases();
  return (
    <ApiForm
      submit={act}
      onDone={(result) => {
        onClose();
        onDone?.(result);
      }}
      submitLabel={confirmLabel}
      submitKind={kind}
      disabled={typed !== undefined && word !== typed}
      beside={<Button onPress={onClose}>{phrases.cancel}</Button>}
    >
      <div className="stack tight soft">{children}</div>
      {typed !== undefined && <TextInput name="#typed" label={<>Type <code>{typed}</code> to confirm</>} value={word} onChange={setWord} code autoFocus />}
    </ApiForm>
  );
}
