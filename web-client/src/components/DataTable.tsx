import type { ReactNode } from "react";

export interface Column<T> {
  header: string;
  cell: (row: T) => ReactNode;
  /** The cell that names the row; it leads the card a row becomes on a phone. */
  primary?: boolean;
  align?: "right";
  /** A column of buttons; its header is for screen readers only. */
  actions?: boolean;
}

interface DataTableProps<T> {
  caption: string;
  columns: readonly Column<T>[];
  rows: readonly T[];
  rowKey: (row: T) => string;
}

/** A plain table; on a phone each row turns into a small card with its headers as labels. */
export function DataTable<T>({ caption, columns, rows, rowKey }: DataTableProps<T>) {
  return (
    <div className="table-box">
    <table className="data">
      <caption>
        <span className="unseen">{caption}</span>
      </caption>
      <thead>
        <tr>
          {columns.map((column) => (
            <th key={column.header} scope="col" className={column.align}>
              {column.actions ? <span className="unseen">{column.header}</span> : column.header}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={rowKey(row)}>
            {columns.map((column) => (
              <td key={column.header} data-label={column.header} className={[column.primary ? "primary" : "", column.actions ? "actions" : "", column.align ?? ""].filter(Boolean).join(" ") || undefined}>
                {column.cell(row)}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
    </div>
  );
}
