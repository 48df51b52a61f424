import { expect, test } from "vitest";
import { fitting, STAGE_SIZE } from "./paint";

test("a stage of any shape is in the middle of the recorded picture, as large as can be", () => {
  for (const stage of [
    { width: 360, height: 640 },
    { width: 2560, height: 1440 },
    { width: 3000, height: 500 },
  ]) {
    const whole = fitting(stage)({ x: 0, y: 0, ...stage });
    expect(whole.x * 2 + whole.width).toBeCloseTo(STAGE_SIZE.width);
    expect(whole.y * 2 + whole.height).toBeCloseTo(STAGE_SIZE.height);
    expect(Math.min(whole.x, whole.y)).toBeCloseTo(0);
  }
});
