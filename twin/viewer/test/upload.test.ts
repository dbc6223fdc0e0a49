import { describe, expect, it } from "vitest";

import { formatAddress, parseAddress } from "../src/upload/address";
import { changedValues, parseChange } from "../src/upload/changes";
import { changeId, findingId, mapContent, whatIs } from "../src/upload/content";
import { changePart, checkRequest, draftOf, lackOf } from "../src/upload/draft";
import { deletedShare, isChecking, isOver, parseSubmission } from "../src/upload/submission";
import { fileSize } from "../src/upload/ui/files_step";
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
      unique: { count: 9, severity: "warning", title: { zh: "重复", en: "duplicates" } },
      range: { count: 2, severity: "error", title: { zh: "超出范围", en: "out of range" } },
    };
    const submission = parseSubmission({ ...submissionJson, findings, progress: { step: { zh: "读取", en: "reading" }, done: 5, total: null } });
    expect(submission.findings.map(({ rule }) => rule)).toEqual(["range", "unique"]);
    expect(isChecking(submission)).toBe(true);
    expect(isOver(submission)).toBe(false);
    expect(isOver(parseSubmission({ ...submissionJson, state: "published" }))).toBe(true);
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

  it("count deletions against what is there now", () => {
    const share = (difference: object) => deletedShare({ read: 0, accepted: 0, rejected: 0, datasets: new Map([["a", { insert: 0, update: 0, unchanged: 0, delete: 0, ...difference }]]) });
    expect(share({ unchanged: 80, delete: 20, insert: 500 })).toBeCloseTo(0.2, 12);
    expect(share({ insert: 5 })).toBe(0);
  });
});

describe("the address", () => {
  it("comes back, and takes no text that is no id", () => {
    expect(parseAddress(formatAddress({ id: "22ef-9", language: "en" }))).toEqual({ id: "22ef-9", language: "en" });
    expect(parseAddress("#id=../x&lang=fr")).toEqual({ id: null, language: null });
  });
});

describe("fileSize", () => {
  it.each([[0, "0 B"], [1023, "1023 B"], [1024, "1.0 KB"], [1_130_496, "1.1 MB"], [3 * 2 ** 30, "3.0 GB"], [2 ** 45, "32768.0 GB"]])("%d is %s", (bytes, text) => {
    expect(fileSize(bytes)).toBe(text);
  });
});
