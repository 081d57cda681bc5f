import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { verifyEmail } from "../../api/account";
import { type Problem, asProblem } from "../../api/problem";
import { ButtonLink } from "../../components/Button";
import { Notice } from "../../components/Notice";
import { ProblemNote } from "../../components/ProblemNote";
import { Skeleton } from "../../components/states";
import { ME } from "../session";
import { DoorHead } from "./DoorHead";
import { useMailedToken } from "./mailedToken";

export function Verify() {
  const token = useMailedToken();
  const cache = useQueryClient();
  const [email, setEmail] = useState<string>();
  const [problem, setProblem] = useState<Problem>();
  const asked = useRef(false);

  useEffect(() => {
    // The token works once, so the second run of a strict-mode effect must not use it up.
    if (asked.current || token === "") return;
    asked.current = true;
    verifyEmail(token)
      .then((answer) => {
        setEmail(answer.email);
        return cache.invalidateQueries({ queryKey: ME });
      })
      .catch((error: unknown) => setProblem(asProblem(error)));
  }, [token, cache]);

  return (
    <>
      <DoorHead title="Confirm your e-mail" />
      {email !== undefined ? (
        <Notice tone="good">
          <strong>{email}</strong> is confirmed.
        </Notice>
      ) : problem ? (
        <ProblemNote problem={problem} />
      ) : token === "" ? (
        <Notice tone="warn">This page opens from the link in our mail.</Notice>
      ) : (
        <Skeleton lines={2} />
      )}
      <ButtonLink to="/" kind="primary">
        To the console
      </ButtonLink>
    </>
  );
}
