import { describe, expect, it } from "vitest";

import { announcement, isNews, stageOf } from "../src/upload/announcement";
import { draftOf } from "../src/upload/draft";
import { parseSubmission } from "../src/upload/submission";
import { uploadSpeaker } from "../src/upload/words";

const say = uploadSpeaker("zh");
const proposal = { file: "a.csv", layer: "管点", crs: null, feature_type: "pipe_node", confidence: 0.9, dataset: "nodes", columns: [], mapping: {}, problem: null };
const received = {
  id: "a1",
  state: "received",
  actor: "测绘院",
  received_at: "2026-11-21T06:00:00+00:00",
  files: [],
  proposals: [proposal],
  request: null,
  progress: null,
  result: null,
  findings: {},
  problem: null,
  commit: null,
};
const request = { parts: [{ feature_type: "pipe_node", dataset: "nodes" }] };
const result = { read: 1200, accepted: 1200, rejected: 0, datasets: {} };
const step = (zh: string): object => ({ step: { zh, en: zh }, done: 3, total: null });

function said(change: object): [string, string] {
  const submission = parseSubmission({ ...received, ...change });
  return [stageOf(submission), announcement(submission, draftOf(submission), "zh", say)];
}

describe("announcement", () => {
  it("says where a submission is, and what is still lacking", () => {
    expect(announcement(null, null, "zh", say)).toBe("");
    expect(said({})).toEqual(["received", "已识别 1 个图层，请核对。 “管点”没有坐标系：请采用建议的坐标系，或自行填写。"]);
    expect(said({ proposals: [{ ...proposal, crs: "EPSG:4549" }] })).toEqual(["received", "已识别 1 个图层，请核对。"]);
    expect(said({ request, progress: step("读取文件") })).toEqual(["checking", "正在检查 读取文件"]);
    expect(said({ request, progress: { ...step("排队等待检查，前面还有 2 个"), waiting: true } })).toEqual(["checking", "排队等待检查，前面还有 2 个"]);
    expect(said({ request, state: "rejected", result: { ...result, accepted: 200, rejected: 1000 } })[1]).toContain("读入 1,200 行，其中 1,000 行有错，整体拒收");
    expect(said({ request, state: "accepted", result })).toEqual(["checked", "读入 1,200 行，可发布 1,200，拒收 0 没有发现问题。"]);
    expect(said({ request, state: "published", result, commit: 7 })).toEqual(["over", "已发布为提交 7。打开着的三维场景会自动更新。"]);
    expect(said({ request, state: "published", result })).toEqual(["over", "与现有数据完全相同，没有可发布的变化。"]);
    expect(said({ state: "withdrawn" })).toEqual(["over", "已撤回，没有发布任何内容。"]);
  });

  it("leaves what cannot be read to the alert that says so", () => {
    expect(said({ state: "rejected", proposals: [{ ...proposal, problem: { detail: { zh: "坏", en: "bad" } } }] })).toEqual(["received", ""]);
  });

  it("is not repeated for a second or a row more", () => {
    expect(isNews("正在检查 读取文件，已 2 秒", "正在检查 读取文件，已 1 秒", "checking")).toBe(false);
    expect(isNews("正在检查 检查：重复", "正在检查 读取文件，已 1 秒", "checking")).toBe(true);
    expect(isNews("读入 1,200 行，可发布 1,199，拒收 1", "读入 1,200 行，可发布 1,200，拒收 0", "checked")).toBe(true);
  });
});
