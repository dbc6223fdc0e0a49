import { describe, expect, it } from "vitest";

import { formatAddress, parseAddress } from "../src/upload/address";
import { changedValues, parseChange } from "../src/upload/changes";
import { FINDING_COLORS, WAIVED_COLOR, changeId, findingColor, findingId, mapContent, whatIs } from "../src/upload/content";
import { changePart, checkRequest, commonCrs, datasetFor, draftOf, lackOf } from "../src/upload/draft";
import { UNITS, unitChoices } from "../src/upload/declared";
import { type Finding, parseFinding } from "../src/upload/findings";
import { hasSeveralLayers, isChecking, isOver, largeDeletions, parseSubmission } from "../src/upload/submission";
import { fileSize } from "../src/upload/ui/files_step";
import { earlierFor, featureOf, parseWaivers } from "../src/upload/waivers";
import { gainsays, offered } from "../src/upload/understanding";
import { contentExtent } from "../src/upload/map";
import type { OverlayFeature } from "../src/overlay";
import choices from "./dataset_choices.json";
import { buildings } from "./layers";

const proposal = {
  file: "普查.gpkg",
  layer: "建筑物",
  rows: 12,
  columns: ["编号", "层数", "备注"],
  crs: "EPSG:4549",
  crs_evidence: { zh: "文件声明", en: "declared by the file" },
  encoding: "UTF-8",
  feature_type: "building",
  confidence: 0.98,
  evidence: { zh: "名称", en: "its name" },
  dataset: "buildings",
  mapping: { 编号: "building_id", 层数: "floors_above" },
  problem: null,
};
const submissionJson = {
  id: "a1",
  state: "received",
  actor: "测绘院",
  received_at: "2026-11-21T06:00:00+00:00",
  files: [{ name: "普查.gpkg", size: 2048, sha256: "ab" }],
  proposals: [proposal],
  request: null,
  progress: null,
  result: null,
  findings: {},
  problem: null,
  commit: null,
};

describe("parseSubmission", () => {
  it("reads what was handed in, and puts the gravest findings first", () => {
    const findings = {
      unique: { count: 9, severity: "warning", severities: { warning: 9 }, title: { zh: "重复", en: "duplicates" } },
      range: { count: 2, severity: "error", severities: { warning: 1, error: 1 }, title: { zh: "超出范围", en: "out of range" } },
    };
    const submission = parseSubmission({ ...submissionJson, findings, progress: { step: { zh: "读取", en: "reading" }, done: 5, total: null } });
    expect(submission.findings.map(({ rule }) => rule)).toEqual(["range", "unique"]);
    expect(submission.findings[0]?.severities, "one row is rejected, of the other is only warned").toEqual([["error", 1], ["warning", 1]]);
    expect(isChecking(submission)).toBe(true);
    expect(isOver(submission)).toBe(false);
    expect(isOver(parseSubmission({ ...submissionJson, state: "published" }))).toBe(true);
  });

  it("knows whether a row's number alone says which row it is", () => {
    const part = { file: "a.xlsx", layer: "管点", feature_type: "pipe_node", dataset: "n" };
    expect(hasSeveralLayers({ request: null })).toBe(false);
    expect(hasSeveralLayers({ request: { parts: [part] } })).toBe(false);
    expect(hasSeveralLayers({ request: { parts: [part, { ...part, layer: "管线" }] } })).toBe(true);
  });

  it("takes a file whose hash is not known: a load of the command line that reads it, or was stopped", () => {
    expect(parseSubmission({ ...submissionJson, files: [{ name: "a.gpkg", size: 1 }] }).files).toEqual([{ name: "a.gpkg", size: 1, sha256: null }]);
  });

  it("names what is not as promised", () => {
    expect(() => parseSubmission({ ...submissionJson, files: [{}] })).toThrow("submission.files[0].name is not a string");
  });
});

