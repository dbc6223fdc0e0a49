import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { mapContent } from "../src/upload/content";
import { parseFinding } from "../src/upload/findings";
import { type MapContent, SubmissionMap } from "../src/upload/map";
import { sceneJson } from "./layers";

/** Where a map's camera went, and what its city and its ground wait for; the real one needs a graphics card. */
const sight = vi.hoisted(() => ({ flights: [] as (readonly [number, number])[], city: Promise.resolve(), grounds: [] as Promise<number>[] }));

vi.mock("../src/cesium/city_view", () => {
  const nothing = (): void => undefined;
  const lookDown = (lonDeg: number, latDeg: number): void => void sight.flights.push([lonDeg, latDeg]);
  const view = { setLight: nothing, setOverlay: nothing, selectOverlay: nothing, mark: nothing, setTerrain: nothing, pending: () => [], setLayer: async () => { await sight.city; }, lookDown, terrainHeight: async () => sight.grounds.shift() ?? 0 };
  return { CityView: vi.fn(function () { return view; }) };
});

const [WEST, SOUTH, EAST, NORTH] = sceneJson.city.extent as [number, number, number, number];
const HERE = [WEST + (EAST - WEST) / 4, SOUTH + (NORTH - SOUTH) / 4] as const;
const THERE = [WEST + (EAST - WEST) / 2, SOUTH + (NORTH - SOUTH) / 2] as const;

function findingAt(place: readonly [number, number]): MapContent {
  return mapContent([parseFinding({ number: 1, rule: "r", severity: "error", message: { zh: "", en: "" }, place }, "finding")], new Map());
}

/** Something to wait for, and what ends the wait. */
function gate<T>(): { promise: Promise<T>; open: (value: T) => void } {
  let open: (value: T) => void = () => undefined;
  const promise = new Promise<T>((resolve) => { open = resolve; });
  return { promise, open };
}

let map: SubmissionMap;

beforeEach(() => {
  [sight.flights, sight.city, sight.grounds] = [[], Promise.resolve(), []];
  vi.stubGlobal("fetch", async () => Promise.resolve(Response.json(sceneJson)));
  vi.stubGlobal("window", { location: { search: "" } });
  map = new SubmissionMap({} as HTMLElement, "http://city.example/", () => undefined, (detail) => { throw new Error(detail); });
});

afterEach(() => {
  vi.unstubAllGlobals();
});

/** Opens the map of a finding here; returns what lets the city come, and the end of opening. */
async function openSlowly(): Promise<{ arrive: () => void; opened: Promise<void> }> {
  const city = gate<undefined>();
  sight.city = city.promise;
  map.show(findingAt(HERE));
  const opened = map.open();
  await vi.waitFor(() => { expect(sight.flights).toHaveLength(1); });
  return { arrive: () => { city.open(undefined); }, opened };
}

describe("the map of a submission", () => {
  it("ends at the submission that was taken while the city came", async () => {
    const { arrive, opened } = await openSlowly();
    map.show(findingAt(THERE));
    map.look();
    arrive();
    await opened;
    expect(sight.flights.at(-1)).toEqual(THERE);
  });

  it("ends at the finding that was asked for while the city came", async () => {
    const { arrive, opened } = await openSlowly();
    const elsewhere = findingAt(THERE).features.map((feature) => ({ ...feature, id: 7 }));
    map.show({ features: [...findingAt(HERE).features, ...elsewhere], marks: new Map() });
    map.select(7);
    arrive();
    await opened;
    expect(sight.flights.at(-1)).toEqual(THERE);
  });

  it("ends where it was asked for last, though the ground there is known first", async () => {
    const { arrive, opened } = await openSlowly();
    arrive();
    await opened;
    const ground = gate<number>();
    sight.grounds = [ground.promise, Promise.resolve(0)];
    map.look();
    map.show(findingAt(THERE));
    map.look();
    await vi.waitFor(() => { expect(sight.flights.at(-1)).toEqual(THERE); });
    ground.open(0);
    await new Promise((later) => setTimeout(later));
    expect(sight.flights.at(-1)).toEqual(THERE);
  });
});
