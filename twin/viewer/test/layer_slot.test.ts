import { describe, expect, it } from "vitest";

import type { DrawnLayer, LayerLook } from "../src/cesium/drawn_layer";
import { LayerSlot } from "../src/cesium/layer_slot";
import type { Layer } from "../src/scene";
import { buildings } from "./layers";

const SEEN: LayerLook = { visible: true, colorBy: undefined };
const HIDDEN: LayerLook = { visible: false, colorBy: undefined };

/** Writes down what happens to each revision's picture; `loaded` says when it is complete. */
class Easel {
  readonly log: string[] = [];
  loaded = false;

  readonly draw = async (layer: Layer, _look: LayerLook, standby: boolean): Promise<DrawnLayer> => {
    const note = (what: string): void => void this.log.push(`${what} ${layer.revision}`);
    note(standby ? "standby" : "draw");
    return Promise.resolve({
      layer,
      setLook: () => undefined,
      select: (fid) => { if (fid !== null) note(`select ${fid} in`); },
      mark: () => undefined,
      reveal: () => { note("reveal"); },
      sphere: () => null,
      statistics: () => ({ tilesSelected: 0, featuresSelected: 0, loaded: this.loaded }),
      seenCodes: () => new Set(),
      remove: () => { note("remove"); },
    });
  };
}

function revision(number: number, state = "ready"): Layer {
  return { ...buildings(), revision: number, tileset: { url: `tiles/buildings/${number}/tileset.json`, state } };
}

function frames(slot: LayerSlot, count: number): void {
  for (let frame = 0; frame < count; frame += 1) slot.frame();
}

describe("LayerSlot", () => {
  it("shows a newer revision only when it is complete, and takes the older away after that", async () => {
    const easel = new Easel();
    const slot = new LayerSlot(easel.draw, SEEN);
    await slot.set(revision(7), SEEN);
    slot.select(42);
    await slot.set(revision(8), SEEN);
    frames(slot, 50);
    expect(easel.log).toEqual(["draw 7", "reveal 7", "select 42 in 7", "standby 8", "select 42 in 8"]);
    expect(slot.isLoading()).toBe(true);
    easel.loaded = true;
    frames(slot, 1);
    expect(easel.log.slice(5)).toEqual(["reveal 8", "remove 7"]);
    expect(slot.isLoading()).toBe(false);
  });

  it("keeps the older revision while the tiles of the newer are being built", async () => {
    const easel = new Easel();
    const slot = new LayerSlot(easel.draw, SEEN);
    await slot.set(revision(7), SEEN);
    await slot.set(revision(8, "building"), SEEN);
    frames(slot, 10);
    expect(easel.log).toEqual(["draw 7", "reveal 7"]);
    expect(slot.shown?.layer.revision).toBe(7);
  });

  it("loads nothing of what is not seen, and the newest revision once it is", async () => {
    const easel = new Easel();
    const slot = new LayerSlot(easel.draw, HIDDEN);
    await slot.set(revision(7), HIDDEN);
    await slot.set(revision(8), HIDDEN);
    expect(easel.log).toEqual([]);
    await slot.set(revision(8), SEEN);
    expect(easel.log).toEqual(["draw 8", "reveal 8"]);
  });

  it("lets the last of several revisions win, whichever was waited for", async () => {
    const easel = new Easel();
    const slot = new LayerSlot(easel.draw, SEEN);
    await slot.set(revision(7), SEEN);
    await Promise.all([slot.set(revision(8), SEEN), slot.set(revision(9), SEEN)]);
    easel.loaded = true;
    frames(slot, 10);
    expect(slot.shown?.layer.revision).toBe(9);
    expect(easel.log.filter((line) => line.startsWith("remove"))).toEqual(["remove 8", "remove 7"]);
  });
});