describe("the draft of a check", () => {
  const draft = draftOf(parseSubmission(submissionJson));

  it("takes over what is proposed, and says nothing that the server knows already", () => {
    expect(lackOf(draft)).toBeNull();
    expect(checkRequest(draft)).toEqual({ parts: [{ file: "普查.gpkg", layer: "建筑物", feature_type: "building", dataset: "buildings" }], mode: "replace" });
  });

  it("sends what the surveyor changed", () => {
    const changed = { ...changePart(draft, 0, { dataset: "new_ones", mapping: new Map([["编号", "building_id"], ["层数", ""], ["备注", "name"]]) }), crs: "EPSG:4528", isEllipsoidal: true };
    expect(checkRequest(changed)).toEqual({
      parts: [{ file: "普查.gpkg", layer: "建筑物", feature_type: "building", dataset: "new_ones", mapping: { 层数: "", 备注: "name" } }],
      mode: "replace",
      crs: "EPSG:4528",
      vertical: "ellipsoidal",
    });
    const other = changePart(draft, 0, { featureType: "parcel", mapping: new Map([["编号", "parcel_id"]]) });
    expect(checkRequest(other).parts[0]).not.toHaveProperty("mapping");
  });

  it("comes back from what was asked before", () => {
    const request = { parts: [{ file: "普查.gpkg", layer: "建筑物", feature_type: "building", dataset: "b2", mapping: { 备注: "name" } }], crs: null, vertical: null, mode: "delta" };
    const again = draftOf(parseSubmission({ ...submissionJson, request }));
    expect(again).toMatchObject({ mode: "delta", crs: "" });
    expect(checkRequest(again).parts[0]).toMatchObject({ dataset: "b2", mapping: { 备注: "name" } });
  });

  it.each([
    ["nothing_taken", { isTaken: false }],
    ["type_missing", { featureType: "" }],
    ["dataset_missing", { dataset: "" }],
    ["dataset_invalid", { dataset: "建筑" }],
  ] as const)("says what is missing: %s", (lack, change) => {
    expect(lackOf(changePart(draft, 0, change))?.lack).toBe(lack);
  });

  it("wants a CRS where the file has none, until one is declared", () => {
    const without = draftOf(parseSubmission({ ...submissionJson, proposals: [{ ...proposal, crs: null }] }));
    expect(lackOf(without)).toEqual({ lack: "crs_missing", layer: "建筑物" });
    expect(lackOf({ ...without, crs: "EPSG:4549" })).toBeNull();
  });
});

describe("the dataset of a type that somebody chose", () => {
  it.each(choices)("is the server's: $why", ({ type, layer, datasets, chosen }) => {
    expect(datasetFor(type, layer, datasets)).toBe(chosen);
  });

  it("is none as long as there is no type", () => {
    expect(datasetFor("", "", [])).toBe("");
  });
});

describe("how a layer is understood", () => {
  const why = { zh: "理由", en: "why" };
  const evidence = (value: string | null, stated: string | null, subject: string | null = null) => ({ aspect: "any", value, confidence: 0.8, text: why, subject, stated, code: null });
  const understanding = {
    crs: evidence("EPSG:4549", null),
    axes: evidence("yx", "xy"),
    encoding: evidence("gb18030", "cp1252"),
    vertical: evidence("-1.90", null),
    units: [evidence("cm", "mm", "管径")],
    columns: [evidence("building_id", null, "编号")],
    hints: [],
  };
  const draft = draftOf(parseSubmission({ ...submissionJson, proposals: [{ ...proposal, crs: null, understanding, units: { 管径: "cm" } }] }));

  it("is offered, and nothing of it is declared before somebody says so but what was confirmed before", () => {
    const known = draft.parts[0]?.proposal.understanding ?? null;
    expect(known?.heightOffset?.value).toBe("-1.90");
    expect(known?.vertical).toBeNull();
    expect([offered(known?.crs ?? null), known === null ? null : gainsays(known.crs)]).toEqual(["EPSG:4549", false]);
    expect(known?.axes === null || known === null ? null : gainsays(known.axes)).toBe(true);
    expect(lackOf(draft)?.lack).toBe("crs_missing");
    expect(checkRequest(draft).parts[0]).toEqual({ file: "普查.gpkg", layer: "建筑物", feature_type: "building", dataset: "buildings", units: { 管径: "cm" } });
  });

  it("offers one CRS for several layers at once, as long as all of them lack one and the same is proposed", () => {
    const without = { ...proposal, crs: null, understanding };
    const two = draftOf(parseSubmission({ ...submissionJson, proposals: [without, { ...proposal, layer: "其他" }, { ...without, layer: "管线" }] }));
    expect(commonCrs(two)).toEqual({ crs: "EPSG:4549", parts: [0, 2] });
    expect(commonCrs({ ...two, crs: "EPSG:4528" })).toBeNull();
    expect(commonCrs(changePart(two, 0, { isTaken: false }))).toBeNull();
    const other = { ...without, layer: "管线", understanding: { ...understanding, crs: evidence("EPSG:4548", null) } };
    expect(commonCrs(draftOf(parseSubmission({ ...submissionJson, proposals: [without, other] })))).toBeNull();
    expect(commonCrs(draft)).toBeNull();
  });

  it("goes into the request as it was declared, part by part, and comes back from it", () => {
    const declared = { crs: "EPSG:4549", axes: "yx", isEllipsoidal: true, heightOffset: -1.9, up: "y", priority: 7, encoding: "GB18030", units: new Map([["管径", "cm"], ["深", ""]]) } as const;
    const changed = changePart(draft, 0, { declared });
    expect(lackOf(changed)).toBeNull();
    const request = checkRequest(changed);
    expect(request.parts[0]).toMatchObject({ crs: "EPSG:4549", axes: "yx", vertical: "ellipsoidal", height_offset_m: -1.9, up: "y", priority: 7, encoding: "GB18030", units: { 管径: "cm" } });
    const again = draftOf(parseSubmission({ ...submissionJson, request }));
    expect(again.parts[0]?.declared).toEqual({ ...declared, units: new Map([["管径", "cm"]]) });
  });
});

