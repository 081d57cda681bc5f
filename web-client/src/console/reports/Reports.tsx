import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "react-router";
import { createReport, getReportSchedule, listReports, setReportSchedule } from "../../api/reports";
import type { Report } from "../../api/types";
import { useAction } from "../../components/action";
import { Badge } from "../../components/Badge";
import { Button } from "../../components/Button";
import { SelectInput } from "../../components/choices";
import { type Column, DataTable } from "../../components/DataTable";
import { ListCard, useList } from "../../components/list";
import { Moment } from "../../components/moments";
import { Card, Page } from "../../components/Page";
import { Empty, Loaded } from "../../components/states";
import { fullTime } from "../../format/time";
import { useMay } from "../session";
import { verdict } from "./words";

const COLUMNS: Column<Report>[] = [
  {
    header: "About",
    primary: true,
    cell: (row) => (
      <Link to={`/reports/${row.id}`} className="row-link">
        {fullTime(row.from)} – {fullTime(row.to)}
      </Link>
    ),
  },
  { header: "Verdict", cell: (row) => <Badge tone={verdict(row).tone}>{verdict(row).words}</Badge> },
  { header: "Findings", cell: (row) => `${row.high} · ${row.medium} · ${row.low}` },
  { header: "Made", cell: (row) => <Moment at={row.created_at} /> },
];

export function Reports() {
  const may = useMay();
  const navigate = useNavigate();
  const list = useList(["reports"], (cursor) => listReports({ cursor }));
  const { run, busy } = useAction(async () => {
    const made = await createReport();
    navigate(`/reports/${made.id}`);
  });
  return (
    <Page
      title="Reports"
      lede="What is collected and why, what it is used for, whether it goes when it should, what protects it, whether people get what they ask for: answered from the evidence."
      actions={
        may("reports:write") && (
          <Button kind="primary" onPress={() => void run()} isPending={busy}>
            Make a report
          </Button>
        )
      }
    >
      <ListCard
        list={list}
        empty={
          <Empty icon="audit" title="No reports yet">
            <p>A report answers from the evidence whether what is declared is also what happens. Make one, or have them made by the calendar.</p>
          </Empty>
        }
      >
        {(items) => <DataTable caption="Reports" columns={COLUMNS} rows={items} rowKey={(row) => row.id} />}
      </ListCard>
      <div className="grid-2">
        <Schedule />
        <Card title="Records of processing">
          <p className="soft">
            What GDPR Art. 30 asks you to keep, from what is declared and enforced. <Link to="/records">Read and take it</Link>.
          </p>
        </Card>
      </div>
    </Page>
  );
}

const EVERY = [
  { id: "", label: "Only when asked for" },
  { id: "P1W", label: "Every week" },
  { id: "P1M", label: "Every month" },
  { id: "P3M", label: "Every three months" },
  { id: "P1Y", label: "Every year" },
];

function Schedule() {
  const may = useMay();
  const cache = useQueryClient();
  const query = useQuery({ queryKey: ["report-schedule"], queryFn: getReportSchedule });
  const { run, busy } = useAction(async (every: string) => {
    cache.setQueryData(["report-schedule"], await setReportSchedule(every || "P1M", every !== ""));
  }, "Saved.");
  return (
    <Card title="By the calendar">
      <Loaded query={query} lines={2}>
        {(schedule) => (
          <>
            <SelectInput
              name="every"
              label="A report is made"
              choices={EVERY.some((one) => one.id === schedule.every) || !schedule.every ? EVERY : [...EVERY, { id: schedule.every, label: schedule.every }]}
              value={schedule.enabled ? (schedule.every ?? "") : ""}
              onChange={(every) => void run(every)}
              disabled={busy || !may("reports:write")}
            />
            {schedule.next_at && <p className="faint small">The next one: {fullTime(schedule.next_at)}.</p>}
          </>
        )}
      </Loaded>
    </Card>
  );
}
