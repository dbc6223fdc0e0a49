import { beforeEach, describe, expect, it, vi } from "vitest";

import { type Layer, type Scene, parseScene } from "../src/scene";
import { Selection } from "../src/selection";
import { sceneJson } from "./layers";

const PREFIX = "2.25.123.2.1.";

/** An answer of the server that a test gives when it likes. */
interface Asked {
  readonly path: string;
  /** What a search asks for. */
  readonly filter: string | null;
  readonly answer: (name: string | null) => Promise<void>;
  readonly fail: () => Promise<void>;
}

let asked: Asked[];
let scene: Scene;
let told: string[];
let busy: boolean[];
let selection: Selection;

/** Lets everything run that waits for nothing but its turn. */
async function settled(): Promise<void> {
  await new Promise((resolve) => { setTimeout(resolve); });
}

function itemOf(fid: number): Asked {
  const found = asked.findLast(({ path }) => path.startsWith("/ogc/") && path.endsWith(`/${PREFIX}${fid}`));
  if (found === undefined) throw new Error(`nobody asked for the item ${fid}`);
  return found;
}

function linksOf(fid: number): Asked {
  const found = asked.findLast(({ path }) => path === `/api/objects/${PREFIX}${fid}`);
  if (found === undefined) throw new Error(`nobody asked for the links of ${fid}`);
  return found;
}

async function answerAll(fid: number, name: string): Promise<void> {
  await itemOf(fid).answer(name);
  await linksOf(fid).answer(name);
}

function pick(fid: number): void {
  void selection.picked({ dataset: "buildings", fid, properties: {} });
}

function sceneAt(revision: number): Scene {
  return parseScene({ ...sceneJson, layers: sceneJson.layers.map((layer) => ({ ...layer, revision })) });
}

beforeEach(() => {
  [asked, told, busy, scene] = [[], [], [], sceneAt(7)];
  vi.stubGlobal("fetch", (url: URL) =>
    new Promise((resolve, reject) => {
      const answer = async (name: string | null): Promise<void> => {
        resolve(name === null ? new Response(null, { status: 404 }) : Response.json({ properties: { name }, geometry: null, links: [], features: name === "" ? [] : [{ id: name }] }));
        await settled();
      };
      const fail = async (): Promise<void> => {
        reject(new Error("broken off"));
        await settled();
      };
      asked.push({ path: url.pathname, filter: url.searchParams.get("filter"), answer, fail });
    }),
  );
  selection = new Selection("http://city.example/", {
    scene: () => scene,
    view: () => null,
    selected: () => undefined,
    changed: () => { busy.push(selection.selected?.loading === true); },
    tell: ({ word }) => { told.push(word); },
    dismiss: () => undefined,
  });
});

function shown(): readonly [string, unknown, boolean] | null {
  const { selected } = selection;
  return selected === null ? null : [selected.oid.slice(PREFIX.length), selected.properties["name"], selected.loading];
}

describe("what is selected", () => {
  it("is known once the server has answered", async () => {
    pick(1);
    expect(shown()).toEqual(["1", undefined, true]);
    await answerAll(1, "one");
    expect(shown()).toEqual(["1", "one", false]);
    expect(told).toEqual([]);
  });

  it("is nothing, and no error, when it was let go before the answer", async () => {
    pick(1);
    selection.clear();
    await answerAll(1, "one");
    expect(shown()).toBeNull();
    expect(told).toEqual([]);
  });

  it("is not told of the failure of what was selected before it", async () => {
    pick(1);
    pick(2);
    await answerAll(2, "two");
    await itemOf(1).fail();
    expect(shown()).toEqual(["2", "two", false]);
    expect(told).toEqual([]);
  });

  it.each([
    ["cannot be read", "error_items", async () => { await itemOf(1).fail(); }],
    ["is not there", "error_not_found", async () => { await itemOf(1).answer(null); await linksOf(1).answer(null); }],
  ])("is waited for no longer when it %s", async (_, word, end) => {
    pick(1);
    await end();
    expect(shown()).toEqual(["1", undefined, false]);
    expect(busy.at(-1)).toBe(false);
    expect(told).toEqual([word]);
  });

  it("is what was picked last, though which dataset holds a linked feature was asked for before", async () => {
    const [layer] = sceneAt(7).layers as [Layer];
    scene = { ...scene, layers: [layer, { ...layer, dataset: "others", items: "ogc/collections/others/items" }] };
    void selection.selectOid(`${PREFIX}1`, false);
    pick(2);
    await answerAll(2, "two");
    await itemOf(1).answer("one");
    expect(shown()).toEqual(["2", "two", false]);
  });
});

