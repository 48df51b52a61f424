import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Message } from "./message";
import { LAYOUTS, type Model } from "./model";
import { pictureLimits, planStage, wantedTiles } from "./stage";
import { after, inCall, pageOf, participant, roster } from "./testing/example";

const SLOTS = 6;
const onStage = (width: number, height: number, pixelRatio = 1): Message => ({
  type: "stageResized",
  size: { width, height },
  pixelRatio,
});

const crowd = (count: number) => Array.from({ length: count }, (_, n) => participant(`p${n}`));
const sharing = participant("s", { screen: true });

function plan(model: Model): ReturnType<typeof planStage> {
  return planStage(pageOf(model, "room"), SLOTS);
}

const roles = (model: Model): string[] => plan(model).placements.map(({ id, role }) => `${id} ${role}`);

describe("the stage", () => {
  test("has pages when more are there than can come at once", () => {
    const [model] = after(inCall(...crowd(9)), onStage(1200, 800));
    expect(plan(model)).toMatchObject({ pages: 2, page: 0 });
    expect(plan(model).placements).toHaveLength(SLOTS);
  });

  test("is turned to the next page, and not beyond the last", () => {
    const [model] = after(inCall(...crowd(9)), onStage(200, 800));
    const [next] = after(model, { type: "turnedPage", by: 1 });
    expect(plan(next).page).toBe(1);
    const far = after(next, ...Array<Message>(20).fill({ type: "turnedPage", by: 1 }))[0];
    expect(plan(far).page).toBe(plan(far).pages - 1);
    expect(plan(far).placements.length).toBeGreaterThan(0);
  });

  test("goes back to a page that is there when people leave", () => {
    const far = after(inCall(...crowd(9)), onStage(1200, 800), { type: "turnedPage", by: 1 })[0];
    const [fewer] = after(far, roster(participant("me"), ...crowd(3)));
    expect(plan(fewer)).toMatchObject({ pages: 1, page: 0 });
    expect(plan(fewer).placements).toHaveLength(4);
  });

  test("shows a shared screen large, with the faces beside it", () => {
    const [model] = after(inCall(sharing), onStage(1200, 800));
    expect(roles(model)).toEqual(["s/screen focus", "me side", "s side"]);
  });

  test("does not show the own screen to oneself", () => {
    const own = roster(participant("me", { screen: true }), participant("a"), participant("b"));
    const [model] = after(inCall(), own, onStage(1200, 800));
    expect(roles(model)).toEqual(["me grid", "a grid", "b grid"]);
  });

  test("keeps large what is pinned, until it is pinned no more", () => {
    const [model] = after(inCall(sharing), onStage(1200, 800), { type: "toggledPin", tile: "me" });
    expect(roles(model)[0]).toBe("me focus");
    expect(roles(after(model, { type: "toggledPin", tile: "me" })[0])[0]).toBe("s/screen focus");
  });

  test("is a grid again when who was pinned is gone", () => {
    const [model] = after(inCall(...crowd(3)), onStage(1200, 800), { type: "toggledPin", tile: "p2" });
    expect(roles(model)[0]).toBe("p2 focus");
    expect(roles(after(model, roster(participant("me"), ...crowd(2)))[0])[0]).toBe("me grid");
  });

  test("follows who speaks, if that was wished for, and never shows oneself large for speaking", () => {
    const speaks = (active: string): Message => ({ type: "speakersChanged", speaking: [active], active });
    const [model] = after(inCall(...crowd(3)), onStage(1200, 800), { type: "toggledLayout" }, speaks("p1"));
    expect(roles(model)[0]).toBe("p1 focus");
    expect(roles(after(model, speaks("me"))[0])[0]).toBe("p1 focus");
    expect(roles(after(model, { type: "toggledLayout" })[0])[0]).toBe("me grid");
  });

  test("has two large tiles side by side: a screen and whose it is, or who speaks and another", () => {
    const sideBySide: Message = { type: "choseLayout", layout: "sideBySide" };
    const speaks: Message = { type: "speakersChanged", speaking: ["p1"], active: "p1" };
    const [model] = after(inCall(...crowd(2), sharing), onStage(1200, 800), sideBySide, speaks);
    expect(roles(model).slice(0, 3)).toEqual(["s/screen focus", "s focus", "me side"]);
    const [without] = after(model, roster(participant("me"), ...crowd(3)));
    expect(roles(without).slice(0, 3)).toEqual(["p1 focus", "p0 focus", "me side"]);
    expect(roles(after(without, roster(participant("me"), participant("p0")))[0])).toEqual(["p0 focus", "me focus"]);
    expect(roles(after(without, roster(participant("me")))[0])).toEqual(["me alone"]);
  });

  test("leaves out who has no picture, if that was wished for, unless nobody has one", () => {
    const off = participant("p0", { cam: false });
    const [model] = after(inCall(off, participant("p1"), participant("p2")), onStage(1200, 800), {
      type: "toggledOnlyVideo",
    });
    expect(plan(model).placements.map(({ id }) => id)).toEqual(["p1", "p2"]);
    expect(roles(after(model, { type: "toggledPin", tile: "p0" })[0])[0]).toBe("p0 focus");
    const [nobody] = after(model, roster(participant("me"), off));
    expect(plan(nobody).placements.map(({ id }) => id)).toEqual(["me", "p0"]);
  });

  test("holds every tile within its bounds, each on one page only", () => {
    const sizes = fc.integer({ min: 200, max: 3000 });
    const layouts = fc.constantFrom(...LAYOUTS);
    fc.assert(
      fc.property(sizes, sizes, fc.integer({ min: 2, max: 40 }), fc.boolean(), layouts, (...drawn) => {
        const [width, height, count, screen, layout] = drawn;
        const others = [...crowd(count), ...(screen ? [sharing] : [])];
        let [model] = after(inCall(...others), onStage(width, height), { type: "choseLayout", layout });
        const seen = new Set<string>();
        const { pages } = plan(model);
        for (let page = 0; page < pages; page += 1) {
          for (const { id, role, rect } of plan(model).placements) {
            expect(role !== "focus" && seen.has(id)).toBe(false);
            seen.add(id);
            expect(rect.x).toBeGreaterThan(-1);
            expect(rect.y).toBeGreaterThan(-1);
            expect(rect.x + rect.width).toBeLessThan(width + 1);
            expect(rect.y + rect.height).toBeLessThan(height + 1);
          }
          [model] = after(model, { type: "turnedPage", by: 1 });
        }
        const tiles = [...(screen ? ["s/screen"] : []), "me", ...others.map(({ id }) => id)];
        expect([...seen].toSorted()).toEqual(tiles.toSorted());
      }),
      { numRuns: 50 },
    );
  });
});

