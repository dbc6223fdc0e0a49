/** What the server takes each layer for, to be confirmed or corrected. */

import { inLanguage } from "../../i18n";
import { h } from "../../ui/dom";
import { unitChoices } from "../declared";
import { type Draft, type DraftPart, commonCrs, datasetFor, lackOf } from "../draft";
import { MODES, type Mode, layerName } from "../submission";
import { FAIRLY_SURE, SURE, gainsays } from "../understanding";
import type { ProposalsView } from "./proposals_view";
import { field, plainButton, primaryButton, step } from "./step";
import { COMMON_CRS_LIST, sureness, understandingList } from "./understanding_list";

export interface ProposalsActions {
  readonly changePart: (index: number, change: Partial<DraftPart>) => void;
  readonly change: (change: Partial<Draft>) => void;
  readonly check: () => void;
}

const COMMON_CRS = ["EPSG:4549", "EPSG:4528", "EPSG:4490", "EPSG:4326", "EPSG:4547", "EPSG:3857", "X-GCJ02", "X-BD09"];

function confidenceBadge(part: DraftPart, { language, say }: ProposalsView): HTMLElement | null {
  const { confidence, evidence, featureType } = part.proposal;
  if (featureType === null) return h("span", { class: "badge" }, say("confidence_low"));
  if (featureType !== part.featureType) return null;
  const word = confidence >= SURE ? "confidence_high" : confidence >= FAIRLY_SURE ? "confidence_middle" : "confidence_low";
  const title = evidence === null ? "" : inLanguage(evidence, language);
  return h("span", { class: word === "confidence_low" ? "badge" : "badge badge-good", title }, `${say(word)} ${Math.round(confidence * 100)} %`);
}

function typeSelect(part: DraftPart, index: number, view: ProposalsView, actions: ProposalsActions): HTMLElement {
  const { types, datasets, language, say, isEditable } = view;
  const options = types.map(({ name, title }) => h("option", { value: name, selected: name === part.featureType }, inLanguage(title, language)));
  const select = h("select", {
    disabled: !isEditable,
    "aria-label": `${say("type")}: ${layerName(part.proposal)}`,
    onchange: () => {
      actions.changePart(index, { featureType: select.value, dataset: datasetFor(select.value, part.proposal.layer, datasets), isTaken: select.value !== "" });
    },
  });
  select.append(h("option", { value: "", selected: part.featureType === "" }, say("type_choose")), ...options);
  return select;
}

function datasetInput(part: DraftPart, index: number, view: ProposalsView, actions: ProposalsActions): HTMLElement {
  const { datasets, say, isEditable } = view;
  const list = `datasets-${index}`;
  const fitting = datasets.filter(({ type }) => type === part.featureType);
  const input = h("input", {
    type: "text",
    list,
    spellcheck: "false",
    autocomplete: "off",
    size: 18,
    disabled: !isEditable,
    value: part.dataset,
    placeholder: say("dataset_hint"),
    "aria-label": `${say("dataset")}: ${layerName(part.proposal)}`,
    onchange: () => {
      actions.changePart(index, { dataset: input.value.trim() });
    },
  });
  const isNew = part.dataset !== "" && !datasets.some(({ slug }) => slug === part.dataset);
  const options = h("datalist", { id: list }, ...fitting.map(({ slug }) => h("option", { value: slug })));
  return h("span", { class: "dataset-cell" }, input, options, isNew ? h("span", { class: "badge" }, say("dataset_new")) : null);
}

function mappingTable(part: DraftPart, index: number, view: ProposalsView, actions: ProposalsActions): HTMLElement | null {
  const { say, types, language, isEditable } = view;
  const fields = types.find(({ name }) => name === part.featureType)?.fields ?? [];
  const columns = part.proposal.columns.length > 0 ? part.proposal.columns : [...part.proposal.mapping.keys()];
  const rows = columns.map((column) => {
    const chosen = part.mapping.get(column) ?? "";
    const select = h("select", {
      disabled: !isEditable,
      "aria-label": `${say("field")}: ${column}`,
      onchange: () => {
        actions.changePart(index, { mapping: new Map([...part.mapping, [column, select.value]]) });
      },
    });
    select.append(h("option", { value: "" }, say("field_none")), ...fields.map(({ name, title }) => h("option", { value: name, selected: name === chosen }, inLanguage(title, language))));
    return h("tr", {}, h("th", { scope: "row" }, column), h("td", {}, select, unitSelect(part, column, index, view, actions)), h("td", {}, columnWord(part, column, index, view, actions)));
  });
  if (columns.length === 0) return null;
  const mapped = columns.filter((column) => (part.mapping.get(column) ?? "") !== "").length;
  return h(
    "details",
    { class: "mapping", "data-details": `columns of ${index}` },
    h("summary", {}, say("columns_mapped", { mapped, count: columns.length }), hasColumnDoubt(part) ? h("span", { class: "badge badge-bad" }, say("confidence_low")) : null),
    h("div", { class: "table-frame", "data-scroll": `columns of ${index}` }, h("table", {}, h("thead", {}, h("tr", {}, h("th", {}, say("column")), h("th", {}, say("field")), h("th", {}, say("evidence")))), h("tbody", {}, ...rows))),
  );
}

