import type { ReactNode } from "react";
import { Button as AriaButton, type ButtonProps as AriaButtonProps } from "react-aria-components";
import { Link } from "react-router";
import { Icon, type IconName } from "./Icon";

export type ButtonKind = "plain" | "primary" | "danger" | "quiet" | "quiet bad";

export interface ButtonProps extends Omit<AriaButtonProps, "children" | "className"> {
  kind?: ButtonKind;
  size?: "small" | "medium" | "large";
  icon?: IconName;
  block?: boolean;
  className?: string;
  children?: ReactNode;
}

/** A button; without children it shows its icon alone and needs an `aria-label`. */
export function Button({ kind = "plain", size = "medium", icon, block, className, children, ...rest }: ButtonProps) {
  return (
    <AriaButton {...rest} className={classes(kind, size, !children, block, className)}>
      {rest.isPending ? <span className="spinner" aria-hidden="true" /> : icon && <Icon name={icon} size={size === "small" ? 16 : 18} />}
      {children}
    </AriaButton>
  );
}

/** Looks like a button, goes to a page of this application. */
export function ButtonLink({ to, kind = "plain", size = "medium", icon, children }: { to: string; kind?: ButtonKind; size?: "small" | "medium"; icon?: IconName; children: ReactNode }) {
  return (
    <Link to={to} className={classes(kind, size, false)}>
      {icon && <Icon name={icon} size={size === "small" ? 16 : 18} />}
      {children}
    </Link>
  );
}

/** Looks like a button, saves a file; the browser streams it and sends the cookie along. */
export function DownloadLink({ href, kind = "plain", size = "medium", children }: { href: string; kind?: ButtonKind; size?: "small" | "medium"; children: ReactNode }) {
  return (
    <a href={href} download className={classes(kind, size, false)}>
      <Icon name="download" size={size === "small" ? 16 : 18} />
      {children}
    </a>
  );
}

function classes(kind: ButtonKind, size: string, iconOnly: boolean, block = false, more = ""): string {
  return ["button", kind === "plain" ? "" : kind, size === "medium" ? "" : size, iconOnly ? "icon" : "", block ? "block" : "", more].filter(Boolean).join(" ");
}
