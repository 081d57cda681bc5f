import { listRuleVersions } from "../../api/rules";
import type { Rule } from "../../api/types";
import { ListBody, useList } from "../../components/list";
import { Moment } from "../../components/moments";
import { actorFrom, useActorNames } from "../actors";
import { useNames } from "../names";
import { sentenceOf } from "./ruleWords";

export function RuleHistory({ rule }: { rule: Rule }) {
  const names = useNames();
  const actorName = useActorNames();
  const list = useList(["rules", rule.id, "versions"], (cursor) => listRuleVersions(rule.id, { cursor }));
  return (
    <ListBody list={list} empty={<p className="faint">No earlier versions.</p>}>
      {(items) => (
        <ol className="timeline" role="list">
          {items.map((version) => (
            <li key={version.number}>
              <span>
                {sentenceOf(version.rule, names)} {!version.rule.enabled && <span className="faint">(paused)</span>}
              </span>
              {version.why && <span className="soft">“{version.why}”</span>}
              <span className="faint small">
                Version {version.number}, <Moment at={version.changed_at} />
                {version.changed_by && ` by ${actorName(actorFrom(version.changed_by))}`}
              </span>
            </li>
          ))}
        </ol>
      )}
    </ListBody>
  );
}