describe("changes", () => {
  const feature = (action: string, fid: number | null, before: object | null, after: object | null, geometryBefore: object | null = null) =>
    parseChange({ type: "Feature", geometry: { type: "Point", coordinates: [120, 31] }, properties: { dataset: "buildings", fid, key: "k", action, before, after, geometry_before: geometryBefore } }, "change");

  it("are told in the order and the words of the type", () => {
    const change = feature("update", 5, { gone: null, usage: "0701", remark: "a" }, { gone: true, usage: "9", remark: "b" });
    expect(changedValues(change, buildings().fields, "zh")).toEqual([
      { title: "用途", before: "居住 (0701)", after: "9" },
      { title: "已拆除", before: "—", after: "是" },
      { title: "remark", before: "a", after: "b" },
    ]);
  });

  it("are found again by their number on the map, findings too", () => {
    const changes = new Map([
      ["insert", [feature("insert", null, null, { name: "n" })]],
      ["update", [feature("update", 5, {}, {}, { type: "Point", coordinates: [119, 30] }), feature("update", 6, {}, {})]],
      ["delete", [feature("delete", 7, { name: "n" }, null)]],
    ] as const);
    for (const [action, items] of changes) {
      items.forEach((_, index) => { expect(whatIs(changeId(changes, action, index), changes)).toEqual({ kind: action, index }); });
    }
    expect(whatIs(findingId(3), changes)).toEqual({ kind: "finding", index: 3 });
    expect(whatIs(0, changes)).toBeNull();
    expect(whatIs(99, changes)).toBeNull();
    const { features, marks } = mapContent([], changes);
    expect(features.map(({ id }) => id)).toEqual([0, 1, 2, 3, 4]);
    expect([...(marks.get("buildings")?.keys() ?? [])]).toEqual([5, 6, 7]);
  });

  it("are looked at where the city is: a misplaced point elsewhere counts only when nothing else is there", () => {
    const at = (...place: [number, number]): Finding => parseFinding({ number: 1, rule: "r", severity: "error", message: { zh: "", en: "" }, place }, "finding");
    const city = [119, 31, 121, 33] as const;
    const shown = (findings: Finding[], around: typeof city | null) => contentExtent(mapContent(findings, new Map()), around);
    expect(shown([at(120, 32), at(120.5, 32), at(0, -60)], city)).toEqual([120, 32, 120.5, 32]);
    expect(shown([at(0, -60)], city)).toEqual([0, -60, 0, -60]);
    expect(shown([at(120, 32), at(0, -60)], null)).toEqual([0, -60, 120, 32]);
    expect(shown([], city)).toBeNull();
  });

  it("are looked at within the city where one vertex alone is misplaced", () => {
    const across = (...extent: [number, number, number, number]): OverlayFeature => ({ id: 1, kind: "line", parts: [], color: [0, 0, 0], extent });
    const city = [119, 31, 121, 33] as const;
    const shown = (...features: OverlayFeature[]) => contentExtent({ features, marks: new Map() }, city);
    expect(shown(across(120, 32, 120.1, 32.1), across(0, 0, 120.5, 32.5))).toEqual([119, 31, 120.5, 32.5]);
    expect(shown(across(31, 32, 120, 120))).toEqual([119, 32, 120, 33]);
    expect(shown(across(121, 33, 122, 34))).toEqual([121, 33, 121, 33]);
  });

  it("count deletions against what is there now", () => {
    const large = (difference: object) => largeDeletions({ read: 0, accepted: 0, rejected: 0, datasets: new Map([["a", { insert: 0, update: 0, unchanged: 0, delete: 0, ...difference }]]) }, 0.2);
    expect(large({ unchanged: 80, delete: 20, insert: 500 })).toEqual([]);
    expect(large({ unchanged: 70, update: 9, delete: 21 })).toEqual([{ dataset: "a", deleted: 21, present: 100 }]);
    expect(large({ insert: 5 })).toEqual([]);
  });
});

