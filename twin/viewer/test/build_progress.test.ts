import { describe, expect, it } from "vitest";

import { answerTo, buildingText, readBuildProgress } from "../src/build_progress";
import { speaker } from "../src/i18n";

const event = { dataset: "buildings", revision: 7, state: "building", progress: { done: 400, total: 1000, per_s: 50.5, left_s: 11.9 } };

describe("readBuildProgress", () => {
  it("reads what the server tells while it builds, and nothing of other events", () => {
    expect(readBuildProgress(event)).toEqual({ dataset: "buildings", revision: 7, done: 400, total: 1000, leftS: 11.9 });
    expect(readBuildProgress({ dataset: "buildings", revision: 7, state: "ready" })).toBeNull();
    expect(readBuildProgress(null)).toBeNull();
  });
});

describe("answerTo", () => {
  it("asks for the scene again for what is no progress, not for each second of a build that is not shown", () => {
    const progress = readBuildProgress(event);
    expect([answerTo(progress, 7), answerTo(progress, 8), answerTo(progress, 6), answerTo(progress, undefined), answerTo(null, 7)]).toEqual([
      "tell",
      "ignore",
      "ignore",
      "ignore",
      "refresh",
    ]);
  });
});

describe("buildingText", () => {
  const at = (done: number, total: number | null, leftS: number | null): string =>
    ["zh" as const, "en" as const].map((language) => buildingText({ dataset: "b", revision: 1, done, total, leftS }, speaker(language))).join(" / ");

  it("says what can be told so far", () => {
    expect(at(0, 1000, null)).toBe("正在生成 / being built");
    expect(at(10, null, null)).toBe("正在生成 / being built");
    expect(at(400, 1000, null)).toBe("正在生成 40 % / building 40 %");
    expect(at(400, 1000, 11.9)).toBe("正在生成 40 % · 12 s / building 40 % · 12 s");
    expect(at(999_999, 1_000_000, 600)).toBe("正在生成 99 % · 10 min / building 99 % · 10 min");
    expect(buildingText(undefined, speaker("en"))).toBe("being built");
  });
});
