import { useState } from "react";
import { sentence } from "../../api/problem";
import { explainRule } from "../../api/rules";
import type { ExplainIn, Explanation } from "../../api/types";
import { ApiForm } from "../../components/ApiForm";
import { SelectInput } from "../../components/choices";
import { TextInput } from "../../components/fields";
import { Notice } from "../../components/Notice";
import { Card } from "../../components/Page";
import { fullTime } from "../../format/time";
import { useDataTypeList, useEndpointList, useNames, usePurposeList } from "../names";
import { sentenceOf } from "./ruleWords";

/** Asks which rule would decide about a message, before any message is sent. */
export function Explain() {
  const names = useNames();
  const endpoints = useEndpointList() ?? [];
  const purposes = usePurposeList() ?? [];
  const dataTypes = useDataTypeList() ?? [];
  const [endpoint, setEndpoint] = useState("");
  const [channel, setChannel] = useState("");
  const [purpose, setPurpose] = useState("");
  const [dataType, setDataType] = useState("");
  const [answer, setAnswer] = useState<Explanation>();

  const ask = () => {
    const input: ExplainIn = { endpoint_id: endpoint };
    if (channel) input.channel = channel;
    if (purpose) input.purpose_id = purpose;
    if (dataType) input.data_type_ids = [dataType];
    return explainRule(input);
  };

  return (
    <Card title="Which rule would apply?">
      <ApiForm submitLabel="Explain" submitKind="plain" submit={ask} onDone={setAnswer}>
        <div className="form-grid">
          <SelectInput name="/endpoint_id" label="A message on" choices={endpoints.map(({ id, slug }) => ({ id, label: slug }))} value={endpoint} onChange={setEndpoint} required />
          <TextInput name="/channel" label="In channel" value={channel} onChange={setChannel} code placeholder="main" />
          <SelectInput name="/purpose_id" label="For" choices={[{ id: "", label: "No particular purpose" }, ...purposes.map(({ id, name }) => ({ id, label: name }))]} value={purpose} onChange={setPurpose} />
          <SelectInput name="/data_type_ids" label="Containing" choices={[{ id: "", label: "Nothing catalogued" }, ...dataTypes.map(({ id, name }) => ({ id, label: name }))]} value={dataType} onChange={setDataType} />
        </div>
      </ApiForm>
      {answer && (
        <Notice tone={answer.rule ? "good" : "warn"}>
          <p>
            <strong>{answer.rule ? sentenceOf(answer.rule, names) : "No rule fits."}</strong>
          </p>
          <p className="soft">{sentence(answer.reason)}</p>
          {answer.readable_until && <p className="soft">Readable until {fullTime(answer.readable_until)}.</p>}
        </Notice>
      )}
    </Card>
  );
}
