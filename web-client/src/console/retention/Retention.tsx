import { useQuery, useQueryClient } from "@tanstack/react-query";
import { drawBalances, listBalances } from "../../api/balances";
import { getRetention } from "../../api/rules";
import type { Balance, RetentionClass } from "../../api/types";
import { Badge } from "../../components/Badge";
import { Button } from "../../components/Button";
import { type Column, DataTable } from "../../components/DataTable";
import { ListBody, useList } from "../../components/list";
import { Countdown, Moment } from "../../components/moments";
import { Card, Page } from "../../components/Page";
import { Empty, Loaded } from "../../components/states";
import { toast, toastProblem } from "../../components/toasts";
import { counted } from "../../format/number";
import { useNames } from "../names";
import { useMay } from "../session";
import { equation, overdue, verdict } from "./balanceWords";

export function Retention() {
  const may = useMay();
  const names = useNames();
  const cache = useQueryClient();
  const retention = useQuery({ queryKey: ["retention"], queryFn: getRetention, refetchInterval: 10_000 });
  const balances = useList(["balances", "list"], (cursor) => listBalances({ cursor }));
  const draw = async () => {
    try {
      const { items } = await drawBalances();
      toast({ title: items.length === 0 ? "Nothing changed since the last balances." : `${counted(items.length, "balance")} drawn.` });
    } catch (error) {
      toastProblem(error);
    }
    for (const key of ["balances", "retention"]) void cache.invalidateQueries({ queryKey: [key] });
  };
  const classes: Column<RetentionClass>[] = [
    {
      header: "Class",
      primary: true,
      cell: (row) => (
        <span className="stack" style={{ gap: 0 }}>
          <span>
            {names.endpoint(row.endpoint_id)}
            {row.purpose_id && <span className="soft"> for {names.purpose(row.purpose_id)}</span>}
          </span>
          {row.data_types.length > 0 && <span className="faint small">with {row.data_types.join(", ")}</span>}
        </span>
      ),
    },
    { header: "Kept", align: "right", cell: (row) => <span className="num">{row.messages}</span> },
    { header: "Oldest", cell: (row) => <Moment at={row.oldest_at} /> },
    { header: "Next leaves", cell: (row) => (row.next_expiry_at ? <Countdown to={row.next_expiry_at} /> : <span className="faint">–</span>) },
    { header: "Held", align: "right", cell: (row) => <span className="num">{row.held}</span> },
    {
      header: "Overdue",
      cell: (row) => {
        const late = overdue(row);
        return late === undefined ? <span className="faint">none</span> : <Badge tone="warn">{late}</Badge>;
      },
    },
    { header: "Last proof", cell: (row) => <Proof balance={row.balance} /> },
  ];
  const drawn: Column<Balance>[] = [
    { header: "Balance", primary: true, cell: (row) => equation(row) },
    { header: "Verdict", cell: (row) => <Proof balance={row} /> },
    { header: "Drawn", cell: (row) => <Moment at={row.at} /> },
    { header: "Receipt", cell: (row) => <code className="small">{row.receipt_url}</code> },
  ];
  return (
    <Page
      title="Balances"
      lede="What came in is here, deleted, anonymised or held. Every hour each class is counted and the sum written into your log, where anybody can check it."
      actions={may("rules:write") && <Button icon="check" onPress={() => void draw()}>Count now</Button>}
    >
      <Card title="What is kept now">
        <Loaded query={retention} lines={4}>
          {({ classes: rows }) =>
            rows.length === 0 ? (
              <Empty icon="rule" title="Nothing is kept">
                <p>When messages are recorded, they are grouped here by what decides about their end.</p>
              </Empty>
            ) : (
              <DataTable caption="What is kept now" columns={classes} rows={rows} rowKey={(row) => row.id} />
            )
          }
        </Loaded>
      </Card>
      <Card title="Balances drawn">
        <ListBody
          list={balances}
          empty={
            <Empty icon="check" title="No balance yet">
              <p>The first is drawn within an hour of the first message that is recorded.</p>
            </Empty>
          }
        >
          {(items) => <DataTable caption="Balances" columns={drawn} rows={items} rowKey={(row) => row.id} />}
        </ListBody>
      </Card>
    </Page>
  );
}

function Proof({ balance }: { balance: Balance | undefined }) {
  const { tone, label } = verdict(balance);
  return <Badge tone={tone}>{label}</Badge>;
}
