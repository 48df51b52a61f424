import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { arrange, fills, grid, insetRect, nearestCorner, spotAt, tileSize, type Rect, type Size } from "./layout";

const stages = fc.record({ width: fc.integer({ min: 200, max: 4000 }), height: fc.integer({ min: 200, max: 4000 }) });
const counts = fc.integer({ min: 1, max: 25 });
const HAIR = 0.01;

describe("the grid", () => {
  test("keeps every tile on the stage", () => {
    fc.assert(
      fc.property(stages, counts, (stage, count) => {
        const rects = grid(stage, count);
        expect(rects).toHaveLength(count);
        for (const rect of rects) expect(isInside(rect, stage)).toBe(true);
      }),
    );
  });

  test("lets no tiles overlap", () => {
    fc.assert(
      fc.property(stages, counts, (stage, count) => {
        const rects = grid(stage, count);
        for (const [index, rect] of rects.entries()) {
          for (const other of rects.slice(index + 1)) expect(overlap(rect, other)).toBe(false);
        }
      }),
    );
  });

  test("makes all tiles alike, neither too narrow nor too wide", () => {
    fc.assert(
      fc.property(stages, counts, (stage, count) => {
        const [first, ...others] = grid(stage, count);
        for (const { width, height } of others) expect({ width, height }).toEqual(sizeOf(first!));
        const ratio = first!.width / first!.height;
        expect(ratio).toBeGreaterThan(4 / 3 - HAIR);
        expect(ratio).toBeLessThan(16 / 9 + HAIR);
      }),
    );
  });

  test("has the largest tiles of all numbers of columns", () => {
    fc.assert(
      fc.property(stages, counts, (stage, count) => {
        const area = areaOf(grid(stage, count)[0]!);
        for (let columns = 1; columns <= count; columns += 1) {
          const other = areaOf(tileSize(stage, columns, Math.ceil(count / columns)));
          expect(other).toBeLessThanOrEqual(area * 1.0002);
        }
      }),
    );
  });

  test("is the same, mirrored", () => {
    fc.assert(
      fc.property(stages, counts, (stage, count) => {
        const lefts = grid(stage, count).map(({ x }) => x);
        const mirrored = grid(stage, count).map(({ x, width }) => stage.width - x - width);
        for (const [index, left] of sorted(lefts).entries()) expect(sorted(mirrored)[index]).toBeCloseTo(left, 3);
      }),
    );
  });

  test("puts three above each other on a telephone and in two rows on a desk", () => {
    expect(new Set(grid({ width: 360, height: 520 }, 3).map(({ x }) => Math.round(x))).size).toBe(1);
    expect(new Set(grid({ width: 1440, height: 780 }, 3).map(({ y }) => Math.round(y))).size).toBe(2);
  });
});

describe("the arrangement", () => {
  const stage = { width: 1200, height: 700 };
  const corner = { spot: { x: 1, y: 1 }, video: null };

  test("fills the stage with oneself when alone", () => {
    expect(arrange(stage, ["me"], "me", corner)).toEqual([{ id: "me", role: "alone", rect: { x: 0, y: 0, ...stage } }]);
  });

  test("gives the other the stage and oneself the corner when there are two", () => {
    const placements = arrange(stage, ["me", "other"], "me", corner);
    expect(placements.map(({ id, role }) => [id, role])).toEqual([
      ["me", "inset"],
      ["other", "main"],
    ]);
  });

  test("keeps the order of arrival from three on, oneself included", () => {
    const placements = arrange(stage, ["a", "me", "b"], "me", corner);
    expect(placements.map(({ id, role }) => [id, role])).toEqual([
      ["a", "grid"],
      ["me", "grid"],
      ["b", "grid"],
    ]);
  });
});

describe("the inset", () => {
  const spots = fc.record({
    x: fc.double({ min: 0, max: 1, noNaN: true }),
    y: fc.double({ min: 0, max: 1, noNaN: true }),
  });
  const videos = fc.option(
    fc.record({ width: fc.integer({ min: 1, max: 8000 }), height: fc.integer({ min: 1, max: 8000 }) }),
  );
  const points = fc.record({ x: fc.integer({ min: -5000, max: 5000 }), y: fc.integer({ min: -5000, max: 5000 }) });

  test("stays on the stage wherever it is dragged", () => {
    fc.assert(
      fc.property(stages, videos, points, (stage, video, { x, y }) => {
        expect(isInside(insetRect(stage, { spot: spotAt(stage, video, x, y), video }), stage)).toBe(true);
      }),
    );
  });

  test("is where it was dropped", () => {
    fc.assert(
      fc.property(stages, videos, spots, (stage, video, spot) => {
        const { x, y } = insetRect(stage, { spot, video });
        const again = spotAt(stage, video, x, y);
        expect(again.x).toBeCloseTo(spot.x, 5);
        expect(again.y).toBeCloseTo(spot.y, 5);
      }),
    );
  });

  test("finds the nearest corner", () => {
    expect(nearestCorner({ x: 0.2, y: 0.9 })).toEqual({ x: 0, y: 1 });
  });
});

describe("a video in its tile", () => {
  const tile = { width: 1600, height: 900 };

  test("is cut a little to fill it", () => {
    expect(fills(tile, { width: 640, height: 480 })).toBe(true);
  });

  test("is shown whole when much would be cut away", () => {
    expect(fills(tile, { width: 480, height: 640 })).toBe(false);
  });

  test.each([
    { width: 1, height: 1 },
    { width: 0, height: 0 },
  ])("of an odd size breaks nothing: %o", (video) => {
    expect(fills(tile, video)).toBe(true);
  });
});

function isInside(rect: Rect, stage: Size): boolean {
  const isRight = rect.x >= -HAIR && rect.x + rect.width <= stage.width + HAIR;
  return isRight && rect.y >= -HAIR && rect.y + rect.height <= stage.height + HAIR;
}

function overlap(a: Rect, b: Rect): boolean {
  const isApart = a.x + a.width <= b.x + HAIR || b.x + b.width <= a.x + HAIR;
  return !isApart && !(a.y + a.height <= b.y + HAIR || b.y + b.height <= a.y + HAIR);
}

function sizeOf({ width, height }: Size): Size {
  return { width, height };
}

function areaOf({ width, height }: Size): number {
  return width * height;
}

function sorted(numbers: readonly number[]): number[] {
  return numbers.toSorted((a, b) => a - b);
}
