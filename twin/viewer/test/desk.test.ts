import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { SubmissionApi } from "../src/upload/api";
import { Desk } from "../src/upload/desk";

const BASE = "http://city.example/";
const TITLE = { zh: "超出范围", en: "out of range" };

function submission(id: string, more: object = {}): object {
  return { id, state: "accepted", actor: "测绘院", received_at: "2026-11-21T06:00:00+00:00", files: [], proposals: [], request: { parts: [] }, progress: null, result: { read: 2, accepted: 1, rejected: 1, datasets: {} }, findings: { range: { count: 301, severity: "error", severities: { error: 301 }, title: TITLE } }, problem: null, commit: null, ...more };
}

function finding(number: number): object {
  return { number, rule: "range", severity: "error", file: "a.csv", layer: "a", row: number, message: TITLE };
}

/** Answers of a server by `method path`, held back while `isHolding`; what is not among them is refused. */
class Answers {
  readonly bodies = new Map<string, object>();
  isHolding = false;
  isDown = false;
  private readonly held: (() => void)[] = [];

  readonly fetch = async (input: URL, init: RequestInit): Promise<Response> => {
    if (this.isHolding) await new Promise<void>((resolve) => this.held.push(resolve));
    if (this.isDown) throw new TypeError("Failed to fetch");
    const body = this.bodies.get(`${init.method ?? "GET"} ${input.pathname}`) ?? this.bodies.get(`${init.method ?? "GET"} ${input.pathname}${input.search}`);
    return body === undefined ? Response.json({ code: "refused", detail: input.pathname }, { status: 409 }) : Response.json(body);
  };

  letGo(): void {
    this.isHolding = false;
    for (const go of this.held.splice(0)) go();
  }
}

let answers: Answers;
let desk: Desk;
let wasBusy: boolean[];

beforeEach(() => {
  answers = new Answers();
  vi.stubGlobal("fetch", answers.fetch);
  wasBusy = [];
  desk = new Desk(new SubmissionApi(BASE, () => "twin_token", () => "zh"), globalThis as unknown as Window, () => wasBusy.push(desk.isBusy));
  const lists = { "feature-types": [], datasets: [], submissions: [submission("a1")], token: { role: "reviewer" }, "submissions/a1": submission("a1"), "submissions/b2": submission("b2", { findings: {} }) };
  for (const [path, body] of Object.entries(lists)) answers.bodies.set(`GET /api/${path}`, body);
  for (const id of ["a1", "b2"]) {
    answers.bodies.set(`GET /api/submissions/${id}/changes`, { features: [], next: null });
    answers.bodies.set(`GET /api/submissions/${id}/waivers`, { waivers: [], earlier: [] });
  }
  answers.bodies.set("GET /api/submissions/a1/findings?limit=300&rule=range", Array.from({ length: 300 }, (_, index) => finding(index + 1)));
  answers.bodies.set("GET /api/submissions/a1/findings?limit=300&after=300&rule=range", [finding(301)]);
});

afterEach(() => {
  vi.unstubAllGlobals();
});

/** Another submission's event, and the end of what it sets off. */
async function hearOfAnother(): Promise<void> {
  desk.hear({ kind: "submission", body: { id: "other" } });
  await vi.waitFor(() => { expect(wasBusy.length).toBeGreaterThan(0); });
}

describe("reading by the way", () => {
  beforeEach(async () => {
    await desk.open();
    await desk.take("a1");
    wasBusy.length = 0;
  });

  it("is not being busy", async () => {
    await hearOfAnother();
    await desk.readRole();
    await desk.open();
    await desk.moreFindings("range");
    expect(desk.isReviewer).toBe(true);
    expect(desk.findings.get("range")?.items.length).toBe(301);
    expect(wasBusy).toEqual([false, false, false, false]);
  });

  it("leaves the failure of an action where it is, whether it succeeds or fails", async () => {
    await desk.publish({});
    expect(desk.failure?.error).toMatchObject({ code: "refused", status: 409 });
    const { failure } = desk;
    await hearOfAnother();
    await desk.readRole();
    answers.isDown = true;
    await desk.open();
    expect(desk.failure).toBe(failure);
  });

  it("says what cannot be read until it can, beside actions that succeed", async () => {
    answers.isDown = true;
    await desk.open();
    expect(desk.failure?.error).toMatchObject({ code: "unreachable" });
    answers.isDown = false;
    await desk.take("a1");
    expect(desk.failure?.error).toMatchObject({ code: "unreachable" });
    desk.failure?.retry?.();
    await vi.waitFor(() => { expect(desk.failure).toBeNull(); });
  });

  it("looks over a list of recent submissions that did not come", async () => {
    answers.isDown = true;
    await hearOfAnother();
    expect(desk.failure).toBeNull();
  });

  it("offers to ask again for more of a list", async () => {
    answers.isDown = true;
    await desk.moreFindings("range");
    answers.isDown = false;
    desk.failure?.retry?.();
    await vi.waitFor(() => { expect(desk.findings.get("range")?.items.length).toBe(301); });
    expect(desk.failure).toBeNull();
  });
});

describe("an answer that comes too late", () => {
  it("does not bring back the submission that was left", async () => {
    answers.isHolding = true;
    const first = desk.take("a1");
    answers.letGo();
    answers.isHolding = true;
    const second = desk.take("b2");
    answers.letGo();
    await Promise.all([first, second]);
    expect(desk.submission?.id).toBe("b2");
    expect(desk.findings.size).toBe(0);
  });

  it("adds no rows to those of a newer result", async () => {
    await desk.take("a1");
    answers.isHolding = true;
    const more = desk.moreFindings("range");
    await desk.take(null);
    answers.letGo();
    await more;
    expect(desk.findings.size).toBe(0);
  });
});

describe("a result that could not be read", () => {
  it("is read at the next look", async () => {
    const waivers = answers.bodies.get("GET /api/submissions/a1/waivers") ?? {};
    answers.bodies.delete("GET /api/submissions/a1/waivers");
    await desk.take("a1");
    expect([desk.failure?.error, desk.findings.size]).toMatchObject([{ code: "refused" }, 0]);
    answers.bodies.set("GET /api/submissions/a1/waivers", waivers);
    desk.hear({ kind: null, body: null });
    await vi.waitFor(() => { expect(desk.findings.size).toBe(1); });
  });
});

describe("a server that is away", () => {
  it("is told of while a check is made, and no longer once it answers", async () => {
    const checking = submission("a1", { state: "checked", result: null, progress: { step: TITLE, done: 1, total: 2 } });
    answers.bodies.set("GET /api/submissions/a1", checking);
    let now = 10_000;
    vi.spyOn(performance, "now").mockImplementation(() => now);
    await desk.take("a1");
    expect(desk.silentFor).toBeNull();
    answers.isDown = true;
    desk.hear({ kind: null, body: null });
    await vi.waitFor(() => { expect(desk.silentFor).toBe(0); });
    now += 4_900;
    expect(desk.silentFor).toBe(4);
    answers.isDown = false;
    desk.hear({ kind: null, body: null });
    await vi.waitFor(() => { expect(desk.silentFor).toBeNull(); });
    expect(desk.failure).toBeNull();
    vi.restoreAllMocks();
    await desk.take(null);
  });
});
