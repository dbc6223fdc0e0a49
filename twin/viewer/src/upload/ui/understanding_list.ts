/** How one layer is understood, aspect by aspect: what it is taken for, why, and a control to say otherwise. */

import { inLanguage } from "../../i18n";
import { h } from "../../ui/dom";
import { AXES, type Axes, type Declared, ENCODINGS, UP, type Up } from "../declared";
import type { DraftPart } from "../draft";
import { layerName } from "../submission";
import { type Evidence, FAIRLY_SURE, SURE, gainsays, offered } from "../understanding";
import type { SayUpload, UploadWord } from "../words";
import type { ProposalsView } from "./proposals_view";
import { plainButton } from "./step";

export type Declare = (change: Partial<Declared>) => void;

export const COMMON_CRS_LIST = "common-crs";

/** Returns how sure something is, in words; red where it needs a look. */
export function sureness(evidence: Evidence, say: SayUpload): HTMLElement {
  const isWrong = gainsays(evidence);
  const word: UploadWord = isWrong ? "confidence_doubt" : evidence.confidence >= SURE ? "confidence_high" : evidence.confidence >= FAIRLY_SURE ? "confidence_middle" : "confidence_low";
  const look = isWrong ? "badge badge-bad" : evidence.confidence >= FAIRLY_SURE ? "badge badge-good" : "badge";
  return h("span", { class: look }, isWrong || evidence.confidence === 0 ? say(word) : `${say(word)} ${Math.round(evidence.confidence * 100)} %`);
}

function select(label: string, options: readonly (readonly [string, string])[], chosen: string, isEditable: boolean, changed: (value: string) => void): HTMLElement {
  const element = h("select", { "aria-label": label, disabled: !isEditable, onchange: () => { changed(element.value); } });
  element.append(...options.map(([value, title]) => h("option", { value, selected: value === chosen }, title)));
  return element;
}

/** Returns one aspect: its name, how sure, why, and below it the control with what can be taken over at once. */
function aspect(name: string, evidence: Evidence | null, control: HTMLElement, take: HTMLElement | null, { language, say }: ProposalsView): HTMLElement {
  const why = evidence === null ? null : h("p", { class: "why" }, inLanguage(evidence.text, language));
  return h("div", { class: "aspect" }, h("dt", {}, name, evidence === null ? null : sureness(evidence, say)), h("dd", {}, why, h("div", { class: "declare" }, control, take)));
}

function takeButton(evidence: Evidence | null, present: string, view: ProposalsView, take: (value: string) => void, title: (value: string) => string = (value) => value): HTMLElement | null {
  const value = offered(evidence);
  if (value === null || value === present || !view.isEditable) return null;
  return plainButton(view.say("take_over", { value: title(value) }), () => { take(value); });
}

function crsAspect(part: DraftPart, view: ProposalsView, declare: Declare): HTMLElement {
  const { say, isEditable } = view;
  const evidence = part.proposal.understanding?.crs ?? null;
  const input = h("input", {
    type: "text",
    list: COMMON_CRS_LIST,
    spellcheck: "false",
    disabled: !isEditable,
    value: part.declared.crs,
    placeholder: part.proposal.crs === null ? say("crs_none") : say("as_file", { value: part.proposal.crs }),
    "aria-label": `${say("crs")}: ${layerName(part.proposal)}`,
    onchange: () => { declare({ crs: input.value.trim() }); },
  });
  return aspect(say("crs"), evidence, input, takeButton(evidence, part.declared.crs, view, (crs) => { declare({ crs }); }), view);
}

function axesAspect(part: DraftPart, view: ProposalsView, declare: Declare): HTMLElement | null {
  const { say, isEditable } = view;
  const evidence = part.proposal.understanding?.axes ?? null;
  if (evidence === null && part.declared.axes === "") return null;
  const options = [["", say("as_found")], ...AXES.map((axes) => [axes, say(`axes_${axes}`)] as const)] as const;
  const control = select(`${say("axes")}: ${layerName(part.proposal)}`, options, part.declared.axes, isEditable, (value) => { declare({ axes: value as Axes | "" }); });
  const take = evidence !== null && gainsays(evidence) ? takeButton(evidence, part.declared.axes, view, (value) => { declare({ axes: value as Axes }); }, (value) => say(`axes_${value as Axes}`)) : null;
  return aspect(say("axes"), evidence, control, take, view);
}

function encodingAspect(part: DraftPart, view: ProposalsView, declare: Declare): HTMLElement | null {
  const { say, isEditable } = view;
  const evidence = part.proposal.understanding?.encoding ?? null;
  // An encoding that the format prescribes is none to choose.
  if (evidence === null || (evidence.stated !== null && evidence.stated === evidence.value)) return null;
  const known = ENCODINGS.map((name) => [name, name] as const);
  const own = part.declared.encoding === "" || known.some(([name]) => name === part.declared.encoding) ? [] : [[part.declared.encoding, part.declared.encoding] as const];
  const options = [["", say("as_found_value", { value: part.proposal.encoding ?? "" })] as const, ...known, ...own];
  const control = select(`${say("encoding")}: ${layerName(part.proposal)}`, options, part.declared.encoding, isEditable, (encoding) => { declare({ encoding }); });
  const take = gainsays(evidence) ? takeButton(evidence, part.declared.encoding, view, (encoding) => { declare({ encoding }); }) : null;
  return aspect(say("encoding"), evidence, control, take, view);
}

