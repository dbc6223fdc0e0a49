import { describe, expect, it } from "vitest";

import { type ViewState, emptyState, formatHash, parseHash } from "../src/state";

describe("the URL hash", () => {
  const full: ViewState = {
    camera: { lonDeg: 119.974, latDeg: 31.811, heightM: 512.25, headingDeg: 12.5, pitchDeg: -40 },
    visible: new Map([
      ["buildings", false],
      ["land_use", true],
    ]),
    colorBy: new Map([["buildings", "floors"]]),
    groundOpacity: 0.35,
    language: "en",
    selectedOid: "2.25.123.2.1.42",
  };

  it("gives back the whole view", () => {
    expect(parseHash(formatHash(full))).toEqual(full);
  });

  it("keeps a place to a centimetre", () => {
    const lonDeg = 119.97412345678;
    const back = parseHash(formatHash({ ...full, camera: { lonDeg, latDeg: 31, heightM: 1, headingDeg: 0, pitchDeg: -90 } }));
    expect(Math.abs((back.camera?.lonDeg ?? 0) - lonDeg) * 111_320).toBeLessThan(0.01);
  });

  it("is empty for the view the server proposes", () => {
    expect(parseHash("")).toEqual(emptyState);
    expect(formatHash(emptyState)).toBe("#");
  });

  it.each(["#view=1,2,3", "#view=a,b,c,d,e", "#view=999,0,1,1,1", "#lang=fr", "#ground=x", "#by=:&on=,,"])("leaves out what makes no sense: %s", (hash) => {
    expect(parseHash(hash)).toEqual(emptyState);
  });
});