/** Returns whether a column's values are not those of its field, or its numbers not of the unit they should be in. */
function hasColumnDoubt({ proposal, mapping, declared }: DraftPart): boolean {
  const { columns = [], units = [] } = proposal.understanding ?? {};
  const isUnanswered = (subject: string | null): boolean => (declared.units.get(subject ?? "") ?? "") === "";
  return units.some((unit) => gainsays(unit) && isUnanswered(unit.subject)) || columns.some(({ subject, value, confidence }) => confidence < FAIRLY_SURE && mapping.get(subject ?? "") === value && isUnanswered(subject));
}

/** Returns a choice of units for a column of lengths, of classifications for one of codes that may be of two, null for any other. */
function unitSelect(part: DraftPart, column: string, index: number, { say, isEditable }: ProposalsView, actions: ProposalsActions): HTMLElement | null {
  const evidence = part.proposal.understanding?.units.find(({ subject }) => subject === column);
  const declared = part.declared.units.get(column) ?? "";
  if (evidence === undefined && declared === "") return null;
  const declare = (value: string): void => { actions.changePart(index, { declared: { ...part.declared, units: new Map([...part.declared.units, [column, value]]) } }); };
  const { word, choices } = unitChoices(evidence, declared);
  const unit = h("select", { disabled: !isEditable, "aria-label": `${say(word)}: ${column}`, onchange: () => { declare(unit.value); } });
  const options = choices.map((name) => h("option", { value: name, selected: name === declared }, name));
  unit.append(h("option", { value: "" }, say("as_found_value", { value: evidence?.stated ?? evidence?.value ?? "" })), ...options);
  const proposed = evidence === undefined || !gainsays(evidence) || evidence.value === declared || !isEditable ? null : evidence.value;
  const take = proposed === null ? null : plainButton(say("take_over", { value: proposed }), () => { declare(proposed); });
  return h("div", { class: "unit" }, h("label", {}, say(word), " ", unit), take);
}

/** Returns why a column is taken for its field, or what it may be; a unit that is in doubt is told too. */
function columnWord(part: DraftPart, column: string, index: number, view: ProposalsView, actions: ProposalsActions): HTMLElement {
  const { language, say, isEditable } = view;
  const { columns = [], hints = [], units = [] } = part.proposal.understanding ?? {};
  const chosen = part.mapping.get(column) ?? "";
  const about = columns.find(({ subject, value }) => subject === column && value === chosen) ?? hints.find(({ subject }) => subject === column);
  const unit = units.find(({ subject }) => subject === column);
  const words: (HTMLElement | string)[] = about === undefined ? [] : [sureness(about, say), " ", inLanguage(about.text, language)];
  if (about !== undefined && about.value !== null && chosen === "" && isEditable) {
    const { value } = about;
    const title = view.types.find(({ name }) => name === part.featureType)?.fields.find(({ name }) => name === value)?.title;
    words.push(" ", plainButton(say("take_over", { value: title === undefined ? value : inLanguage(title, language) }), () => { actions.changePart(index, { mapping: new Map([...part.mapping, [column, value]]) }); }));
  }
  if (unit !== undefined && chosen !== "") words.push(h("div", { class: "why" }, `${say(unitChoices(unit, "").word)}: `, inLanguage(unit.text, language)));
  return h("div", { class: "column-word" }, ...words);
}

function facts(part: DraftPart, { language, say }: ProposalsView): HTMLElement {
  const { rows, crs, crsEvidence, encoding, evidence, file, layer, understanding } = part.proposal;
  const fact = (title: string, value: string | null): HTMLElement | null => (value === null || value === "" ? null : h("div", {}, h("dt", {}, title), h("dd", {}, value)));
  const source = crsEvidence === null ? "" : ` (${inLanguage(crsEvidence, language)})`;
  return h(
    "dl",
    { class: "facts" },
    fact(say("files"), file === layer ? null : file),
    fact(say("rows"), rows === null ? null : rows.toLocaleString("en")),
    understanding === null ? fact(say("crs"), `${crs ?? say("crs_unknown")}${source}`) : null,
    understanding === null ? fact(say("encoding"), encoding) : null,
    fact(say("evidence"), evidence === null ? null : inLanguage(evidence, language)),
  );
}

