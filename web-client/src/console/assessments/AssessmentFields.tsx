import type { DpiaRisk } from "../../api/types";
import { Button } from "../../components/Button";
import { SelectInput } from "../../components/choices";
import { LongText, TextInput } from "../../components/fields";
import { type AssessmentDraft, NO_RISK } from "./draft";
import { RESIDUALS } from "./words";

interface AssessmentFieldsProps {
  draft: AssessmentDraft;
  set: <K extends keyof AssessmentDraft>(key: K, value: AssessmentDraft[K]) => void;
}

/** What an assessment has to say (GDPR Art. 35(7)). */
export function AssessmentFields({ draft, set }: AssessmentFieldsProps) {
  const change = (index: number, part: Partial<DpiaRisk>) => set("risks", draft.risks.map((risk, at) => (at === index ? { ...risk, ...part } : risk)));
  return (
    <>
      <TextInput name="/title" label="Title" value={draft.title} onChange={(value) => set("title", value)} required />
      <LongText name="/description" label="What is done, step by step, and what for" value={draft.description} onChange={(value) => set("description", value)} required />
      <LongText name="/necessity" label="Why it is necessary, and in proportion" value={draft.necessity} onChange={(value) => set("necessity", value)} required />
      {draft.risks.map((risk, index) => (
        <fieldset key={index} className="part stack tight">
          <legend>Risk {index + 1}</legend>
          <LongText name={`/risks/${index}/risk`} label="What could happen to people" value={risk.risk} onChange={(value) => change(index, { risk: value })} required rows={2} />
          <LongText name={`/risks/${index}/measure`} label="What is done about it" value={risk.measure} onChange={(value) => change(index, { measure: value })} required rows={2} />
          <div className="row between">
            <SelectInput name={`/risks/${index}/residual`} label="What is left" choices={RESIDUALS} value={risk.residual} onChange={(residual) => change(index, { residual })} />
            {draft.risks.length > 1 && (
              <Button size="small" kind="quiet bad" icon="trash" onPress={() => set("risks", draft.risks.filter((_, at) => at !== index))}>
                Remove
              </Button>
            )}
          </div>
        </fieldset>
      ))}
      <div>
        <Button size="small" icon="plus" onPress={() => set("risks", [...draft.risks, NO_RISK])}>
          Another risk
        </Button>
      </div>
      <LongText name="/advice" label="What the data protection officer advises" value={draft.advice} onChange={(value) => set("advice", value)} required={false} />
      <TextInput name="/review_at" label="Look at it again" type="datetime-local" value={draft.review} onChange={(value) => set("review", value)} required={false} />
    </>
  );
}