describe("the pictures to ask for", () => {
  test("are those on the stage, in device pixels, without the own", () => {
    const [model] = after(inCall(...crowd(2)), onStage(1220, 800, 2));
    const tiles = wantedTiles(model);
    expect(tiles.map(({ participant }) => participant)).toEqual(["p0", "p1"]);
    expect(tiles[0]?.height).toBeGreaterThan(600);
  });

  test("begin with what is pinned, then screens, then who speaks", () => {
    const [model] = after(
      inCall(...crowd(3), sharing),
      onStage(1200, 800),
      { type: "speakersChanged", speaking: ["p1"], active: "p1" },
      { type: "toggledPin", tile: "p2" },
    );
    const order = wantedTiles(model).map(({ participant, source }) => `${participant} ${source}`);
    expect(order.slice(0, 3)).toEqual(["p2 cam", "s screen", "p1 cam"]);
  });

  test("are none while nobody looks, or before the stage is there", () => {
    expect(wantedTiles(inCall(...crowd(2)))).toEqual([]);
    expect(wantedTiles(after(inCall(...crowd(2)), onStage(1200, 800), { type: "pageHidden" })[0])).toEqual([]);
  });
});

test("pictures are small while data are saved, and none with sound only", () => {
  const limits = ({ settings }: Model) => pictureLimits(settings);
  const call = inCall();
  expect(limits(call)).toEqual({});
  const [saving] = after(call, { type: "toggledDataSaver" });
  expect(limits(saving)).toEqual({ cam: 180, screen: 720 });
  expect(limits(after(saving, { type: "toggledAudioOnly" })[0])).toEqual({ cam: 0, screen: 0 });
});

test("pictures that leave the stage are begun anew when they come back", () => {
  const frames: Message = { type: "videoResized", id: "p0", size: { width: 640, height: 360 } };
  const [model] = after(inCall(...crowd(20)), onStage(1200, 800), frames);
  const videoOf = (it: Model) => pageOf(it, "room").people.find(({ id }) => id === "p0")?.video;
  expect(videoOf(model)).not.toBeNull();
  expect(videoOf(after(model, { type: "turnedPage", by: 1 })[0])).toBeNull();
});