describe("the address", () => {
  it("comes back, and takes no text that is no id", () => {
    expect(parseAddress(formatAddress({ id: "22ef-9", language: "en" }))).toEqual({ id: "22ef-9", language: "en" });
    expect(parseAddress("#id=../x&lang=fr")).toEqual({ id: null, language: null });
  });
});

describe("what a reviewer lets pass", () => {
  const waiver = { number: 4, submission: "b2", rule: "range", dataset: "b", key: "B20", file: null, layer: null, row: null, reason: "属实", reviewer: "李复核", made_at: "2026-11-21T06:00:00Z", withdrawn_at: null, withdrawn_by: null };
  const found = (more: object): Finding => parseFinding({ number: 1, rule: "range", severity: "error", file: "a.xlsx", layer: "管线表", row: 3, key: "B20", message: { zh: "错", en: "wrong" }, value: null, proposal: null, waived: null, place: [119.9, 31.8], ...more }, "finding");

  it("is told without what was taken back, and found again for the same feature and rule", () => {
    const book = parseWaivers({ waivers: [waiver, { ...waiver, number: 5, withdrawn_at: "2026-11-21T07:00:00Z" }], earlier: [waiver] });
    expect(book.waivers.map(({ number }) => number)).toEqual([4]);
    expect(earlierFor(book, found({}))?.reason).toBe("属实");
    expect(earlierFor(book, found({ key: "B21" }))).toBeNull();
    expect(earlierFor(book, found({ rule: "code" }))).toBeNull();
  });

  it("is named by its key, else by its row; the file as a whole by neither", () => {
    expect(featureOf(found({}))).toEqual({ key: "B20" });
    expect(featureOf(found({ key: null }))).toEqual({ file: "a.xlsx", layer: "管线表", row: 3 });
    expect(featureOf(found({ key: null, row: null }))).toBeNull();
  });

  it("is grey on the map, and a severity that is not shown leaves no dot", () => {
    const waived = found({ waived: { reason: "属实", reviewer: "李复核" } });
    expect(findingColor(waived)).toBe(WAIVED_COLOR);
    expect(findingColor(found({}))).toBe(FINDING_COLORS.error);
    const findings = [found({}), waived, found({ severity: "warning" }), found({ place: null })];
    const gravestLast = [findingId(1), findingId(2), findingId(0)];
    expect(mapContent(findings, new Map()).features.map(({ id }) => id)).toEqual(gravestLast);
    expect(mapContent(findings, new Map(), new Set(["error"])).features.map(({ id }) => id)).toEqual([findingId(2)]);
  });
});

describe("fileSize", () => {
  it.each([[0, "0 B"], [1023, "1023 B"], [1024, "1.0 KB"], [1_130_496, "1.1 MB"], [3 * 2 ** 30, "3.0 GB"], [2 ** 45, "32768.0 GB"]])("%d is %s", (bytes, text) => {
    expect(fileSize(bytes)).toBe(text);
  });
});

describe("what may be declared of a column", () => {
  const of = (value: string, stated: string | null): Parameters<typeof unitChoices>[0] => ({ value, stated, confidence: 0.5, subject: "地类编码", text: { zh: "代码", en: "codes" } });

  it("is a unit of length, or one of the classifications its codes may be of", () => {
    expect(unitChoices(of("cm", "mm"), "")).toEqual({ word: "unit", choices: UNITS });
    expect(unitChoices(of("land_use_survey", "land_use"), "")).toEqual({ word: "codes_of", choices: ["land_use_survey", "land_use"] });
  });

  it("has what was declared before among it", () => {
    expect(unitChoices(undefined, "land_use")).toEqual({ word: "codes_of", choices: ["land_use"] });
    expect(unitChoices(undefined, "km")).toEqual({ word: "unit", choices: UNITS });
  });
});
