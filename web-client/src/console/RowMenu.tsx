import { Menu, MenuItem, MenuTrigger, Popover } from "react-aria-components";
import { Button } from "../components/Button";

export interface RowAction {
  label: string;
  run: () => void;
  bad?: boolean;
}

/** The "…" at the end of a row. */
export function RowMenu({ of, actions }: { of: string; actions: RowAction[] }) {
  return (
    <MenuTrigger>
      <Button kind="quiet" size="small" icon="more" aria-label={`Actions for ${of}`} />
      <Popover className="popover" placement="bottom end">
        <Menu className="options" aria-label={`Actions for ${of}`}>
          {actions.map((action) => (
            <MenuItem key={action.label} className={action.bad ? "option bad" : "option"} onAction={action.run}>
              {action.label}
            </MenuItem>
          ))}
        </Menu>
      </Popover>
    </MenuTrigger>
  );
}
