import { resendVerification } from "../../api/account";
import { useAction } from "../../components/action";
import { Button } from "../../components/Button";
import { Notice } from "../../components/Notice";
import { useMe } from "../session";

/** Asks for the e-mail address to be confirmed until it is. */
export function VerifyBanner() {
  const { account } = useMe();
  const resend = useAction(resendVerification, "A new link is on its way.");
  if (!account || account.email_verified_at) return null;
  return (
    <div className="banner">
      <Notice tone="warn">
        <div className="row between tight">
          <span>
            Please confirm <strong>{account.email}</strong>: we have sent a link there.
          </span>
          <Button size="small" onPress={() => resend.run()} isPending={resend.busy}>
            Send it again
          </Button>
        </div>
      </Notice>
    </div>
  );
}
