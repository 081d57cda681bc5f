import type { Rule } from "../../api/types";
import { type RuleWords, ruleSentence } from "../../format/rule";
import type { Names } from "../names";

/** A stored rule, or the draft of one, as a sentence. */
export function sentenceOf(rule: Pick<Rule, "target" | "duration" | "endpoint_id" | "channel_pattern" | "data_type_id" | "purpose_id">, names: Names): string {
  const words: RuleWords = { target: rule.target, duration: rule.duration };
  if (rule.endpoint_id) words.endpoint = names.endpoint(rule.endpoint_id);
  if (rule.channel_pattern) words.channelPattern = rule.channel_pattern;
  if (rule.data_type_id) words.dataType = names.dataType(rule.data_type_id);
  if (rule.purpose_id) words.purpose = names.purpose(rule.purpose_id);
  return ruleSentence(words);
}
