import { Menu, MenuItem, MenuTrigger, Popover, Button as AriaButton } from "react-aria-components";
import { Link, NavLink, useNavigate } from "react-router";
import { Icon } from "../../components/Icon";
import { Logo } from "../../components/Logo";
import { toastProblem } from "../../components/toasts";
import { useMay, useMe, useSignOut } from "../session";
import { NAVIGATION } from "./navigation";

/** The sidebar's content, also the drawer's on a phone. */
export function Nav({ onNavigate }: { onNavigate?: () => void }) {
  const { tenant } = useMe();
  const may = useMay();
  return (
    <div className="nav">
      <Link to="/" className="brand" onClick={onNavigate}>
        <Logo />
        <span>
          <b>Weir</b>
          <span className="clip">{tenant.name}</span>
        </span>
      </Link>
      <nav aria-label="Main" className="stack">
        {NAVIGATION.map((group, index) => {
          const items = group.items.filter((item) => item.needs.length === 0 || item.needs.some(may));
          if (items.length === 0) return null;
          return (
            <div key={index} className="nav-group">
              {group.heading && <h2>{group.heading}</h2>}
              <ul role="list">
                {items.map((item) => (
                  <li key={item.to}>
                    <NavLink to={item.to} end={item.to === "/"} className="nav-link" onClick={onNavigate}>
                      <Icon name={item.icon} />
                      {item.label}
                    </NavLink>
                  </li>
                ))}
              </ul>
            </div>
          );
        })}
      </nav>
      <div className="nav-foot">
        <AccountMenu />
      </div>
    </div>
  );
}

function AccountMenu() {
  const { account, member } = useMe();
  const navigate = useNavigate();
  const signOut = useSignOut();
  return (
    <MenuTrigger>
      <AriaButton className="account-button">
        <span className="avatar" aria-hidden="true">
          {(account?.name ?? "?").trim().charAt(0).toUpperCase()}
        </span>
        <span>
          <span className="unseen">Account of </span>
          <span className="clip">{account?.name}</span>
          <small className="clip">{member?.role}</small>
        </span>
      </AriaButton>
      <Popover className="popover" placement="top start">
        <Menu className="options" aria-label="Account">
          <MenuItem className="option" onAction={() => navigate("/settings?tab=account")}>
            Your account
          </MenuItem>
          <MenuItem className="option" onAction={() => navigate("/settings?tab=sessions")}>
            Where you are signed in
          </MenuItem>
          <MenuItem className="option" onAction={() => signOut().catch(toastProblem)}>
            Sign out
          </MenuItem>
        </Menu>
      </Popover>
    </MenuTrigger>
  );
}