function partEntry(part: DraftPart, index: number, view: ProposalsView, actions: ProposalsActions): HTMLElement {
  const { say, isEditable } = view;
  const { problem } = part.proposal;
  if (problem !== null) return h("li", { class: "part" }, h("strong", {}, layerName(part.proposal)), h("p", { class: "lack" }, inLanguage(problem, view.language)));
  const box = h("input", {
    type: "checkbox",
    checked: part.isTaken,
    disabled: !isEditable,
    "aria-label": `${say("take")}: ${layerName(part.proposal)}`,
    onchange: () => {
      actions.changePart(index, { isTaken: box.checked });
    },
  });
  const head = h("label", { class: "part-head" }, box, h("strong", {}, layerName(part.proposal)), confidenceBadge(part, view));
  if (!part.isTaken && part.proposal.featureType !== null) return h("li", { class: "part" }, head);
  return h(
    "li",
    { class: "part", "data-part": layerName(part.proposal) },
    head,
    h(
      "div",
      { class: "part-choices" },
      field(say("type"), typeSelect(part, index, view, actions)),
      field(say("dataset"), datasetInput(part, index, view, actions)),
    ),
    facts(part, view),
    understandingList(part, index, view, (change) => { actions.changePart(index, { declared: { ...part.declared, ...change } }); }),
    part.featureType === "" || part.featureType !== part.proposal.featureType ? null : mappingTable(part, index, view, actions),
  );
}

function generalChoices(view: ProposalsView, actions: ProposalsActions): HTMLElement {
  const { draft, say, isEditable } = view;
  const crs = h("input", {
    type: "text",
    list: COMMON_CRS_LIST,
    spellcheck: "false",
    disabled: !isEditable,
    value: draft.crs,
    placeholder: say("crs_as_file"),
    onchange: () => {
      actions.change({ crs: crs.value.trim() });
    },
  });
  const mode = h("select", {
    disabled: !isEditable,
    onchange: () => {
      actions.change({ mode: mode.value as Mode });
    },
  });
  mode.append(...MODES.map((name) => h("option", { value: name, selected: name === draft.mode }, say(`mode_${name}`))));
  const ellipsoidal = h("input", {
    type: "checkbox",
    checked: draft.isEllipsoidal,
    disabled: !isEditable,
    onchange: () => {
      actions.change({ isEllipsoidal: ellipsoidal.checked });
    },
  });
  return h(
    "div",
    { class: "general-choices" },
    field(say("how"), mode),
    field(say("crs_declare"), crs, say("crs_how")),
    h("datalist", { id: COMMON_CRS_LIST }, ...COMMON_CRS.map((name) => h("option", { value: name }))),
    h("label", { class: "tick" }, ellipsoidal, h("span", {}, say("ellipsoidal"))),
  );
}

function declareCrs({ crs, parts }: { readonly crs: string; readonly parts: readonly number[] }, draft: Draft, actions: ProposalsActions): void {
  for (const index of parts) {
    const declared = draft.parts[index]?.declared;
    if (declared !== undefined) actions.changePart(index, { declared: { ...declared, crs } });
  }
}

/** Returns the step; what still has to be said stands beside the button it keeps closed. */
export function proposalsStep(view: ProposalsView, actions: ProposalsActions): HTMLElement {
  const { draft, say, isEditable, wasChecked } = view;
  const lack = lackOf(draft);
  const isReadable = draft.parts.some(({ proposal }) => proposal.problem === null);
  const parts = h("ul", { class: "parts" }, ...draft.parts.map((part, index) => partEntry(part, index, view, actions)));
  if (!isReadable) return step(2, say("step_proposals"), parts);
  const missing = lack === null || !isEditable ? null : h("p", { class: "lack" }, say(`lack_${lack.lack}`, { layer: lack.layer }));
  const common = isEditable ? commonCrs(draft) : null;
  const takeAll = common === null ? null : plainButton(say("take_over_all", { value: common.crs }), () => { declareCrs(common, draft, actions); });
  const button = isEditable ? primaryButton(say(wasChecked ? "check_again" : "check"), actions.check, lack !== null) : null;
  return step(2, say("step_proposals"), parts, generalChoices(view, actions), missing, takeAll, button);
}