function heightsAspect(part: DraftPart, view: ProposalsView, declare: Declare): HTMLElement {
  const { say, isEditable } = view;
  const { vertical = null, heightOffset = null } = part.proposal.understanding ?? {};
  const kinds = [["", say("heights_city")], ["ellipsoidal", say("heights_ellipsoidal")]] as const;
  const kind = select(`${say("heights")}: ${layerName(part.proposal)}`, kinds, part.declared.isEllipsoidal ? "ellipsoidal" : "", isEditable, (value) => { declare({ isEllipsoidal: value !== "" }); });
  const offset = h("input", {
    type: "number",
    step: "0.001",
    min: -100,
    max: 100,
    disabled: !isEditable,
    value: String(part.declared.heightOffset),
    "aria-label": `${say("height_offset")}: ${layerName(part.proposal)}`,
    onchange: () => { declare({ heightOffset: Number.isFinite(offset.valueAsNumber) ? offset.valueAsNumber : 0 }); },
  });
  const control = h("span", { class: "heights" }, kind, h("label", {}, say("height_offset"), " ", offset, " m"));
  const take = vertical?.value === "ellipsoidal" ? takeButton(vertical, part.declared.isEllipsoidal ? "ellipsoidal" : "", view, () => { declare({ isEllipsoidal: true }); }, () => say("heights_ellipsoidal")) : takeButton(heightOffset, String(part.declared.heightOffset), view, (value) => { declare({ heightOffset: Number(value) }); }, (value) => `${value} m`);
  return aspect(say("heights"), vertical ?? heightOffset, control, take, view);
}

/** An OBJ does not say which of its axes points upwards. */
function upAspect(part: DraftPart, view: ProposalsView, declare: Declare): HTMLElement | null {
  const { say, isEditable } = view;
  if (part.proposal.format !== "OBJ") return null;
  const options = [["", say("as_found")], ...UP.map((axis) => [axis, say(`up_${axis}`)] as const)] as const;
  const control = select(`${say("up")}: ${layerName(part.proposal)}`, options, part.declared.up, isEditable, (value) => { declare({ up: value as Up | "" }); });
  return aspect(say("up"), null, control, null, view);
}

/** Of several elevation models one goes first: types that have a priority among their fields. */
function priorityAspect(part: DraftPart, view: ProposalsView, declare: Declare): HTMLElement | null {
  const { say, isEditable, types } = view;
  if (types.find(({ name }) => name === part.featureType)?.fields.some(({ name }) => name === "priority") !== true) return null;
  const input = h("input", {
    type: "number",
    step: "1",
    min: -1000,
    max: 1000,
    disabled: !isEditable,
    value: String(part.declared.priority),
    "aria-label": `${say("priority")}: ${layerName(part.proposal)}`,
    onchange: () => { declare({ priority: Number.isInteger(input.valueAsNumber) ? input.valueAsNumber : 0 }); },
  });
  return aspect(say("priority"), null, h("span", { class: "heights" }, input, " ", say("priority_why")), null, view);
}

/** Returns whether the server doubts something that nobody has answered yet: then the list stands open. */
function hasDoubt({ proposal: { understanding }, declared }: DraftPart): boolean {
  if (understanding === null) return false;
  const { crs, axes, encoding, heightOffset, vertical } = understanding;
  return (
    (declared.crs === "" && (crs.value === null || offered(crs) !== null)) ||
    (declared.axes === "" && axes !== null && gainsays(axes)) ||
    (declared.encoding === "" && encoding !== null && gainsays(encoding)) ||
    (heightOffset !== null && declared.heightOffset === 0) ||
    (vertical?.value === "ellipsoidal" && !declared.isEllipsoidal)
  );
}

/** Returns the aspects of a layer, folded away where all of them are clear. */
export function understandingList(part: DraftPart, index: number, view: ProposalsView, declare: Declare): HTMLElement | null {
  if (part.proposal.understanding === null) return null;
  const { say } = view;
  const aspects = [crsAspect(part, view, declare), axesAspect(part, view, declare), encodingAspect(part, view, declare), heightsAspect(part, view, declare), upAspect(part, view, declare), priorityAspect(part, view, declare)];
  return h(
    "details",
    { class: "mapping understanding", "data-details": `understanding of ${index}`, open: hasDoubt(part) },
    h("summary", {}, say("understanding"), hasDoubt(part) ? h("span", { class: "badge badge-bad" }, say("confidence_low")) : null),
    h("dl", {}, ...aspects.filter((element) => element !== null)),
  );
}