describe("what is selected when the city has a new revision", () => {
  beforeEach(async () => {
    pick(1);
    await answerAll(1, "old");
    scene = sceneAt(8);
  });

  it("has the attributes of the new one", async () => {
    void selection.refresh();
    await answerAll(1, "new");
    expect(shown()).toEqual(["1", "new", false]);
  });

  it("is what was picked while the links of the one before were on their way", async () => {
    void selection.refresh();
    await itemOf(1).answer("new");
    const links = linksOf(1);
    pick(2);
    await links.answer("new");
    expect(shown()).toEqual(["2", undefined, true]);
  });

  it("has those of the newest, whichever answer comes last", async () => {
    void selection.refresh();
    const [item, links] = [itemOf(1), linksOf(1)];
    scene = sceneAt(9);
    void selection.refresh();
    await answerAll(1, "newest");
    await item.answer("new");
    await links.answer("new");
    expect(shown()).toEqual(["1", "newest", false]);
  });

  it("has those of the new one though what a click asked for comes later", async () => {
    pick(3);
    const [item, links] = [itemOf(3), linksOf(3)];
    scene = sceneAt(9);
    void selection.refresh();
    await answerAll(3, "new");
    await item.answer("old");
    await links.answer("old");
    expect(shown()).toEqual(["3", "new", false]);
  });
});

describe("what is looked for by name", () => {
  /** The searches of layers so far, oldest first; a test answers them with the OID of what they find. */
  function searched(): readonly Asked[] {
    return asked.filter(({ path }) => path.endsWith("/items"));
  }

  it("is told not to be there once every layer has been asked", async () => {
    void selection.find("Town Hall");
    await settled();
    expect(told).toEqual([]);
    for (let k = 0; k < searched().length; k += 1) await searched()[k]?.answer("");
    expect(told).toEqual(["error_not_found"]);
  });

  it("is told to have failed where a layer could not be asked", async () => {
    void selection.find("Town Hall");
    await settled();
    for (let k = 0; k < searched().length; k += 1) await searched()[k]?.fail();
    expect(told).toEqual(["error_find"]);
  });

  it("is what is called so, before what has that in its name", async () => {
    void selection.find("A_1");
    await settled();
    expect(searched()[0]?.filter).toBe(`"name" LIKE 'A\\_1'`);
    for (let k = 0; k + 1 < 2 * scene.layers.length; k += 1) await searched()[k]?.answer("");
    const last = searched().at(-1);
    expect(last?.filter).toBe(`"name" LIKE '%A\\_1%'`);
    await last?.answer(`${PREFIX}1`);
    expect(shown()?.[0]).toBe("1");
  });

  it("is nobody's business any more when something was picked meanwhile", async () => {
    void selection.find("Town Hall");
    await settled();
    pick(2);
    await answerAll(2, "two");
    await searched()[0]?.answer(`${PREFIX}1`);
    expect(shown()).toEqual(["2", "two", false]);
    expect(told).toEqual([]);
  });

  it("is what was typed last", async () => {
    void selection.find("Town Hall");
    await settled();
    const [first] = searched();
    void selection.find("Library");
    await settled();
    await searched()[1]?.answer(`${PREFIX}2`);
    await first?.answer(`${PREFIX}1`);
    expect(shown()?.[0]).toBe("2");
  });
});
