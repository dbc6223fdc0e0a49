import { describe, expect, it } from "vitest";

import { parseLinks } from "../src/links";

describe("parseLinks", () => {
  it("reads both directions; what has no number of its own is called by its OID", () => {
    const title = { zh: "位于宗地", en: "lies on the parcel" };
    const links = parseLinks({
      links: [
        { relation: "on-parcel", title, direction: "out", oid: "2.25.1.2.3.1", dataset: "parcels", feature_type: "parcel", key: "320402GB1", item: "…" },
        { relation: "at-address", title, direction: "in", oid: "2.25.1.2.10.1", dataset: "pois", feature_type: "poi", key: null, item: "…" },
      ],
    });
    expect(links.map(({ direction, dataset, key }) => [direction, dataset, key])).toEqual([
      ["out", "parcels", "320402GB1"],
      ["in", "pois", "2.25.1.2.10.1"],
    ]);
  });
});
